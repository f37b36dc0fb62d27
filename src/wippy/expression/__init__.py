"""Expressions: a small language for rules and filters over plain data, without side effects.

program = compile_program("price * quantity > limit ?? 100")
program.run({"price": 2.5, "quantity": 3})
"""

from wippy.expression.fault import Fault
from wippy.expression.program import Program, compile_program

__all__ = ["Fault", "Program", "compile_program"]

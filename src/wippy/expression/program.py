"""Compiled expressions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wippy.expression.check import check
from wippy.expression.compile import State, Step, compile_tree
from wippy.expression.fault import Fault
from wippy.expression.parser import parse

MAX_LENGTH = 1 << 20


class Program:
    """A compiled expression; any number of threads may run it.

    Attributes:
        source: its text.
    """

    __slots__ = ("_slots", "_step", "source")

    def __init__(self, source: str, step: Step, slots: int) -> None:
        self.source = source
        self._step = step
        self._slots = slots

    def run(self, variables: dict[str, Any] | None = None, now_ns: Callable[[], int] | None = None) -> Any:
        """The value.

        Args:
            variables: plain data: None, bool, int of 64 bits, float, str, list, dict with text keys. Left as it is.
            now_ns: gives Unix nanoseconds for `now()`; by default the machine's clock.

        Raises:
            Fault: says what and where.
        """
        try:
            return self._step(State(variables or {}, self._slots, now_ns))
        except Fault as fault:
            raise fault.located(self.source) from None
        except RecursionError:
            raise Fault("expression or data is nested too deeply") from None


def compile_program(source: str, variables: dict[str, Any] | None = None) -> Program:
    """Compiles an expression.

    Args:
        source: the text.
        variables: what the variables will be like; with it a name that it lacks and operators that do not fit the
            types are errors.

    Raises:
        Fault: says what and where.
    """
    if len(source) > MAX_LENGTH:
        raise Fault(f"expression is longer than {MAX_LENGTH} characters")
    try:
        tree, slots = parse(source)
        check(tree, variables)
        return Program(source, compile_tree(tree), slots)
    except Fault as fault:
        raise fault.located(source) from None
    except RecursionError:
        raise Fault("expression is nested too deeply") from None

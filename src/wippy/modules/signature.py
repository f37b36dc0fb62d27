"""Module declarations as the checker's types."""

from __future__ import annotations

from wippy.lang.check.prelude import TEXT
from wippy.lang.check.types import ANY, BOOLEAN, NUMBER, TABLE, Function, Open, Parameter, Type, optional
from wippy.lang.check.types import FUNCTION as ANY_FUNCTION
from wippy.modules import module as declaration

# A whole number is any number to Lua; texts are also given as numbers and as errors.
_TYPES: dict[str, Type] = {
    "string": TEXT,
    "number": NUMBER,
    "integer": NUMBER,
    "boolean": BOOLEAN,
    "table": TABLE,
    "function": ANY_FUNCTION,
}


def module_type(module: declaration.Module) -> Type:
    """The type of the table that `require` gives: the declared functions with their parameters, results unknown.

    Other members may be there, the Lua part of a module adds what it likes.
    """
    functions: dict[str, Type] = {}
    for function in module.functions.values():
        *tables, name = function.name.split(".")
        if name.startswith("_"):
            continue
        place = functions
        for table in tables:
            place = place.setdefault(table, Open(literal=False, frozen=f"{module.name}.{table}")).functions  # type: ignore[attr-defined]
        place[name] = function_type(function)
    return Open(functions, literal=False, frozen=module.name)


def function_type(function: declaration.Function) -> Function:
    """The type of one declared function. Arguments beyond the declared ones are let pass."""
    params: list[Parameter] = []
    vararg: Type | None = None
    for parameter in function.parameters:
        if parameter.rest:
            vararg = ANY
            continue
        type = ANY if parameter.convert else _TYPES.get(parameter.type, ANY)
        params.append(Parameter(parameter.name, optional(type) if parameter.optional else type))
    return Function(params, vararg, None, surplus=False, name=function.id)

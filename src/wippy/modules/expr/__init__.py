"""The module `expr`: expressions over plain data."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from wippy.errors import INTERNAL, INVALID, WippyError
from wippy.expression import Fault, Program
from wippy.modules.caller import Call
from wippy.modules.expr.cache import CAPACITY, ProgramCache
from wippy.modules.expr.values import from_lua, to_lua
from wippy.modules.module import Module

__all__ = ["expr"]

expr = Module("expr", classes={"deterministic"}, lua=("../lua/plain.lua", "expr.lua"))
expr.lua_function(
    "eval(text: string, env?: table)",
    doc="The value of an expression. Errors: INVALID for an empty text, INTERNAL for what cannot be compiled or run.",
)
expr.lua_function(
    "compile(text: string, env?: table)",
    doc="A Program. With env, names that it lacks and operators that do not fit its values are errors.",
)
expr.lua_method("Program", "run(env?: table)", doc="The value with these variables. Errors: INTERNAL.")

_caches: WeakKeyDictionary[Any, ProgramCache] = WeakKeyDictionary()


def _programs(call: Call) -> ProgramCache:
    """The programs of an application."""
    services = call.services
    found = _caches.get(services)
    if found is None:
        on = services.setting("lua.expr.cache_enabled", True) is not False
        capacity = services.setting("lua.expr.capacity", CAPACITY) if on else 0
        found = _caches.setdefault(services, ProgramCache(capacity))
    return found


def _text(text: Any) -> str:
    if isinstance(text, bytes):
        text = text.decode("utf-8", "surrogateescape")
    if text == "":
        raise WippyError(INVALID, "expression cannot be empty")
    return text


def _program(call: Call, text: str, variables: dict[str, Any] | None = None) -> Program:
    try:
        return _programs(call).program(text, variables)
    except Fault as fault:
        raise WippyError(INTERNAL, f"failed to compile expression: {fault.reason}") from None


def _variables(value: Any) -> dict[str, Any]:
    try:
        found = from_lua(value)
    except (ValueError, RecursionError) as error:
        raise WippyError(INTERNAL, f"failed to convert environment: {error}") from None
    if not isinstance(found, dict):
        raise WippyError(INTERNAL, "failed to convert environment: it must be a table of variables, not a list")
    return found


@expr.function()
def _compile(call: Call, text: Any, variables: Any = None) -> bool:
    _program(call, _text(text), None if variables is None else _variables(variables))
    return True


@expr.function()
def _run(call: Call, text: Any, variables: Any = None) -> Any:
    program = _program(call, _text(text))
    given = {} if variables is None else _variables(variables)
    try:
        value = program.run(given, call.now_ns)
    except Fault as fault:
        raise WippyError(INTERNAL, f"failed to run expression: {fault.reason}") from None
    try:
        return to_lua(value)
    except RecursionError:
        raise WippyError(INTERNAL, "failed to convert result: it is nested too deeply") from None

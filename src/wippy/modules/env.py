"""The module `env`."""

from __future__ import annotations

from wippy.errors import INVALID, WippyError
from wippy.modules.caller import Call
from wippy.modules.module import REFUSE, Module

env = Module("env", classes={"process", "nondeterministic"})


@env.function(
    permission="env.get",
    resource="key",
    denied="not allowed to access environment variable: {resource}",
    in_workflow=REFUSE,
)
def get(call: Call, key: str) -> str:
    """The value of a variable by public name or entry ID. Errors: INVALID, PERMISSION_DENIED, NOT_FOUND."""
    if not key:
        raise WippyError(INVALID, "empty key")
    return call.environment.get(key, call.namespace)


@env.function(
    name="set", permission="env.set", resource="key", denied="not allowed to set environment variable: {resource}",
    in_workflow=REFUSE,
)  # fmt: skip
def set_(call: Call, key: str, value: str) -> bool:
    """Sets a variable; "" makes it unset. Errors: INVALID, PERMISSION_DENIED (also read-only), NOT_FOUND."""
    if not key:
        raise WippyError(INVALID, "empty key")
    call.environment.set(key, value, call.namespace)
    return True


@env.function(in_workflow=REFUSE)
def get_all(call: Call) -> dict[str, str]:
    """Every key of every storage that the caller may read."""
    return {key: value for key, value in call.environment.get_all().items() if call.permit("env.get", key)}

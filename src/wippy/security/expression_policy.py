"""Policies whose condition is an expression."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from wippy.expression import Fault, Program, compile_program

from ..registry.entry import Entry
from ..registry.notice import Notice
from .conditions import ConditionError, Request
from .policy import Policy, effect_of, groups_of, patterns_of


class ExpressionCondition:
    """An expression over `actor` (`id`, `meta`), `action`, `resource` and `meta`; names it does not know are nil.

    Args:
        source: the expression.

    Raises:
        Fault: it cannot be compiled.
    """

    __slots__ = ("_program", "source")

    def __init__(self, source: str) -> None:
        self.source = source
        self._program: Program = compile_program(source)

    def holds(self, request: Request) -> bool:
        """Whether it is true. Raises ConditionError: it failed or gives something other than true or false."""
        try:
            value = self._program.run(
                {
                    "actor": {"id": request.actor.id, "meta": _plain(request.actor.meta)},
                    "action": request.action,
                    "resource": request.resource,
                    "meta": _plain(request.meta),
                }
            )
        except Fault as fault:
            raise ConditionError(fault.reason) from None
        if type(value) is not bool:
            raise ConditionError(f"it gives {value!r:.60}, not true or false")
        return value

    def __str__(self) -> str:
        return f"expression {self.source}"


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, Mapping):
        return {str(_plain(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or type(value) in (bool, int, float, str):
        return value
    return str(value)


def expression_policy_of(entry: Entry, notice: Callable[[Notice], None] | None = None) -> Policy:
    """The policy of a `security.policy.expr` entry.

    Raises:
        WippyError, SourceError: INVALID, at the key that is missing or wrong.
    """
    data = entry.data if isinstance(entry.data, dict) else {}
    rule = data.get("policy")
    if not isinstance(rule, dict):
        raise entry.error("policy is required", "policy", hint="give policy: actions, resources, effect and expression")
    source = rule.get("expression")
    if not isinstance(source, str) or not source.strip():
        raise entry.error(
            "policy.expression is required", "policy", "expression", hint='for example: actor.meta.role == "admin"'
        )
    try:
        condition = ExpressionCondition(source)
    except Fault as fault:
        raise entry.error(f"policy.expression: {fault.reason}", "policy", "expression") from None
    return Policy(
        entry.id,
        patterns_of(entry, rule, "actions"),
        patterns_of(entry, rule, "resources"),
        effect_of(entry, rule),
        [condition],
        groups_of(entry, data),
        notice,
    )

"""Policies: rules that allow, deny or say nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from ..registry.entry import ID, Entry
from ..registry.notice import Notice
from .actor import Actor
from .conditions import Condition, ConditionError, Request
from .patterns import matcher

ALLOW = "allow"
DENY = "deny"
UNDEFINED = "undefined"

_NOTHING: Mapping[str, Any] = {}
_REMEMBERED = 100


class Rule(Protocol):
    """What must hold for a policy to count."""

    def holds(self, request: Request) -> bool:
        """Raises ConditionError."""
        ...


class Policy:
    """One rule. Compared by identity: what was changed in the registry is another policy.

    Args:
        id: entry id.
        actions: patterns, at least one.
        resources: patterns, at least one.
        effect: `ALLOW` or `DENY`.
        conditions: all must hold.
        groups: full ids of the groups it belongs to.
        notice: takes what is to be logged.
    """

    __slots__ = ("_action", "_notice", "_reported", "_resource", "conditions", "effect", "groups", "id")

    def __init__(
        self,
        id: ID,
        actions: list[str],
        resources: list[str],
        effect: str,
        conditions: Sequence[Rule] | None = None,
        groups: tuple[ID, ...] = (),
        notice: Callable[[Notice], None] | None = None,
    ) -> None:
        self.id = id
        self.effect = effect
        self.conditions = list(conditions or ())
        self.groups = groups
        self._action = matcher(actions)
        self._resource = matcher(resources)
        self._notice = notice
        self._reported: set[str] = set()

    def evaluate(self, actor: Actor, action: str, resource: str, meta: Mapping[str, Any] | None = None) -> str:
        """`ALLOW`, `DENY` or `UNDEFINED`.

        A condition that cannot be answered makes an allowing policy undefined and a denying one deny,
        unless another of its conditions is false; a denial of this kind is logged.
        """
        if not self._action(action) or not self._resource(resource):
            return UNDEFINED
        if not self.conditions:
            return self.effect
        request = Request(actor, action, resource, meta or _NOTHING)
        failed = None
        for condition in self.conditions:
            try:
                if not condition.holds(request):
                    return UNDEFINED
            except ConditionError as error:
                failed = failed or f"{condition}: {error}"
        if failed is None:
            return self.effect
        if self.effect != DENY:
            return UNDEFINED
        self._report(failed, action, resource)
        return DENY

    def _report(self, failed: str, action: str, resource: str) -> None:
        if self._notice is None or failed in self._reported or len(self._reported) >= _REMEMBERED:
            return
        self._reported.add(failed)
        fields = {"policy": str(self.id), "condition": failed, "action": action, "resource": resource}
        self._notice(Notice("warn", "policy denies because its condition failed", fields))


def policy_of(entry: Entry, notice: Callable[[Notice], None] | None = None) -> Policy:
    """The policy of a `security.policy` entry.

    Raises:
        WippyError, SourceError: INVALID, at the key that is missing or wrong.
    """
    data = entry.data if isinstance(entry.data, dict) else {}
    rule = data.get("policy")
    if not isinstance(rule, dict):
        raise entry.error("policy is required", "policy", hint="give policy: actions, resources and effect")
    conditions = rule.get("conditions")
    if conditions is not None and not isinstance(conditions, list):
        raise entry.error("policy.conditions must be a list", "policy", "conditions")
    return Policy(
        entry.id,
        patterns_of(entry, rule, "actions"),
        patterns_of(entry, rule, "resources"),
        effect_of(entry, rule),
        [_condition(entry, item, number) for number, item in enumerate(conditions or [])],
        groups_of(entry, data),
        notice,
    )


def patterns_of(entry: Entry, rule: dict[str, Any], key: str) -> list[str]:
    """The patterns under `policy.<key>`: text or a list, in which anything else is ignored. Raises INVALID."""
    value = rule.get(key)
    found = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    out = [item for item in found if isinstance(item, str) and item]
    if not out:
        raise entry.error(
            f"policy.{key} is required: text or a list of texts", "policy", key, hint='"*" stands for all of them'
        )
    return out


def effect_of(entry: Entry, rule: dict[str, Any]) -> str:
    """`policy.effect`. Raises INVALID."""
    effect = rule.get("effect")
    if effect not in (ALLOW, DENY):
        raise entry.error("policy.effect must be allow or deny", "policy", "effect", at_key=effect is None)
    return effect


def groups_of(entry: Entry, data: dict[str, Any]) -> tuple[ID, ...]:
    """The groups of an entry; a name without namespace is in the entry's own. Raises INVALID."""
    groups = data.get("groups")
    if groups is None:
        return ()
    if not isinstance(groups, list) or not all(isinstance(group, str) and group for group in groups):
        raise entry.error("groups must be a list of texts", "groups")
    return tuple(dict.fromkeys(ID.parse(group, entry.id.ns) for group in groups))


def _condition(entry: Entry, item: Any, number: int) -> Condition:
    path = ("policy", "conditions", number)
    name = f"policy.conditions[{number}]"
    if not isinstance(item, dict):
        raise entry.error(f"{name} must be a mapping with field, operator and value", *path)
    for key in ("field", "operator"):
        if not isinstance(item.get(key), str) or not item[key]:
            raise entry.error(f"{name}.{key} is required", *path, key)
    value_from = item.get("value_from")
    if value_from is not None and not isinstance(value_from, str):
        raise entry.error(f"{name}.value_from must be text", *path, "value_from")
    try:
        return Condition(item["field"], item["operator"], item.get("value"), value_from)
    except ValueError as error:
        raise entry.error(f"{name}: {error}", *path) from None

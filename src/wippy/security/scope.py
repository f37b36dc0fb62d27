"""Scopes: immutable sets of policies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..registry.entry import ID
from .actor import Actor
from .policy import ALLOW, DENY, UNDEFINED, Policy


class Scope:
    """Policies by id, as they were when the scope was made. Scopes of the same policies are equal.

    Args:
        policies: of several with one id the last counts.
    """

    __slots__ = ("_hash", "_policies")

    def __init__(self, policies: Iterable[Policy] = ()) -> None:
        self._policies = {policy.id: policy for policy in policies}
        self._hash = hash(frozenset(self._policies.values()))

    @property
    def policies(self) -> tuple[Policy, ...]:
        """Its policies."""
        return tuple(self._policies.values())

    @property
    def ids(self) -> list[str]:
        """The ids of its policies, sorted: enough to make it again with `Policies.scope`."""
        return sorted(str(id) for id in self._policies)

    def with_(self, policy: Policy) -> Scope:
        """A scope with this policy too, in place of one of the same id."""
        return Scope([*self._policies.values(), policy])

    def without(self, id: ID) -> Scope:
        """A scope without the policy of this id; this one if it has none."""
        if id not in self._policies:
            return self
        return Scope(policy for policy in self._policies.values() if policy.id != id)

    def contains(self, id: ID) -> bool:
        """Whether it has a policy of this id."""
        return id in self._policies

    def evaluate(self, actor: Actor, action: str, resource: str, meta: Mapping[str, Any] | None = None) -> str:
        """`DENY` if one policy denies, else `ALLOW` if one allows, else `UNDEFINED`."""
        out = UNDEFINED
        for policy in self._policies.values():
            found = policy.evaluate(actor, action, resource, meta)
            if found == DENY:
                return DENY
            if found == ALLOW:
                out = ALLOW
        return out

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scope) and self._policies == other._policies

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"Scope({', '.join(self.ids)})"

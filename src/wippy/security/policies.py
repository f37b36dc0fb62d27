"""The policies of the application, and the handler of their kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ..registry.entry import ID, Entry
from ..registry.notice import Notice
from ..registry.store import Registry
from .policy import Policy, policy_of
from .scope import Scope

Make = Callable[[Entry, Callable[[Notice], None] | None], Policy]


def _expression_policy(entry: Entry, notice: Callable[[Notice], None] | None) -> Policy:
    from .expression_policy import expression_policy_of  # few applications have one

    return expression_policy_of(entry, notice)


KINDS: dict[str, Make] = {"security.policy": policy_of, "security.policy.expr": _expression_policy}


class Policies:
    """Policies by id and by group, for any thread. Changes count for later look-ups only: scopes keep what they have.

    Args:
        notice: takes what is to be logged.
    """

    def __init__(self, notice: Callable[[Notice], None] | None = None) -> None:
        self.notice = notice
        self._policies: dict[ID, Policy] = {}

    def add(self, policy: Policy) -> None:
        """Puts a policy in, in place of one of the same id."""
        self._policies[policy.id] = policy

    def remove(self, id: ID) -> None:
        """Takes a policy out; nothing happens if there is none."""
        self._policies.pop(id, None)

    def get(self, id: ID) -> Policy | None:
        """The policy of an id."""
        return self._policies.get(id)

    def group(self, id: ID) -> Scope | None:
        """All policies that list the group, or None where none does."""
        found = [policy for policy in self.all() if id in policy.groups]
        return Scope(found) if found else None

    def scope(self, ids: Iterable[ID]) -> Scope | None:
        """The policies of these ids that exist, or None where none does."""
        found = [self._policies[id] for id in ids if id in self._policies]
        return Scope(found) if found else None

    def all(self) -> list[Policy]:
        """Every policy."""
        return list(self._policies.values())


class PolicyHandler:
    """Takes entries of one policy kind into `policies`.

    Args:
        policies: where they go.
        make: the policy of an entry; raises WippyError.
    """

    def __init__(self, policies: Policies, make: Make = policy_of) -> None:
        self.policies = policies
        self.make = make

    async def create(self, entry: Entry) -> None:
        self.policies.add(self.make(entry, self.policies.notice))

    async def update(self, entry: Entry, old: Entry) -> None:
        await self.create(entry)

    async def delete(self, entry: Entry) -> None:
        self.policies.remove(entry.id)


def register_security(registry: Registry, policies: Policies) -> None:
    """Registers the handlers of the policy kinds."""
    for kind, make in KINDS.items():
        registry.register(kind, PolicyHandler(policies, make))

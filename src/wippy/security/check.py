"""The permission check, and the identity that a service gives to what it runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from ..registry.entry import ID
from .actor import Actor
from .policies import Policies
from .policy import ALLOW
from .scope import Scope


class ActorBlock(Protocol):
    """`security.actor` of a lifecycle."""

    @property
    def id(self) -> str: ...
    @property
    def meta(self) -> Mapping[str, Any]: ...


class SecurityBlock(Protocol):
    """`security` of a lifecycle."""

    @property
    def actor(self) -> ActorBlock | None: ...
    @property
    def groups(self) -> list[str]: ...
    @property
    def policies(self) -> list[str]: ...


def permitted(
    actor: Actor | Mapping[str, Any] | None,
    scope: Scope | None,
    action: str,
    resource: str,
    meta: Mapping[str, Any] | None = None,
    strict: bool = False,
) -> bool:
    """Whether an action is allowed.

    With actor and scope the scope alone decides, and anything but an explicit allow is a denial. Where
    either is missing everything is allowed, in strict mode nothing.

    Args:
        actor: of the frame, as an Actor or in plain form; an empty one counts as present.
        scope: of the frame.
        action: such as `db.get`.
        resource: what it is done to.
        meta: facts that conditions may ask about.
        strict: the application's strict mode.
    """
    if actor is None or scope is None:
        return not strict
    if not isinstance(actor, Actor):
        actor = Actor.of(actor)
    return scope.evaluate(actor, action, resource, meta) == ALLOW


def identity_of(block: SecurityBlock | None, policies: Policies) -> tuple[Actor | None, Scope | None]:
    """Actor and scope of what a service runs, from the `security` block of its lifecycle.

    Without a block there is neither. The actor is set even if it is empty; the scope holds every policy
    found and is None where none was. Unknown groups and policies, and names without namespace, are skipped.
    """
    if block is None:
        return None, None
    actor = Actor(block.actor.id, block.actor.meta) if block.actor is not None else Actor()
    found = []
    for text in block.groups:
        group = policies.group(ID.parse(text))
        found.extend(group.policies if group else ())
    for text in block.policies:
        policy = policies.get(ID.parse(text))
        if policy is not None:
            found.append(policy)
    return actor, Scope(found) if found else None

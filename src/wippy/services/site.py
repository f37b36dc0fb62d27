"""What the handlers of entry kinds share in one application."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from wippy.errors import NOT_FOUND, WippyError
from wippy.observe.events import Bus
from wippy.observe.log import Log
from wippy.registry.config import Config
from wippy.registry.entry import Entry
from wippy.registry.environment import Environment
from wippy.registry.lifecycle import Lifecycle
from wippy.registry.store import Registry
from wippy.security.check import identity_of
from wippy.security.policies import Policies
from wippy.supervise.supervisor import Supervisor
from wippy.units.frame import Frame
from wippy.units.runtime import Runtime


@dataclass
class Site:
    """One application as its services see it.

    Attributes:
        resources: live objects by entry ID (databases, volumes, ...).
        hosts: process hosts by entry ID, running or not.
        functions: gives the host in which functions run that nobody's VM calls.
        exit: asks for a shutdown with an exit code.
        outdated: for each worker how many processes the last change of code told about it.
    """

    config: Config
    log: Log
    registry: Registry
    environment: Environment
    policies: Policies
    supervisor: Supervisor
    runtime: Runtime
    bus: Bus
    loop: asyncio.AbstractEventLoop
    functions: Callable[[], Any]
    exit: Callable[[int], None]
    folder: str = "."
    supervisor_notice: Callable[[Any], None] = lambda notice: None
    resources: dict[str, Any] = field(default_factory=dict)
    hosts: dict[str, Any] = field(default_factory=dict)
    terminals: dict[str, Any] = field(default_factory=dict)
    workflow_hosts: dict[str, Any] = field(default_factory=dict)
    workflow_nodes: dict[str, Any] = field(default_factory=dict)
    module_roots: dict[str, Any] = field(default_factory=dict)
    outdated: list[Future[list[Any]]] = field(default_factory=list)

    def resource(self, id: str) -> Any:
        """The live object behind an entry. Raises WippyError: NOT_FOUND."""
        found = self.resources.get(id)
        if found is None:
            raise WippyError(NOT_FOUND, f"resource not found: {id}")
        return found

    def frame(self, lifecycle: Lifecycle | None) -> Frame:
        """The identity that a lifecycle's security block gives."""
        return self.frame_for(lifecycle.security if lifecycle is not None else None)

    def frame_for(self, security: Any) -> Frame:
        """The identity of a security block, or none."""
        actor, scope = identity_of(security, self.policies)
        return Frame(
            {"id": actor.id, "meta": dict(actor.meta)} if actor is not None else None,
            self.runtime.scopes.number(scope) if scope is not None else None,
        )

    def read_variable(self, name: str) -> str | None:
        """The value of an environment variable entry, for placeholders."""
        return self.environment.lookup(name)


def namespace_of(entry: Entry) -> str:
    """Namespace of an entry."""
    return entry.id.ns


def qualified(text: str, entry: Entry) -> str:
    """An entry reference in full: without a namespace it means the namespace of the entry that names it."""
    return text if ":" in text else f"{entry.id.ns}:{text}"

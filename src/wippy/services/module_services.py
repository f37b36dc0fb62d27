"""What the modules of an application reach."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wippy.errors import NOT_FOUND, WippyError
from wippy.kernel import codec
from wippy.modules.caller import Unit
from wippy.observe.events import Bus, Event
from wippy.observe.level import level_of
from wippy.observe.log import Log
from wippy.registry.environment import Environment
from wippy.registry.store import Registry
from wippy.security.policies import Policies
from wippy.units.frame import Frame, Scopes
from wippy.units.router import Router

Permitted = Callable[[Frame, str, str, "dict[str, Any] | None"], bool]


class ModuleServices:
    """Registry, environment, resources, log and event bus, as module functions see them. Thread-safe.

    Attributes:
        resources: live objects by entry ID.
        arguments: gives the arguments of the program on the terminal.
        policies: the policies of the application.
        setting: gives the configuration under a dotted key, or a default.
        scopes: scopes by the numbers that frames carry.
        system: what the module `system` tells of.
    """

    def __init__(
        self,
        registry: Registry,
        environment: Environment,
        log: Log,
        bus: Bus,
        router: Router,
        permitted: Permitted,
        policies: Policies,
        scopes: Scopes,
    ) -> None:
        self.registry = registry
        self.environment = environment
        self.resources: dict[str, Any] = {}
        self.arguments: Callable[[], list[str]] = list
        self.setting: Callable[[str, Any], Any] = lambda key, default: default
        self.policies = policies
        self.scopes = scopes
        self.system: Any = None
        self._log = log
        self._bus = bus
        self._router = router
        self._permitted = permitted
        self._subscriptions: dict[tuple[str, str], Any] = {}

    def resource(self, id: str) -> Any:
        """The live object behind an entry. Raises WippyError: NOT_FOUND."""
        found = self.resources.get(id)
        if found is None:
            raise WippyError(NOT_FOUND, f"resource not found: {id}")
        return found

    def permitted(self, frame: Frame, action: str, resource: str, meta: dict[str, Any] | None) -> bool:
        """Whether a frame's actor and scope allow an action."""
        return self._permitted(frame, action, resource, meta)

    def log(self, level: str, name: str, message: str, fields: dict[str, Any], unit: Unit) -> None:
        """One record of the `logger` module."""
        self._log.write(level_of(level), name, message, {"pid": unit.pid, **fields})

    def subscribe(self, pid: str, topic: str, system: str, kind: str) -> Any:
        """Leads events of the bus to a topic of a process, until the result is closed."""

        def receive(event: Event) -> None:
            value: dict[str, Any] = {"system": event.system, "kind": event.kind, "path": event.path}
            if event.data is not None:
                value["data"] = event.data
            self.deliver(pid, topic, value)

        return self._bus.subscribe(receive, system, kind)

    def deliver(self, pid: str, topic: str, value: Any) -> None:
        """A message of the runtime to a process; does not wait. What has no form in Lua arrives as nil."""
        try:
            packed = codec.pack([value])
        except Exception:
            packed = codec.pack([None])
        self._router.dispatch(["send", pid, 0, 0, topic, "", "", packed])

    def publish(self, system: str, kind: str, path: str, data: Any) -> None:
        """Publishes an event on the bus."""
        self._bus.send(system, kind, path, data)

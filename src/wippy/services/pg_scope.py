"""Kind `pg.scope`: a name space of process groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from wippy.registry.decode import Duration, decode
from wippy.registry.entry import Entry
from wippy.registry.lifecycle import Lifecycle
from wippy.services.site import Site

if TYPE_CHECKING:
    from wippy.modules.pg.groups import Scope

_QUEUE, _QUEUE_MAX, _BUFFER = 256, 1024, 64


class ScopeEntry(msgspec.Struct):
    """Data of a scope entry; zero means the default.

    On one node the limits, the buffer and the lifecycle count; the other keys are checked only.
    """

    protocol_timeout: Duration = Duration(0)
    broadcast_timeout: Duration = Duration(0)
    anti_entropy_interval: Duration = Duration(0)
    circuit_breaker_failures: int = 0
    circuit_breaker_reset_time: Duration = Duration(0)
    max_retries: int = 0
    retry_base_delay: Duration = Duration(0)
    retry_max_delay: Duration = Duration(0)
    action_queue_size: int = 0
    action_queue_max_size: int = 0
    monitor_buffer: int = 0
    max_groups: int = 0
    max_members_per_group: int = 0
    lifecycle: Lifecycle = msgspec.field(default_factory=Lifecycle)


class ScopeService:
    """A scope under supervision: can be opened while it runs, loses its members when it stops."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    async def start(self, ended: Any) -> str | None:
        self.scope.start()
        return None

    async def stop(self) -> None:
        self.scope.stop()


class ScopeHandler:
    """Makes scopes of entries; a changed entry replaces its scope."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def create(self, entry: Entry) -> None:
        self._put(entry, restart=False)

    async def update(self, entry: Entry, old: Entry) -> None:
        if entry.data != old.data:
            self._put(entry, restart=True)

    async def delete(self, entry: Entry) -> None:
        self._site.resources.pop(str(entry.id), None)
        await self._site.supervisor.unregister(entry.id)

    def _put(self, entry: Entry, restart: bool) -> None:
        from wippy.modules.pg.groups import Scope

        config = decode(entry, ScopeEntry, env=self._site.read_variable)
        for name in config.__struct_fields__:
            value = getattr(config, name)
            if isinstance(value, int) and value < 0:
                raise entry.error(f"pg: {name.replace('_', ' ')} must be non-negative", name)
        if (config.action_queue_max_size or _QUEUE_MAX) < (config.action_queue_size or _QUEUE):
            raise entry.error(
                "pg: action queue max size must not be less than action queue size", "action_queue_max_size"
            )
        scope = Scope(str(entry.id), config.max_groups, config.max_members_per_group, config.monitor_buffer or _BUFFER)
        self._site.resources[str(entry.id)] = scope
        self._site.supervisor.register(entry.id, ScopeService(scope), config.lifecycle, restart=restart)

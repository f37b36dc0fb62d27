"""Kind `workflow.provider.sqlite`: the embedded workflow provider."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from wippy.registry.decode import Duration, decode
from wippy.registry.entry import Entry
from wippy.registry.lifecycle import Lifecycle
from wippy.services.site import Site
from wippy.services.workflow_node import WorkflowNode
from wippy.workflows.host import WorkflowHost
from wippy.workflows.provider import Provider

SYNCHRONOUS = ("full", "normal")


class LimitsEntry(msgspec.Struct):
    """Bounds of one run.

    Attributes:
        payload: bytes of one input, message or result.
        events: in the history; beyond them the run is terminated.
        history: bytes of the history; the same.
        signals: messages to the run.
        pending: open activities, children, messages and cancel requests, of each kind.
    """

    payload: int = 2 << 20
    events: int = 51_200
    history: int = 50 << 20
    signals: int = 10_000
    pending: int = 2_000


class ProviderEntry(msgspec.Struct):
    """Data of a provider entry.

    Attributes:
        path: the SQLite file, relative to the working directory; its folder is made if missing.
        synchronous: `full` survives a power cut, `normal` only the death of the process.
        cache_size: live instances of runs kept in memory; 0 = none, every task replays its run.
        max_memory: bytes that the runs in memory may use together, 0 = unlimited.
        retention: how long closed runs are kept, 0 = for ever.
    """

    path: str = ".wippy/workflows.db"
    synchronous: str = "full"
    cache_size: int = 1000
    max_memory: int = 0
    retention: Duration = Duration(0)
    limits: LimitsEntry = msgspec.field(default_factory=LimitsEntry)
    lifecycle: Lifecycle = msgspec.field(default_factory=Lifecycle)


class ProviderService(WorkflowNode):
    """The engine under supervision.

    Attributes:
        settings: task queue -> activities at a time, and per second.
        graces: task queue -> nanoseconds that running activities get when its worker stops.
    """

    def __init__(self, site: Site, id: str, config: ProviderEntry) -> None:
        super().__init__(site, id)
        self.config = config
        self.settings: dict[str, tuple[int, float]] = {}
        self.graces: dict[str, int] = {}
        self._engine: Any = None
        self._serving: dict[str, WorkflowHost] = {}

    @property
    def max_memory(self) -> int:  # type: ignore[override]
        """Bytes that the runs in memory may use together."""
        return self.config.max_memory

    def engine(self) -> Provider | None:
        """The running engine, or None."""
        return self._engine

    async def start(self, ended: Any) -> str | None:
        path = Path(self._site.folder) / self.config.path
        loop = asyncio.get_running_loop()
        try:
            self._engine = await loop.run_in_executor(None, self._open, path, ended)
        except Exception as error:
            self.problem = f"the provider {self.id} did not start: {error}"
            raise
        self.problem = ""
        for host in self._serving.values():  # after a failure: its workers go on
            self.open_queue(host)
        for host in (self.peer, *self.queues.values()):
            host.resume(self._engine)
        return str(path)

    def _open(self, path: Path, ended: Any) -> Any:
        from wippy.workflows.sqlite.core import Limits
        from wippy.workflows.sqlite.engine import Engine

        path.parent.mkdir(parents=True, exist_ok=True)
        limits = Limits(
            cache=self.config.cache_size,
            retention_ns=self.config.retention,
            **msgspec.structs.asdict(self.config.limits),
        )
        engine = Engine(
            path,
            self.machine,
            self.activities.execute,
            cancel_executor=self.activities.cancel,
            send=self.send,
            traced=partial(self.machine, trace=True),
            failed=ended,
            queues=[],
            clock=self._site.runtime.clock.time_ns,
            limits=limits,
            synchronous=self.config.synchronous.upper(),
        )
        self._site.runtime.clock.on_advance(engine.wake)
        return engine

    async def stop(self) -> None:
        engine, self._engine = self._engine, None
        if engine is not None:
            await asyncio.get_running_loop().run_in_executor(None, engine.stop)

    def open_queue(self, host: WorkflowHost) -> None:
        """Serves the queue of a worker."""
        self._serving[host.queue] = host
        activities, per_second = self.settings.get(host.queue, (1000, 0.0))
        if self._engine is not None:
            self._engine.open_queue(host.queue, activities, per_second)

    async def close_queue(self, host: WorkflowHost) -> None:
        """Serves the queue no longer; returns when none of its activities runs."""
        self._serving.pop(host.queue, None)
        if self._engine is not None and self._engine.stalled:  # it would not answer, and hands nothing out
            self._engine.close_queue(host.queue, 0)
        elif self._engine is not None:
            await asyncio.wrap_future(self._engine.close_queue(host.queue, self.graces.get(host.queue, 0)))


class ProviderHandler:
    """Registers providers; a change of the path takes effect at the next start."""

    def __init__(self, site: Site, providers: dict[str, ProviderService]) -> None:
        self._site = site
        self._providers = providers

    async def create(self, entry: Entry) -> None:
        config = self._config(entry)
        id = str(entry.id)
        service = ProviderService(self._site, id, config)
        self._providers[id] = self._site.workflow_nodes[id] = service
        self._site.runtime.router.peers[id] = service
        self._site.supervisor.register(entry.id, service, config.lifecycle)

    async def update(self, entry: Entry, old: Entry) -> None:
        config = self._config(entry)
        service = self._providers[str(entry.id)]
        service.config = config
        self._site.supervisor.register(entry.id, service, config.lifecycle)

    async def delete(self, entry: Entry) -> None:
        id = str(entry.id)
        self._providers.pop(id, None)
        self._site.workflow_nodes.pop(id, None)
        self._site.runtime.router.peers.pop(id, None)
        await self._site.supervisor.unregister(entry.id)

    def _config(self, entry: Entry) -> ProviderEntry:
        config = decode(entry, ProviderEntry, env=self._site.read_variable)
        if not config.path:
            raise entry.error("path is required", hint="name the SQLite file, such as .wippy/workflows.db")
        if config.synchronous.lower() not in SYNCHRONOUS:
            raise entry.error(f"synchronous must be one of {', '.join(SYNCHRONOUS)}", "synchronous")
        for name in ("cache_size", "max_memory", "retention"):
            if getattr(config, name) < 0:
                raise entry.error(f"{name} cannot be negative", name)
        for name, value in msgspec.structs.asdict(config.limits).items():
            if value <= 0:
                raise entry.error(f"limits.{name} must be greater than 0", "limits", name)
        return config

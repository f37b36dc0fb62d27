"""Kinds `process.host` and `terminal.host`: where processes run."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any

import msgspec

from wippy.errors import INVALID, WippyError
from wippy.registry.decode import decode
from wippy.registry.entry import Entry
from wippy.registry.lifecycle import Lifecycle
from wippy.services.site import Site
from wippy.services.terminal_end import terminal_ended
from wippy.services.workflow_node import tied
from wippy.units.host import NOT_RUNNING, HostConfig, ProcessHost
from wippy.units.isolated_host import IsolatedHost

SHARED, PROCESS = "shared", "process"


class HostBlock(msgspec.Struct):
    """The `host` block."""

    workers: int = 0
    queue_size: int = 0
    local_queue_size: int = 0
    max_processes: int = 0
    max_mailbox: int = 0
    max_memory: int | str = 0
    isolation: str = SHARED
    reductions: int = 0


class HostEntry(msgspec.Struct):
    """Data of a host entry."""

    host: HostBlock = msgspec.field(default_factory=HostBlock)
    hide_logs: bool = False
    lifecycle: Lifecycle = msgspec.field(default_factory=Lifecycle)


_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}


def memory_size(value: int | str) -> int:
    """Bytes of `64M`, `1GB`, `1048576`. Raises WippyError: INVALID."""
    if isinstance(value, int):
        if value < 0:
            raise WippyError(INVALID, f"max_memory must not be negative, got {value}")
        return value
    text = value.strip().upper().removesuffix("B").removesuffix("I")
    number, unit = (text[:-1], text[-1]) if text[-1:] in _UNITS else (text, "")
    try:
        size = int(float(number) * _UNITS[unit])
    except (ValueError, OverflowError):
        size = -1
    if size < 0:
        raise WippyError(INVALID, f"max_memory must be a size such as 64M, got {value!r}")
    return size


class HostService:
    """A process host under supervision; `stopped` is called when it has stopped."""

    def __init__(self, host: ProcessHost, stop_timeout: float, stopped: Callable[[], None] = lambda: None) -> None:
        self.host = host
        self._stop_timeout = stop_timeout
        self._stopped = stopped

    async def start(self, ended: Any) -> str | None:
        await asyncio.get_running_loop().run_in_executor(None, self.host.start)
        return None

    async def stop(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(None, self.host.stop, self._stop_timeout * 0.9)
        except asyncio.CancelledError:
            self.host.kill()
            raise
        finally:
            self._stopped()


class HostHandler:
    """Makes hosts of entries; a changed entry replaces its host. What a transaction changes counts once it is over."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._staged: dict[str, tuple[ProcessHost, HostEntry | None] | None] = {}

    async def begin(self) -> None:
        self._staged.clear()

    async def rollback(self) -> None:
        self._staged.clear()

    async def committed(self) -> None:
        for id, made in self._staged.items():
            self._site.terminals.pop(id, None)
            if made is None:
                old = self._site.hosts.pop(id, None)
                if old is not None and old.state == NOT_RUNNING:
                    self._gone(id)
                continue
            host, terminal = made
            self._site.hosts[id] = host
            # an old host keeps its processes until the new one starts
            self._site.runtime.router.hosts.setdefault(id, host)
            if terminal is not None:
                self._site.terminals[id] = terminal
        self._staged.clear()

    async def create(self, entry: Entry) -> None:
        self._put(entry, restart=False)

    async def update(self, entry: Entry, old: Entry) -> None:
        self._put(entry, restart=True)

    async def delete(self, entry: Entry) -> None:
        self._staged[str(entry.id)] = None
        await self._site.supervisor.unregister(entry.id)

    def _gone(self, id: str) -> None:
        """A host has stopped: where its entry is gone too, it is unknown from now on."""
        if id not in self._site.hosts:
            self._site.runtime.router.hosts.pop(id, None)

    def _put(self, entry: Entry, restart: bool) -> None:
        config = decode(entry, HostEntry, env=self._site.read_variable)
        block = config.host
        for name, text in (
            ("workers", "workers"),
            ("queue_size", "queue size"),
            ("local_queue_size", "local queue size"),
        ):
            if getattr(block, name) < 0:
                raise entry.error(f"{text} must be greater than 0", "host", name)
        for name in ("max_processes", "max_mailbox", "reductions"):
            if getattr(block, name) < 0:
                raise entry.error(f"{name} must not be negative", "host", name, hint="0 stands for the default")
        if block.isolation not in (SHARED, PROCESS):
            raise entry.error(
                f"isolation must be {SHARED} or {PROCESS}, got {block.isolation!r}",
                "host",
                "isolation",
                hint=f"{PROCESS} gives each process a VM of its own",
            )
        terminal = entry.kind == "terminal.host"
        try:
            memory = memory_size(block.max_memory)
        except WippyError as error:
            raise entry.error(error.message, "host", "max_memory") from None
        make = IsolatedHost if block.isolation == PROCESS and not terminal else ProcessHost
        host = make(
            str(entry.id),
            self._site.runtime,
            HostConfig(
                workers=1 if terminal else block.workers or os.cpu_count() or 1,
                max_processes=block.max_processes,
                max_mailbox=block.max_mailbox,
                max_memory=memory,
                reductions=block.reductions,
                terminal=terminal,
            ),
            extra={"workflow_worker": self._site_workflow_worker, "terminal_ended": self._terminal_ended},
        )
        id = str(entry.id)
        self._staged[id] = (host, config if terminal else None)
        service = HostService(host, config.lifecycle.stop_timeout / 1e9, lambda: self._gone(id))
        self._site.supervisor.register(entry.id, service, config.lifecycle, restart=restart)

    def _terminal_ended(self, packed: bytes) -> None:
        try:
            terminal_ended(self._site, packed)
        except Exception as error:
            self._site.log.named("run").error("the end of a terminal process could not be told", cause=error)

    def _site_workflow_worker(self, id: bytes) -> Any:
        return workflow_worker(self._site, id)


def workflow_worker(site: Site, id: bytes) -> Any:
    """For `workflow.execute`: the host that runs a workflow, or None and why there is none to choose."""
    hosts = sorted(site.workflow_hosts)
    entry = id.decode("utf-8", "replace")
    if not hosts:
        text = f"no workflow worker runs {entry}: add a workflow.worker (or temporal.worker) entry to the application"
        return None, text.encode()
    named = tied(site, entry, "workflow")
    if named:
        return named.encode(), None
    if len(hosts) > 1:
        return (
            None,
            f"several workflow workers can run {entry} ({', '.join(hosts)}): use process.exec with one".encode(),
        )
    return hosts[0].encode(), None

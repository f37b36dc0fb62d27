"""What the module `system` and the commands that look at a running application see of it."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from wippy.errors import INTERNAL, NOT_FOUND, WippyError
from wippy.modules.catalog import Catalog
from wippy.modules.module import Module
from wippy.registry.entry import ID
from wippy.services.inspection import Inspection
from wippy.services.site import Site
from wippy.units.router import FUNCTIONS


def _about(module: Module) -> str:
    """What a module is for, in a line."""
    if module.doc:
        return module.doc.partition("\n")[0]
    room = sys.modules.get(f"wippy.modules.{module.name}")
    return (room.__doc__ or "").partition("\n")[0] if room is not None else ""


class SingleNode:
    """The cluster of an application that is alone."""

    address = ""
    role = "non-member"
    leader = ""

    def __init__(self, id: str) -> None:
        self.id = id

    def members(self) -> list[dict[str, Any]]:
        """Nodes as plain data, this one first."""
        return [{"id": self.id, "is_local": True}]

    def consensus(self, name: str) -> Any:
        """A figure of the consensus. Raises WippyError: INTERNAL."""
        raise WippyError(INTERNAL, "raft not available")

    async def acquire(self, name: str, pid: str) -> Any:
        """Takes a lock. Raises WippyError: INTERNAL."""
        raise WippyError(INTERNAL, "lock service not available")

    async def release(self, name: str, pid: str) -> Any:
        """Frees a lock. Raises WippyError: INTERNAL."""
        raise WippyError(INTERNAL, "lock service not available")


class System:
    """Figures of one application. Thread-safe.

    Attributes:
        memory_limit: advice in bytes; 2^63-1 for none.
        gc_percent, max_procs: kept for who asks.
        cluster: the nodes; a `SingleNode` unless a cluster puts itself in its place.
    """

    def __init__(self, site: Site, catalog: Catalog) -> None:
        self._site = self.site = site
        self._catalog = catalog
        self.memory_limit = 2**63 - 1
        self.gc_percent = 100
        self.max_procs = os.cpu_count() or 1
        self.cluster: Any = SingleNode(site.runtime.router.node)
        self.inspection = Inspection(site.runtime.router)

    def exit(self, code: int) -> None:
        """Starts an orderly shutdown."""
        self._site.exit(code)

    def modules(self) -> list[dict[str, Any]]:
        """Modules that code can require: name, description, class."""
        out = []
        for name in self._catalog.names():
            module = self._catalog.get(name)
            if module is not None:
                out.append({"name": name, "description": _about(module), "class": sorted(module.classes)})
        return out

    def collect(self) -> None:
        """Collects garbage: of Python at once, of the VMs soon."""
        gc.collect()
        self.inspection.collect(station for host in list(self._site.hosts.values()) for station in list(host.workers))

    def tasks(self) -> int:
        """Living processes and calls, and threads."""
        stations = [station for host in list(self._site.hosts.values()) for station in list(host.workers)]
        return threading.active_count() + sum(station.living for station in stations)

    # Hosts and processes

    def hosts(self, fresh: Mapping[int, Sequence[int]] | None = None) -> list[dict[str, Any]]:
        """Hosts by id, as `ProcessHost.tally` tells."""
        hosts = dict(self._site.hosts)
        return [{"id": id, **hosts[id].tally(fresh)} for id in sorted(hosts)]

    def stations(self, host_id: str) -> list[int]:
        """Numbers of the VMs of a host."""
        host = self._site.hosts.get(host_id)
        return [station.number for station in list(host.workers)] if host is not None else []

    async def processes(self, numbers: list[int]) -> list[dict[str, Any]]:
        """Processes that live in the VMs of these numbers."""
        workers = self._site.runtime.router.workers
        stations = [workers[number] for number in numbers if number in workers]
        loop = asyncio.get_running_loop()
        rows, _, _ = await loop.run_in_executor(None, self.inspection.processes, stations, {})
        return rows

    def all_hosts(self) -> list[tuple[str, Any]]:
        """Hosts by id, with the one of functions that are called from outside, if it runs."""
        hosts = dict(self._site.hosts)
        home = self._site.runtime.router.hosts.get(FUNCTIONS)
        return sorted(hosts.items()) + ([(FUNCTIONS, home)] if home is not None else [])

    def all_stations(self, host_id: str | None, home: bool = False) -> list[Any]:
        """VMs of a host, or of all, with `home` those of functions too. Raises WippyError: NOT_FOUND."""
        hosts = dict(self.all_hosts() if home else self._site.hosts)
        if host_id is None:
            return [station for host in hosts.values() for station in list(host.workers)]
        if host_id not in hosts:
            raise WippyError(NOT_FOUND, f"host not found: {host_id} (there is: {', '.join(sorted(hosts)) or 'none'})")
        return list(hosts[host_id].workers)

    def pids(self, text: str) -> list[str]:
        """The PIDs that a text may mean: one in full, its number alone, or a registered name."""
        if text.startswith("{"):
            return [text]
        router = self._site.runtime.router
        holder = router.names.holder(text.encode())
        if holder is not None:
            return [holder.decode()]
        try:
            number = int(text, 16 if text.lower().startswith("0x") else 10)
        except ValueError:
            return []
        digits = 5 if number < 1 << 20 else 6 if number < 1 << 24 else 8 if number < 1 << 32 else 16
        return [f"{{{router.node}@{id}|0x{number:0{digits}x}}}" for id in sorted(self._site.hosts)]

    # Services

    def service(self, id: str) -> dict[str, Any] | None:
        """The state of a service."""
        found = self._site.supervisor.state(ID.parse(id))
        return found.plain() if found is not None else None

    def services(self) -> list[dict[str, Any]]:
        """The states of all services, by id."""
        while True:
            try:
                return [state.plain() for state in self._site.supervisor.states()]
            except (RuntimeError, KeyError):  # one came or went meanwhile
                continue

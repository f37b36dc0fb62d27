"""The real kernel, router and hosts, driven by one thread: a seed decides what runs next.

Every worker has its own VM, made as in an application. What is left to chance in an application is drawn from the
seed here: which worker runs, how many of the envelopes that have come it reads, how long its slice is, after how many
reductions code gives way, when each envelope that has left a VM reaches its place, when time passes.
"""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from random import Random
from typing import Any

from wippy.kernel import codec
from wippy.kernel.cell import Cell
from wippy.kernel.run_queue import ENDED
from wippy.kernel.vm import VM
from wippy.kernel.worker import Envelope, Worker
from wippy.lang.cache import CompileCache
from wippy.modules.bindings import Bindings
from wippy.modules.catalog import Catalog
from wippy.units.clock import VirtualClock
from wippy.units.code import CodeStore, LuaCode
from wippy.units.host import RUNNING, HostConfig, ProcessHost
from wippy.units.isolated_host import IsolatedHost
from wippy.units.pool import Pool
from wippy.units.router import FUNCTIONS, Router
from wippy.units.runtime import Runtime

ONE, MANY = "app:one", "app:many"
ACTOR, NEWER, CALL, PINNED, BROKEN = "app:actor", "app:newer", "app:call", "app:pinned", "app:broken"
SERVED = "app:served"
"""A process that is called like a function."""

RECORD = b"""
local K, record = ...
function K.base.record(...) record(K.pid_of(K.state.cur.p), K.pack(...)) end
"""
INSPECT = b"""
local K = ...
local raw = K.raw
local function keys(set)
  local list = {}
  for k in raw.next, set or {} do list[#list + 1] = k end
  raw.sort(list)
  return list
end
function K.inspect_actors()
  local all = {}
  for pid, p in raw.next, K.procs do
    local mailbox, list = {}, p.unrouted
    if list then
      for i = list.h, list.n do
        local m = list[i]
        local v = m[3]
        if m[1] == "@pid/events" then
          local result = v.result or {}
          local _, text = nil, nil
          if result.error then _, text = K.error_parts(result.error) end
          mailbox[#mailbox + 1] = {"event", v.kind, v.from, v.reason or false, result.value or false, text or false}
        else
          mailbox[#mailbox + 1] = {"message", m[2], m[1], v.op}
        end
      end
    end
    all[#all + 1] = {pid, keys(p.links), keys(p.watchers), keys(p.watching), keys(p.names),
      p.options and p.options.trap_links or false, mailbox, p.state and true or false}
  end
  return K.pack(all, K.state.count, K.timer_count())
end
"""


class Stuck(Exception):
    """A schedule that does not come to rest."""


def equip(simulation: Simulation, vm: VM) -> VM:
    """Gives a VM what the actors and the checks need, and a pace of its own."""
    limit = simulation.random.choice((20, 100, 700, 4000))
    table = vm.K._table
    vm.K.rt[b"limit"] = table[b"limit"] = limit
    vm.load_chunk(RECORD, b"record")(table, simulation.record)
    vm.load_chunk(INSPECT, b"inspect")(table)
    return vm


def host_functions(simulation: Simulation) -> dict[str, Any]:
    return {
        "entropy": simulation.random.randbytes,
        "cpu_time": simulation.cpu_time,
        "now_ns": simulation.clock.time_ns,
    }


def pace(simulation: Simulation, vm: VM) -> None:
    vm.K._table[b"slice"] = simulation.random.choice((1, 1, 2, 5, 40, 3000))


def part(random: Random, count: int) -> int:
    """How many of the envelopes that have come are read in a slice."""
    return random.randint(1, count) if count > 1 and random.random() < 0.5 else count


class SimulatedWorker(Worker):
    """A worker without a thread."""

    def __init__(self, simulation: Simulation, host: SimulatedHost, number: int) -> None:
        super().__init__(
            number,
            f"{host.id}/{number}",
            lambda: host.make_vm(number),
            simulation.leave,
            simulation.clock,
            host.share if host.config.workers > 1 else None,
        )
        self.simulation = simulation
        self.leaving: list[Envelope] = []
        self.vm = equip(simulation, self._make_vm())

    def has_work(self) -> bool:
        return bool(self.leaving or self.runnable or self._urgent or not self._inbox.empty() or self.is_due())

    def is_due(self) -> bool:
        return self.due is not None and self.due <= self._clock.monotonic_ns()

    def step(self) -> str:
        """One thing that the thread would do; a word for the trace."""
        if self.leaving:
            return self.simulation.route(self, self.leaving.pop(0))
        items: list[Envelope] = []
        count = part(self.simulation.random, self._inbox.qsize())
        while self._urgent:
            items.append(self._urgent.popleft())
        for _ in range(count):
            item = self._inbox.get_nowait()
            if item is not None and item[0] != "wake":
                items.append(item)
        pace(self.simulation, self.vm)
        self._slice(items)
        if self._share is not None and self.unstarted:
            self._share(self)
        return f"slice {[item[0] for item in items]} {self.runnable} {self.due}"


class SimulatedHost(ProcessHost):
    """A process host whose workers have no threads."""

    def __init__(self, simulation: Simulation, id: str, workers: int, functions_home: bool = False) -> None:
        super().__init__(
            id,
            simulation.runtime,
            HostConfig(workers=workers),
            extra=host_functions(simulation),
            functions_home=functions_home,
        )
        router = simulation.runtime.router
        for _ in range(workers):
            number = router.new_worker_number()
            worker = SimulatedWorker(simulation, self, number)
            router.workers[number] = worker
            self.workers.append(worker)
        for worker in self.workers:
            worker.peers = [peer for peer in self.workers if peer is not worker]
        self.state = RUNNING
        router.hosts[id] = self

    def make_vm(self, number: int) -> Any:
        return self._make_vm(number)

    def share(self, worker: Worker) -> None:
        self._share(worker)


class SimulatedCell(Cell):
    """A cell that no thread drives."""

    simulation: Simulation
    waiting = False
    over = False

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.leaving: list[Envelope] = []

    def has_work(self) -> bool:
        due = self.due is not None and self.due <= self._clock.monotonic_ns()
        return self.state != ENDED and bool(self.leaving or self.over or self.pending or due)

    def step(self) -> str:
        if self.leaving:
            return self.simulation.route(self, self.leaving.pop(0))
        if self.over:
            self.state = ENDED
            self.end()
            return "end"
        self.prepare()
        pace(self.simulation, self.vm)
        self.over = not self.drive(self.simulation.random.randint(1, 3))
        return f"drive {self.runnable} {self.due}"

    def _take(self) -> list[Envelope]:
        items = list(self._urgent)
        self._urgent.clear()
        for _ in range(part(self.simulation.random, len(self._inbox))):
            items.append(self._inbox.popleft())
        return items


class SimulatedCells(IsolatedHost):
    """A host with a VM for each process, without threads."""

    def __init__(self, simulation: Simulation, id: str, workers: int) -> None:
        self._simulation = simulation
        super().__init__(id, simulation.runtime, HostConfig(workers=workers), extra=host_functions(simulation))
        self.queue.wake = lambda cell: cell.state != ENDED  # type: ignore[method-assign]
        self.state = RUNNING
        simulation.runtime.router.hosts[id] = self

    def _make_cell(self) -> Cell:
        simulation, number = self._simulation, self._router.new_worker_number()
        cell = SimulatedCell(
            number,
            lambda: equip(simulation, self._make_vm(number, isolated=True)),
            simulation.leave,
            simulation.clock,
            self.queue,
            self._ended,
            self._late,
        )
        cell.simulation = simulation
        return cell


@functools.cache
def code() -> CodeStore:
    """The programs of the actors, compiled once."""
    catalog = Catalog()
    store = CodeStore(catalog, CompileCache("", "off"))
    source = (Path(__file__).parent / "actor.lua").read_text()
    modules = ["funcs", "time"]
    for id in (ACTOR, NEWER):
        store.put(LuaCode(id, "process.lua", source, method="main", modules=modules))
    store.put(LuaCode(CALL, "function.lua", source, method="main", modules=modules))
    store.put(LuaCode(PINNED, "function.lua", source, method="main", modules=modules, pool=Pool(50, True)))
    store.put(LuaCode(SERVED, "process.lua", source, method="main", modules=modules, default_host=MANY))
    store.put(LuaCode(BROKEN, "process.lua", "error('no program')", method="main"))
    return store


class Simulation:
    """A node with three hosts at rest: one worker, several workers or a VM for each process, functions.

    Args:
        seed: decides the schedule.

    Attributes:
        log: (stamp, PID, values) of each `record` call of the actors, in the order of the calls.
    """

    def __init__(self, seed: int, workers: int = 2, isolated: bool = False) -> None:
        self.random = Random(f"schedule {seed}")
        self.clock = VirtualClock()
        self.log: list[tuple[int, str, list[Any]]] = []
        self.steps = 0
        self.trace = hashlib.sha256()
        self.problems: list[str] = []
        self._cpu = 0.0
        store = code()
        catalog = store._catalog
        router = Router("node")
        services: Any = None
        self.runtime = Runtime(router, store, Bindings(services, catalog), self.clock, lambda *_: True, self._log)
        self.router = router
        self.hosts = [
            SimulatedHost(self, ONE, 1),
            SimulatedCells(self, MANY, workers) if isolated else SimulatedHost(self, MANY, workers),
            SimulatedHost(self, FUNCTIONS, 1, functions_home=True),
        ]
        self._weights: dict[int, int] = {}

    def _log(self, level: str, name: str, message: str, fields: dict[str, Any]) -> None:
        if level == "error":
            self.problems.append(f"{level} {message} {fields}")

    def cpu_time(self) -> float:
        """CPU seconds as the kernel sees them: sometimes little passes between two looks, sometimes much."""
        self._cpu += self.random.choice((0.0, 0.00001, 0.0004, 0.003))
        return self._cpu

    @property
    def workers(self) -> list[Any]:
        """Workers and cells."""
        return [worker for host in self.hosts for worker in host.workers]

    def leave(self, worker: Any, envelopes: list[Envelope]) -> None:
        """Takes the envelopes of a slice; they reach their places one by one."""
        worker.leaving.extend(envelopes)

    def route(self, worker: Any, envelope: Envelope) -> str:
        self.router.route(worker, [envelope])
        return f"out {envelope[0]} {envelope[1]!r}"

    def record(self, pid: bytes, packed: bytes) -> None:
        self.steps += 1
        self.log.append((self.steps, pid.decode(), codec.unpack(packed)))

    def run(self, limit: int = 200_000) -> None:
        """Steps until nothing is left to do and no timer is pending.

        Raises:
            Stuck: after `limit` steps.
        """
        random = self.random
        for _ in range(limit):
            workers = self.workers
            busy = [worker for worker in workers if worker.has_work()]
            for worker in workers:
                worker.waiting = worker not in busy
            due = [worker.due for worker in workers if worker.due is not None]
            if due and (not busy or random.random() < 0.01):
                self.clock._elapsed = max(self.clock._elapsed, min(due))
                continue
            if not busy:
                return
            if random.random() < 0.05:
                self._weights = {worker.number: random.choice((1, 10, 100)) for worker in workers}
            (worker,) = random.choices(busy, [self._weights.get(worker.number, 10) for worker in busy])
            self.steps += 1
            done = worker.step()
            self.trace.update(f"{worker.number} {done}\n".encode())
        raise Stuck(f"not at rest after {limit} steps")

    def inspect(self) -> dict[str, Any]:
        """What the kernels hold: processes by PID, and names."""
        processes: dict[str, Any] = {}
        for worker in self.workers:
            rows, _, _ = codec.unpack(worker.vm.K.inspect_actors())
            for pid, links, watchers, watching, names, trap, mailbox, is_call in rows or ():
                processes[pid] = {
                    "links": set(links or ()),
                    "watchers": set(watchers or ()),
                    "watching": set(watching or ()),
                    "names": set(names or ()),
                    "trap": trap,
                    "mailbox": list(mailbox or ()),
                    "call": is_call,
                }
        names = {name.decode(): pid.decode() for name, pid in self.router.names._holders.items()}
        return {"processes": processes, "names": names}

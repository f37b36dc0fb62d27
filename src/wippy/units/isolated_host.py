"""A process host in which each process has a VM of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from wippy.errors import INTERNAL, LIMIT_EXCEEDED, WippyError
from wippy.kernel import codec
from wippy.kernel.cell import Cell
from wippy.kernel.run_queue import RunQueue
from wippy.kernel.station import Envelope
from wippy.kernel.vm import VM
from wippy.units.host import NOT_RUNNING, RUNNING, STOPPING, HostConfig, ProcessHost
from wippy.units.runtime import Runtime

log = logging.getLogger("wippy.units")

RANGE = 16
"""Process numbers that a cell takes at a time: one for its process, the others for calls that ask for theirs."""


class IsolatedHost(ProcessHost):
    """Runs each process in a cell. The host's threads share the cells, so a process moves between them while it runs.

    Attributes:
        workers: the cells.
        queue: the run queue and its threads.
    """

    def __init__(
        self,
        id: str,
        runtime: Runtime,
        config: HostConfig,
        *,
        extra: dict[str, Callable[..., Any]] | None = None,
    ) -> None:
        super().__init__(id, runtime, config, extra=extra)
        self._cells: dict[int, Cell] = {}
        self._numbers = threading.Lock()
        self._next, self._last = 1, 0
        self._spares: list[Cell] = []
        self._wanted = 0
        self._past_spawned = 0
        self.queue = self._make_queue()
        runtime.clock.on_advance(lambda: self.queue.tick())

    def _make_queue(self) -> RunQueue:
        return RunQueue(self.id, self.config.workers, self._runtime.clock, self._try_spare, self._runtime.fatal)

    # Life

    def _begin(self) -> None:
        self.queue = self._make_queue()
        self._wanted = 1
        try:
            self._make_spare()
        except BaseException as error:
            raise WippyError(INTERNAL, f"host {self.id}: a VM could not be made: {error}") from error
        self.queue.start()

    def kill(self) -> None:
        if self.state == RUNNING:
            self.state = STOPPING
        with self._lock:
            cells, self._wanted = list(self.workers), 0
            self._spares.clear()
        for cell in cells:
            cell.post(["kill_all", "", 0, 0, "context canceled"])
        self.queue.stop()
        self.queue.join(2)
        self._router.retire(self)
        self.state = NOT_RUNNING

    def figures(self) -> dict[str, int]:
        found = super().figures()
        found["spawned"] += self._past_spawned
        return found

    def _living(self) -> bool:
        return bool(self.workers)

    # Cells

    def _make_cell(self) -> Cell:
        router = self._router
        number = router.new_worker_number()
        return Cell(
            number,
            lambda: self._make_lean_vm(number),
            router.route,
            self._runtime.clock,
            self.queue,
            self._ended,
            self._late,
        )

    def _make_lean_vm(self, number: int) -> VM:
        """A VM without the garbage that loading the kernel leaves: as much again as what stays."""
        vm = self._make_vm(number, isolated=True)
        vm.collect()
        return vm

    def _make_spare(self) -> bool:
        """Makes a VM for the next process, where there is none; whether it did."""
        with self._lock:
            if self._wanted <= 0:
                return False
            self._wanted -= 1
        cell = self._make_cell()
        cell.prepare()
        with self._lock:
            self._spares.append(cell)
        return True

    def _try_spare(self) -> bool:
        try:
            return self._make_spare()
        except Exception:
            log.exception("host %s: a VM for the next process could not be made", self.id)
            return False

    def _begin_unit(self, envelope: Envelope) -> None:
        if envelope[0] == "spawn" and self._is_full(envelope):
            limit = self.config.max_processes
            error = WippyError(LIMIT_EXCEEDED, "max processes limit exceeded", details={"max_processes": limit})
            self._router.reply(envelope, False, [error])
            return
        with self._lock:
            cell = self._spares.pop() if self._spares else None
            self._wanted = min(self._wanted + 1, self.config.workers)
        cell = cell or self._make_cell()
        with self._lock:
            self.workers.append(cell)
        self._router.workers[cell.number] = cell
        cell.post(envelope)
        if self.state != RUNNING:  # the host began to stop meanwhile
            cell.post(["cancel_all", "", 0, 0, "scheduler shutdown"])

    def _from_inside(self, envelope: Envelope) -> bool:
        cell = self._router.workers.get(envelope[2])
        return isinstance(cell, Cell) and cell.queue is self.queue

    def _is_full(self, envelope: Envelope) -> bool:
        """Whether the VM would refuse the process for certain, so that none needs to be made."""
        if not self.config.max_processes or self._processes < self.config.max_processes:
            return False
        packed = envelope[6]
        options = codec.unpack(b"\x91" + packed)[0] if packed else {}
        return not options.get("name")  # a holder of the name would be the answer

    def _ended(self, cell: Cell) -> None:
        with self._lock:
            if cell in self.workers:
                self.workers.remove(cell)
                self._past_spawned += 1 if cell.ranges else 0
                self._past_turns += cell.turns
                self._past_stolen += cell.stolen
        self._router.workers.pop(cell.number, None)
        with self._numbers:
            for key in cell.ranges:
                self._cells.pop(key, None)

    def _late(self, envelope: Envelope) -> None:
        """What reached a cell after its end."""
        if envelope[0] in ("spawn", "call"):
            self._router.fail(envelope, INTERNAL, "failed to create process")
        else:
            self._router.gone(envelope)

    # Process numbers

    def _pid_source(self, number: int) -> Callable[[], tuple[int, int]]:
        return lambda: self._take_range(number)

    def _take_range(self, number: int) -> tuple[int, int]:
        with self._numbers:
            if self._next + RANGE > self._last + 1:
                first, self._last = self._router.pid_block(self)
                self._next = -(-first // RANGE) * RANGE
            first = self._next
            self._next += RANGE
            cell = self._router.workers[number]
            assert isinstance(cell, Cell)
            cell.ranges.append(first // RANGE)
            self._cells[first // RANGE] = cell
        return first, first + RANGE - 1

    def post(self, envelope: Envelope) -> None:
        """Takes what is meant for one of its processes or their calls."""
        uniq = envelope[1].rpartition("|")[2][:-1]
        cell = self._cells.get(int(uniq, 16) // RANGE)
        if cell is None:
            self._router.gone(envelope)
        else:
            cell.post(envelope)

"""The run queue of cells, and the threads that work it off."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from wippy.kernel.station import Clock

if TYPE_CHECKING:
    from wippy.kernel.cell import Cell

log = logging.getLogger("wippy.kernel")

IDLE, QUEUED, RUNNING, ENDED = "idle", "queued", "running", "ended"

STREAK = 8
"""Woken cells that go before one that has used up its slice and has more to do."""


class RunQueue:
    """Cells with something to do, shared by all threads: no thread rests while a cell waits.

    Cells woken by an envelope or a timer go before those that used up their slice, `STREAK` in a row at most: what
    answers quickly is not held up by what computes.

    Args:
        name: of the threads.
        threads: how many.
        clock: of the timers.
        spare: called by a thread that has nothing to do; returns whether it did something.
        failed: told that a thread has ended by a fault of ours, and why.
    """

    def __init__(
        self,
        name: str,
        threads: int,
        clock: Clock,
        spare: Callable[[], bool] = lambda: False,
        failed: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._clock = clock
        self._spare = spare
        self._failed = failed
        self._change = threading.Condition()
        self._woken: deque[Cell] = deque()
        self._spent: deque[Cell] = deque()
        self._streak = 0
        self._timers: list[tuple[int, int, Cell]] = []
        self._most = 64
        self._order = itertools.count()
        self._closed = False
        self.threads = [
            threading.Thread(target=self._work, args=(index + 1,), name=f"{name}/{index}", daemon=True)
            for index in range(threads)
        ]

    def start(self) -> None:
        """Starts the threads."""
        for thread in self.threads:
            thread.start()

    def stop(self) -> None:
        """The threads end as soon as no cell has anything to do."""
        with self._change:
            self._closed = True
            self._change.notify_all()

    def join(self, timeout: float) -> None:
        """Waits for the threads, so many seconds for each."""
        for thread in self.threads:
            if thread is not threading.current_thread() and thread.ident is not None:
                thread.join(timeout)

    def wake(self, cell: Cell) -> bool:
        """The cell has something to do; from any thread. False where it has ended."""
        with self._change:
            if cell.state == IDLE:
                cell.state = QUEUED
                self._woken.append(cell)
                self._change.notify()
            return cell.state != ENDED

    def tick(self) -> None:
        """The clock was moved."""
        with self._change:
            self._change.notify_all()

    def _work(self, number: int) -> None:
        try:
            self._loop(number)
        except BaseException as error:
            name = threading.current_thread().name
            log.exception("worker %s ended", name)
            self._failed(f"worker {name} ended: {type(error).__name__}: {error}")

    def _loop(self, number: int) -> None:
        while True:
            cell = self._next()
            if cell is None:
                return
            alive = cell.drive(number)
            with self._change:
                if not alive:
                    cell.state = ENDED
                elif cell.pending:
                    cell.state = QUEUED
                    (self._spent if cell.runnable else self._woken).append(cell)
                else:
                    cell.state = IDLE
                    self._arm(cell)
            if not alive:
                cell.end()

    def _next(self) -> Cell | None:
        """The next cell, now running; waits for one. None when the queue is closed and nothing is left to do."""
        idle = True
        with self._change:
            while True:
                due = self._fire()
                cell = self._take()
                if cell is not None:
                    cell.state = RUNNING
                    return cell
                if self._closed:
                    return None
                if idle:
                    self._change.release()
                    try:
                        idle = self._spare()
                    finally:
                        self._change.acquire()
                    continue
                self._change.wait(None if due is None else self._clock.timeout(due))

    def _take(self) -> Cell | None:
        woken, spent = self._woken, self._spent
        if woken and (not spent or self._streak < STREAK):
            self._streak += 1
            return woken.popleft()
        self._streak = 0
        return spent.popleft() if spent else None

    def _arm(self, cell: Cell) -> None:
        """Remembers when an idle cell's next timer is due."""
        if cell.due is None or cell.due == cell.armed:
            return
        cell.armed = cell.due
        timers = self._timers
        if len(timers) > self._most:  # most of them are out of date
            timers[:] = [timer for timer in timers if timer[2].armed == timer[0]]
            heapq.heapify(timers)
            self._most = 2 * len(timers) + 64
        earliest = not timers or cell.due < timers[0][0]
        heapq.heappush(timers, (cell.due, next(self._order), cell))
        if earliest:
            self._change.notify()  # whoever waits, waits too long

    def _fire(self) -> int | None:
        """Wakes the cells whose timers are due; returns when the next is due."""
        timers = self._timers
        now = self._clock.monotonic_ns() if timers else 0
        while timers:
            due, _, cell = timers[0]
            if cell.state == IDLE and cell.due == due and due > now:
                return due
            heapq.heappop(timers)
            if cell.armed == due:
                cell.armed = None
            if cell.state == IDLE and cell.due == due:
                cell.state = QUEUED
                self._woken.append(cell)
                if len(self._woken) > 1:
                    self._change.notify()
        return None

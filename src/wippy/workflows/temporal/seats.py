"""Where the runs of a client live: a few VMs, each driven by one thread at a time, a slice each in turn."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable

from wippy.workflows.machine_vm import MachineVM

THREADS = 32
"""At most so many tasks are under way at a time: what computes without an end holds a thread, but no VM."""


class Turns:
    """A lock that is handed over in the order in which it was asked for: who lets go and asks again goes last."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._taken = False
        self._waiting: deque[threading.Lock] = deque()

    def __enter__(self) -> None:
        with self._guard:
            if not self._taken:
                self._taken = True
                return
            mine = threading.Lock()
            mine.acquire()
            self._waiting.append(mine)
        mine.acquire()

    def __exit__(self, *_: object) -> None:
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False


class Seat:
    """One VM with the runs in it.

    Attributes:
        turns: held by whoever drives the VM.
        runs: how many live here.
    """

    def __init__(self, make: Callable[[], MachineVM]) -> None:
        self._make = make
        self._vm: MachineVM | None = None
        self.turns = Turns()
        self.runs = 0

    def vm(self) -> MachineVM:
        """The VM for a new run: made at the first use, and again after it has broken. Only in one's turn."""
        if self._vm is None or self._vm.broken:
            self._vm = self._make()
        self._vm.refresh()
        return self._vm


class Seats:
    """As many VMs as there are processors, four at most.

    Args:
        make: makes a VM.
    """

    def __init__(self, make: Callable[[], MachineVM]) -> None:
        self._lock = threading.Lock()
        self._seats = [Seat(make) for _ in range(min(os.cpu_count() or 1, 4))]

    def take(self) -> Seat:
        """The place with the fewest runs; `leave` gives it back."""
        with self._lock:
            seat = min(self._seats, key=lambda one: one.runs)
            seat.runs += 1
            return seat

    def leave(self, seat: Seat) -> None:
        """A run has gone."""
        with self._lock:
            seat.runs -= 1

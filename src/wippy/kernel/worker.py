"""A worker: one OS thread that owns one VM and runs the units in it."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any

from wippy.errors import INTERNAL, LIMIT_EXCEEDED
from wippy.kernel.station import BATCH, URGENT, Clock, Envelope, Station

log = logging.getLogger("wippy.kernel")

_WAKE: Envelope = ["wake", "", 0, 0]


ARRIVALS = frozenset(("spawn", "call", "adopt"))
"""Envelopes that bring a unit."""


class Worker(Station, threading.Thread):
    """Runs slices of its VM whenever there is work.

    Args:
        number, make_vm, route, clock: as for `Station`; the VM is made in the worker's own thread.
        share: called after a slice that left units unstarted; may post to this and other workers.
    """

    def __init__(
        self,
        number: int,
        name: str,
        make_vm: Callable[[], Any],
        route: Callable[[Any, list[Envelope]], None],
        clock: Clock,
        share: Callable[[Worker], None] | None = None,
    ) -> None:
        threading.Thread.__init__(self, name=name, daemon=True)
        Station.__init__(self, number, make_vm, route, clock)
        self.waiting = False
        self.failed: Callable[[str], None] = lambda text: None
        self.ready = threading.Event()
        self._share = share
        self.peers: list[Worker] = []
        self._inbox: SimpleQueue[Envelope | None] = SimpleQueue()
        self._urgent: deque[Envelope] = deque()
        self._stopping = False
        self._arrivals: deque[None] = deque()
        self._turn = threading.Lock()

    def __str__(self) -> str:
        return f"worker {self.name}"

    def post(self, envelope: Envelope) -> None:
        if envelope[0] in URGENT:
            self._urgent.append(envelope)
            self._inbox.put(_WAKE)
        else:
            if envelope[0] in ARRIVALS:
                self._arrivals.append(None)
            self._inbox.put(envelope)

    @property
    def load(self) -> int:
        """Threads ready to run, as far as is known, and units on their way."""
        return (0 if self.waiting else self.runnable) + len(self._arrivals)

    def lend(self, envelope: Envelope) -> bool:
        """Runs one slice with this envelope in the calling thread, if the worker has nothing to do.

        Spares the two changes of thread that posting and answering cost. What is left after the slice, the worker's
        own thread does. The caller holds no lock that `route` may take.

        Returns:
            False where the worker is busy: then the envelope has not been taken.
        """
        if not self.waiting or not self._turn.acquire(blocking=False):
            return False
        try:
            if self._stopping or self.runnable or not self._inbox.empty():
                return False
            due = self.due
            self._slice([envelope])
        finally:
            self._turn.release()
        if self.runnable or self.due != due:
            self.wake()
        return True

    def wake(self) -> None:
        """Makes the worker look at its timers; from any thread."""
        self._inbox.put(_WAKE)

    def stop(self) -> None:
        """Ends the thread when what was posted before has been handled; from any thread."""
        self._inbox.put(None)

    def run(self) -> None:
        try:
            self.vm = self._make_vm()
        except BaseException as error:
            self.failure = error
            self.ready.set()
            return
        self.ready.set()
        try:
            self._loop()
        except BaseException as error:
            self.failure = error
            log.exception("worker %s ended", self.name)
            self._abandon(INTERNAL, f"worker {self.name} ended: {type(error).__name__}: {error}")
            self.failed(f"worker {self.name} ended: {type(error).__name__}: {error}")

    def _loop(self) -> None:
        while not self._stopping:
            items = self._take()
            with self._turn:
                self._slice(items)
            for item in items:
                if item[0] in ARRIVALS:
                    self._arrivals.popleft()
            if self._share is not None and self.unstarted:
                self._share(self)

    def _take(self) -> list[Envelope]:
        """What was posted, the urgent first; waits for it, or for the next timer, while there is nothing to run."""
        inbox, urgent = self._inbox, self._urgent
        items: list[Envelope] = []
        try:
            if self.runnable:
                item = inbox.get_nowait()
            else:
                timeout = None if self.due is None else self._clock.timeout(self.due)
                self.waiting = inbox.empty()
                item = inbox.get(True, timeout) if timeout is None or timeout > 0 else inbox.get_nowait()
            while True:
                if item is None:
                    self._stopping = True
                elif item is not _WAKE:
                    items.append(item)
                    if len(items) >= BATCH:
                        break
                item = inbox.get_nowait()
        except Empty:
            pass
        self.waiting = False
        if urgent:
            first = []
            while urgent:
                first.append(urgent.popleft())
            return first + items
        return items

    def _slice(self, items: list[Envelope]) -> None:
        try:
            self._run_slice(items, any(peer.waiting for peer in self.peers))
        except MemoryError:
            log.error("worker %s: the kernel ran out of memory, its processes are ended", self.name)
            moved = self._abandon(LIMIT_EXCEEDED, "memory limit of the host exceeded: not enough memory")
            self.vm = self._make_vm()
            if moved is not None:
                self.vm.K.inherit(moved)

"""A worker: one OS thread that owns one VM and runs the units in it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, Protocol

import msgspec

log = logging.getLogger("wippy.kernel")

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode

Envelope = list[Any]
"""[op, destination, origin worker, request, ...]; the last element is opaque bytes."""


class Clock(Protocol):
    def monotonic_ns(self) -> int: ...

    def timeout(self, due_ns: int) -> float | None: ...


class Worker(threading.Thread):
    """Runs slices of its VM whenever there is work.

    Args:
        number: unique in the node; replies find the worker by it.
        make_vm: makes the VM, called in the worker's own thread.
        route: called with the envelopes of each slice, in order, in the worker's thread.
        clock: drives the timers of the VM.
        share: called after a slice that left several units unstarted; may post to this and other workers.
    """

    def __init__(
        self,
        number: int,
        name: str,
        make_vm: Callable[[], Any],
        route: Callable[[Worker, list[Envelope]], None],
        clock: Clock,
        share: Callable[[Worker], None] | None = None,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self.number = number
        self.vm: Any = None
        self.waiting = False
        self.runnable = 0
        self.unstarted = 0
        self.steps = 0
        self.due: int | None = None
        self.failure: BaseException | None = None
        self.failed: Callable[[str], None] = lambda text: None
        self.ready = threading.Event()
        self._make_vm = make_vm
        self._route = route
        self._clock = clock
        self._share = share
        self.peers: list[Worker] = []
        self._inbox: SimpleQueue[Envelope | None] = SimpleQueue()
        self._stopping = False
        self._turn = threading.Lock()

    def post(self, envelope: Envelope) -> None:
        """Hands an envelope to the VM; from any thread."""
        self._inbox.put(envelope)

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
        self._inbox.put(["wake", "", 0, 0])

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
            self.failed(f"worker {self.name} ended: {type(error).__name__}: {error}")

    def _loop(self) -> None:
        while not self._stopping:
            items = self._take()
            with self._turn:
                self._slice(items)
            if self._share is not None and self.unstarted > 1:
                self._share(self)

    def _take(self) -> list[Envelope]:
        """What was posted; waits for it, or for the next timer, while there is nothing to run."""
        inbox = self._inbox
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
                elif item[0] != "wake":
                    items.append(item)
                item = inbox.get_nowait()
        except Empty:
            pass
        self.waiting = False
        return items

    def _slice(self, items: list[Envelope]) -> None:
        now, incoming = self._clock.monotonic_ns(), _encode(items) if items else None
        try:
            hungry = any(peer.waiting for peer in self.peers)
            answer = self.vm.K.step(now, incoming, hungry)
        except MemoryError:
            log.warning("worker %s: the kernel ran out of memory, the slice is continued", self.name)
            answer = self.vm.with_reserve("step_again", now, incoming)
        out, self.due, self.runnable, self.unstarted = answer
        self.steps += 1
        if out is not None:
            self._route(self, _decode(out))


def envelope(op: str, destination: str | int, origin: int, request: int, *parts: Any) -> Envelope:
    """An envelope for `Worker.post`."""
    return [op, destination, origin, request, *parts]

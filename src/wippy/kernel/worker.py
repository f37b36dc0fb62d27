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
        idle: called when the worker has nothing to do, just before it waits; may post to other workers.
    """

    def __init__(
        self,
        number: int,
        name: str,
        make_vm: Callable[[], Any],
        route: Callable[[Worker, list[Envelope]], None],
        clock: Clock,
        idle: Callable[[Worker], None] | None = None,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self.number = number
        self.vm: Any = None
        self.waiting = False
        self.runnable = 0
        self.unstarted = 0
        self.steps = 0
        self.failure: BaseException | None = None
        self.ready = threading.Event()
        self._make_vm = make_vm
        self._route = route
        self._clock = clock
        self._idle = idle
        self._inbox: SimpleQueue[Envelope | None] = SimpleQueue()
        self._stopping = False

    def post(self, envelope: Envelope) -> None:
        """Hands an envelope to the VM; from any thread."""
        self._inbox.put(envelope)

    def wake(self) -> None:
        """Makes the worker look at its timers; from any thread."""
        self._inbox.put(["wake", "", 0, 0])

    def stop(self) -> None:
        """Ends the thread after the slice that runs; from any thread."""
        self._stopping = True
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

    def _loop(self) -> None:
        step = self.vm.K.step
        clock, inbox, route = self._clock, self._inbox, self._route
        runnable, due = 0, None
        while True:
            items: list[Envelope] = []
            if not runnable:
                timeout = None if due is None else clock.timeout(due)
                if inbox.empty():
                    self.waiting = True
                    if self._idle is not None:
                        self._idle(self)
                try:
                    first = inbox.get(True, timeout) if timeout is None or timeout > 0 else inbox.get_nowait()
                    if first is not None and first[0] != "wake":
                        items.append(first)
                except Empty:
                    pass
                self.waiting = False
            while True:
                try:
                    item = inbox.get_nowait()
                except Empty:
                    break
                if item is not None and item[0] != "wake":
                    items.append(item)
            if self._stopping:
                break
            incoming = _encode(items) if items else None
            out, due, runnable, unstarted = step(clock.monotonic_ns(), incoming)
            self.runnable, self.unstarted = runnable, unstarted
            self.steps += 1
            if out is not None:
                route(self, _decode(out))


def envelope(op: str, destination: str | int, origin: int, request: int, *parts: Any) -> Envelope:
    """An envelope for `Worker.post`."""
    return [op, destination, origin, request, *parts]

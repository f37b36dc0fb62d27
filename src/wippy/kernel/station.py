"""A VM with an address: envelopes come in, slices of work are run, envelopes go out."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from wippy.errors import LIMIT_EXCEEDED
from wippy.kernel import codec
from wippy.kernel.room import TEXT, size_of

log = logging.getLogger("wippy.kernel")

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode

Envelope = list[Any]
"""[op, destination, origin worker, request, ...]; the last element is opaque bytes."""

URGENT = frozenset(("cancel", "terminate", "invalidate", "cancel_all", "kill_all"))
"""What the runtime asks of units: read before the messages that wait. Whoever names a PID here knows that its process
has begun, and a sender waits for the answer to a message, so nothing that depends on order is overtaken. Monitors and
links keep their place: what they ask for must not overtake answers and notices of the same process."""

SHARE = 4
"""One envelope may have this part of a VM's memory: more would be the end of all that lives in it."""
BATCH = 500
"""Envelopes read in one slice: what runs in the VM does not wait for more."""


TRIES = 3
"""Times that a slice is continued after the kernel has run out of memory."""


class Clock(Protocol):
    def monotonic_ns(self) -> int: ...

    def timeout(self, due_ns: int) -> float | None: ...


class Station:
    """What a worker and a cell have in common. One thread at a time runs slices; `post` comes from any.

    Args:
        number: unique in the node; replies find the VM by it.
        make_vm: makes the VM, called in the thread that runs its first slice.
        route: called with the envelopes of each slice, in order, in the thread that ran it.
        clock: drives the timers of the VM.

    Attributes:
        runnable: threads of units that are ready to run.
        unstarted: units among them that have not begun.
        living: processes and calls from outside.
        turns: of all units so far.
        stolen: processes taken over from other workers so far.
        due: monotonic time of the next timer.
        steps: slices so far.
    """

    def __init__(
        self,
        number: int,
        make_vm: Callable[[], Any],
        route: Callable[[Any, list[Envelope]], None],
        clock: Clock,
    ) -> None:
        self.number = number
        self.vm: Any = None
        self.runnable = 0
        self.unstarted = 0
        self.living = 0
        self.turns = 0
        self.stolen = 0
        self.steps = 0
        self.due: int | None = None
        self.failure: BaseException | None = None
        self._make_vm = make_vm
        self._route = route
        self._clock = clock

    def post(self, envelope: Envelope) -> None:
        """Hands an envelope to the VM; from any thread."""
        raise NotImplementedError

    def _run_slice(self, items: list[Envelope], hungry: bool = False) -> None:
        """Runs one slice.

        Raises:
            MemoryError: the kernel itself ran out of memory and could not go on.
        """
        limit = self.vm.max_memory
        if limit and items:
            items = self._fitting(items, limit)
        now, incoming = self._clock.monotonic_ns(), _encode(items) if items else None
        try:
            answer = self.vm.K.step(now, incoming, hungry)
        except MemoryError:
            log.warning("%s: the kernel ran out of memory, the slice is continued", self)
            answer = self._step_again(now, incoming)
        out, self.due, self.runnable, self.unstarted, self.living, self.turns, self.stolen = answer
        self.steps += 1
        if out is not None:
            self._route(self, _decode(out))

    def _fitting(self, items: list[Envelope], limit: int) -> list[Envelope]:
        """Answers envelopes that the VM's memory has no room for, and lets the others through."""
        fitting = []
        for item in items:
            if item[0] == "adopt" or size_of(tuple(item)) <= limit // SHARE:
                fitting.append(item)
            elif item[0] == "event":
                fitting.append([*item[:6], codec.pack([None, None])])  # without the result
            elif item[0] == "reply":
                fitting.append([*item[:4], False, codec.pack([_too_large()])])
            elif item[0] == "done":
                fitting.append([*item[:4], codec.pack([1, codec.pack([_too_large()])])])
            elif item[3]:
                self._route(self, [["reply", item[2], self.number, item[3], False, codec.pack([_too_large()])]])
        return fitting

    def _step_again(self, now: int, incoming: bytes | None) -> Any:
        """Goes on with a slice. What comes in may fill several mailboxes that nobody reads, one after the other."""
        for _ in range(TRIES):
            with contextlib.suppress(MemoryError):
                return self.vm.with_reserve("step_again", now, incoming)
        raise MemoryError

    def _abandon(self, kind: str, text: str) -> bytes | None:
        """Ends all that lives in a VM that cannot go on, with an error, and lets go of the VM.

        Returns:
            What `K.inherit` of a VM in its place wants.
        """
        vm, self.vm = self.vm, None
        self.due, self.runnable, self.unstarted, self.living = None, 0, 0, 0
        if vm is None:
            return None
        try:
            out, moved = vm.without_limit("abandon", kind.encode(), text.encode())
        except Exception:
            log.exception("%s: its processes could not be ended in order", self)
            return None
        if out is not None:
            self._route(self, _decode(out))
        return moved


def _too_large() -> codec.ErrorValue:
    return codec.ErrorValue(LIMIT_EXCEEDED, TEXT, False)


def envelope(op: str, destination: str | int, origin: int, request: int, *parts: Any) -> Envelope:
    """An envelope for `Station.post`."""
    return [op, destination, origin, request, *parts]

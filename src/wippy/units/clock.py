"""Where time comes from: the machine's clocks, or one that tests move by hand."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol


class Clock(Protocol):
    """Wall clock and monotonic clock, both in nanoseconds."""

    def time_ns(self) -> int: ...

    def monotonic_ns(self) -> int: ...

    def timeout(self, due_ns: int) -> float | None:
        """Seconds to wait until a monotonic time; None to wait until `on_advance` listeners are called."""
        ...

    def on_advance(self, listener: Callable[[], None]) -> None:
        """Calls the listener whenever the clock is moved by hand."""
        ...


class SystemClock:
    """The machine's clocks."""

    time_ns = staticmethod(time.time_ns)
    monotonic_ns = staticmethod(time.monotonic_ns)

    def timeout(self, due_ns: int) -> float | None:
        return max(0.0, (due_ns - time.monotonic_ns()) / 1e9)

    def on_advance(self, listener: Callable[[], None]) -> None:
        pass


class VirtualClock:
    """A clock that stands still until `advance` is called.

    Args:
        start_ns: wall clock at the start.
    """

    def __init__(self, start_ns: int = 1_700_000_000_000_000_000) -> None:
        self._lock = threading.Lock()
        self._start = start_ns
        self._elapsed = 0
        self._listeners: list[Callable[[], None]] = []

    def time_ns(self) -> int:
        return self._start + self._elapsed

    def monotonic_ns(self) -> int:
        return self._elapsed

    def timeout(self, due_ns: int) -> float | None:
        return 0.0 if due_ns <= self._elapsed else None

    def on_advance(self, listener: Callable[[], None]) -> None:
        self._listeners.append(listener)

    def advance(self, seconds: float) -> None:
        """Moves both clocks on and wakes whoever waits for a time."""
        with self._lock:
            self._elapsed += int(seconds * 1e9)
        for listener in list(self._listeners):
            listener()

"""The clock a supervisor goes by."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Clock(Protocol):
    """Times in nanoseconds; tests move them by hand."""

    def time_ns(self) -> int:
        """Wall clock."""
        ...

    def monotonic_ns(self) -> int:
        """A clock that is never set."""
        ...

    async def sleep(self, ns: int) -> None:
        """Returns after so many nanoseconds."""
        ...


class SystemClock:
    """The machine's clocks."""

    def time_ns(self) -> int:
        return time.time_ns()

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()

    async def sleep(self, ns: int) -> None:
        await asyncio.sleep(ns / 1e9)


class Source(Protocol):
    """A clock of the application, as far as it is needed here."""

    def time_ns(self) -> int: ...
    def monotonic_ns(self) -> int: ...
    def timeout(self, due_ns: int) -> float | None: ...
    def on_advance(self, listener: Callable[[], None]) -> None: ...


class DrivenClock:
    """Goes by the clock of the application, also where that one is moved by hand.

    Args:
        source: from any thread.
        loop: on which the sleepers are.
    """

    def __init__(self, source: Source, loop: asyncio.AbstractEventLoop) -> None:
        self._source = source
        self._loop = loop
        self._moved = asyncio.Event()
        source.on_advance(self._advanced)

    def _advanced(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has been closed
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    def time_ns(self) -> int:
        return self._source.time_ns()

    def monotonic_ns(self) -> int:
        return self._source.monotonic_ns()

    async def sleep(self, ns: int) -> None:
        due = self._source.monotonic_ns() + ns
        while True:
            moved = self._moved
            seconds = self._source.timeout(due)
            if seconds is None:
                await moved.wait()
            elif seconds > 0:
                await asyncio.sleep(seconds)
            else:
                return


class Expired(Exception):
    """The time limit passed."""


class Abandoned(Exception):
    """The task was cancelled by somebody else."""


async def until(clock: Clock, due: int) -> None:
    """Returns at a monotonic time."""
    await clock.sleep(max(0, due - clock.monotonic_ns()))


async def within(clock: Clock, task: asyncio.Task[T], due: int) -> T:
    """The result of a task, which is cancelled when it is not done at a monotonic time.

    Raises:
        Expired: the limit passed first.
        Abandoned: the task was cancelled.
        Exception: whatever the task raised.
    """
    timer: asyncio.Task[Any] = asyncio.ensure_future(until(clock, due))  # type: ignore[assignment]
    try:
        await asyncio.wait({task, timer}, return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        task.cancel()
        raise
    finally:
        timer.cancel()
    if not task.done():
        task.cancel()
        task.add_done_callback(_forget)
        raise Expired
    if task.cancelled():
        raise Abandoned
    return task.result()


def _forget(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()

"""The clock a supervisor goes by."""

from __future__ import annotations

import asyncio
import time
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


class Expired(Exception):
    """The time limit passed."""


class Abandoned(Exception):
    """The task was cancelled by somebody else."""


async def within(clock: Clock, task: asyncio.Task[T], ns: int) -> T:
    """The result of a task, which is cancelled when it takes longer.

    Raises:
        Expired: the limit passed first.
        Abandoned: the task was cancelled.
        Exception: whatever the task raised.
    """
    timer: asyncio.Task[Any] = asyncio.ensure_future(clock.sleep(ns))  # type: ignore[assignment]
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

"""A connection on a thread of its own, with a queue: jobs run one at a time, completions wake the loop once."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Protocol

from wippy.errors import UNAVAILABLE, WippyError


class Interruptible(Protocol):
    """What the engine needs of a connection."""

    def interrupt(self) -> None: ...


class Job:
    """One piece of work for the connection, inside transaction `gate` or outside of any."""

    __slots__ = ("canceled", "completions", "future", "gate", "work")

    def __init__(self, work: Callable[[], Any], gate: object | None) -> None:
        self.work = work
        self.gate = gate
        self.future: asyncio.Future[Any] | None = None
        self.completions: _Completions | None = None
        self.canceled = False


class _Completions:
    """Results on their way to one event loop; many of them need one wake-up."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = weakref.ref(loop)
        self._done: deque[tuple[asyncio.Future[Any], Any, BaseException | None]] = deque()
        self._scheduled = False

    def add(self, future: asyncio.Future[Any], value: Any, error: BaseException | None) -> None:
        self._done.append((future, value, error))
        if not self._scheduled:
            self._scheduled = True
            loop = self._loop()
            if loop is not None and not loop.is_closed():
                loop.call_soon_threadsafe(self._flush)

    def _flush(self) -> None:
        self._scheduled = False
        while self._done:
            future, value, error = self._done.popleft()
            if future.cancelled():
                continue
            if error is None:
                future.set_result(value)
            else:
                future.set_exception(error)


class Engine:
    """Runs jobs in the order in which they came. While a transaction is open only its own jobs run; others wait."""

    def __init__(self, connection: Interruptible, name: str) -> None:
        self._connection = connection
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._waiting: deque[Job] = deque()
        self._lock = threading.Lock()
        self._current: Job | None = None
        self._completions: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Completions] = (
            weakref.WeakKeyDictionary()
        )
        self._closed = False
        self.open_gate: object | None = None
        """The transaction that holds the connection; set and cleared by jobs."""
        self._thread = threading.Thread(target=self._run, name=f"sqlite {name}", daemon=True)
        self._thread.start()

    async def submit(self, work: Callable[[], Any], gate: object | None = None) -> Any:
        """Runs `work` on the connection's thread and waits for its result.

        Cancelling the waiting task takes the job out of the queue or interrupts it while it runs.

        Raises:
            WippyError: UNAVAILABLE after `close`; else what `work` raises.
        """
        if self._closed:
            raise WippyError(UNAVAILABLE, "connection pool is closed")
        loop = asyncio.get_running_loop()
        completions = self._completions.get(loop)
        if completions is None:
            completions = self._completions[loop] = _Completions(loop)
        job = Job(work, gate)
        job.future = loop.create_future()
        job.completions = completions
        self._queue.put(job)
        try:
            return await job.future
        except asyncio.CancelledError:
            self._interrupt(job, loop)
            raise

    def _interrupt(self, job: Job, loop: asyncio.AbstractEventLoop) -> None:
        with self._lock:
            job.canceled = True
            if self._current is not job:
                return
            self._connection.interrupt()
        # An interrupt before the statement has begun has no effect: ask again until the job has ended.
        if not loop.is_closed():
            loop.call_later(0.01, self._interrupt, job, loop)

    def post(self, work: Callable[[], Any], gate: object | None = None) -> None:
        """Runs `work` some time later; nobody waits for it."""
        if not self._closed:
            self._queue.put(Job(work, gate))

    def close(self, patience: float = 5.0) -> None:
        """Carries out what is queued, fails what waits behind an open transaction, ends the thread.

        Args:
            patience: seconds after which running statements are interrupted.
        """
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        self._thread.join(patience)
        while self._thread.is_alive():
            self._connection.interrupt()
            self._thread.join(0.05)

    def _run(self) -> None:
        while (job := self._queue.get()) is not None:
            if self.open_gate is not None and job.gate is not self.open_gate:
                self._waiting.append(job)
                continue
            self._carry_out(job)
            while self.open_gate is None and self._waiting:
                self._carry_out(self._waiting.popleft())
        closed = WippyError(UNAVAILABLE, "connection pool is closed")
        while self._waiting:
            job = self._waiting.popleft()
            if job.future is not None and job.completions is not None:
                job.completions.add(job.future, None, closed)

    def _carry_out(self, job: Job) -> None:
        with self._lock:
            if job.canceled:
                return
            self._current = job
        value, failed = None, None
        try:
            value = job.work()
        except BaseException as error:
            failed = error
        with self._lock:
            self._current = None
        if job.future is not None and job.completions is not None:
            job.completions.add(job.future, value, failed)

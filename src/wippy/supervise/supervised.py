"""One service under supervision: its state and what moves it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from ..duration import format_duration
from ..errors import CANCELED, INTERNAL, TIMEOUT, WippyError
from ..registry.entry import ID
from ..registry.notice import Notice
from .clock import Abandoned, Clock, Expired, until, within
from .restart import delay_ns, failures_after, is_terminal, may_restart
from .service import LifecycleBlock, Service
from .state import EXITED, FAILED, RUNNING, STARTING, STOPPED, STOPPING, State


class Surroundings(msgspec.Struct):
    """What all services of a supervisor share.

    Args:
        clock: the clock.
        draw: a random number in [0, 1).
        changed: told of every new state.
        running: told when a service has come up.
        notice: takes what is to be logged.
    """

    clock: Clock
    draw: Callable[[], float]
    changed: Callable[[State], None]
    running: Callable[[ID], None]
    notice: Callable[[Notice], None]


class Run:
    """One run of a service."""

    __slots__ = ("began", "end", "service")

    def __init__(self, service: Service) -> None:
        self.service = service
        self.began = 0
        self.end: list[BaseException | None] = []


class Supervised:
    """Drives one service. A new `service` or `lifecycle` counts from the next start on."""

    def __init__(self, id: ID, service: Service, lifecycle: LifecycleBlock, around: Surroundings) -> None:
        self.id = id
        self.service = service
        self.lifecycle = lifecycle
        self.state = State(id)
        self.blocked = False
        self._around = around
        self._lock = asyncio.Lock()
        self._run: Run | None = None
        self._starting: asyncio.Task[str | None] | None = None
        self._retry: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._lost = False

    @property
    def satisfied(self) -> bool:
        """Whether services that need this one may start: it runs, or has done its work."""
        return self.state.status == RUNNING or (self.state.status == EXITED and not self.state.details)

    def block(self, reason: str) -> None:
        """Notes that it is to run and cannot start yet."""
        if self.state.status in (RUNNING, STARTING):
            return
        self.blocked = True
        self._set(self.state.status, desired=RUNNING, details=reason)

    def ask(self) -> None:
        """Notes that it is to run, as soon as what it needs does."""
        self._set(self.state.status, desired=RUNNING)

    async def start(self) -> None:
        """Starts it, unless it runs; returns when it runs.

        Raises:
            WippyError: the first attempt failed; unless the error is terminal more follow by themselves.
        """
        self._set(self.state.status, desired=RUNNING)
        async with self._lock:
            if self.state.status == RUNNING:
                return
            if self.state.desired != RUNNING:
                raise WippyError(CANCELED, f"service {self.id} was stopped before it had started")
            self._drop_retry()
            self._set(self.state.status, retry_count=0)
            error = await self._attempt()
        if error is not None:
            raise as_wippy(error)

    async def stop(self) -> None:
        """Stops it and drops a pending restart; does nothing where it does not run.

        Raises:
            WippyError: TIMEOUT, it did not end in time and is left alone; or what its stop raised.
        """
        self.blocked = False
        self._set(self.state.status, desired=STOPPED)
        self._drop_retry()
        if self._starting is not None:
            self._starting.cancel()
        async with self._lock:
            if self.state.status == FAILED and not self._lost:
                self._set(STOPPED, details="")
            run = self._run
            if self.state.status != RUNNING or run is None:
                return
            due = self._now() + self.lifecycle.stop_timeout
            self._set(STOPPING, details="")
            error = await self._stop(run, due)
        if error is not None:
            raise error

    async def _stop(self, run: Run, due: int) -> WippyError | None:
        task = asyncio.ensure_future(run.service.stop())
        limit = format_duration(self.lifecycle.stop_timeout)
        try:
            await within(self._around.clock, task, due)  # type: ignore[arg-type]
        except Expired:
            error = WippyError(TIMEOUT, f"stop timeout after {limit}", retryable=True)
        except Exception as raised:
            error = as_wippy(raised)
        else:
            self._run = None
            self._set(STOPPED)
            return None
        self._run = None
        self._lost = True
        self._set(FAILED, details=error.message)
        self._log("error", "service did not stop", error=error.message)
        return error

    async def _attempt(self) -> BaseException | None:
        """One start; the lock is held. Returns what it failed with."""
        self.blocked = self._lost = False
        run = self._run = Run(self.service)
        due = self._now() + self.lifecycle.start_timeout
        self._set(STARTING, details=f"attempt {self.state.retry_count + 1}")
        task = asyncio.ensure_future(self.service.start(self._reporter(run)))
        self._starting = task  # type: ignore[assignment]
        error: BaseException
        try:
            details = await within(self._around.clock, task, due)  # type: ignore[arg-type]
        except Abandoned:
            self._run = None
            self._set(STOPPED, details="")
            return WippyError(CANCELED, f"service {self.id} was stopped while it started")
        except Expired:
            error = WippyError(TIMEOUT, "start timeout", retryable=True)
        except asyncio.CancelledError:
            self._run = None
            self._set(STOPPED, details="")
            raise
        except Exception as raised:
            error = raised
        else:
            run.began = self._now()
            self._set(RUNNING, started_at=self._around.clock.time_ns(), details=details or "")
            self._log("info", "service started")
            self._around.running(self.id)
            if run.end:
                self._ended(run, run.end[0])
            return None
        finally:
            self._starting = None
        self._failed(error, 0)
        return error

    def _reporter(self, run: Run) -> Callable[[BaseException | None], None]:
        loop = asyncio.get_running_loop()

        def ended(error: BaseException | None) -> None:
            loop.call_soon_threadsafe(self._ended, run, error)

        return ended

    def _ended(self, run: Run, error: BaseException | None) -> None:
        if run is not self._run:
            return
        if self.state.status == STARTING:
            run.end.append(error)
            return
        if self.state.status != RUNNING:
            return
        if error is None:
            self._run = None
            self._set(EXITED, details="")
            self._log("info", "service exited")
        else:
            self._failed(error, self._now() - run.began)

    def _failed(self, error: BaseException, ran_ns: int) -> None:
        restart = self.lifecycle.restart
        now = self._now()
        failures = failures_after(self.state.retry_count, ran_ns, self.lifecycle.stable_threshold)
        text = str(error) or type(error).__name__
        self._run = None
        if is_terminal(error):
            self._set(EXITED, retry_count=failures, details=text)
            self._log("error", "service ended with an error that is not retried", error=text, attempts=failures)
            return
        self._set(FAILED, retry_count=failures, details=text)
        if self.state.desired != RUNNING:
            return
        if not may_restart(failures, restart.max_attempts):
            self._log("error", "service gave up", error=text, attempts=failures)
            return
        delay = delay_ns(failures, restart, self._around.draw)
        self._log("warn", "service failed, it will be restarted", error=text, attempts=failures, delay=delay)
        self._retry = self._task(self._restart(now + delay))

    async def _restart(self, due: int) -> None:
        await until(self._around.clock, due)
        async with self._lock:
            # from here on a stop ends the attempt, not this task
            self._retry = None
            if self.state.desired == RUNNING and self.state.status == FAILED:
                await self._attempt()

    def _now(self) -> int:
        return self._around.clock.monotonic_ns()

    def _drop_retry(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None

    def _task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _set(self, status: str, **changes: Any) -> None:
        new = msgspec.structs.replace(self.state, status=status, **changes)
        if new != self.state:
            self.state = msgspec.structs.replace(new, last_update=self._around.clock.time_ns())
            self._around.changed(self.state)

    def _log(self, level: str, message: str, **fields: Any) -> None:
        if "delay" in fields:
            fields["delay"] = format_duration(fields["delay"])
        self._around.notice(Notice(level, message, {"service": str(self.id), **fields}))


def as_wippy(error: BaseException) -> WippyError:
    """The error itself, or an INTERNAL one with its text."""
    if isinstance(error, WippyError):
        return error
    return WippyError(INTERNAL, str(error) or type(error).__name__, retryable=None)

"""The embedded provider: one thread that owns the store and everything in it, and a thread-safe front."""

from __future__ import annotations

import itertools
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from wippy import errors
from wippy.workflows.failure import Failure
from wippy.workflows.machine_api import MachineFactory
from wippy.workflows.payload import Payload
from wippy.workflows.provider import (
    CancelExecutor,
    Description,
    Executor,
    Send,
    StartedRun,
    StartRequest,
    Status,
    Token,
    Watcher,
)
from wippy.workflows.sqlite import faults
from wippy.workflows.sqlite.core import Core, Input, Limits
from wippy.workflows.sqlite.imports import adopt
from wippy.workflows.sqlite.isolation import Isolation
from wippy.workflows.sqlite.store import Batch, Store

log = logging.getLogger("wippy.workflows")

T = TypeVar("T")

_LONGEST_WAIT = 5.0
_INPUTS_PER_ROUND = 2000
_RETENTION_PAUSE = 60.0


def _ignore(*_: Any) -> None:
    pass


def _stopped() -> errors.WippyError:
    return errors.WippyError(errors.UNAVAILABLE, "the workflow engine has stopped")


def _pass_on(future: Future[Any], answer: Future[Any]) -> None:
    error = answer.exception()
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(answer.result())


class Engine:
    """Runs workflows with their histories in the SQLite file at `path`.

    Nothing leaves the engine (no answer, no activity, no message, no notice) before what caused it is durable. All
    methods may be called from any thread; the callables given are called on the engine's thread and must return soon.

    Args:
        path: the store; made if missing, owned until `stop` or the end of the process.
        factory: makes the machine of a run; raises Blocked for an unknown type.
        traced: the same, of machines that know the lines of their commands.
        executor: starts one attempt of an activity and returns at once; `activity_done` brings the outcome.
        cancel_executor: `(token, reason)` asks a running attempt to end; its outcome no longer counts or is a cancel.
        send: `(workflow_id, queue, pid, topic, payloads)` carries a message of a run to a process.
        queues: task queues served from the start, None = all; see `open_queue`.
        clock: nanoseconds since the epoch; call `wake` after moving a clock of your own.
        limits: bounds of runs, size of the machine cache.
        failed: told when the engine ends by itself; its error is retryable unless the store is damaged.
        synchronous: SQLite's durability: FULL survives a power cut, NORMAL the death of the process.

    Raises WippyError: CONFLICT if another engine owns the store, INVALID if the file is no store or is damaged,
    UNAVAILABLE (retryable) if it cannot be written now.
    """

    def __init__(
        self,
        path: str | Path,
        factory: MachineFactory,
        executor: Executor,
        *,
        cancel_executor: CancelExecutor = _ignore,
        send: Send = _ignore,
        queues: Iterable[str] | None = None,
        clock: Callable[[], int] = time.time_ns,
        limits: Limits | None = None,
        synchronous: str = "FULL",
        traced: MachineFactory | None = None,
        failed: Callable[[errors.WippyError], None] = _ignore,
    ) -> None:
        self._failed = failed
        self._store = Store(path, synchronous)
        try:
            self._core = Core(
                self._store,
                factory,
                executor,
                cancel_executor=cancel_executor,
                send=send,
                queues=queues,
                clock=clock,
                limits=limits,
                traced=traced,
            )
        except BaseException as error:
            self._store.close()
            if isinstance(error, sqlite3.Error):
                raise self._store.refused(error) from error
            raise
        self._isolation = Isolation(self._core, self._handle, self._write)
        self._inputs: SimpleQueue[Input] = SimpleQueue()
        self._handles = itertools.count(1)
        self._stopping = False
        self._stopped = False
        self._leave = threading.Event()
        self.stalled = False
        """Whether the store cannot be written now, so that everything waits."""
        self._close_lock = threading.Lock()
        self._forget_at = 0.0
        self._thread = threading.Thread(target=self._run, name="wippy-workflows", daemon=True)
        self._thread.start()

    # requests

    def start(self, request: StartRequest) -> Future[StartedRun]:
        """Start a workflow; done when the start is durable.

        WippyError: kind unset `workflow execution already started`, INVALID for bad options, LIMIT_EXCEEDED for size.
        """
        return self._ask(self._core.starting.start, request)

    def signal(
        self, workflow_id: str, run_id: str | None, name: str, payloads: list[Payload], sender: str = ""
    ) -> Future[None]:
        """Signal the open run; done when the signal is durable.

        WippyError: kind unset `workflow not found for ID: …` or `workflow execution already completed`.
        """
        return self._ask(self._core.requests.signal, workflow_id, run_id, name, payloads, sender)

    def cancel(self, workflow_id: str, run_id: str | None = None, reason: str = "") -> Future[None]:
        """Request cancellation; fine for closed runs. WippyError: INTERNAL if there is no such workflow."""
        return self._ask(self._core.requests.cancel, workflow_id, run_id, reason)

    def terminate(self, workflow_id: str, run_id: str | None = None, reason: str = "") -> Future[None]:
        """Close the run at once. WippyError: INTERNAL if it is missing or closed."""
        return self._ask(self._core.requests.terminate, workflow_id, run_id, reason)

    def watch(self, workflow_id: str, run_id: str | None, callback: Watcher) -> int:
        """Call back once, on the engine's thread, with the end of the chain of runs; returns a handle for `unwatch`.

        A closed chain calls back at once, a missing workflow with a failure of kind NOT_FOUND.
        """
        handle = next(self._handles)
        self._tell(self._core.watches.watch, handle, workflow_id, run_id, callback)
        return handle

    def unwatch(self, handle: int) -> None:
        """No call back from here on; idempotent."""
        self._tell(self._core.watches.unwatch, handle)

    def describe(self, workflow_id: str, run_id: str | None = None) -> Future[Description]:
        """The newest run of a workflow, or the run named. WippyError (kind unset) if missing."""
        return self._ask(self._core.requests.describe, workflow_id, run_id)

    def list(
        self, *, status: Status | None = None, type: str | None = None, limit: int = 100, before: int = 0
    ) -> Future[tuple[list[Description], int]]:
        """Runs, the newest first, and the `before` of the next page (0 = none)."""
        return self._ask(self._core.requests.list, status, type, limit, before)

    def history(self, workflow_id: str, run_id: str | None = None) -> Future[list[Any]]:
        """The events of a run. WippyError (kind unset) if missing."""
        return self._ask(self._core.requests.history, workflow_id, run_id)

    def find(self, query: str, limit: int) -> Future[list[Description]]:
        """Runs that fit a query of `wippy.workflows.visibility`, the newest first. WippyError: INVALID."""
        return self._ask(self._core.requests.find, query, limit)

    def query(self, workflow_id: str, run_id: str | None, name: str) -> Future[Any]:
        """What a run answers: `state`, `pid`, `stack`. WippyError: kind unset if missing, INVALID for another name."""
        return self._ask(self._core.requests.query, workflow_id, run_id, name)

    def retry(self, workflow_id: str, run_id: str | None = None) -> Future[StartedRun]:
        """A blocked run tries its task at once; for a closed one a new run begins with the same input and options.

        WippyError: kind unset if missing, CONFLICT for a run that goes on by itself.
        """
        return self._ask(self._core.requests.retry, workflow_id, run_id)

    def adopt(self, history: list[Any], workflow_id: str = "") -> Future[StartedRun]:
        """Stores a history of elsewhere as a closed run. WippyError: CONFLICT if it is here already."""
        return self._ask(adopt, self._core, history, workflow_id)

    @property
    def path(self) -> Path:
        """The store's file."""
        return self._store.path.absolute()

    # outcomes of activities

    def activity_done(self, token: Token, result: Payload | None = None, failure: Failure | None = None) -> None:
        """The outcome of an attempt: a failure, or a result (None = nil). Outcomes that no longer count are dropped."""
        self._tell(self._core.activities.done, token, result, failure)

    def activity_lost(self, token: Token) -> None:
        """The attempt will never report (its worker is gone): it is handed out again and does not count."""
        self._tell(self._core.activities.lost, token)

    # workers and code

    def open_queue(self, name: str, max_activities: int = 1000, per_second: float = 0.0) -> None:
        """Serve a task queue; at most so many activities at once and starts in a second (0 = unlimited)."""
        self._tell(self._core.open_queue, name, max_activities, per_second)

    def close_queue(self, name: str, grace_ns: int = 0) -> Future[None]:
        """Serve a task queue no longer: no new tasks, no new attempts.

        Done when no attempt of it runs: those that run are cancelled after `grace_ns`, and handed out again when the
        queue is served again, without being counted.
        """
        return self._ask(self._core.close_queue, name, grace_ns)

    def invalidate(self, types: Iterable[str] | None = None) -> None:
        """Code of these workflow types (None = all) changed: machines are rebuilt, blocked runs tried at once."""
        self._tell(self._core.invalidate, set(types) if types is not None else None)

    def wake(self) -> None:
        """Look at the clock again."""
        self._tell(_ignore)

    def stop(self) -> None:
        """Finish the round, close machines and store. Open runs go on with the next engine. Idempotent."""
        self._leave.set()
        self._tell(self._stop)
        if threading.current_thread() is not self._thread:
            self._thread.join()

    # the thread

    def _ask(self, function: Callable[..., T | Future[T]], *args: Any) -> Future[T]:
        future: Future[T] = Future()
        self._put((function, args, future))
        return future

    def _tell(self, function: Callable[..., Any], *args: Any) -> None:
        self._put((function, args, None))

    def _put(self, item: Input) -> None:
        self._inputs.put(item)
        if self._stopped:
            self._refuse_rest()

    def _stop(self) -> None:
        self._stopping = True

    def _run(self) -> None:
        core = self._core
        busy = True
        failure: errors.WippyError | None = None
        try:
            while not self._stopping:
                batch: Batch | None = None
                try:
                    self._take(0.0 if busy else self._patience())
                    core.advance()
                    batch = core.gather()
                    if batch is not None and not self._write(batch):
                        break
                except Exception as error:
                    if faults.of_store(error):
                        raise
                    if not self._isolation.again(batch, error):
                        break
                core.release()
                busy = bool(core.ready or core.operations or core.effects)
                self._retain()
        except sqlite3.Error as error:
            text = faults.told(self._store.path, "is closed", error)
            log.critical("%s", text, exc_info=True)
            failure = (
                errors.WippyError(errors.INVALID, text)
                if faults.damaged(error)
                else errors.WippyError(errors.UNAVAILABLE, text, retryable=True)
            )
        except BaseException as error:
            log.critical("the workflow engine has failed; its store is closed", exc_info=True)
            failure = errors.WippyError(
                errors.INTERNAL, f"the workflow engine has failed: {type(error).__name__}: {error}", retryable=True
            )
        finally:
            self._shut()
        if failure is not None:
            self._failed(failure)

    def _patience(self) -> float:
        due = self._core.deadlines.next()
        if due is None:
            return _LONGEST_WAIT
        return min(max((due - self._core.clock()) / 1e9, 0.0), _LONGEST_WAIT)

    def _take(self, wait: float) -> None:
        inputs = self._inputs
        try:
            item = inputs.get(timeout=wait) if wait > 0 else inputs.get_nowait()
            for _ in range(_INPUTS_PER_ROUND):
                self._accept(item)
                item = inputs.get_nowait()
            self._accept(item)
        except Empty:
            pass

    def _accept(self, item: Input) -> None:
        future = item[2]
        if future is None or future.set_running_or_notify_cancel():
            self._core.inputs.append(item)
            self._handle(item)

    def _handle(self, item: Input) -> None:
        core = self._core
        function, args, future = item
        if future is None:
            function(*args)
        else:
            try:
                answer = function(*args)
            except errors.WippyError as error:
                core.effect(future.set_exception, error)
            else:
                if isinstance(answer, Future):
                    core.effect(answer.add_done_callback, partial(_pass_on, future))
                else:
                    core.effect(future.set_result, answer)
        core.settle()

    def _write(self, batch: Batch) -> bool:
        """Store a round; while the disk refuses, everything waits: nothing may leave before it is durable."""
        pause = 0.05
        failed = False
        while True:
            try:
                self._store.write(batch)
                if failed:
                    self.stalled = False
                    log.warning("the workflow store %s is written again", self._store.path)
                return True
            except sqlite3.OperationalError as error:
                failed = True
                log.error("%s (trying again)", faults.told(self._store.path, "cannot be written", error))
                self.stalled = True
                if self._leave.wait(pause):
                    return False
                pause = min(pause * 2, 5.0)

    def _retain(self) -> None:
        keep = self._core.limits.retention_ns
        if keep and time.monotonic() >= self._forget_at:
            self._forget_at = time.monotonic() + _RETENTION_PAUSE
            try:
                if self._store.forget(self._core.clock() - keep) == 500:
                    self._forget_at = 0.0
            except sqlite3.OperationalError as error:
                log.error("%s (trying again)", faults.told(self._store.path, "cannot be cleared of old runs", error))

    def _shut(self) -> None:
        core = self._core
        for run in core.runs.values():
            core.tasks.drop(run)
        self._store.close()
        unanswered = [future for _, _, future in core.inputs if future is not None]  # not stored any more
        for future in (*unanswered, *core.activities.draining.values()):
            if not future.done():
                future.set_exception(_stopped())
        self._stopped = True
        self._refuse_rest()

    def _refuse_rest(self) -> None:
        with self._close_lock:
            while True:
                try:
                    _, _, future = self._inputs.get_nowait()
                except Empty:
                    return
                if future is not None and future.set_running_or_notify_cancel():
                    future.set_exception(_stopped())

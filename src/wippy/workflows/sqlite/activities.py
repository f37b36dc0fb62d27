"""Activities: queues, attempts, retries, time limits, cancelling.

Attempts before the last leave no event. An attempt that was lost with its process is not counted: the activity is
handed out again under the same attempt number and key, because nobody knows how far it came.
"""

from __future__ import annotations

import logging
from collections import deque
from concurrent.futures import Future
from typing import TYPE_CHECKING

from wippy import errors
from wippy.workflows import events as ev
from wippy.workflows import retry
from wippy.workflows.failure import (
    ATTEMPTS_REACHED,
    CANCEL_REQUESTED,
    NO_TIME_LEFT,
    NON_RETRYABLE,
    TIMED_OUT,
    Failure,
    activity_timeout,
    from_error,
)
from wippy.workflows.options import SECOND, ActivityOptions
from wippy.workflows.payload import NIL, Payload
from wippy.workflows.provider import ActivityTask, Status, Token
from wippy.workflows.sqlite.deadlines import Key
from wippy.workflows.sqlite.run import Activity, Run
from wippy.workflows.sqlite.store import pack

if TYPE_CHECKING:
    from wippy.workflows.sqlite.core import Core

log = logging.getLogger("wippy.workflows")

TOO_LARGE = "PayloadsTooLarge"
"""The type of the failure of an attempt whose result is too large."""


class _Queue:
    """`begun`: times of the last starts; the first and last of a full one are `window_ns` apart or more."""

    __slots__ = ("begun", "limit", "running", "waiting", "window_ns")

    def __init__(self) -> None:
        self.waiting: deque[tuple[int, int, int]] = deque()  # run, id, attempt
        self.running = 0
        self.limit = 1000
        self.window_ns = 0
        self.begun: deque[int] = deque(maxlen=1)


class Activities:
    def __init__(self, core: Core) -> None:
        self.core = core
        self.queues: dict[str, _Queue] = {}
        self.woken: dict[str, None] = {}
        self.draining: dict[str, Future[None]] = {}
        self.interrupted: dict[Token, str] = {}

    def set_limits(self, queue: str, running: int, per_second: float) -> None:
        """How many attempts may run at once (<= 0: 1000), and how many may start in a second (0: any number)."""
        found = self._queue(queue)
        found.limit = running if running > 0 else 1000
        many = max(int(per_second), 1)
        found.window_ns = int(SECOND * many / per_second) if per_second > 0 else 0
        found.begun = deque(found.begun, maxlen=many)
        self.woken[queue] = None

    def _queue(self, name: str) -> _Queue:
        queue = self.queues.get(name)
        if queue is None:
            queue = self.queues[name] = _Queue()
        return queue

    def event(self, run: Run, activity: Activity) -> ev.ActivityTaskScheduled:
        """What was asked for."""
        if activity.event is None:
            activity.event = self.core.store.event(run.seq, activity.n)
            assert activity.event is not None
        return activity.event

    # life

    def schedule(self, run: Run, event: ev.ActivityTaskScheduled) -> None:
        """A new activity; it is handed out after the commit."""
        activity = Activity(event.id, event.n, event.time_ns, event)
        run.activities[event.id] = activity
        self.core.batch.activities.append((run.seq, event.id, event.n, event.time_ns, 1, 0, 0, None))
        self.enqueue(run, activity)

    def enqueue(self, run: Run, activity: Activity) -> None:
        """Into its queue; `due` is 0 from here on."""
        core = self.core
        event = self.event(run, activity)
        options = event.options
        name = options.queue or run.queue
        activity.due = 0
        activity.running = 0
        activity.queued_ns = core.clock()
        self._queue(name).waiting.append((run.seq, activity.id, activity.attempt))
        self.woken[name] = None
        limits = []
        if options.schedule_to_start_ns:
            limits.append(activity.queued_ns + options.schedule_to_start_ns)
        if options.schedule_to_close_ns:  # what bounds all attempts bounds the waiting for the first one
            limits.append(activity.scheduled_ns + options.schedule_to_close_ns)
        if limits:
            activity.why = "schedule_to_start"
            core.deadlines.set(("activity", run.seq, activity.id), min(limits))

    def dispatch(self) -> None:
        """Hand out what may run. Called after each commit, so that nothing runs that is not stored."""
        if not self.woken:
            return
        now = self.core.clock()
        for name in list(self.woken):
            del self.woken[name]
            if self.core.serves(name):
                self._dispatch(name, self.queues[name], now)

    def _dispatch(self, name: str, queue: _Queue, now: int) -> None:
        core = self.core
        while queue.waiting and queue.running < queue.limit:
            if queue.window_ns and len(queue.begun) == queue.begun.maxlen:
                free = queue.begun[0] + queue.window_ns
                if now < free:
                    self.woken[name] = None
                    core.deadlines.set(("queue", name, 0), free)
                    return
            seq, id, attempt = queue.waiting.popleft()
            run = core.runs.get(seq)
            activity = run.activities.get(id) if run is not None else None
            if run is None or activity is None or activity.attempt != attempt or activity.running:
                continue
            if queue.window_ns:
                queue.begun.append(now)
            self._begin(run, activity, name, queue, now)

    def _begin(self, run: Run, activity: Activity, name: str, queue: _Queue, now: int) -> None:
        core = self.core
        event = self.event(run, activity)
        options = event.options
        activity.running = now
        queue.running += 1
        due = self._set_limit(run, activity, options)
        token = (run.seq, activity.id, activity.attempt)
        task = ActivityTask(
            token=token,
            key=f"{run.run_id}/{options.id or activity.id}",
            workflow_id=run.workflow_id,
            run_id=run.run_id,
            workflow_type=run.type,
            type=event.type,
            args=event.args,
            header=event.header,
            attempt=activity.attempt,
            queue=name,
            deadline_ns=min(due, run.run_deadline) if run.run_deadline else due,
            alone=queue.running == 1 and not queue.waiting and not core.ready,
        )
        try:
            core.executor(task)
        except Exception as error:
            log.exception("activity %s could not be started", event.type)
            refused = (token, None, from_error(error))
            core.inputs.append((self.done, refused, None))
            core.later(self.done, *refused)

    def _set_limit(self, run: Run, activity: Activity, options: ActivityOptions) -> int:
        """When the running attempt is given up."""
        due, activity.why = activity.running + options.start_to_close_ns, "start_to_close"
        if options.schedule_to_close_ns and activity.scheduled_ns + options.schedule_to_close_ns <= due:
            due, activity.why = activity.scheduled_ns + options.schedule_to_close_ns, "schedule_to_close"
        self.core.deadlines.set(("activity", run.seq, activity.id), due)
        return due

    def still_running(self, run: Run, activity: Activity, began: int) -> None:
        """An attempt that the engine has handed out before and waits for; see `recount`."""
        activity.due = 0
        activity.running = began
        self._set_limit(run, activity, self.event(run, activity).options)

    def recount(self) -> None:
        """Count the running attempts of each queue anew."""
        for queue in self.queues.values():
            queue.running = 0
        for run in self.core.runs.values():
            for activity in run.activities.values():
                if activity.running:
                    self._queue(self.event(run, activity).options.queue or run.queue).running += 1
        self.woken.update(dict.fromkeys(self.queues))

    def _stopped(self, run: Run, activity: Activity) -> None:
        """The running attempt no longer counts."""
        if activity.running:
            self.core.batch.stopped.append(((run.seq, activity.id, activity.attempt), activity.running))
            activity.running = 0
            name = self.event(run, activity).options.queue or run.queue
            queue = self._queue(name)
            queue.running -= 1
            if queue.waiting:
                self.woken[name] = None
            if self.draining and not queue.running:
                self._drained(name)

    def _remove(self, run: Run, activity: Activity) -> None:
        self._stopped(run, activity)
        del run.activities[activity.id]
        self.core.deadlines.drop(("activity", run.seq, activity.id))
        self.core.batch.gone_activities.append((run.seq, activity.id))

    # outcomes

    def done(self, token: Token, result: Payload | None, failure: Failure | None) -> None:
        """The outcome of an attempt; ignored if that attempt no longer counts."""
        run = self.core.runs.get(token[0])
        activity = run.activities.get(token[1]) if run is not None else None
        if run is None or activity is None or activity.attempt != token[2] or not activity.running:
            return
        if failure is None:
            result = result if result is not None else NIL
            limit = self.core.limits.payload
            if len(result.data) <= limit:
                self._remove(run, activity)
                self.core.deliver(
                    run,
                    ev.ActivityTaskStarted(id=activity.id, attempt=activity.attempt, last_failure=activity.last),
                    ev.ActivityTaskCompleted(id=activity.id, result=result),
                )
                return
            text = f"{TOO_LARGE}: the result has {len(result.data)} bytes; the limit is {limit}"
            self._failed(run, activity, Failure(text), TOO_LARGE)
            return
        elif not _storable(failure, self.core.limits.payload):
            failure = Failure(failure.message[:1000], failure.kind, failure.retryable)
        self._failed(run, activity, failure)

    def lost(self, token: Token) -> None:
        """The attempt will never report: hand the activity out again, the attempt does not count."""
        run = self.core.runs.get(token[0])
        activity = run.activities.get(token[1]) if run is not None else None
        if run is not None and activity is not None and activity.attempt == token[2] and activity.running:
            self._stopped(run, activity)
            self.core.deadlines.drop(("activity", run.seq, activity.id))
            self.resume(run, activity)

    def resume(self, run: Run, activity: Activity) -> None:
        """Go on with an activity whose attempt was lost."""
        if activity.cancel:
            self._remove(run, activity)
            self.core.deliver(run, ev.ActivityTaskCanceled(id=activity.id))
        else:
            self.enqueue(run, activity)

    def _failed(self, run: Run, activity: Activity, failure: Failure, type: str = "") -> None:
        options = self.event(run, activity).options
        policy = options.retry
        now = self.core.clock()
        token = (run.seq, activity.id, activity.attempt)
        if self.interrupted.pop(token, "") and not activity.cancel:
            self.lost(token)
            return
        if activity.cancel:
            if failure.kind == errors.CANCELED:
                self._end(run, activity, ev.ActivityTaskCanceled(id=activity.id))
            else:
                self._end_failed(run, activity, failure, CANCEL_REQUESTED)
            return
        timed_out = failure.kind == errors.TIMEOUT and (failure.details or {}).get("timeout_type") is not None
        if not timed_out and ((type and type in policy.non_retryable) or not retry.allows(policy, failure)):
            self._end_failed(run, activity, failure, NON_RETRYABLE)
        elif not retry.attempts_left(policy, activity.attempt):
            self._end_failed(run, activity, failure, ATTEMPTS_REACHED)
        else:
            due = now + retry.delay(policy, activity.attempt)
            end = activity.scheduled_ns + options.schedule_to_close_ns
            if options.schedule_to_close_ns and due >= end:
                cause = failure.cause if timed_out else failure
                timeout = activity_timeout("schedule_to_close", cause, NO_TIME_LEFT)
                self._end_failed(run, activity, timeout, TIMED_OUT)
                return
            self._stopped(run, activity)
            activity.attempt += 1
            activity.due = due
            if not timed_out:
                activity.last = failure
            self._store(run, activity)
            self.core.deadlines.set(("activity", run.seq, activity.id), due)

    def _store(self, run: Run, activity: Activity) -> None:
        last = pack(activity.last) if activity.last is not None else None
        self.core.batch.activity_updates.append(
            (activity.attempt, activity.due, int(activity.cancel), last, run.seq, activity.id)
        )

    def _end_failed(self, run: Run, activity: Activity, failure: Failure, state: str) -> None:
        name = self.event(run, activity).options.id
        if failure.kind == errors.TIMEOUT and (failure.details or {}).get("timeout_type") is not None:
            event = ev.ActivityTaskTimedOut(id=activity.id, failure=failure, retry_state=state, name=name)
        else:
            event = ev.ActivityTaskFailed(id=activity.id, failure=failure, retry_state=state, name=name)
        self._end(run, activity, event)

    def _end(self, run: Run, activity: Activity, event: object) -> None:
        started = ev.ActivityTaskStarted(id=activity.id, attempt=activity.attempt, last_failure=activity.last)
        ran = bool(activity.running)
        self._remove(run, activity)
        if ran:
            self.core.deliver(run, started, event)
        else:
            self.core.deliver(run, event)

    def due(self, key: Key, now: int) -> None:
        """A backoff is over, or a time limit has passed."""
        run = self.core.runs.get(key[1])
        activity = run.activities.get(key[2]) if run is not None else None
        if run is None or activity is None:
            return
        if activity.due:
            if now >= activity.due:
                self.enqueue(run, activity)
            else:
                self.core.deadlines.set(key, activity.due)
            return
        text = NO_TIME_LEFT if activity.why == "schedule_to_close" else ""
        timeout = activity_timeout(activity.why, activity.last, text)
        if activity.running:
            self.core.effect(self.core.cancel_executor, (run.seq, activity.id, activity.attempt), timeout.message)
        if activity.why == "start_to_close":
            self._failed(run, activity, timeout)
        else:
            self._end_failed(run, activity, timeout, TIMED_OUT)

    # the end of a worker

    def drain(self, name: str, grace_ns: int) -> Future[None]:
        """What runs of a queue gets some time to end, then is asked to; such an attempt does not count.

        Returns:
            Done when no attempt of the queue runs.
        """
        future: Future[None] = Future()
        if not self._queue(name).running:
            future.set_result(None)
            return future
        self.draining[name] = future
        key = ("drain", name, 0)
        now = self.core.clock()
        if grace_ns > 0:
            self.core.deadlines.set(key, now + grace_ns)
        else:
            self.interrupt(key, now)
        return future

    def interrupt(self, key: Key, now: int) -> None:
        """Ask the attempts of a queue that is being drained to end."""
        name = key[1]
        if name not in self.draining:
            return
        for run in self.core.runs.values():
            for activity in run.activities.values():
                if activity.running and (self.event(run, activity).options.queue or run.queue) == name:
                    token = (run.seq, activity.id, activity.attempt)
                    self.interrupted[token] = name
                    self.core.effect(self.core.cancel_executor, token, "the worker has stopped")

    def _drained(self, name: str) -> None:
        future = self.draining.pop(name, None)
        if future is not None:
            self.core.deadlines.drop(("drain", name, 0))
            self.interrupted = {token: queue for token, queue in self.interrupted.items() if queue != name}
            self.core.effect(future.set_result, None)

    # cancelling

    def cancel(self, run: Run, id: int) -> None:
        """The workflow has asked for it: at once if no attempt runs, else the attempt is told."""
        activity = run.activities.get(id)
        if activity is None or run.status is not Status.RUNNING:
            return
        if not activity.running:
            self._remove(run, activity)
            self.core.deliver(run, ev.ActivityTaskCanceled(id=id))
            return
        activity.cancel = True
        self._store(run, activity)
        self.core.effect(self.core.cancel_executor, (run.seq, id, activity.attempt), "canceled by the workflow")

    def abandon(self, run: Run) -> None:
        """The run has closed: nobody waits for its activities."""
        for activity in run.activities.values():
            self.core.deadlines.drop(("activity", run.seq, activity.id))
            if activity.running:
                token = (run.seq, activity.id, activity.attempt)
                self.core.effect(self.core.cancel_executor, token, "the workflow has closed")
                self._stopped(run, activity)
        run.activities.clear()


def _storable(failure: Failure, limit: int) -> bool:
    try:
        return len(pack(failure)) <= limit
    except Exception:
        return False

"""The engine without its thread: state of all open runs, and the rounds in which it changes.

A round takes inputs, fires what is due, runs workflow tasks in memory, stores everything in one transaction and only
then lets effects out: answers, activities, messages, notices. Cross-run effects (child starts, external signals,
closes) are carried out inside the round, so they are in the same transaction as their cause and need no outbox.
"""

from __future__ import annotations

import logging
import os
import time
import uuid
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any

import msgspec

from wippy import errors
from wippy.workflows import events as ev
from wippy.workflows.machine_api import MachineFactory
from wippy.workflows.provider import CancelExecutor, Executor, Send, Status
from wippy.workflows.sqlite import recovery
from wippy.workflows.sqlite.activities import Activities
from wippy.workflows.sqlite.closing import Closing
from wippy.workflows.sqlite.deadlines import Deadlines, Key
from wippy.workflows.sqlite.requests import Requests
from wippy.workflows.sqlite.run import Run, Task
from wippy.workflows.sqlite.starting import Starting
from wippy.workflows.sqlite.store import Batch, Store
from wippy.workflows.sqlite.tasks import Tasks
from wippy.workflows.sqlite.watches import Watches

log = logging.getLogger("wippy.workflows")


class Limits(msgspec.Struct, frozen=True):
    """Bounds of one run; sizes in bytes, times in nanoseconds.

    Attributes:
        cache: live machines kept between tasks, 0 = none.
        slice_ns: computing time of one round before it is stored.
        retention_ns: how long closed runs are kept, 0 = for ever.
    """

    payload: int = 2 << 20
    events: int = 51_200
    history: int = 50 << 20
    signals: int = 10_000
    pending: int = 2_000
    cache: int = 1_000
    slice_ns: int = 5_000_000
    retention_ns: int = 0


def _ignore(*_: Any) -> None:
    pass


Input = tuple[Callable[..., Any], tuple[Any, ...], "Future[Any] | None"]
"""A function, its arguments, and who waits for its answer."""


class Core:
    """All methods are called from one thread.

    Args:
        store: the open store; closed by the caller.
        factory: makes the machines.
        traced: makes machines that know the lines of their commands (`place_of`), for differences; None = none does.
        executor: starts an activity and returns at once.
        cancel_executor: asks for the end of a running attempt.
        send: `(workflow_id, queue, pid, topic, payloads)` carries a message of a run to a process.
        queues: the task queues served, None = all.
        clock: nanoseconds since the epoch.
        new_id: makes workflow IDs and run IDs.
        entropy: makes seeds.
    """

    def __init__(
        self,
        store: Store,
        factory: MachineFactory,
        executor: Executor,
        *,
        cancel_executor: CancelExecutor = _ignore,
        send: Send = _ignore,
        queues: Iterable[str] | None = None,
        clock: Callable[[], int] = time.time_ns,
        limits: Limits | None = None,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
        entropy: Callable[[int], bytes] = os.urandom,
        traced: MachineFactory | None = None,
    ) -> None:
        self.store = store
        self.factory = factory
        self.traced = traced
        self.executor = executor
        self.cancel_executor = cancel_executor
        self.send = send
        self.clock = clock
        self.limits = limits or Limits()
        self.new_id = new_id
        self.entropy = entropy
        self.all_queues = queues is None
        self.queues: set[str] = set(queues or ())

        self.runs: dict[int, Run] = {}
        self.by_id: dict[str, Run] = {}
        self.by_run: dict[str, Run] = {}
        self.children: dict[str, set[int]] = {}
        self.cached: OrderedDict[int, Run] = OrderedDict()
        self.deadlines = Deadlines()
        self.ready: deque[Run] = deque()
        self.parked: dict[str, list[Run]] = {}
        self.operations: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()
        self.effects: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []
        self.touched: dict[int, Run] = {}
        self.just_closed: dict[str, Run] = {}
        self.batch = Batch()
        self.next_seq = store.next_seq()
        self.inputs: list[Input] = []
        self.unreadable: dict[int, str] = {}

        self.activities = Activities(self)
        self.watches = Watches(self)
        self.closing = Closing(self)
        self.starting = Starting(self)
        self.tasks = Tasks(self)
        self.requests = Requests(self)
        self.due: dict[str, Callable[[Key, int], None]] = {
            "timer": self._timer_due,
            "activity": self.activities.due,
            "queue": _ignore,
            "drain": self.activities.interrupt,
            "task": self._task_due,
            "run": self._run_due,
        }
        recovery.recover(self)

    # events

    def touch(self, run: Run) -> None:
        """The run changes in this round."""
        self.touched[run.seq] = run
        if run.stored < 0:
            if run.seq in self.unreadable:
                del self.touched[run.seq]
                raise errors.WippyError(errors.INTERNAL, f"workflow {run.workflow_id}: {run.blocked}")
            last, run.size, run.last_time = self.store.tail(run.seq)
            run.stored = last
            run.next = last + 1

    def deliver(self, run: Run, *events: Any) -> None:
        """Something happened to an open run: into its history, or into its buffer while a task is computed."""
        self.touch(run)
        if run.turn is not None:
            run.buffered.extend(events)
            self.batch.buffered.extend((run.seq, ev.encode(event)) for event in events)
            return
        now = self.clock()
        for event in events:
            run.append(event, now)
        self.schedule(run, now)

    def schedule(self, run: Run, now: int) -> None:
        """A task for the run, unless one is on its way."""
        if run.task is Task.NONE and run.status is Status.RUNNING:
            self.touch(run)
            run.append(ev.WorkflowTaskScheduled(), now)
            run.task = Task.SCHEDULED
            self.ready.append(run)

    def start_event(self, run: Run) -> ev.WorkflowExecutionStarted:
        """The first event of a run."""
        if run.start is None:
            run.start = self.store.event(run.seq, 1) if run.stored else run.out[0]
            assert run.start is not None
        return run.start

    def later(self, operation: Callable[..., None], *args: Any) -> None:
        """Carry out an operation in this round, after the current one."""
        self.operations.append((operation, args))

    def effect(self, function: Callable[..., Any], *args: Any) -> None:
        """Let something out once the round is stored."""
        self.effects.append((function, args))

    def find(self, workflow_id: str, run_id: str | None = None) -> Run | None:
        """A run, open or closed; the newest of the workflow ID if no run ID is given."""
        if run_id:
            run = self.by_run.get(run_id) or self.just_closed.get(run_id)
            if run is not None:
                return run if run.workflow_id == workflow_id else None
        else:
            run = self.by_id.get(workflow_id) or self.just_closed.get(workflow_id)
            if run is not None:
                return run
        row = self.store.execution(workflow_id, run_id)
        return Run.from_row(row) if row is not None else None

    def set_aside(self, run: Run, error: Exception) -> None:
        """A run that cannot be read from the store: it is named, and left as it is until `reload`."""
        reason = f"its stored state cannot be read ({type(error).__name__}: {error}); mend the store, then retry it"
        log.error("workflow %s (%s, run %s) is blocked: %s", run.workflow_id, run.type, run.run_id, reason)
        self.unreadable[run.seq] = run.blocked = reason
        run.activities.clear()
        run.timers.clear()
        run.stored = -1
        run.task = Task.RETRY
        self.deadlines.forget({run.seq})
        if run in self.ready:
            self.ready.remove(run)

    def reload(self, run: Run) -> None:
        """Read a run that was set aside again. Raises WippyError: INTERNAL if it still cannot be read."""
        del self.unreadable[run.seq]
        recovery.recover(self, run.seq)
        if run.seq in self.unreadable:
            raise errors.WippyError(errors.INTERNAL, f"workflow {run.workflow_id}: {self.unreadable[run.seq]}")

    # due

    def _timer_due(self, key: Key, now: int) -> None:
        run = self.runs.get(key[1])
        if run is None or key[2] not in run.timers:
            return
        if now < run.timers[key[2]]:
            self.deadlines.set(key, run.timers[key[2]])
            return
        del run.timers[key[2]]
        self.batch.gone_timers.append((run.seq, key[2]))
        self.deliver(run, ev.TimerFired(id=key[2]))

    def _task_due(self, key: Key, now: int) -> None:
        run = self.runs.get(key[1])
        if run is None or run.turn is not None:
            return
        self.touch(run)
        run.task_due = 0
        if run.task is Task.DELAYED:
            run.task = Task.NONE
            self.schedule(run, now)
        elif run.task is Task.RETRY:
            self.ready.append(run)

    def _run_due(self, key: Key, now: int) -> None:
        run = self.runs.get(key[1])
        if run is not None:
            self.closing.time_out(run, now)

    # rounds

    def settle(self) -> None:
        """Carry out the operations that others asked for."""
        while self.operations:
            operation, args = self.operations.popleft()
            operation(*args)

    def advance(self) -> None:
        """Fire what is due and run tasks until nothing is ready or the slice is used up."""
        self.settle()
        now = self.clock()
        while (key := self.deadlines.pop(now)) is not None:
            try:
                self.due[key[0]](key, now)
                self.settle()
            except BaseException:
                self.deadlines.set(key, now)
                raise
        end = time.perf_counter_ns() + self.limits.slice_ns
        ready = self.ready
        while ready:
            self.tasks.step(ready[0])
            ready.popleft()
            self.settle()
            if time.perf_counter_ns() > end:
                break

    def gather(self) -> Batch | None:
        """The rows of this round, None if nothing changed."""
        batch = self.batch
        for run in self.touched.values():
            if run.chunks:
                first = run.next - len(run.chunks)
                batch.histories.append((run.seq, first, run.next - 1, run.size, run.last_time, ev.join(run.chunks)))
                run.chunks.clear()
                run.out.clear()
                run.stored = run.next - 1
            volatile = run.volatile()
            if run.saved is None:
                batch.executions.append(run.row(volatile))
            elif run.saved != volatile:
                batch.changed.append((*volatile, run.seq))
            run.saved = volatile
        changed = bool(self.touched) or bool(batch.activity_updates) or bool(batch.gone_activities)
        self.touched.clear()
        self.just_closed.clear()
        self.batch = Batch()
        return batch if changed else None

    def release(self) -> None:
        """After the commit: answers, messages, notices, activities."""
        effects = self.effects
        self.effects = []
        self.inputs.clear()
        for function, args in effects:
            try:
                function(*args)
            except Exception:
                log.exception("an effect of a workflow could not be carried out")
        self.activities.dispatch()

    def round(self) -> bool:
        """One whole round. Returns whether more work is ready at once."""
        self.advance()
        batch = self.gather()
        if batch is not None:
            self.store.write(batch)
        self.release()
        return bool(self.ready or self.operations or self.effects)

    # queues and machines

    def serves(self, queue: str) -> bool:
        return self.all_queues or queue in self.queues

    def open_queue(self, name: str, max_activities: int = 1000, per_second: float = 0.0) -> None:
        """Serve a task queue: its workflow tasks and its activities."""
        self.queues.add(name)
        self.activities.set_limits(name, max_activities, per_second)
        self.ready.extend(self.parked.pop(name, ()))

    def close_queue(self, name: str, grace_ns: int = 0) -> Future[None]:
        """Serve a task queue no longer. Done when none of its attempts runs; see `Activities.drain`."""
        self.queues.discard(name)
        self.all_queues = False
        return self.activities.drain(name, grace_ns)

    def invalidate(self, types: set[str] | None = None) -> None:
        """Code changed: drop the machines of these types (None = all) and try blocked runs again at once."""
        for run in self.runs.values():
            if types is not None and run.type not in types:
                continue
            if run.turn is not None:
                run.evict = True
            else:
                self.tasks.drop(run)
            if run.task is Task.RETRY and run.turn is None:
                self.try_now(run)

    def try_now(self, run: Run) -> None:
        """A run whose task waits for its next try does so at once."""
        self.touch(run)
        run.task_attempt = 2
        run.task_due = 0
        self.deadlines.set(("task", run.seq, 0), 0)

"""The end of a run: its close event, its next run, and those who want to know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wippy.workflows import commands as cmd
from wippy.workflows import cron, retry
from wippy.workflows import events as ev
from wippy.workflows.failure import (
    ATTEMPTS_REACHED,
    NO_POLICY,
    NON_RETRYABLE,
    TIMED_OUT,
    UNSPECIFIED,
    Failure,
    cancelled,
    terminated,
    workflow_timeout,
)
from wippy.workflows.options import ParentClosePolicy
from wippy.workflows.payload import Payload
from wippy.workflows.provider import Result, Status
from wippy.workflows.sqlite.run import Run

if TYPE_CHECKING:
    from wippy.workflows.sqlite.core import Core

_Next = tuple[str, dict[str, Any]]

_CHILD_EVENTS = {
    Status.FAILED: ev.ChildWorkflowExecutionFailed,
    Status.CANCELED: ev.ChildWorkflowExecutionCanceled,
    Status.TIMED_OUT: ev.ChildWorkflowExecutionTimedOut,
    Status.TERMINATED: ev.ChildWorkflowExecutionTerminated,
}


class Closing:
    def __init__(self, core: Core) -> None:
        self.core = core

    def complete(self, run: Run, result: Payload, now: int) -> None:
        follow = self._cron(run, now)
        event = ev.WorkflowExecutionCompleted(result=result, next_run_id=follow[0] if follow else "")
        self._close(
            run, event, Status.COMPLETED, now, Result(run.workflow_id, run.run_id, Status.COMPLETED, result), follow
        )

    def fail(self, run: Run, failure: Failure, now: int) -> None:
        follow, state = self._retry(run, failure, now)
        follow = follow or self._cron(run, now)
        event = ev.WorkflowExecutionFailed(failure=failure, retry_state=state, next_run_id=follow[0] if follow else "")
        outcome = Result(run.workflow_id, run.run_id, Status.FAILED, failure=failure)
        self._close(run, event, Status.FAILED, now, outcome, follow, state)

    def time_out(self, run: Run, now: int) -> None:
        """The run's or the chain's time is over: closed without running code."""
        self.core.touch(run)
        self.core.tasks.flush(run, now)
        follow, state = None, TIMED_OUT
        if not run.chain_deadline or now < run.chain_deadline:
            follow, state = self._retry(run, None, now)
            follow = follow or self._cron(run, now)
        event = ev.WorkflowExecutionTimedOut(retry_state=state, next_run_id=follow[0] if follow else "")
        outcome = Result(run.workflow_id, run.run_id, Status.TIMED_OUT, failure=workflow_timeout())
        self._close(run, event, Status.TIMED_OUT, now, outcome, follow, state)

    def terminate(self, run: Run, reason: str) -> None:
        """Closed at once; the code does not run again."""
        now = self.core.clock()
        self.core.unreadable.pop(run.seq, None)
        self.core.touch(run)
        self.core.tasks.flush(run, now)
        outcome = Result(run.workflow_id, run.run_id, Status.TERMINATED, failure=terminated())
        self._close(run, ev.WorkflowExecutionTerminated(reason=reason), Status.TERMINATED, now, outcome, None)

    def continue_as_new(self, run: Run, command: cmd.ContinueAsNew, now: int) -> None:
        start = self.core.start_event(run)
        type = command.type or run.type
        follow = self._next(
            run, type=type, args=command.args, header=start.header if command.header is None else command.header
        )
        event = ev.WorkflowExecutionContinuedAsNew(type=type, next_run_id=follow[0])
        outcome = Result(run.workflow_id, run.run_id, Status.CONTINUED_AS_NEW)
        self._close(run, event, Status.CONTINUED_AS_NEW, now, outcome, follow)

    # next runs

    def _next(self, run: Run, **changes: Any) -> _Next:
        start = self.core.start_event(run)
        run_id = self.core.new_id()
        return run_id, {
            "workflow_id": run.workflow_id,
            "run_id": run_id,
            "type": run.type,
            "queue": run.queue,
            "args": start.args,
            "header": start.header,
            "options": start.options,
            "first_run_id": start.first_run_id,
            "continued_run_id": run.run_id,
            "chain_deadline_ns": run.chain_deadline,
            "parent": (start.parent_workflow_id, run.parent_run, run.parent_command),
            "memo": run.memo,
            "attributes": run.attributes,
            **changes,
        }

    def _retry(self, run: Run, failure: Failure | None, now: int) -> tuple[_Next | None, str]:
        """The next run of a retry chain and the retry state."""
        policy = self.core.start_event(run).options.retry
        if policy is None:
            return None, NO_POLICY
        if failure is not None and not retry.allows(policy, failure):
            return None, NON_RETRYABLE
        if not retry.attempts_left(policy, run.attempt):
            return None, ATTEMPTS_REACHED
        pause = retry.delay(policy, run.attempt)
        if run.chain_deadline and now + pause >= run.chain_deadline:
            return None, TIMED_OUT
        return self._next(run, attempt=run.attempt + 1, delay_ns=pause), UNSPECIFIED

    def _cron(self, run: Run, now: int) -> _Next | None:
        """The next run of a schedule."""
        start = self.core.start_event(run)
        if not start.options.cron or run.cancel_requested:
            return None
        slot = cron.next_after(start.options.cron, now, run.started_ns + start.first_task_delay_ns)
        return self._next(run, delay_ns=slot - now)

    # the close itself

    def _close(
        self, run: Run, event: Any, status: Status, now: int, outcome: Result, follow: _Next | None, state: str = ""
    ) -> None:
        core = self.core
        run.append(event, now)
        run.status = status
        run.closed_ns = run.last_time
        run.outcome = outcome
        run.turn = None
        run.buffered.clear()
        core.tasks.drop(run)
        core.activities.abandon(run)
        for id in run.timers:
            core.deadlines.drop(("timer", run.seq, id))
        run.timers.clear()
        core.deadlines.drop(("run", run.seq, 0))
        core.deadlines.drop(("task", run.seq, 0))
        core.batch.closed.append((run.seq,))
        core.batch.unbuffered.append((run.seq,))
        del core.runs[run.seq], core.by_run[run.run_id], core.by_id[run.workflow_id]
        core.just_closed[run.workflow_id] = core.just_closed[run.run_id] = run
        siblings = core.children.get(run.parent_run)
        if siblings is not None:
            siblings.discard(run.seq)
            if not siblings:
                del core.children[run.parent_run]
        if follow is not None:
            run.next_run = follow[0]
            core.watches.move(run, core.starting.create(**follow[1]))
        else:
            core.watches.notify(run)
            if run.parent_run:
                core.later(self._tell_parent, run, state)
        core.later(self._close_children, run)

    def _tell_parent(self, run: Run, state: str) -> None:
        parent = self.core.by_run.get(run.parent_run)
        if parent is None:
            return
        outcome = run.outcome
        assert outcome is not None
        common = {"id": run.parent_command, "workflow_id": run.workflow_id, "run_id": run.run_id}
        if run.status is Status.COMPLETED:
            event = ev.ChildWorkflowExecutionCompleted(result=outcome.result or Payload(), **common)
        else:
            failure = workflow_timeout(child=True) if run.status is Status.TIMED_OUT else outcome.failure
            failure = (failure or cancelled()).with_details(
                _wrapper="child_workflow",
                _workflow_id=run.workflow_id,
                _workflow_type=run.type,
                _run_id=run.run_id,
                _retry_state=state or NON_RETRYABLE,
            )
            event = _CHILD_EVENTS[run.status](failure=failure, **common)
        self.core.deliver(parent, event)

    def _close_children(self, run: Run) -> None:
        for seq in sorted(self.core.children.get(run.run_id, ())):
            child = self.core.runs[seq]
            if child.parent_close == ParentClosePolicy.TERMINATE:
                self.core.closing.terminate(child, "the parent workflow has closed")
            elif child.parent_close == ParentClosePolicy.REQUEST_CANCEL:
                self.core.requests.request_cancel(child, "")

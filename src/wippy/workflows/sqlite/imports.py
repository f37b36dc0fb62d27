"""Histories of elsewhere in this store: for looking and replaying, not for going on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wippy import errors
from wippy.workflows import events as ev
from wippy.workflows.failure import terminated, workflow_timeout
from wippy.workflows.provider import Result, StartedRun, Status
from wippy.workflows.sqlite.run import Run

if TYPE_CHECKING:
    from wippy.workflows.sqlite.core import Core

REASON = "imported while it was open"
_CLOSES: dict[type, Status] = {
    ev.WorkflowExecutionCompleted: Status.COMPLETED,
    ev.WorkflowExecutionFailed: Status.FAILED,
    ev.WorkflowExecutionTimedOut: Status.TIMED_OUT,
    ev.WorkflowExecutionTerminated: Status.TERMINATED,
    ev.WorkflowExecutionContinuedAsNew: Status.CONTINUED_AS_NEW,
}


def adopt(core: Core, history: list[Any], workflow_id: str) -> StartedRun:
    """Stores a history as a closed run. An open one is closed as terminated: somebody else goes on with it.

    Args:
        workflow_id: "" for its own.

    Raises:
        WippyError: CONFLICT where the run is here already, or an open run has the workflow ID.
    """
    start = history[0]
    id = workflow_id or start.workflow_id
    if not id:
        raise errors.WippyError(errors.INVALID, "the history does not say its workflow ID; give one")
    if core.find(id, start.run_id) is not None:
        raise errors.WippyError(errors.CONFLICT, f"run {start.run_id} of workflow {id} is here already")
    if id in core.by_id:
        raise errors.WippyError(errors.CONFLICT, f"workflow {id} has an open run; give the history another ID")
    last = history[-1]
    status = _CLOSES.get(type(last))
    if status is None:
        last = ev.WorkflowExecutionTerminated(last.n + 1, last.time_ns, reason=REASON)
        history, status = [*history, last], Status.TERMINATED
    start.workflow_id = id
    # a copy under another workflow ID: the history keeps its own run ID, which the code may have used
    run_id = core.new_id() if core.store.has_run(start.run_id) else start.run_id
    run = Run(core.next_seq, id, run_id, start.type, start.queue)
    core.next_seq += 1
    run.status, run.attempt = status, start.attempt
    run.started_ns, run.closed_ns = start.time_ns, last.time_ns
    run.memo, run.attributes = start.memo, start.search_attributes
    run.outcome = _outcome(run, last)
    for event in history:
        data = ev.encode(event)
        run.size += len(data)
        run.chunks.append(data)
        run.out.append(event)
    run.next, run.last_time = last.n + 1, last.time_ns
    core.touch(run)
    return StartedRun(id, run.run_id)


def _outcome(run: Run, last: Any) -> Result:
    result = Result(run.workflow_id, run.run_id, run.status)
    if isinstance(last, ev.WorkflowExecutionCompleted):
        result.result = last.result
    elif isinstance(last, ev.WorkflowExecutionFailed):
        result.failure = last.failure
    elif isinstance(last, ev.WorkflowExecutionTimedOut):
        result.failure = workflow_timeout()
    elif isinstance(last, ev.WorkflowExecutionTerminated):
        result.failure = terminated()
    return result

"""What the events of a history tell the code: one job for each event that concerns it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wippy import errors
from wippy.workflows import events as ev
from wippy.workflows import jobs
from wippy.workflows.failure import Failure, cancelled, unknown_external
from wippy.workflows.reset_seed import reset_seed


def _activity_failure(event: Any) -> Failure:
    failure = event.failure
    if failure.kind == errors.TIMEOUT and failure.cause is not None and isinstance(event, ev.ActivityTaskTimedOut):
        failure = failure.cause
    name = event.name or str(event.id)
    return failure.with_details(_wrapper="activity", _activity_id=name, _retry_state=event.retry_state)


def _closed_child(event: Any) -> jobs.Job:
    return jobs.ChildResolved(event.id, event.workflow_id, event.run_id, event.time_ns, failure=event.failure)


DELIVERIES: dict[type, Callable[[Any], jobs.Job]] = {
    ev.WorkflowExecutionStarted: lambda e: jobs.Start(e.args),
    ev.WorkflowTaskFailed: lambda e: jobs.Reseed(reset_seed(e.new_run_id)),
    ev.WorkflowExecutionSignaled: lambda e: jobs.Signal(e.name, e.payloads, e.sender),
    ev.WorkflowExecutionCancelRequested: lambda e: jobs.CancelRequested(e.reason, e.time_ns),
    ev.TimerFired: lambda e: jobs.TimerFired(e.id),
    ev.ActivityTaskCompleted: lambda e: jobs.ActivityResolved(e.id, e.result),
    ev.ActivityTaskFailed: lambda e: jobs.ActivityResolved(e.id, failure=_activity_failure(e)),
    ev.ActivityTaskTimedOut: lambda e: jobs.ActivityResolved(e.id, failure=_activity_failure(e)),
    ev.ActivityTaskCanceled: lambda e: jobs.ActivityResolved(e.id, failure=cancelled()),
    ev.StartChildWorkflowExecutionFailed: lambda e: jobs.ChildStarted(e.id, failure=e.failure),
    ev.ChildWorkflowExecutionStarted: lambda e: jobs.ChildStarted(e.id, e.workflow_id, e.run_id),
    ev.ChildWorkflowExecutionCompleted: lambda e: jobs.ChildResolved(
        e.id, e.workflow_id, e.run_id, e.time_ns, result=e.result
    ),
    ev.ChildWorkflowExecutionFailed: _closed_child,
    ev.ChildWorkflowExecutionCanceled: _closed_child,
    ev.ChildWorkflowExecutionTimedOut: _closed_child,
    ev.ChildWorkflowExecutionTerminated: _closed_child,
    ev.ExternalWorkflowExecutionSignaled: lambda e: jobs.ExternalResolved(e.id),
    ev.ExternalWorkflowExecutionCancelRequested: lambda e: jobs.ExternalResolved(e.id),
    ev.SignalExternalWorkflowExecutionFailed: lambda e: jobs.ExternalResolved(e.id, unknown_external(e.workflow_id)),
    ev.RequestCancelExternalWorkflowExecutionFailed: lambda e: jobs.ExternalResolved(
        e.id, unknown_external(e.workflow_id)
    ),
}

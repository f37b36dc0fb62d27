"""What a Temporal server knows of runs, for people."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.workflowservice.v1 import (
    GetWorkflowExecutionHistoryRequest,
    GetWorkflowExecutionHistoryReverseRequest,
)
from temporalio.client import Client, WorkflowExecutionDescription
from temporalio.client import WorkflowExecution as Listed

from wippy.workflows.provider import Description, PendingActivity, Status
from wippy.workflows.temporal import wire
from wippy.workflows.temporal.faults import told

PROBLEMS = "TemporalReportedProblems"
"""The search attribute in which a server names the runs whose tasks fail: `category=…`, `cause=…`."""
_CAUSE = "cause=WorkflowTaskFailedCause"
_LOOKED_AT = 20
"""The newest events among which the last failure of a task is looked for."""


async def describe(client: Client, workflow_id: str, run_id: str | None) -> Description:
    """One run, the newest if no run ID is given. Raises RPCError."""
    found = await client.get_workflow_handle(workflow_id, run_id=run_id).describe()
    raw = found.raw_description
    task = raw.pending_workflow_task
    started = await _first(client, found)
    return Description(
        workflow_id=found.id,
        run_id=found.run_id,
        type=found.workflow_type,
        queue=found.task_queue,
        status=Status(int(found.status) if found.status else 1),
        attempt=started.attempt or 1,
        started_ns=_nanoseconds(found.start_time),
        closed_ns=_nanoseconds(found.close_time),
        history_length=found.history_length,
        history_size=raw.workflow_execution_info.history_size_bytes,
        task_attempt=task.attempt,
        blocked=await _failure(client, found) if task.attempt > 1 else "",
        memo={name: wire.plain_of(value) for name, value in raw.workflow_execution_info.memo.fields.items()},
        search_attributes=_attributes(raw.workflow_execution_info.search_attributes.indexed_fields),
        activities=[
            PendingActivity(
                id=int(one.activity_id) if one.activity_id.isdigit() else 0,
                type=one.activity_type.name,
                attempt=one.attempt,
                running=one.state == 2,
                due_ns=one.scheduled_time.ToNanoseconds() if one.HasField("scheduled_time") else 0,
                last_failure=wire.failure_of(one.last_failure) if one.HasField("last_failure") else None,
            )
            for one in raw.pending_activities
        ],
        parent_run_id=found.parent_run_id or "",
    )


async def listing(client: Client, query: str, limit: int) -> list[Description]:
    """Runs that fit a list filter of the server, the newest first; `limit` 0 = all. Raises RPCError."""
    return [_listed(one) async for one in client.list_workflows(query, limit=limit or None)]


def _listed(one: Listed) -> Description:
    attributes = _attributes(one.raw_info.search_attributes.indexed_fields)
    problems = attributes.get(PROBLEMS) or []
    causes = [str(text).removeprefix(_CAUSE) for text in problems if str(text).startswith(_CAUSE)]
    return Description(
        workflow_id=one.id,
        run_id=one.run_id,
        type=one.workflow_type,
        queue=one.task_queue,
        status=Status(int(one.status) if one.status else 1),
        attempt=1,
        started_ns=_nanoseconds(one.start_time),
        closed_ns=_nanoseconds(one.close_time),
        history_length=one.history_length,
        history_size=one.raw_info.history_size_bytes,
        blocked=f"{', '.join(causes)}: `wippy workflow show` says more" if causes else "",
        search_attributes=attributes,
    )


def _run(found: WorkflowExecutionDescription) -> WorkflowExecution:
    return WorkflowExecution(workflow_id=found.id, run_id=found.run_id)


async def _first(client: Client, found: WorkflowExecutionDescription) -> Any:
    """What the run began with."""
    answer = await client.workflow_service.get_workflow_execution_history(
        GetWorkflowExecutionHistoryRequest(namespace=client.namespace, execution=_run(found), maximum_page_size=1)
    )
    return answer.history.events[0].workflow_execution_started_event_attributes


async def _failure(client: Client, found: WorkflowExecutionDescription) -> str:
    """Why the last task that failed did so."""
    answer = await client.workflow_service.get_workflow_execution_history_reverse(
        GetWorkflowExecutionHistoryReverseRequest(
            namespace=client.namespace, execution=_run(found), maximum_page_size=_LOOKED_AT
        )
    )
    for event in answer.history.events:
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
            why = event.workflow_task_failed_event_attributes
            cause = WorkflowTaskFailedCause.Name(why.cause).removeprefix("WORKFLOW_TASK_FAILED_CAUSE_")
            return told(why.failure.message) or cause
    return "its task was not answered in time"


def _attributes(fields: Any) -> dict[str, Any]:
    return {name: wire.plain_of(value) for name, value in fields.items()}


def _nanoseconds(moment: datetime | None) -> int:
    return int(moment.timestamp() * 1e9) if moment is not None else 0

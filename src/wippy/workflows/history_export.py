"""A history in Temporal's JSON form."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from wippy.errors import CANCELED, INTERNAL, TIMEOUT
from wippy.workflows import events as ev
from wippy.workflows.failure import Failure
from wippy.workflows.history_names import (
    PATCH,
    RETRY_STATES,
    SEED_HEADER,
    SENDER,
    TIMEOUTS,
    Data,
    attributes_of,
    name_of,
)
from wippy.workflows.marker_id import marker_id
from wippy.workflows.options import RetryPolicy
from wippy.workflows.payload import BINARY, JSON, Payload


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _payload(payload: Payload) -> Data:
    out: Data = {"metadata": {"encoding": _base64(payload.encoding.encode())}}
    if payload.data:
        out["data"] = _base64(payload.data)
    return out


def _payloads(payloads: list[Payload]) -> Data:
    return {"payloads": [_payload(one) for one in payloads]}


def _plain(value: Any) -> Data:
    return _payload(Payload(JSON, msgspec.json.encode(value)))


def _fields(values: dict[str, Any]) -> Data:
    return {name: _plain(value) for name, value in values.items()}


def _header(header: dict[str, bytes]) -> Data:
    return {"fields": {name: _payload(Payload(JSON, data)) for name, data in header.items()}}


def _span(nanoseconds: int) -> str:
    return f"{nanoseconds / 1e9:.9f}".rstrip("0").rstrip(".") + "s"


def _retry(policy: RetryPolicy) -> Data:
    out: Data = {
        "initialInterval": _span(policy.initial_ns),
        "backoffCoefficient": policy.coefficient,
        "maximumInterval": _span(policy.maximum_ns or 100 * policy.initial_ns),
    }
    if policy.maximum_attempts:
        out["maximumAttempts"] = policy.maximum_attempts
    if policy.non_retryable:
        out["nonRetryableErrorTypes"] = policy.non_retryable
    return out


def _failure(failure: Failure) -> Data:
    if failure.kind == TIMEOUT and (failure.details or {}).get("timeout_type") in TIMEOUTS:
        out: Data = {
            "message": failure.message,
            "timeoutFailureInfo": {"timeoutType": "TIMEOUT_TYPE_" + TIMEOUTS[(failure.details or {})["timeout_type"]]},
        }
        if failure.cause is not None:
            out["cause"] = _failure(failure.cause)
        return out
    if failure.kind == CANCELED and failure.message == "workflow terminated":
        return {"message": failure.message, "terminatedFailureInfo": {}}
    if failure.kind == CANCELED and failure.message == "operation canceled":
        return {"message": failure.message, "canceledFailureInfo": {}}
    chain, link = [], failure
    while link is not None:
        chain.append(
            {
                "message": link.message,
                "kind": link.kind,
                "retryable": link.retryable,
                "details": link.details,
                "stack": link.stack,
            }
        )
        link = link.cause
    info = {"type": failure.kind or INTERNAL, "nonRetryable": failure.retryable is False}
    info["details"] = {"payloads": [_plain(chain)]}
    return {"message": failure.message, "source": "wippy", "applicationFailureInfo": info}


def _state(state: str) -> str:
    return "RETRY_STATE_" + RETRY_STATES.get(state, "UNSPECIFIED")


def to_json(history: list[Any]) -> Data:
    """A history for other tools, and for `from_json`."""
    writer = _Writer()
    return {"events": [writer.event(event) for event in history]}


class _Writer:
    def __init__(self) -> None:
        self._last: dict[tuple[str, int], int] = {}
        self._started = 0
        self._scheduled = 0
        self._types: dict[int, str] = {}

    def event(self, event: Any) -> Data:
        kind = type(event)
        seconds, rest = divmod(event.time_ns, 1_000_000_000)
        moment = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        out: Data = {
            "eventId": str(event.n),
            "eventTime": f"{moment}.{rest:09d}Z",
            "eventType": name_of(kind),
        }
        said = _WRITERS.get(kind)
        attributes = said(self, event) if said is not None else {}
        if kind is ev.MarkerRecorded:
            attributes["workflowTaskCompletedEventId"] = str(self._started + 1)
        out[attributes_of(kind)] = attributes
        options = getattr(event, "options", None)
        texts = {name: getattr(options, name, "") for name in ("summary", "details")}
        if any(texts.values()):
            out["userMetadata"] = _fields({name: text for name, text in texts.items() if text})
        return out

    def start(self, e: ev.WorkflowExecutionStarted) -> Data:
        header = _header(e.header)
        if e.seed:
            header["fields"][SEED_HEADER] = _payload(Payload(BINARY, e.seed))
        out: Data = {
            "workflowType": {"name": e.type},
            "taskQueue": {"name": e.queue, "kind": "TASK_QUEUE_KIND_NORMAL"},
            "input": _payloads(e.args),
            "workflowId": e.workflow_id,
            "originalExecutionRunId": e.run_id,
            "firstExecutionRunId": e.first_run_id or e.run_id,
            "attempt": e.attempt,
            "header": header,
            "memo": {"fields": _fields(e.memo)},
            "searchAttributes": {"indexedFields": _fields(e.search_attributes)},
            "workflowTaskTimeout": _span(e.options.task_timeout_ns),
        }
        if e.options.execution_timeout_ns:
            out["workflowExecutionTimeout"] = _span(e.options.execution_timeout_ns)
        if e.options.run_timeout_ns:
            out["workflowRunTimeout"] = _span(e.options.run_timeout_ns)
        if e.options.retry is not None:
            out["retryPolicy"] = _retry(e.options.retry)
        if e.options.cron:
            out["cronSchedule"] = e.options.cron
        if e.continued_run_id:
            out["continuedExecutionRunId"] = e.continued_run_id
        if e.parent_workflow_id:
            out["parentWorkflowExecution"] = {"workflowId": e.parent_workflow_id, "runId": e.parent_run_id}
        return out

    def task_started(self, e: ev.WorkflowTaskStarted) -> Data:
        self._started = e.n
        return {"scheduledEventId": str(self._scheduled), "historySizeBytes": str(e.history_size)}

    def task_scheduled(self, e: ev.WorkflowTaskScheduled) -> Data:
        self._scheduled = e.n
        return {"attempt": 1}

    def task_ended(self, e: Any) -> Data:
        out: Data = {"scheduledEventId": str(self._scheduled), "startedEventId": str(self._started)}
        if isinstance(e, ev.WorkflowTaskFailed):
            out["cause"] = f"WORKFLOW_TASK_FAILED_CAUSE_{e.cause}"
            out["failure"] = {"message": e.message}
            if e.new_run_id:
                out["newRunId"] = e.new_run_id
        return out

    def open(self, group: str, e: Any, **said: Any) -> Data:
        self._last[(group, e.id)] = e.n
        return {"workflowTaskCompletedEventId": str(self._started + 1), **said}

    def about(self, group: str, e: Any, key: str, **said: Any) -> Data:
        return {key: str(self._last.get((group, e.id), 0)), **said}

    def activity(self, e: ev.ActivityTaskScheduled) -> Data:
        options = e.options
        out = self.open(
            "activity",
            e,
            activityId=options.id or str(e.id),
            activityType={"name": e.type},
            taskQueue={"name": options.queue or "", "kind": "TASK_QUEUE_KIND_NORMAL"},
            header=_header(e.header),
            input=_payloads(e.args),
            startToCloseTimeout=_span(options.start_to_close_ns),
            retryPolicy=_retry(options.retry),
        )
        for key, value in (
            ("scheduleToCloseTimeout", options.schedule_to_close_ns),
            ("scheduleToStartTimeout", options.schedule_to_start_ns),
            ("heartbeatTimeout", options.heartbeat_ns),
        ):
            if value:
                out[key] = _span(value)
        return out

    def activity_started(self, e: ev.ActivityTaskStarted) -> Data:
        out = self.about("activity", e, "scheduledEventId", attempt=e.attempt)
        if e.last_failure is not None:
            out["lastFailure"] = _failure(e.last_failure)
        return out

    def child(self, e: ev.StartChildWorkflowExecutionInitiated) -> Data:
        self._types[e.id] = e.type
        return self.open(
            "child",
            e,
            workflowId=e.workflow_id,
            workflowType={"name": e.type},
            taskQueue={"name": e.queue, "kind": "TASK_QUEUE_KIND_NORMAL"},
            input=_payloads(e.args),
            header=_header(e.header),
            control=str(e.id),
            parentClosePolicy="PARENT_CLOSE_POLICY_" + e.options.parent_close.name,
        )

    def child_closed(self, e: Any) -> Data:
        out = self.about(
            "child",
            e,
            "initiatedEventId",
            workflowExecution={"workflowId": e.workflow_id, "runId": e.run_id},
            workflowType={"name": self._types.get(e.id, "")},
        )
        if isinstance(e, ev.ChildWorkflowExecutionCompleted):
            out["result"] = _payloads([e.result])
        elif isinstance(e, ev.ChildWorkflowExecutionFailed):
            out["failure"] = _failure(e.failure)
            out["retryState"] = _state((e.failure.details or {}).get("_retry_state", ""))
        return out


_WRITERS: dict[type, Callable[[_Writer, Any], Data]] = {
    ev.WorkflowExecutionStarted: _Writer.start,
    ev.WorkflowExecutionCompleted: lambda w, e: {"result": _payloads([e.result])},
    ev.WorkflowExecutionFailed: lambda w, e: {"failure": _failure(e.failure), "retryState": _state(e.retry_state)},
    ev.WorkflowExecutionTimedOut: lambda w, e: {"retryState": _state(e.retry_state)},
    ev.WorkflowTaskScheduled: _Writer.task_scheduled,
    ev.WorkflowTaskStarted: _Writer.task_started,
    ev.WorkflowTaskCompleted: _Writer.task_ended,
    ev.WorkflowTaskTimedOut: _Writer.task_ended,
    ev.WorkflowTaskFailed: _Writer.task_ended,
    ev.ActivityTaskScheduled: _Writer.activity,
    ev.ActivityTaskStarted: _Writer.activity_started,
    ev.ActivityTaskCompleted: lambda w, e: w.about("activity", e, "scheduledEventId", result=_payloads([e.result])),
    ev.ActivityTaskFailed: lambda w, e: w.about(
        "activity", e, "scheduledEventId", failure=_failure(e.failure), retryState=_state(e.retry_state)
    ),
    ev.ActivityTaskTimedOut: lambda w, e: w.about(
        "activity", e, "scheduledEventId", failure=_failure(e.failure), retryState=_state(e.retry_state)
    ),
    ev.ActivityTaskCancelRequested: lambda w, e: w.about("activity", e, "scheduledEventId"),
    ev.ActivityTaskCanceled: lambda w, e: w.about("activity", e, "scheduledEventId"),
    ev.TimerStarted: lambda w, e: w.open("timer", e, timerId=str(e.id), startToFireTimeout=_span(e.duration_ns)),
    ev.TimerFired: lambda w, e: w.about("timer", e, "startedEventId", timerId=str(e.id)),
    ev.TimerCanceled: lambda w, e: w.about("timer", e, "startedEventId", timerId=str(e.id)),
    ev.WorkflowExecutionCancelRequested: lambda w, e: {"cause": e.reason},
    ev.RequestCancelExternalWorkflowExecutionInitiated: lambda w, e: w.open(
        "external", e, workflowExecution={"workflowId": e.workflow_id}, control=str(e.id), reason=e.reason
    ),
    ev.RequestCancelExternalWorkflowExecutionFailed: lambda w, e: w.about(
        "external", e, "initiatedEventId", workflowExecution={"workflowId": e.workflow_id}
    ),
    ev.ExternalWorkflowExecutionCancelRequested: lambda w, e: w.about("external", e, "initiatedEventId"),
    ev.MarkerRecorded: lambda w, e: {
        "markerName": PATCH,
        "details": {
            "patch-data": {"payloads": [_plain({"id": marker_id(e.kind, e.key, e.value), "deprecated": False})]}
        },
    },
    ev.WorkflowExecutionSignaled: lambda w, e: {
        "signalName": e.name,
        "input": _payloads(e.payloads),
        "header": {"fields": {"wippy-context": _plain({SENDER: e.sender})} if e.sender else {}},
    },
    ev.WorkflowExecutionTerminated: lambda w, e: {"reason": e.reason},
    ev.WorkflowExecutionContinuedAsNew: lambda w, e: {
        "newExecutionRunId": e.next_run_id,
        "workflowType": {"name": e.type},
    },
    ev.StartChildWorkflowExecutionInitiated: _Writer.child,
    ev.StartChildWorkflowExecutionFailed: lambda w, e: w.about(
        "child",
        e,
        "initiatedEventId",
        cause="START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_WORKFLOW_ALREADY_EXISTS",
    ),
    ev.ChildWorkflowExecutionStarted: _Writer.child_closed,
    ev.ChildWorkflowExecutionCompleted: _Writer.child_closed,
    ev.ChildWorkflowExecutionFailed: _Writer.child_closed,
    ev.ChildWorkflowExecutionCanceled: _Writer.child_closed,
    ev.ChildWorkflowExecutionTimedOut: _Writer.child_closed,
    ev.ChildWorkflowExecutionTerminated: _Writer.child_closed,
    ev.SignalExternalWorkflowExecutionInitiated: lambda w, e: w.open(
        "external",
        e,
        workflowExecution={"workflowId": e.workflow_id},
        signalName=e.name,
        input=_payloads(e.payloads),
        control=str(e.id),
    ),
    ev.SignalExternalWorkflowExecutionFailed: lambda w, e: w.about(
        "external", e, "initiatedEventId", workflowExecution={"workflowId": e.workflow_id}
    ),
    ev.ExternalWorkflowExecutionSignaled: lambda w, e: w.about("external", e, "initiatedEventId"),
    ev.UpsertWorkflowSearchAttributes: lambda w, e: {"searchAttributes": {"indexedFields": _fields(e.attributes)}},
    ev.WorkflowPropertiesModified: lambda w, e: {"upsertedMemo": {"fields": _fields(e.memo)}},
}

"""A history read from Temporal's JSON form."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from wippy.errors import CANCELED, INTERNAL, INVALID, NOT_FOUND, TIMEOUT, WippyError
from wippy.workflows import events as ev
from wippy.workflows.failure import (
    Failure,
    activity_timeout,
    cancelled,
    child_already_started,
    terminated,
    workflow_timeout,
)
from wippy.workflows.history_names import (
    KINDS,
    RETRY_STATES,
    SEED_HEADER,
    SENDER,
    TIMEOUTS,
    Data,
    attributes_of,
    reason_of,
)
from wippy.workflows.marker_id import SEED, marker_of
from wippy.workflows.options import ActivityOptions, RetryPolicy, WorkflowOptions
from wippy.workflows.payload import JSON, NIL, Payload


def from_json(data: Any) -> list[Any]:
    """The history of an export of ours, or of a Temporal server's. Events without meaning for a run are left out.

    Commands whose number the server does not keep get a negative one, which replay learns.

    Raises:
        WippyError: INVALID, what is wrong with which event.
    """
    if not isinstance(data, dict) or not isinstance(data.get("events"), list) or not data["events"]:
        raise WippyError(INVALID, 'this is no history: expected {"events": [ … ]}')
    reader = _Reader()
    out = []
    for index, one in enumerate(data["events"], 1):
        try:
            event = reader.event(one)
        except WippyError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, msgspec.MsgspecError) as error:
            raise WippyError(INVALID, f"event {index} cannot be read: {type(error).__name__}: {error}") from None
        if event is not None:
            out.append(event)
    if not isinstance(out[0] if out else None, ev.WorkflowExecutionStarted):
        raise WippyError(INVALID, "a history begins with EVENT_TYPE_WORKFLOW_EXECUTION_STARTED")
    if reader.seed is not None:
        out[0].seed = reader.seed
    return out


def _bytes(text: Any) -> bytes:
    return base64.b64decode(text) if text else b""


def _in_payload(data: Data) -> Payload:
    encoding = _bytes((data.get("metadata") or {}).get("encoding")).decode()
    return NIL if encoding == NIL.encoding else Payload(encoding, _bytes(data.get("data")))


def _in_payloads(data: Data | None) -> list[Payload]:
    return [_in_payload(one) for one in (data or {}).get("payloads") or []]


def _first(data: Data | None) -> Payload:
    found = _in_payloads(data)
    return found[0] if found else NIL


def _in_plain(data: Data) -> Any:
    payload = _in_payload(data)
    return msgspec.json.decode(payload.data) if payload.encoding == JSON and payload.data else None


def _in_fields(data: Data | None, key: str) -> dict[str, Any]:
    return {name: _in_plain(value) for name, value in ((data or {}).get(key) or {}).items()}


def _in_header(data: Data | None) -> dict[str, bytes]:
    found = {name: _in_payload(value) for name, value in ((data or {}).get("fields") or {}).items()}
    return {name: payload.data for name, payload in found.items() if payload.encoding == JSON}


def _in_span(text: Any) -> int:
    return round(float(str(text).removesuffix("s")) * 1e9) if text else 0


def _in_time(text: str) -> int:
    whole, _, rest = text.removesuffix("Z").partition(".")
    moment = datetime.fromisoformat(whole).replace(tzinfo=UTC)
    return int(moment.timestamp()) * 1_000_000_000 + int((rest + "0" * 9)[:9])


def _in_state(text: Any) -> str:
    found = str(text or "").removeprefix("RETRY_STATE_")
    return next((name for name, server in RETRY_STATES.items() if server == found), "Unspecified")


def _in_retry(data: Data | None) -> RetryPolicy:
    data = data or {}
    return RetryPolicy(
        initial_ns=_in_span(data.get("initialInterval")) or 1_000_000_000,
        coefficient=float(data.get("backoffCoefficient") or 2.0),
        maximum_ns=_in_span(data.get("maximumInterval")),
        maximum_attempts=int(data.get("maximumAttempts") or 0),
        non_retryable=list(data.get("nonRetryableErrorTypes") or []),
    )


def _in_failure(data: Data | None, child: bool = False) -> Failure:
    data = data or {}
    cause = data.get("cause")
    message = str(data.get("message", ""))
    if "timeoutFailureInfo" in data:
        if child:
            return workflow_timeout(child=True)
        kind = str(data["timeoutFailureInfo"].get("timeoutType", "")).removeprefix("TIMEOUT_TYPE_")
        which = next((name for name, server in TIMEOUTS.items() if server == kind), "start_to_close")
        text = message if message.startswith("Not enough time") else ""
        return activity_timeout(which, _in_failure(cause) if cause else None, text)
    if "canceledFailureInfo" in data:
        return cancelled()
    if "terminatedFailureInfo" in data:
        return terminated()
    info = data.get("applicationFailureInfo")
    if info is None:
        return _in_failure(cause, child) if cause else Failure(message, INTERNAL)
    chain = _in_plain(info["details"]["payloads"][0]) if (info.get("details") or {}).get("payloads") else None
    if isinstance(chain, list) and chain and isinstance(chain[0], dict) and "message" in chain[0]:
        failure = None
        for link in reversed(chain):
            failure = Failure(
                link["message"],
                link.get("kind") or "",
                link.get("retryable"),
                link.get("details"),
                link.get("stack") or "",
                failure,
            )
        assert failure is not None
        return failure
    kind = str(info.get("type", ""))
    known = (INTERNAL, INVALID, NOT_FOUND, CANCELED, TIMEOUT, "AlreadyExists", "PermissionDenied", "Unavailable")
    return Failure(message, kind if kind in known else "", not info.get("nonRetryable", False))


class _Reader:
    def __init__(self) -> None:
        self.seed: bytes | None = None
        self._ids: dict[int, int] = {}
        self._names: dict[int, str] = {}

    def event(self, data: Data) -> Any:
        name = data.get("eventType")
        kind = KINDS.get(str(name))
        read = _READERS.get(kind) if kind is not None else None
        if kind is None or read is None:
            return None
        event = read(self, data.get(attributes_of(kind)) or {}, int(data["eventId"]))
        if event is not None:
            _label(event, data.get("userMetadata") or {})
            event.n, event.time_ns = int(data["eventId"]), _in_time(data["eventTime"])
        return event

    def number(self, n: int, text: Any) -> int:
        """The command behind an event, by the text that the code gave it."""
        found = int(text) if str(text or "").isdigit() else -n
        self._ids[n] = found
        self._names[n] = "" if found > 0 else str(text or "")
        return found

    def name(self, data: Data) -> str:
        """The text that the code gave an activity, "" for a number."""
        return self._names.get(int(data.get("scheduledEventId") or 0), "")

    def known(self, data: Data, key: str) -> int:
        return self._ids.get(int(data.get(key) or 0), 0)

    def start(self, a: Data, n: int) -> Any:
        header = a.get("header") or {}
        seed = (header.get("fields") or {}).get(SEED_HEADER)
        parent = a.get("parentWorkflowExecution") or {}
        retry = a.get("retryPolicy")
        return ev.WorkflowExecutionStarted(
            workflow_id=a.get("workflowId", ""),
            run_id=a["originalExecutionRunId"],
            type=a["workflowType"]["name"],
            queue=(a.get("taskQueue") or {}).get("name", ""),
            args=_in_payloads(a.get("input")),
            header=_in_header(header),
            options=WorkflowOptions(
                execution_timeout_ns=_in_span(a.get("workflowExecutionTimeout")),
                run_timeout_ns=_in_span(a.get("workflowRunTimeout")),
                task_timeout_ns=_in_span(a.get("workflowTaskTimeout")) or 10_000_000_000,
                retry=_in_retry(retry) if retry else None,
                cron=a.get("cronSchedule") or "",
            ),
            seed=_in_payload(seed).data if seed else b"",
            attempt=int(a.get("attempt") or 1),
            first_run_id=a.get("firstExecutionRunId", ""),
            continued_run_id=a.get("continuedExecutionRunId", ""),
            parent_workflow_id=parent.get("workflowId", ""),
            parent_run_id=parent.get("runId", ""),
            memo=_in_fields(a.get("memo"), "fields"),
            search_attributes=_in_fields(a.get("searchAttributes"), "indexedFields"),
        )

    def marker(self, a: Data, n: int) -> Any:
        details = a.get("details") or {}
        found = None
        for one in details.values():
            for payload in one.get("payloads") or []:
                said = _in_plain(payload)
                if isinstance(said, dict) and isinstance(said.get("id"), str):
                    found = marker_of(said["id"])
        if found is None:
            return ev.MarkerRecorded(kind="foreign", key=str(a.get("markerName", "")))
        (kind, key), value = found
        if kind == SEED:
            self.seed = value
            return None
        return ev.MarkerRecorded(kind=kind, key=key, value=value)

    def activity(self, a: Data, n: int) -> Any:
        text = str(a.get("activityId", ""))
        number = self.number(n, text)
        return ev.ActivityTaskScheduled(
            id=number,
            type=a["activityType"]["name"],
            args=_in_payloads(a.get("input")),
            options=ActivityOptions(
                start_to_close_ns=_in_span(a.get("startToCloseTimeout")),
                schedule_to_close_ns=_in_span(a.get("scheduleToCloseTimeout")),
                schedule_to_start_ns=_in_span(a.get("scheduleToStartTimeout")),
                heartbeat_ns=_in_span(a.get("heartbeatTimeout")),
                retry=_in_retry(a.get("retryPolicy")),
                queue=(a.get("taskQueue") or {}).get("name", ""),
                id=text if number < 0 else "",
            ),
            header=_in_header(a.get("header")),
        )

    def child_closed(self, kind: type, a: Data, failure: Failure | None) -> Any:
        execution = a.get("workflowExecution") or {}
        said = {
            "id": self.known(a, "initiatedEventId"),
            "workflow_id": execution.get("workflowId", ""),
            "run_id": execution.get("runId", ""),
        }
        if kind is ev.ChildWorkflowExecutionStarted:
            return ev.ChildWorkflowExecutionStarted(**said)
        if kind is ev.ChildWorkflowExecutionCompleted:
            return ev.ChildWorkflowExecutionCompleted(**said, result=_first(a.get("result")))
        assert failure is not None
        wrapped = failure.with_details(
            _wrapper="child_workflow",
            _workflow_id=said["workflow_id"],
            _workflow_type=(a.get("workflowType") or {}).get("name", ""),
            _run_id=said["run_id"],
            _retry_state=_in_state(a.get("retryState")),
        )
        return kind(**said, failure=wrapped)


def _label(event: Any, metadata: Data) -> None:
    """Texts for people, which stand beside the attributes of an event."""
    texts = {name: _in_plain(metadata[name]) for name in ("summary", "details") if name in metadata}
    options = getattr(event, "options", None)
    if options is not None and texts:
        event.options = msgspec.structs.replace(options, **{k: v for k, v in texts.items() if hasattr(options, k)})


def _closed_child(kind: type, failure: Callable[[Data], Failure | None]) -> Callable[[_Reader, Data, int], Any]:
    return lambda r, a, n: r.child_closed(kind, a, failure(a))


_READERS: dict[type, Callable[[_Reader, Data, int], Any]] = {
    ev.WorkflowExecutionStarted: _Reader.start,
    ev.WorkflowExecutionCompleted: lambda r, a, n: ev.WorkflowExecutionCompleted(result=_first(a.get("result"))),
    ev.WorkflowExecutionFailed: lambda r, a, n: ev.WorkflowExecutionFailed(
        failure=_in_failure(a.get("failure")), retry_state=_in_state(a.get("retryState"))
    ),
    ev.WorkflowExecutionTimedOut: lambda r, a, n: ev.WorkflowExecutionTimedOut(
        retry_state=_in_state(a.get("retryState"))
    ),
    ev.WorkflowTaskScheduled: lambda r, a, n: ev.WorkflowTaskScheduled(),
    ev.WorkflowTaskStarted: lambda r, a, n: ev.WorkflowTaskStarted(history_size=int(a.get("historySizeBytes") or 0)),
    ev.WorkflowTaskCompleted: lambda r, a, n: ev.WorkflowTaskCompleted(),
    ev.WorkflowTaskTimedOut: lambda r, a, n: ev.WorkflowTaskTimedOut(),
    ev.WorkflowTaskFailed: lambda r, a, n: ev.WorkflowTaskFailed(
        cause=str(a.get("cause", "")).removeprefix("WORKFLOW_TASK_FAILED_CAUSE_"),
        message=str((a.get("failure") or {}).get("message", "")),
        new_run_id=str(a.get("newRunId", "")),
    ),
    ev.ActivityTaskScheduled: _Reader.activity,
    ev.ActivityTaskStarted: lambda r, a, n: ev.ActivityTaskStarted(
        id=r.known(a, "scheduledEventId"),
        attempt=int(a.get("attempt") or 1),
        last_failure=_in_failure(a["lastFailure"]) if a.get("lastFailure") else None,
    ),
    ev.ActivityTaskCompleted: lambda r, a, n: ev.ActivityTaskCompleted(
        id=r.known(a, "scheduledEventId"), result=_first(a.get("result"))
    ),
    ev.ActivityTaskFailed: lambda r, a, n: ev.ActivityTaskFailed(
        id=r.known(a, "scheduledEventId"),
        failure=_in_failure(a.get("failure")),
        retry_state=_in_state(a.get("retryState")),
        name=r.name(a),
    ),
    ev.ActivityTaskTimedOut: lambda r, a, n: ev.ActivityTaskTimedOut(
        id=r.known(a, "scheduledEventId"),
        failure=_in_failure(a.get("failure")),
        retry_state=_in_state(a.get("retryState")),
        name=r.name(a),
    ),
    ev.ActivityTaskCancelRequested: lambda r, a, n: ev.ActivityTaskCancelRequested(id=r.known(a, "scheduledEventId")),
    ev.ActivityTaskCanceled: lambda r, a, n: ev.ActivityTaskCanceled(id=r.known(a, "scheduledEventId")),
    ev.TimerStarted: lambda r, a, n: ev.TimerStarted(
        id=r.number(n, a.get("timerId")), duration_ns=_in_span(a.get("startToFireTimeout"))
    ),
    ev.TimerFired: lambda r, a, n: ev.TimerFired(id=r.known(a, "startedEventId")),
    ev.TimerCanceled: lambda r, a, n: ev.TimerCanceled(id=r.known(a, "startedEventId")),
    ev.WorkflowExecutionCancelRequested: lambda r, a, n: ev.WorkflowExecutionCancelRequested(
        reason=reason_of(str(a.get("cause", "")))
    ),
    ev.RequestCancelExternalWorkflowExecutionInitiated: lambda r, a, n: (
        ev.RequestCancelExternalWorkflowExecutionInitiated(
            id=r.number(n, a.get("control")),
            workflow_id=a["workflowExecution"]["workflowId"],
            reason=str(a.get("reason", "")),
        )
    ),
    ev.RequestCancelExternalWorkflowExecutionFailed: lambda r, a, n: ev.RequestCancelExternalWorkflowExecutionFailed(
        id=r.known(a, "initiatedEventId"), workflow_id=(a.get("workflowExecution") or {}).get("workflowId", "")
    ),
    ev.ExternalWorkflowExecutionCancelRequested: lambda r, a, n: ev.ExternalWorkflowExecutionCancelRequested(
        id=r.known(a, "initiatedEventId")
    ),
    ev.MarkerRecorded: _Reader.marker,
    ev.WorkflowExecutionSignaled: lambda r, a, n: ev.WorkflowExecutionSignaled(
        name=a["signalName"],
        payloads=_in_payloads(a.get("input")),
        sender=str((_in_fields(a.get("header"), "fields").get("wippy-context") or {}).get(SENDER, "")),
    ),
    ev.WorkflowExecutionTerminated: lambda r, a, n: ev.WorkflowExecutionTerminated(reason=str(a.get("reason", ""))),
    ev.WorkflowExecutionContinuedAsNew: lambda r, a, n: ev.WorkflowExecutionContinuedAsNew(
        type=a["workflowType"]["name"], next_run_id=str(a.get("newExecutionRunId", ""))
    ),
    ev.StartChildWorkflowExecutionInitiated: lambda r, a, n: ev.StartChildWorkflowExecutionInitiated(
        id=r.number(n, a.get("control")),
        type=a["workflowType"]["name"],
        workflow_id=a["workflowId"],
        queue=(a.get("taskQueue") or {}).get("name", ""),
        args=_in_payloads(a.get("input")),
        options=WorkflowOptions(),
        header=_in_header(a.get("header")),
    ),
    ev.StartChildWorkflowExecutionFailed: lambda r, a, n: ev.StartChildWorkflowExecutionFailed(
        id=r.known(a, "initiatedEventId"), failure=child_already_started()
    ),
    ev.ChildWorkflowExecutionStarted: _closed_child(ev.ChildWorkflowExecutionStarted, lambda a: None),
    ev.ChildWorkflowExecutionCompleted: _closed_child(ev.ChildWorkflowExecutionCompleted, lambda a: None),
    ev.ChildWorkflowExecutionFailed: _closed_child(
        ev.ChildWorkflowExecutionFailed, lambda a: _in_failure(a.get("failure"), child=True)
    ),
    ev.ChildWorkflowExecutionCanceled: _closed_child(ev.ChildWorkflowExecutionCanceled, lambda a: cancelled()),
    ev.ChildWorkflowExecutionTimedOut: _closed_child(
        ev.ChildWorkflowExecutionTimedOut, lambda a: workflow_timeout(child=True)
    ),
    ev.ChildWorkflowExecutionTerminated: _closed_child(ev.ChildWorkflowExecutionTerminated, lambda a: terminated()),
    ev.SignalExternalWorkflowExecutionInitiated: lambda r, a, n: ev.SignalExternalWorkflowExecutionInitiated(
        id=r.number(n, a.get("control")),
        workflow_id=a["workflowExecution"]["workflowId"],
        name=a["signalName"],
        payloads=_in_payloads(a.get("input")),
    ),
    ev.SignalExternalWorkflowExecutionFailed: lambda r, a, n: ev.SignalExternalWorkflowExecutionFailed(
        id=r.known(a, "initiatedEventId"), workflow_id=(a.get("workflowExecution") or {}).get("workflowId", "")
    ),
    ev.ExternalWorkflowExecutionSignaled: lambda r, a, n: ev.ExternalWorkflowExecutionSignaled(
        id=r.known(a, "initiatedEventId")
    ),
    ev.UpsertWorkflowSearchAttributes: lambda r, a, n: (
        None
        if set((a.get("searchAttributes") or {}).get("indexedFields") or {}) == {"TemporalChangeVersion"}
        else ev.UpsertWorkflowSearchAttributes(attributes=_in_fields(a.get("searchAttributes"), "indexedFields"))
    ),
    ev.WorkflowPropertiesModified: lambda r, a, n: ev.WorkflowPropertiesModified(
        memo=_in_fields(a.get("upsertedMemo"), "fields")
    ),
}

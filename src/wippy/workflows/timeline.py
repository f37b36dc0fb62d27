"""A history as people read it: one line an event."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec

from wippy.duration import format_duration
from wippy.workflows import events as ev
from wippy.workflows.failure import Failure
from wippy.workflows.payload import Payload

WIDTH = 60


class Line(msgspec.Struct, frozen=True):
    """One event.

    Attributes:
        n: number of the event.
        time_ns: when.
        after: time since the event that it answers, or since the run began.
        what: name of the event.
        text: the rest.
        place: line of the user's code that asked for it, "" if unknown.
    """

    n: int
    time_ns: int
    after: str
    what: str
    text: str = ""
    place: str = ""


def timeline(history: list[Any], places: dict[tuple[str, ...], str] | None = None) -> list[Line]:
    """The lines of a history.

    Args:
        places: as `LuaMachine.places` gives them.
    """
    known = places or {}
    began: dict[tuple[str, int], int] = {}
    start = history[0].time_ns if history else 0
    lines = []
    for event in history:
        kind = type(event)
        group = _GROUPS.get(kind)
        key = (group, event.id) if group else None
        since = began.get(key, start) if key else start
        if key and key not in began:
            began[key] = event.time_ns
            since = start
            after = "+" + format_duration(_short(event.time_ns - since))
        elif key:
            after = "took " + format_duration(_short(event.time_ns - since))
        else:
            after = "+" + format_duration(_short(event.time_ns - since))
        lines.append(Line(event.n, event.time_ns, after, kind.__name__, event_text(event), _place(event, known)))
    return lines


def _short(nanoseconds: int) -> int:
    """Rounded to what matters."""
    for unit in (1_000_000, 1_000):
        if nanoseconds >= 1000 * unit:
            return nanoseconds // unit * unit
    return nanoseconds


def _place(event: Any, places: dict[tuple[str, ...], str]) -> str:
    name = _COMMANDS.get(type(event))
    if name is None:
        return ""
    if name == "marker":
        return places.get((name, event.kind, event.key), "")
    if name in ("complete", "fail", "continue", "attrs"):
        return next((place for key, place in reversed(places.items()) if key[0] == name), "")
    return places.get((name, str(event.id)), "")


def value_text(payload: Payload | None) -> str:
    """A value, cut."""
    if payload is None or payload.encoding == "binary/null":
        return "nil"
    if payload.encoding == "binary/plain":
        return f"{len(payload.data)} bytes"
    text = payload.data.decode("utf-8", "replace")
    return text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"


def _values(payloads: list[Payload]) -> str:
    return "(" + ", ".join(map(value_text, payloads)) + ")"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _number(event: Any) -> str:
    """What an event belongs to; histories of elsewhere do not number children and signals: the event that asked."""
    return f"#{event.id}" if event.id > 0 else f"#e{-event.id}"


def _attempt(event: ev.ActivityTaskStarted) -> str:
    last = f", last failure {failure_text(event.last_failure)}" if event.last_failure else ""
    return f"{_number(event)} attempt {event.attempt}{last}"


def _initiated(event: ev.SignalExternalWorkflowExecutionInitiated) -> str:
    return f"{_number(event)} {event.name}{_values(event.payloads)} to {event.workflow_id}"


def event_text(event: Any) -> str:
    """What an event says besides its kind."""
    describe = _TEXTS.get(type(event))
    return describe(event) if describe else ""


def failure_text(failure: Failure) -> str:
    """Kind and message."""
    return f"{failure.kind}: {failure.message}" if failure.kind else failure.message


_GROUPS: dict[type, str] = {
    ev.ActivityTaskScheduled: "activity",
    ev.ActivityTaskStarted: "activity",
    ev.ActivityTaskCompleted: "activity",
    ev.ActivityTaskFailed: "activity",
    ev.ActivityTaskTimedOut: "activity",
    ev.ActivityTaskCancelRequested: "activity",
    ev.ActivityTaskCanceled: "activity",
    ev.TimerStarted: "timer",
    ev.TimerFired: "timer",
    ev.TimerCanceled: "timer",
    ev.StartChildWorkflowExecutionInitiated: "child",
    ev.StartChildWorkflowExecutionFailed: "child",
    ev.ChildWorkflowExecutionStarted: "child",
    ev.ChildWorkflowExecutionCompleted: "child",
    ev.ChildWorkflowExecutionFailed: "child",
    ev.ChildWorkflowExecutionCanceled: "child",
    ev.ChildWorkflowExecutionTimedOut: "child",
    ev.ChildWorkflowExecutionTerminated: "child",
}
_COMMANDS: dict[type, str] = {
    ev.ActivityTaskScheduled: "activity",
    ev.ActivityTaskCancelRequested: "cancel_activity",
    ev.TimerStarted: "timer",
    ev.TimerCanceled: "cancel_timer",
    ev.StartChildWorkflowExecutionInitiated: "child",
    ev.SignalExternalWorkflowExecutionInitiated: "signal",
    ev.RequestCancelExternalWorkflowExecutionInitiated: "cancel",
    ev.MarkerRecorded: "marker",
    ev.UpsertWorkflowSearchAttributes: "attrs",
    ev.WorkflowPropertiesModified: "attrs",
    ev.WorkflowExecutionCompleted: "complete",
    ev.WorkflowExecutionFailed: "fail",
    ev.WorkflowExecutionContinuedAsNew: "continue",
}
_TEXTS: dict[type, Callable[[Any], str]] = {
    ev.WorkflowExecutionStarted: lambda e: f"{e.type}{_values(e.args)} on {e.queue}, attempt {e.attempt}",
    ev.WorkflowExecutionCompleted: lambda e: value_text(e.result),
    ev.WorkflowExecutionFailed: lambda e: failure_text(e.failure),
    ev.WorkflowExecutionTerminated: lambda e: e.reason,
    ev.WorkflowExecutionCancelRequested: lambda e: e.reason,
    ev.WorkflowExecutionContinuedAsNew: lambda e: f"{e.type} as run {e.next_run_id}",
    ev.WorkflowTaskFailed: lambda e: f"{e.cause}: {e.message}",
    ev.ActivityTaskScheduled: lambda e: f"{_number(e)} {e.type}{_values(e.args)}",
    ev.ActivityTaskStarted: _attempt,
    ev.ActivityTaskCompleted: lambda e: f"{_number(e)} {value_text(e.result)}",
    ev.ActivityTaskFailed: lambda e: f"{_number(e)} {failure_text(e.failure)} ({e.retry_state})",
    ev.ActivityTaskTimedOut: lambda e: f"{_number(e)} {failure_text(e.failure)} ({e.retry_state})",
    ev.ActivityTaskCancelRequested: _number,
    ev.ActivityTaskCanceled: _number,
    ev.TimerStarted: lambda e: f"{_number(e)} {format_duration(e.duration_ns)}",
    ev.TimerFired: _number,
    ev.TimerCanceled: _number,
    ev.WorkflowExecutionSignaled: lambda e: (
        f"{e.name}{_values(e.payloads)}" + (f" from {e.sender}" if e.sender else "")
    ),
    ev.MarkerRecorded: lambda e: f"{e.kind} {e.key}" + (f" = {e.value.decode('utf-8', 'replace')}" if e.value else ""),
    ev.StartChildWorkflowExecutionInitiated: lambda e: f"{_number(e)} {e.type}{_values(e.args)} as {e.workflow_id}",
    ev.StartChildWorkflowExecutionFailed: lambda e: f"{_number(e)} {failure_text(e.failure)}",
    ev.ChildWorkflowExecutionStarted: lambda e: f"{_number(e)} run {e.run_id}",
    ev.ChildWorkflowExecutionCompleted: lambda e: f"{_number(e)} {value_text(e.result)}",
    ev.ChildWorkflowExecutionFailed: lambda e: f"{_number(e)} {failure_text(e.failure)}",
    ev.ChildWorkflowExecutionCanceled: _number,
    ev.ChildWorkflowExecutionTimedOut: _number,
    ev.ChildWorkflowExecutionTerminated: _number,
    ev.SignalExternalWorkflowExecutionInitiated: _initiated,
    ev.RequestCancelExternalWorkflowExecutionInitiated: lambda e: f"{_number(e)} {e.workflow_id}",
    ev.UpsertWorkflowSearchAttributes: lambda e: _json(e.attributes),
    ev.WorkflowPropertiesModified: lambda e: _json(e.memo),
}

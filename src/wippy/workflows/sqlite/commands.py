"""Commands of a completed task become events and pending things."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from wippy.workflows import commands as cmd
from wippy.workflows import events as ev
from wippy.workflows.payload import total_size
from wippy.workflows.replay import child_id
from wippy.workflows.sqlite.run import Run
from wippy.workflows.sqlite.store import pack

if TYPE_CHECKING:
    from wippy.workflows.sqlite.core import Core

_END_OF_TIME = (1 << 63) - 1
"""Of clocks in nanoseconds, and of integers in the store."""


def refusal(core: Core, run: Run, asked: list[Any]) -> str:
    """Why these commands cannot be carried out, "" if they can."""
    limits = core.limits
    activities, children = len(run.activities), len(core.children.get(run.run_id, ()))
    externals = cancels = 0
    for command in asked:
        kind = type(command)
        size = 0
        if kind is cmd.ScheduleActivity:
            activities += 1
            size = total_size(command.args)
        elif kind is cmd.StartChild:
            children += 1
            size = total_size(command.args)
        elif kind is cmd.SignalExternal or kind is cmd.SendMessage:
            externals += 1 if kind is cmd.SignalExternal else 0
            size = total_size(command.payloads)
        elif kind is cmd.CancelExternal:
            cancels += 1
        elif kind is cmd.RecordMarker:
            size = len(command.value)
        elif kind is cmd.Complete:
            size = len(command.result.data)
        elif kind is cmd.ContinueAsNew:
            size = total_size(command.args)
        elif kind is cmd.UpsertAttributes or kind is cmd.Fail:
            size = len(pack(command))
        if size > limits.payload:
            return (
                f"{kind.__name__} carries {size} bytes; the limit is {limits.payload}: keep large values elsewhere and "
                "pass their name, or raise limits.payload of the provider"
            )
    for what, count in (
        ("activities", activities),
        ("children", children),
        ("external signals", externals),
        ("external cancels", cancels),
    ):
        if count > limits.pending:
            return f"{count} pending {what}; the limit is {limits.pending}"
    return ""


def carry_out(core: Core, run: Run, asked: list[Any], now: int) -> None:
    """Append the events of the commands, in order, and start what they ask for."""
    for command in asked:
        _HANDLERS[type(command)](core, run, command, now)


def _schedule_activity(core: Core, run: Run, command: cmd.ScheduleActivity, now: int) -> None:
    event = ev.ActivityTaskScheduled(
        id=command.id, type=command.type, args=command.args, options=command.options, header=command.header
    )
    run.append(event, now)
    core.activities.schedule(run, event)


def _cancel_activity(core: Core, run: Run, command: cmd.RequestCancelActivity, now: int) -> None:
    run.append(ev.ActivityTaskCancelRequested(id=command.id), now)
    core.later(core.activities.cancel, run, command.id)


def _start_timer(core: Core, run: Run, command: cmd.StartTimer, now: int) -> None:
    run.append(ev.TimerStarted(id=command.id, duration_ns=command.duration_ns), now)
    due = min(run.last_time + max(command.duration_ns, 0), _END_OF_TIME)
    run.timers[command.id] = due
    core.batch.timers.append((run.seq, command.id, due))
    core.deadlines.set(("timer", run.seq, command.id), due)


def _cancel_timer(core: Core, run: Run, command: cmd.CancelTimer, now: int) -> None:
    run.append(ev.TimerCanceled(id=command.id), now)
    if run.buffered:
        run.buffered = [e for e in run.buffered if type(e) is not ev.TimerFired or e.id != command.id]
        if not run.buffered:
            core.batch.unbuffered.append((run.seq,))
    if run.timers.pop(command.id, None) is not None:
        core.batch.gone_timers.append((run.seq, command.id))
        core.deadlines.drop(("timer", run.seq, command.id))


def _start_child(core: Core, run: Run, command: cmd.StartChild, now: int) -> None:
    event = ev.StartChildWorkflowExecutionInitiated(
        id=command.id,
        type=command.type,
        workflow_id=child_id(command, run.run_id),
        queue=command.host or run.queue,
        args=command.args,
        options=command.options,
        header=command.header,
    )
    run.append(event, now)
    core.later(core.starting.start_child, run, event)


def _signal_external(core: Core, run: Run, command: cmd.SignalExternal, now: int) -> None:
    event = ev.SignalExternalWorkflowExecutionInitiated(
        id=command.id,
        workflow_id=command.workflow_id,
        name=command.name,
        payloads=command.payloads,
        sender=command.sender,
    )
    run.append(event, now)
    core.later(core.requests.signal_external, run, event)


def _cancel_external(core: Core, run: Run, command: cmd.CancelExternal, now: int) -> None:
    event = ev.RequestCancelExternalWorkflowExecutionInitiated(
        id=command.id, workflow_id=command.workflow_id, reason=command.reason
    )
    run.append(event, now)
    core.later(core.requests.cancel_external, run, event)


def _record_marker(core: Core, run: Run, command: cmd.RecordMarker, now: int) -> None:
    run.append(ev.MarkerRecorded(kind=command.kind, key=command.key, value=command.value), now)


def _upsert(core: Core, run: Run, command: cmd.UpsertAttributes, now: int) -> None:
    if command.search is not None:
        run.append(ev.UpsertWorkflowSearchAttributes(attributes=command.search), now)
        run.attributes = {**run.attributes, **command.search}
    else:
        memo = command.memo or {}
        run.append(ev.WorkflowPropertiesModified(memo=memo), now)
        run.memo = {**run.memo, **memo}


def _send(core: Core, run: Run, command: cmd.SendMessage, now: int) -> None:
    core.effect(core.send, run.workflow_id, run.queue, command.pid, command.topic, command.payloads)


def _complete(core: Core, run: Run, command: cmd.Complete, now: int) -> None:
    core.closing.complete(run, command.result, now)


def _fail(core: Core, run: Run, command: cmd.Fail, now: int) -> None:
    core.closing.fail(run, command.failure, now)


def _continue(core: Core, run: Run, command: cmd.ContinueAsNew, now: int) -> None:
    core.closing.continue_as_new(run, command, now)


_HANDLERS: dict[type, Callable[[Core, Run, Any, int], None]] = {
    cmd.ScheduleActivity: _schedule_activity,
    cmd.RequestCancelActivity: _cancel_activity,
    cmd.StartTimer: _start_timer,
    cmd.CancelTimer: _cancel_timer,
    cmd.StartChild: _start_child,
    cmd.SignalExternal: _signal_external,
    cmd.CancelExternal: _cancel_external,
    cmd.RecordMarker: _record_marker,
    cmd.UpsertAttributes: _upsert,
    cmd.SendMessage: _send,
    cmd.Complete: _complete,
    cmd.Fail: _fail,
    cmd.ContinueAsNew: _continue,
}

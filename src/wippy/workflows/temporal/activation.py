"""Activations as jobs, commands as the server's: the only place that knows the messages of the SDK's core."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from temporalio.bridge.proto.workflow_activation import InitializeWorkflow, WorkflowActivation
from temporalio.bridge.proto.workflow_commands import WorkflowCommand
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion

from wippy.errors import INVALID, WippyError
from wippy.workflows import commands as cmd
from wippy.workflows import jobs
from wippy.workflows.failure import Failure, cancelled, child_already_started, unknown_external
from wippy.workflows.history_names import reason_of
from wippy.workflows.machine_api import RunInfo
from wippy.workflows.marker_id import SEED, marker_id, marker_of
from wippy.workflows.options import Priority, WorkflowOptions
from wippy.workflows.payload import JSON
from wippy.workflows.replay import child_id
from wippy.workflows.temporal import wire

__all__ = ["SEED", "Outside", "WorkflowActivation", "WorkflowActivationCompletion", "run_info"]

_ALREADY_EXISTS = 1


def run_info(init: InitializeWorkflow, run_id: str, queue: str, namespace: str) -> RunInfo:
    """What a machine is told about a run."""
    parent = init.parent_workflow_info
    return RunInfo(
        workflow_id=init.workflow_id,
        run_id=run_id,
        type=init.workflow_type,
        queue=queue,
        seed=b"",
        attempt=max(init.attempt, 1),
        start_time_ns=init.start_time.ToNanoseconds(),
        header=wire.header_of(init.headers),
        parent_workflow_id=parent.workflow_id,
        parent_run_id=parent.run_id,
        first_run_id=init.first_execution_run_id,
        continued_run_id=init.continued_from_execution_run_id,
        cron=init.cron_schedule,
        memo={name: wire.plain_of(value) for name, value in init.memo.fields.items()},
        search_attributes={n: wire.plain_of(v) for n, v in init.search_attributes.indexed_fields.items()},
        original_run_id=init.original_execution_run_id,
        namespace=namespace,
    )


class Outside:
    """What one run says to the server and hears from it."""

    def __init__(self, info: RunInfo) -> None:
        self.info = info
        self._children: dict[int, tuple[str, str]] = {}
        self._externals: dict[int, str] = {}
        self._updates: dict[str, str] = {}
        self._memo: dict[str, Any] = {}

    # In

    def jobs(self, activation: WorkflowActivation) -> tuple[list[Any], dict[tuple[str, str], bytes], list[Any]]:
        """Jobs in the order in which they came, markers of the task, queries."""
        found: list[Any] = []
        markers: dict[tuple[str, str], bytes] = {}
        queries: list[Any] = []
        now = activation.timestamp.ToNanoseconds()
        for job in activation.jobs:
            kind = job.WhichOneof("variant")
            if kind == "notify_has_patch":
                marker = marker_of(job.notify_has_patch.patch_id)
                if marker is not None:
                    markers[marker[0]] = marker[1]
            elif kind == "query_workflow":
                queries.append(job.query_workflow)
            elif kind in _JOBS:
                found.extend(_JOBS[kind](self, getattr(job, kind), now))
        return found, markers, queries

    def _initialize(self, job: Any, now: int) -> list[Any]:
        out: list[Any] = [jobs.Start(wire.payloads_of(job.arguments))]
        first = job.headers.get(wire.MESSAGES)
        if first is not None:
            for name, sender, payloads in wire.plain_of(first) or []:
                out.append(
                    jobs.Signal(
                        name,
                        [wire.Payload(encoding, base64.b64decode(data)) for encoding, data in payloads],
                        sender,
                    )
                )
        return out

    def _activity(self, job: Any, now: int) -> list[Any]:
        kind = job.result.WhichOneof("status")
        if kind == "completed":
            return [jobs.ActivityResolved(job.seq, **_result(job.result.completed.result))]
        if kind == "failed":
            return [jobs.ActivityResolved(job.seq, failure=wire.failure_of(job.result.failed.failure))]
        return [jobs.ActivityResolved(job.seq, failure=cancelled())]

    def _child_started(self, job: Any, now: int) -> list[Any]:
        workflow_id, _ = self._children.get(job.seq, ("", ""))
        kind = job.WhichOneof("status")
        if kind == "succeeded":
            self._children[job.seq] = (workflow_id, job.succeeded.run_id)
            return [jobs.ChildStarted(job.seq, workflow_id, job.succeeded.run_id)]
        if kind == "cancelled":
            return [jobs.ChildStarted(job.seq, failure=cancelled())]
        failure = child_already_started()
        if job.failed.cause != _ALREADY_EXISTS:
            failure.message = "the child workflow could not be started: the namespace or version is unknown"
        return [jobs.ChildStarted(job.seq, failure=failure)]

    def _child_resolved(self, job: Any, now: int) -> list[Any]:
        workflow_id, run_id = self._children.pop(job.seq, ("", ""))
        kind = job.result.WhichOneof("status")
        if kind == "completed":
            result = _result(job.result.completed.result)
            return [jobs.ChildResolved(job.seq, workflow_id, run_id, now, **result)]
        failure = wire.failure_of(getattr(job.result, kind).failure)
        return [jobs.ChildResolved(job.seq, workflow_id, run_id, now, failure=failure)]

    def _external(self, job: Any, now: int) -> list[Any]:
        workflow_id = self._externals.pop(job.seq, "")
        failed = job.HasField("failure")
        return [jobs.ExternalResolved(job.seq, unknown_external(workflow_id) if failed else None)]

    def _update(self, job: Any, now: int) -> list[Any]:
        self._updates[job.id] = job.protocol_instance_id
        return [jobs.Update(job.id, job.name, wire.payloads_of(job.input))]

    # Out

    def accepted(self, id: str) -> WorkflowCommand:
        """The acceptance of an update that has just come: the server keeps no other."""
        out = WorkflowCommand()
        out.update_response.protocol_instance_id = self._updates[id]
        out.update_response.accepted.SetInParent()
        return out

    def _answer(self, c: cmd.AnswerUpdate, out: WorkflowCommand) -> None:
        to = out.update_response
        to.protocol_instance_id = self._updates.pop(c.id)
        if c.completed:
            to.completed.CopyFrom(wire.proto_payload(c.payload))
        else:
            text = wire.plain_of(wire.proto_payload(c.payload))
            reason = text if isinstance(text, str) else c.payload.data.decode("utf-8", "replace")
            wire.proto_failure(Failure(reason, INVALID), to.rejected)

    def command(self, command: cmd.Command, label: str = "") -> WorkflowCommand | None:
        """A command for the server; None for what it need not know. It shows `label` beside it."""
        write = _COMMANDS.get(type(command))
        if write is None:
            return None
        out = WorkflowCommand()
        write(self, command, out)
        if label and not out.user_metadata.HasField("summary"):
            _summary(out, label)
        return out

    def _activity_out(self, c: cmd.ScheduleActivity, out: WorkflowCommand) -> None:
        to, options = out.schedule_activity, c.options
        to.seq, to.activity_id, to.activity_type = c.id, options.id or str(c.id), c.type
        to.task_queue = options.queue or self.info.queue
        to.arguments.extend(wire.proto_payloads(c.args))
        _headers(to.headers, c.header)
        to.start_to_close_timeout.FromTimedelta(wire.span(options.start_to_close_ns))
        for field, value in (
            ("schedule_to_close_timeout", options.schedule_to_close_ns),
            ("schedule_to_start_timeout", options.schedule_to_start_ns),
            ("heartbeat_timeout", options.heartbeat_ns),
        ):
            if value:
                getattr(to, field).FromTimedelta(wire.span(value))
        to.retry_policy.CopyFrom(wire.retry_policy(options.retry))
        _priority(to.priority, options.priority)
        _summary(out, options.summary)

    def _cancel_activity(self, c: cmd.RequestCancelActivity, out: WorkflowCommand) -> None:
        out.request_cancel_activity.seq = c.id

    def _timer(self, c: cmd.StartTimer, out: WorkflowCommand) -> None:
        out.start_timer.seq = c.id
        out.start_timer.start_to_fire_timeout.FromNanoseconds(max(c.duration_ns, 1))

    def _cancel_timer(self, c: cmd.CancelTimer, out: WorkflowCommand) -> None:
        out.cancel_timer.seq = c.id

    def _child(self, c: cmd.StartChild, out: WorkflowCommand) -> None:
        to, options = out.start_child_workflow_execution, c.options
        to.seq, to.namespace, to.workflow_type = c.id, self.info.namespace, c.type
        to.workflow_id = child_id(c, self.info.original_run_id or self.info.run_id)
        self._children[c.id] = (to.workflow_id, "")
        to.task_queue = c.host or self.info.queue
        to.input.extend(wire.proto_payloads(c.args))
        _headers(to.headers, c.header)
        to.parent_close_policy = int(options.parent_close)  # type: ignore[assignment]
        to.workflow_id_reuse_policy = int(options.reuse)  # type: ignore[assignment]
        to.cron_schedule = options.cron
        _timeouts(to, options)
        _priority(to.priority, options.priority)
        if options.retry is not None:
            to.retry_policy.CopyFrom(wire.retry_policy(options.retry))
        for name, value in options.memo.items():
            to.memo[name].CopyFrom(wire.json_payload(value))
        if options.search_attributes:
            to.search_attributes.CopyFrom(wire.proto_attributes(options.search_attributes))
        _summary(out, options.summary, options.details)

    def _signal(self, c: cmd.SignalExternal, out: WorkflowCommand) -> None:
        to = out.signal_external_workflow_execution
        self._externals[c.id] = c.workflow_id
        to.seq, to.signal_name = c.id, c.name
        to.workflow_execution.namespace, to.workflow_execution.workflow_id = self.info.namespace, c.workflow_id
        to.args.extend(wire.proto_payloads(c.payloads))
        for name, value in wire.signal_header(c.sender).items():
            to.headers[name].CopyFrom(value)

    def _cancel(self, c: cmd.CancelExternal, out: WorkflowCommand) -> None:
        to = out.request_cancel_external_workflow_execution
        self._externals[c.id] = c.workflow_id
        to.seq, to.reason = c.id, c.reason
        to.workflow_execution.namespace, to.workflow_execution.workflow_id = self.info.namespace, c.workflow_id

    def _marker(self, c: cmd.RecordMarker, out: WorkflowCommand) -> None:
        out.set_patch_marker.patch_id = marker_id(c.kind, c.key, c.value)

    def _attributes(self, c: cmd.UpsertAttributes, out: WorkflowCommand) -> None:
        if c.search is not None:
            out.upsert_workflow_search_attributes.search_attributes.CopyFrom(wire.proto_attributes(c.search))
        else:
            self._memo.update(c.memo or {})
            fields = out.modify_workflow_properties.upserted_memo.fields
            for name, value in (c.memo or {}).items():
                fields[name].CopyFrom(wire.json_payload(value))
            out.modify_workflow_properties.upserted_memo.SetInParent()

    def _complete(self, c: cmd.Complete, out: WorkflowCommand) -> None:
        out.complete_workflow_execution.result.CopyFrom(wire.proto_payload(c.result))

    def _fail(self, c: cmd.Fail, out: WorkflowCommand) -> None:
        wire.proto_failure(c.failure, out.fail_workflow_execution.failure)

    def _continue(self, c: cmd.ContinueAsNew, out: WorkflowCommand) -> None:
        to = out.continue_as_new_workflow_execution
        to.workflow_type = c.type or self.info.type
        to.task_queue = self.info.queue
        to.arguments.extend(wire.proto_payloads(c.args))
        _headers(to.headers, self.info.header if c.header is None else c.header)
        if self._memo:  # a server passes on that of the start only
            for name, value in {**self.info.memo, **self._memo}.items():
                to.memo[name].CopyFrom(wire.json_payload(value))


def _result(proto: Any) -> dict[str, Any]:
    """A result, or the failure that it cannot be read: code of others may encode as it likes."""
    try:
        return {"result": wire.payload_of(proto)}
    except WippyError as error:
        return {"failure": Failure(error.message, error.kind, False)}


def _headers(to: Any, header: dict[str, bytes]) -> None:
    for name, value in wire.proto_header(header).items():
        to[name].CopyFrom(value)


def _timeouts(to: Any, options: WorkflowOptions) -> None:
    for field, value in (
        ("workflow_execution_timeout", options.execution_timeout_ns),
        ("workflow_run_timeout", options.run_timeout_ns),
        ("workflow_task_timeout", options.task_timeout_ns),
    ):
        if value:
            getattr(to, field).FromTimedelta(wire.span(value))


def _priority(to: Any, priority: Priority | None) -> None:
    if priority is not None:
        to.priority_key, to.fairness_key, to.fairness_weight = (
            priority.key,
            priority.fairness_key,
            priority.fairness_weight,
        )


def _summary(out: WorkflowCommand, summary: str, details: str = "") -> None:
    if summary:
        out.user_metadata.summary.CopyFrom(wire.json_payload(summary))
    if details:
        out.user_metadata.details.CopyFrom(wire.json_payload(details))


_JOBS: dict[str, Callable[[Outside, Any, int], list[Any]]] = {
    "initialize_workflow": Outside._initialize,
    "update_random_seed": lambda run, job, now: [jobs.Reseed(job.randomness_seed)],
    "fire_timer": lambda run, job, now: [jobs.TimerFired(job.seq)],
    "signal_workflow": lambda run, job, now: [
        jobs.Signal(job.signal_name, wire.payloads_of(job.input), wire.sender_of(job.headers))
    ],
    "resolve_activity": Outside._activity,
    "resolve_child_workflow_execution_start": Outside._child_started,
    "resolve_child_workflow_execution": Outside._child_resolved,
    "resolve_signal_external_workflow": Outside._external,
    "resolve_request_cancel_external_workflow": Outside._external,
    "do_update": Outside._update,
    "cancel_workflow": lambda run, job, now: [jobs.CancelRequested(reason_of(job.reason), now)],
}
_COMMANDS: dict[type, Callable[[Outside, Any, WorkflowCommand], None]] = {
    cmd.ScheduleActivity: Outside._activity_out,
    cmd.RequestCancelActivity: Outside._cancel_activity,
    cmd.StartTimer: Outside._timer,
    cmd.CancelTimer: Outside._cancel_timer,
    cmd.StartChild: Outside._child,
    cmd.SignalExternal: Outside._signal,
    cmd.CancelExternal: Outside._cancel,
    cmd.RecordMarker: Outside._marker,
    cmd.UpsertAttributes: Outside._attributes,
    cmd.AnswerUpdate: Outside._answer,
    cmd.Complete: Outside._complete,
    cmd.Fail: Outside._fail,
    cmd.ContinueAsNew: Outside._continue,
}


def answer_query(query: Any, completion: WorkflowActivationCompletion, workflow_id: str, stacks: str) -> None:
    """Answers `state`, `pid` and the stack trace; fails any other."""
    out = completion.successful.commands.add().respond_to_query
    out.query_id = query.query_id
    known = {"state": {}, "pid": workflow_id, "__stack_trace": stacks}
    if query.query_type in known:
        response = out.succeeded.response
        response.metadata["encoding"] = JSON.encode()
        response.data = wire.json_payload(known[query.query_type]).data
    else:
        out.failed.message = f"unknown query type: {query.query_type}"
        out.failed.application_failure_info.type = "Invalid"

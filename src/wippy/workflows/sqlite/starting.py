"""New runs: starts from outside, children, next runs of a chain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from wippy import errors
from wippy.workflows import cron
from wippy.workflows import events as ev
from wippy.workflows.failure import child_already_started, from_error
from wippy.workflows.options import ConflictPolicy, ReusePolicy, WorkflowOptions
from wippy.workflows.payload import Payload, total_size
from wippy.workflows.provider import StartedRun, StartRequest, Status
from wippy.workflows.sqlite.run import Run, Task
from wippy.workflows.start_check import check_start

if TYPE_CHECKING:
    from wippy.workflows.sqlite.core import Core

_FAILED = (Status.FAILED, Status.TIMED_OUT, Status.CANCELED, Status.TERMINATED)


class Starting:
    def __init__(self, core: Core) -> None:
        self.core = core

    # from outside

    def start(self, request: StartRequest) -> StartedRun:
        """Start a run, or find the open one, as the ID policies say.

        Raises WippyError: `workflow execution already started` or `… already completed` with kind unset, INVALID for
        options that contradict each other.
        """
        core, options = self.core, request.options
        self._check(request)
        generated = not options.id
        workflow_id = options.id or core.new_id()
        now = core.clock()
        delay = self._first_delay(options, now)
        quiet = options.error_when_started is False or (options.error_when_started is None and not generated)
        found = None if generated else core.find(workflow_id)
        if found is not None:
            existing = self._resolve(found, options, generated, quiet)
            if existing is not None:
                for message in request.messages:
                    core.requests.signal(workflow_id, None, message.name, message.payloads, message.sender)
                return existing
        messages = request.messages
        run = self.create(
            workflow_id=workflow_id,
            run_id=core.new_id(),
            type=request.type,
            queue=request.queue,
            args=request.args,
            header=request.header,
            options=options,
            delay_ns=delay,
            first_signal=(
                ev.WorkflowExecutionSignaled(
                    name=messages[0].name, payloads=messages[0].payloads, sender=messages[0].sender
                )
                if messages
                else None
            ),
        )
        for message in messages[1:]:
            core.requests.signal(workflow_id, run.run_id, message.name, message.payloads, message.sender)
        return StartedRun(workflow_id, run.run_id)

    def _check(self, request: StartRequest) -> None:
        check_start(request)
        first = request.messages[0].payloads if request.messages else []
        for payloads in (request.args, first):
            if total_size(payloads) > self.core.limits.payload:
                raise errors.WippyError(errors.LIMIT_EXCEEDED, "Blob data size exceeds limit")

    def _first_delay(self, options: WorkflowOptions, now: int) -> int:
        if not options.cron:
            return max(options.start_delay_ns, 0)
        return cron.next_after(options.cron, now) - now

    def _resolve(self, found: Run, options: WorkflowOptions, generated: bool, quiet: bool) -> StartedRun | None:
        """The run to use instead of a new one, or None."""
        existing = StartedRun(found.workflow_id, found.run_id, False)
        refused = errors.WippyError(
            errors.UNKNOWN, f"workflow execution already started: {found.workflow_id}", retryable=None
        )
        if found.status is not Status.RUNNING:
            if options.reuse is ReusePolicy.REJECT_DUPLICATE or (
                options.reuse is ReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY and found.status not in _FAILED
            ):
                if quiet:
                    return existing
                raise refused
            return None
        if options.reuse is ReusePolicy.TERMINATE_IF_RUNNING:
            self.core.closing.terminate(found, "terminated by a new start")
            return None
        policy = options.conflict
        if policy is ConflictPolicy.UNSET:
            policy = ConflictPolicy.USE_EXISTING if quiet else ConflictPolicy.FAIL
        if policy is ConflictPolicy.TERMINATE_EXISTING:
            self.core.closing.terminate(found, "terminated by a new start")
            return None
        if policy is ConflictPolicy.USE_EXISTING or options.error_when_started is False:
            return existing
        raise refused

    # children

    def start_child(self, parent: Run, event: ev.StartChildWorkflowExecutionInitiated) -> None:
        """Carry out a StartChild command; the parent may have closed in the same task."""
        core, options = self.core, event.options
        open_parent = parent.status is Status.RUNNING
        found = core.find(event.workflow_id)
        failure = None
        if found is not None:
            if found.status is Status.RUNNING:
                if options.reuse is ReusePolicy.TERMINATE_IF_RUNNING and found is not parent:
                    core.closing.terminate(found, "terminated by a new start")
                    core.settle()
                else:
                    failure = child_already_started()
            elif options.reuse is ReusePolicy.REJECT_DUPLICATE or (
                options.reuse is ReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY and found.status not in _FAILED
            ):
                failure = child_already_started()
        delay = 0
        if failure is None:
            try:
                delay = self._first_delay(msgspec.structs.replace(options, start_delay_ns=0), core.clock())
            except errors.WippyError as error:
                failure = from_error(error)
        if failure is not None:
            if open_parent:
                core.deliver(parent, ev.StartChildWorkflowExecutionFailed(id=event.id, failure=failure))
            return
        child = self.create(
            workflow_id=event.workflow_id,
            run_id=core.new_id(),
            type=event.type,
            queue=event.queue,
            args=event.args,
            header=event.header,
            options=options,
            delay_ns=delay,
            parent=(parent.workflow_id, parent.run_id, event.id),
        )
        if open_parent:
            core.deliver(
                parent,
                ev.ChildWorkflowExecutionStarted(id=event.id, workflow_id=child.workflow_id, run_id=child.run_id),
            )

    # all

    def create(
        self,
        *,
        workflow_id: str,
        run_id: str,
        type: str,
        queue: str,
        args: list[Payload],
        header: dict[str, bytes],
        options: WorkflowOptions,
        delay_ns: int = 0,
        attempt: int = 1,
        first_run_id: str = "",
        continued_run_id: str = "",
        chain_deadline_ns: int | None = None,
        parent: tuple[str, str, int] = ("", "", 0),
        memo: dict[str, Any] | None = None,
        attributes: dict[str, Any] | None = None,
        first_signal: ev.WorkflowExecutionSignaled | None = None,
    ) -> Run:
        """Make a run with its first events; no open run may have its workflow ID."""
        core = self.core
        now = core.clock()
        run = Run(core.next_seq, workflow_id, run_id, type, queue)
        core.next_seq += 1
        run.attempt = attempt
        _, run.parent_run, run.parent_command = parent
        run.parent_close = int(options.parent_close)
        run.started_ns = now
        if chain_deadline_ns is None:
            chain_deadline_ns = now + options.execution_timeout_ns if options.execution_timeout_ns else 0
        run.chain_deadline = chain_deadline_ns
        bounds = [chain_deadline_ns] if chain_deadline_ns else []
        if options.run_timeout_ns:
            bounds.append(now + delay_ns + options.run_timeout_ns)
        run.run_deadline = min(bounds, default=0)
        run.memo = options.memo if memo is None else memo
        run.attributes = options.search_attributes if attributes is None else attributes
        event = ev.WorkflowExecutionStarted(
            workflow_id=workflow_id,
            run_id=run_id,
            type=type,
            queue=queue,
            args=args,
            header=header,
            options=options,
            seed=core.entropy(32),
            attempt=attempt,
            first_run_id=first_run_id or run_id,
            continued_run_id=continued_run_id,
            parent_workflow_id=parent[0],
            parent_run_id=parent[1],
            parent_command=parent[2],
            run_deadline_ns=run.run_deadline,
            chain_deadline_ns=chain_deadline_ns,
            first_task_delay_ns=delay_ns,
            memo=run.memo,
            search_attributes=run.attributes,
        )
        run.start = event
        core.runs[run.seq] = core.by_id[workflow_id] = core.by_run[run_id] = run
        if run.parent_run:
            core.children.setdefault(run.parent_run, set()).add(run.seq)
        if run.run_deadline:
            core.deadlines.set(("run", run.seq, 0), run.run_deadline)
        core.touch(run)
        run.append(event, now)
        if first_signal is not None:
            run.append(first_signal, now)
            run.signals = 1
        if delay_ns > 0:
            run.task = Task.DELAYED
            run.task_due = now + delay_ns
            core.deadlines.set(("task", run.seq, 0), run.task_due)
        else:
            core.schedule(run, now)
        return run

"""Requests about runs that exist: signal, cancel, terminate, look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from wippy import errors
from wippy.workflows import events as ev
from wippy.workflows import visibility
from wippy.workflows.driver import Driver
from wippy.workflows.machine_api import Blocked
from wippy.workflows.payload import Payload, total_size
from wippy.workflows.provider import Description, PendingActivity, StartedRun, StartRequest, Status
from wippy.workflows.replay import cut, run_info, steps
from wippy.workflows.sqlite import faults
from wippy.workflows.sqlite.run import Run, Task

if TYPE_CHECKING:
    from wippy.workflows.sqlite.core import Core


def not_found(workflow_id: str) -> str:
    return f"workflow not found for ID: {workflow_id}"


_COMPLETED = "workflow execution already completed"


class Requests:
    def __init__(self, core: Core) -> None:
        self.core = core

    def _existing(self, workflow_id: str, run_id: str | None) -> Run:
        run = self.core.find(workflow_id, run_id)
        if run is None:
            which = f", run {run_id}" if run_id else ""
            raise errors.WippyError(errors.UNKNOWN, not_found(workflow_id) + which, retryable=None)
        return run

    def signal(self, workflow_id: str, run_id: str | None, name: str, payloads: list[Payload], sender: str) -> None:
        """Raises WippyError (kind unset) if there is no such run or it has closed, LIMIT_EXCEEDED beyond limits."""
        run = self._existing(workflow_id, run_id)
        if run.status is not Status.RUNNING:
            raise errors.WippyError(errors.UNKNOWN, _COMPLETED, retryable=None)
        if total_size(payloads) > self.core.limits.payload:
            raise errors.WippyError(errors.LIMIT_EXCEEDED, "Blob data size exceeds limit")
        if not self._deliver_signal(run, name, payloads, sender):
            raise errors.WippyError(
                errors.LIMIT_EXCEEDED,
                f"workflow {workflow_id} has received {run.signals} signals, the most one run may",
            )

    def _deliver_signal(self, run: Run, name: str, payloads: list[Payload], sender: str) -> bool:
        if run.signals >= self.core.limits.signals:
            return False
        run.signals += 1
        self.core.deliver(run, ev.WorkflowExecutionSignaled(name=name, payloads=payloads, sender=sender))
        return True

    def cancel(self, workflow_id: str, run_id: str | None, reason: str) -> None:
        """Succeeds for a closed run and for one that is being cancelled. Raises WippyError (INTERNAL) if missing."""
        run = self.core.find(workflow_id, run_id)
        if run is None:
            raise errors.WippyError(errors.INTERNAL, f"cancel failed: {not_found(workflow_id)}")
        if run.status is Status.RUNNING:
            self.request_cancel(run, reason)

    def request_cancel(self, run: Run, reason: str) -> None:
        if not run.cancel_requested:
            run.cancel_requested = True
            self.core.deliver(run, ev.WorkflowExecutionCancelRequested(reason=reason))

    def terminate(self, workflow_id: str, run_id: str | None, reason: str) -> None:
        """Raises WippyError (INTERNAL) if missing or closed."""
        run = self.core.find(workflow_id, run_id)
        if run is None or run.status is not Status.RUNNING:
            text = not_found(workflow_id) if run is None else _COMPLETED
            raise errors.WippyError(errors.INTERNAL, f"terminate failed: {text}")
        self.core.closing.terminate(run, reason)

    # from other runs

    def signal_external(self, source: Run, event: ev.SignalExternalWorkflowExecutionInitiated) -> None:
        target = self.core.by_id.get(event.workflow_id)
        delivered = (
            target is not None
            and target is not source
            and self._deliver_signal(target, event.name, event.payloads, event.sender)
        )
        if source.status is Status.RUNNING:
            if delivered:
                self.core.deliver(source, ev.ExternalWorkflowExecutionSignaled(id=event.id))
            else:
                self.core.deliver(
                    source, ev.SignalExternalWorkflowExecutionFailed(id=event.id, workflow_id=event.workflow_id)
                )

    def cancel_external(self, source: Run, event: ev.RequestCancelExternalWorkflowExecutionInitiated) -> None:
        target = self.core.find(event.workflow_id)
        if target is source:  # as Temporal has it
            target = None
        if target is not None and target.status is Status.RUNNING:
            self.request_cancel(target, event.reason)
        if source.status is not Status.RUNNING:
            return
        if target is not None:
            self.core.deliver(source, ev.ExternalWorkflowExecutionCancelRequested(id=event.id))
        else:
            self.core.deliver(
                source, ev.RequestCancelExternalWorkflowExecutionFailed(id=event.id, workflow_id=event.workflow_id)
            )

    # looking

    def describe(self, workflow_id: str, run_id: str | None) -> Description:
        return self._describe(self._existing(workflow_id, run_id))

    def _describe(self, run: Run) -> Description:
        if run.stored < 0:
            last, size, _ = self.core.store.tail(run.seq)
        else:
            last, size = run.next - 1, run.size
        activities = self._pending(run)
        return Description(
            workflow_id=run.workflow_id,
            run_id=run.run_id,
            type=run.type,
            queue=run.queue,
            status=run.status,
            attempt=run.attempt,
            started_ns=run.started_ns,
            closed_ns=run.closed_ns,
            history_length=last,
            history_size=size,
            task_attempt=run.task_attempt,
            blocked=self._why(run),
            memo=run.memo,
            search_attributes=run.attributes,
            activities=activities,
            next_run_id=run.next_run,
            parent_run_id=run.parent_run,
        )

    def _pending(self, run: Run) -> list[PendingActivity]:
        try:
            return [
                PendingActivity(
                    activity.id,
                    self.core.activities.event(run, activity).type,
                    activity.attempt,
                    bool(activity.running),
                    activity.due,
                    activity.last,
                )
                for activity in run.activities.values()
            ]
        except Exception as error:
            if faults.of_store(error):
                raise
            self.core.set_aside(run, error)
            return []

    def _listed(self, row: tuple[Any, ...]) -> Description:
        try:
            return self._describe(self.core.runs.get(row[0]) or Run.from_row(row))
        except Exception as error:  # what is left of it stays in the list
            run = Run.from_columns(row)
            run.status, run.task = Status(row[5]), Task.RETRY
            run.blocked = f"its stored state cannot be read ({type(error).__name__}: {error})"
            return self._describe(run)

    def _why(self, run: Run) -> str:
        """Why a run waits for the next try of its task: after a restart only the history knows."""
        if run.task is not Task.RETRY or run.blocked:
            return run.blocked
        failed = [event for event in self._history(run) if isinstance(event, ev.WorkflowTaskFailed)]
        return failed[-1].message if failed else ""

    def list(self, status: Status | None, type: str | None, limit: int, before: int) -> tuple[list[Description], int]:
        """Descriptions, the newest first, and the value of `before` for the next page (0 = no more)."""
        rows = self.core.store.executions(int(status) if status is not None else None, type, limit, before)
        return [self._listed(row) for row in rows], rows[-1][0] if len(rows) == limit else 0

    def history(self, workflow_id: str, run_id: str | None) -> list[Any]:
        return self._history(self._existing(workflow_id, run_id))

    def _history(self, run: Run) -> list[Any]:
        return (self.core.store.history(run.seq) if run.stored else []) + run.out

    def find(self, query: str, limit: int) -> list[Description]:
        """Descriptions that fit, the newest first; `limit` 0 = all. Raises WippyError: INVALID."""
        fits = visibility.parse(query)
        found: list[Description] = []
        before = 0
        while True:
            page, before = self.list(None, None, 500, before)
            for one in page:
                if fits(one):
                    found.append(one)
                    if limit and len(found) == limit:
                        return found
            if not before:
                return found

    def query(self, workflow_id: str, run_id: str | None, name: str) -> Any:
        """Raises WippyError: kind unset if missing, INVALID for a query that there is not."""
        run = self._existing(workflow_id, run_id)
        if name == "state":
            return {}
        if name == "pid":
            return run.workflow_id
        if name not in ("stack", "__stack_trace"):
            raise errors.WippyError(errors.INVALID, f"unknown query type: {name} (known: state, pid, stack)")
        if run.driver is not None:
            return _stacks(run.driver)
        parts = cut(self._history(run))
        driver = Driver(self.core.factory(run_info(parts.start)))
        try:
            for _ in steps(driver, parts.batches, run.run_id):
                pass
            return _stacks(driver)
        except Blocked as error:
            return f"the run is blocked: {error}"
        finally:
            driver.close()

    def retry(self, workflow_id: str, run_id: str | None) -> StartedRun:
        """Raises WippyError: kind unset if missing, CONFLICT if there is nothing to retry."""
        run = self._existing(workflow_id, run_id)
        if run.status is Status.RUNNING:
            if run.task is not Task.RETRY or run.turn is not None:
                raise errors.WippyError(errors.CONFLICT, f"workflow {workflow_id} is open and not blocked")
            if run.seq in self.core.unreadable:
                self.core.reload(run)
            else:
                self.core.try_now(run)
            return StartedRun(workflow_id, run.run_id, False)
        start = self._history(run)[0]
        options = msgspec.structs.replace(start.options, id=workflow_id, start_delay_ns=0)
        return self.core.starting.start(StartRequest(start.type, start.queue, start.args, options, start.header))


def _stacks(driver: Driver) -> str:
    stacks = getattr(driver.machine, "stacks", None)
    return stacks() if stacks is not None else ""

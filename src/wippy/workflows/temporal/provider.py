"""The workflows of a Temporal namespace, seen from processes and functions."""

from __future__ import annotations

import asyncio
import base64
import uuid
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any

import temporalio.common as common
from google.protobuf.json_format import MessageToDict
from temporalio.api.common.v1 import Payload as ProtoPayload
from temporalio.client import (
    Client,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowHistory,
    WorkflowQueryFailedError,
)
from temporalio.common import RawValue
from temporalio.exceptions import CancelledError, TerminatedError, TimeoutError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from wippy.errors import CONFLICT, INTERNAL, INVALID, NOT_FOUND, UNAVAILABLE, UNKNOWN, WippyError
from wippy.workflows.failure import Failure
from wippy.workflows.history_import import from_json
from wippy.workflows.options import ConflictPolicy, ReusePolicy, WorkflowOptions
from wippy.workflows.payload import Payload
from wippy.workflows.provider import (
    Description,
    Message,
    Result,
    StartedRun,
    StartRequest,
    Status,
    Token,
    Watcher,
)
from wippy.workflows.start_check import check_start
from wippy.workflows.temporal import start_options as sdk
from wippy.workflows.temporal import wire
from wippy.workflows.temporal.description import describe, listing
from wippy.workflows.temporal.faults import told
from wippy.workflows.temporal.headers import sent
from wippy.workflows.temporal.watching import Watches

ALREADY_STARTED = "workflow execution already started"
ALREADY_COMPLETED = "workflow execution already completed"
_FINAL = frozenset(
    (
        RPCStatusCode.NOT_FOUND,
        RPCStatusCode.INVALID_ARGUMENT,
        RPCStatusCode.PERMISSION_DENIED,
        RPCStatusCode.UNAUTHENTICATED,
        RPCStatusCode.UNIMPLEMENTED,
    )
)


class TemporalProvider:
    """One client. All methods may be called from any thread; futures fail with WippyError.

    Args:
        client: connected, with the interceptor `Headers`.
        loop: the event loop on which it works.

    Attributes:
        watches: who waits for ends of workflows.
    """

    retries_open = False
    """Only the server decides when a task that has failed is tried again."""

    def __init__(self, client: Client, loop: asyncio.AbstractEventLoop) -> None:
        self.client = client
        self._loop = loop
        self.watches = Watches(self._result, loop)
        self._attempts: dict[Token, asyncio.Future[Payload]] = {}

    def _run(self, work: Coroutine[Any, Any, Any]) -> Future[Any]:
        return asyncio.run_coroutine_threadsafe(_translated(work), self._loop)

    # Starts

    def start(self, request: StartRequest) -> Future[StartedRun]:
        """Starts a run, or finds the open one, as the ID policies say."""
        return self._run(self._start(request))

    async def _start(self, request: StartRequest) -> StartedRun:
        options = request.options
        check_start(request)
        generated = not options.id
        quiet = options.error_when_started is False or (options.error_when_started is None and not generated)
        workflow_id = options.id or str(uuid.uuid4())
        policy = options.conflict
        if policy is ConflictPolicy.UNSET:
            policy = ConflictPolicy.USE_EXISTING if quiet else ConflictPolicy.FAIL
        reuse = options.reuse
        if reuse is ReusePolicy.TERMINATE_IF_RUNNING:
            reuse, policy = ReusePolicy.ALLOW_DUPLICATE, ConflictPolicy.TERMINATE_EXISTING
        messages, header, first = request.messages, wire.proto_header(request.header), None
        if messages and (generated or policy is not ConflictPolicy.FAIL):
            # a generated ID is new: nothing can be found under it
            policy = ConflictPolicy.USE_EXISTING if generated else policy
            first, messages = messages[0], messages[1:]
            header = _with_sender(request.header, first.sender)
        elif messages:
            header[wire.MESSAGES] = _packed(messages)
            messages = []
        try:
            handle = await self._start_run(request, workflow_id, policy, reuse, header, first)
        except WorkflowAlreadyStartedError as error:
            refused = options.conflict is ConflictPolicy.FAIL and options.error_when_started is not False
            if not quiet or (refused and await self._is_open(workflow_id)):
                raise WippyError(UNKNOWN, f"{ALREADY_STARTED}: {workflow_id}", retryable=None) from None
            found = StartedRun(workflow_id, error.run_id or "", False)
            for message in request.messages:
                await self._signal(workflow_id, None, message.name, message.payloads, message.sender)
            return found
        for message in messages:
            await self._signal(workflow_id, None, message.name, message.payloads, message.sender)
        answer = handle._start_workflow_response
        return StartedRun(workflow_id, handle.result_run_id or "", answer is None or answer.started)

    async def _is_open(self, workflow_id: str) -> bool:
        found = await self.client.get_workflow_handle(workflow_id).describe()
        return found.status == WorkflowExecutionStatus.RUNNING

    async def _start_run(
        self,
        request: StartRequest,
        workflow_id: str,
        policy: ConflictPolicy,
        reuse: ReusePolicy,
        header: dict[str, ProtoPayload],
        first: Message | None,
    ) -> WorkflowHandle[Any, Any]:
        options = request.options
        token = sent.set(header)
        try:
            return await self.client.start_workflow(
                request.type,
                args=_raw(request.args),
                id=workflow_id,
                task_queue=request.queue,
                execution_timeout=sdk.span(options.execution_timeout_ns),
                run_timeout=sdk.span(options.run_timeout_ns),
                task_timeout=sdk.span(options.task_timeout_ns),
                id_reuse_policy=common.WorkflowIDReusePolicy(int(reuse) or 1),
                id_conflict_policy=common.WorkflowIDConflictPolicy(int(policy)),
                retry_policy=sdk.retry(options),
                cron_schedule=options.cron,
                memo=options.memo or None,
                search_attributes=sdk.attributes(options),
                static_summary=options.summary or None,
                static_details=options.details or None,
                start_delay=sdk.span(options.start_delay_ns),
                priority=sdk.priority(options),
                versioning_override=sdk.version(options),
                request_eager_start=options.eager and first is None,
                start_signal=first.name if first is not None else None,
                start_signal_args=_raw(first.payloads or [Payload()]) if first is not None else [],
            )
        finally:
            sent.reset(token)

    # Messages and control

    def signal(
        self, workflow_id: str, run_id: str | None, name: str, payloads: list[Payload], sender: str = ""
    ) -> Future[None]:
        """A message to the open run."""
        return self._run(self._signal(workflow_id, run_id, name, payloads, sender))

    async def _signal(
        self, workflow_id: str, run_id: str | None, name: str, payloads: list[Payload], sender: str
    ) -> None:
        token = sent.set(wire.signal_header(sender))
        try:
            handle = self.client.get_workflow_handle(workflow_id, run_id=run_id)
            await handle.signal(name, args=_raw(payloads or [Payload()]))
        except RPCError as error:
            raise _missing(error, workflow_id) from None
        finally:
            sent.reset(token)

    def cancel(self, workflow_id: str, run_id: str | None = None, reason: str = "") -> Future[None]:
        """A cancel request; nothing happens to a run that is closed."""
        return self._run(self._cancel(workflow_id, run_id, reason))

    async def _cancel(self, workflow_id: str, run_id: str | None, reason: str) -> None:
        try:
            await self.client.get_workflow_handle(workflow_id, run_id=run_id).cancel(reason=reason)
        except RPCError as error:
            found = _missing(error, workflow_id, INTERNAL)
            if found.message != ALREADY_COMPLETED:
                raise _of_control("cancel", found) from None

    def terminate(self, workflow_id: str, run_id: str | None = None, reason: str = "") -> Future[None]:
        """Ends a run at once."""
        return self._run(self._terminate(workflow_id, run_id, reason))

    async def _terminate(self, workflow_id: str, run_id: str | None, reason: str) -> None:
        try:
            await self.client.get_workflow_handle(workflow_id, run_id=run_id).terminate(reason=reason or None)
        except RPCError as error:
            raise _of_control("terminate", _missing(error, workflow_id, INTERNAL)) from None

    # Watching

    def watch(self, workflow_id: str, run_id: str | None, callback: Watcher) -> int:
        """Tells the end of the chain that begins with a run, or of the newest one."""
        return self.watches.add(workflow_id, run_id, callback)

    def unwatch(self, handle: int) -> None:
        """The watcher wants to know no more."""
        self.watches.drop(handle)

    async def _result(self, workflow_id: str, run_id: str | None) -> Result:
        handle = self.client.get_workflow_handle(workflow_id, run_id=run_id or None, result_type=RawValue)
        while True:
            try:
                value = await handle.result()
                result = wire.payload_of(value.payload) if isinstance(value, RawValue) else None
            except WorkflowFailureError as error:
                return Result(
                    workflow_id, run_id or "", _status(error.cause), failure=wire.failure_of_exception(error.cause)
                )
            except RPCError as error:
                if error.status in _FINAL:
                    found = _missing(error, workflow_id, NOT_FOUND)
                else:  # an outage shows in many ways, and the workflow knows nothing of it
                    await asyncio.sleep(1)
                    continue
            except WippyError as error:
                found = error
            except Exception as error:
                found = WippyError(INTERNAL, f"{type(error).__name__}: {error}")
            else:
                return Result(workflow_id, run_id or "", Status.COMPLETED, result=result)
            failure = Failure(found.message, found.kind, found.retryable)
            return Result(workflow_id, run_id or "", Status.FAILED, failure=failure)

    # What there is

    def describe(self, workflow_id: str, run_id: str | None = None) -> Future[Description]:
        """One run, for people."""
        return self._run(self._describe(workflow_id, run_id))

    async def _describe(self, workflow_id: str, run_id: str | None) -> Description:
        try:
            return await describe(self.client, workflow_id, run_id)
        except RPCError as error:
            raise _missing(error, workflow_id) from None

    def history(self, workflow_id: str, run_id: str | None = None) -> Future[list[Any]]:
        """The events of a run."""
        return self._run(self._events(workflow_id, run_id))

    async def _events(self, workflow_id: str, run_id: str | None) -> list[Any]:
        found = await self._history(workflow_id, run_id)
        return from_json({"events": [MessageToDict(event) for event in found]})

    async def _history(self, workflow_id: str, run_id: str | None) -> list[Any]:
        return list((await self._fetched(workflow_id, run_id)).events)

    async def _fetched(self, workflow_id: str, run_id: str | None) -> WorkflowHistory:
        try:
            return await self.client.get_workflow_handle(workflow_id, run_id=run_id).fetch_history()
        except RPCError as error:
            raise _missing(error, workflow_id) from None

    def exported(self, workflow_id: str, run_id: str | None = None) -> Future[dict[str, Any]]:
        """The history of a run as the server has it, in the server's JSON form."""

        async def export() -> dict[str, Any]:
            return (await self._fetched(workflow_id, run_id)).to_json_dict()

        return self._run(export())

    def find(self, query: str, limit: int) -> Future[list[Description]]:
        """Runs that fit a list filter of the server, the newest first."""
        return self._run(listing(self.client, query, limit))

    def query(self, workflow_id: str, run_id: str | None, name: str) -> Future[Any]:
        """What a run answers: `state`, `pid`, `stack`, or what foreign code knows."""
        return self._run(self._query(workflow_id, run_id, "__stack_trace" if name == "stack" else name))

    async def _query(self, workflow_id: str, run_id: str | None, name: str) -> Any:
        try:
            return await self.client.get_workflow_handle(workflow_id, run_id=run_id).query(name)
        except RPCError as error:
            raise _missing(error, workflow_id) from None
        except WorkflowQueryFailedError as error:
            raise WippyError(INVALID, error.message) from None

    def retry(self, workflow_id: str, run_id: str | None = None) -> Future[StartedRun]:
        """A new run with the input of a closed one; open runs are retried by the server alone."""
        return self._run(self._retry(workflow_id, run_id))

    async def _retry(self, workflow_id: str, run_id: str | None) -> StartedRun:
        if await self._is_open(workflow_id):
            raise WippyError(CONFLICT, f"workflow {workflow_id} is open; if it is blocked, the server tries it again")
        begun = (await self._history(workflow_id, run_id))[0].workflow_execution_started_event_attributes
        request = StartRequest(
            begun.workflow_type.name,
            begun.task_queue.name,
            wire.payloads_of(begun.input.payloads),
            WorkflowOptions(id=workflow_id, conflict=ConflictPolicy.FAIL),
            wire.header_of(begun.header.fields),
        )
        return await self._start(request)

    # Attempts of activities, by whoever carries them out

    def expect(self, token: Token) -> asyncio.Future[Payload]:
        """A future of an attempt's result; it fails with ApplicationError."""
        future: asyncio.Future[Payload] = self._loop.create_future()
        self._attempts[token] = future
        return future

    def activity_done(self, token: Token, result: Payload | None = None, failure: Failure | None = None) -> None:
        """The outcome of an attempt; from any thread."""
        future = self._attempts.pop(token, None)
        if future is None:
            return

        def settle() -> None:
            if future.done():
                return
            if failure is not None:
                future.set_exception(wire.application_error(failure))
            else:
                future.set_result(result or Payload())

        self._loop.call_soon_threadsafe(settle)

    def invalidate(self, types: list[str] | None = None) -> None:
        """Runs in memory keep their code until the worker lets go of them."""

    def pause(self) -> None:
        """Asks the server nothing more; who waits for the end of a workflow goes on waiting."""
        self.watches.pause()

    def resume(self) -> None:
        """Goes on after a pause."""
        self.watches.resume()


async def _translated(work: Coroutine[Any, Any, Any]) -> Any:
    try:
        return await work
    except RPCError as error:
        raise _error_of(error) from None
    except (RuntimeError, ValueError, TypeError) as error:
        raise WippyError(UNKNOWN, str(error) or type(error).__name__, retryable=None) from None


def _error_of(error: RPCError) -> WippyError:
    if error.status in (RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED):
        return WippyError(UNAVAILABLE, f"the Temporal server does not answer: {error.message}", retryable=True)
    return WippyError(UNKNOWN, told(error.message), retryable=None)


def _missing(error: RPCError, workflow_id: str, kind: str = UNKNOWN) -> WippyError:
    if error.status != RPCStatusCode.NOT_FOUND:
        return _error_of(error)
    text = ALREADY_COMPLETED if "already completed" in error.message else f"workflow not found for ID: {workflow_id}"
    return WippyError(kind, text, retryable=None if kind == UNKNOWN else False)


def _of_control(name: str, error: WippyError) -> WippyError:
    return WippyError(error.kind, f"{name} failed: {error.message}", retryable=error.retryable)


def _status(cause: BaseException | None) -> Status:
    if isinstance(cause, TerminatedError):
        return Status.TERMINATED
    if isinstance(cause, CancelledError):
        return Status.CANCELED
    return Status.TIMED_OUT if isinstance(cause, TimeoutError) else Status.FAILED


def _with_sender(header: dict[str, bytes], sender: str) -> dict[str, ProtoPayload]:
    """A start and its first signal have one header for both."""
    import msgspec

    out = wire.proto_header(header)
    if sender:
        values = msgspec.json.decode(header[wire.CONTEXT]) if wire.CONTEXT in header else {}
        out[wire.CONTEXT] = wire.json_payload({**values, wire.SENDER: sender})
    return out


def _packed(messages: list[Message]) -> ProtoPayload:
    return wire.json_payload(
        [
            [one.name, one.sender, [[p.encoding, base64.b64encode(p.data).decode()] for p in one.payloads]]
            for one in messages
        ]
    )


def _raw(payloads: list[Payload]) -> list[RawValue]:
    return [RawValue(wire.proto_payload(payload)) for payload in payloads]

"""A workflow worker as a host: spawns, messages, monitors and control of workflows."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from wippy.errors import INTERNAL, INVALID, UNAVAILABLE, UNKNOWN, WippyError
from wippy.kernel import codec
from wippy.kernel.worker import Envelope
from wippy.units.frame import frame_of
from wippy.units.runtime import Runtime
from wippy.workflows.context import header_of
from wippy.workflows.failure import Failure
from wippy.workflows.machine import decode_value
from wippy.workflows.option_keys import task_queue, workflow_options
from wippy.workflows.payload import Payload
from wippy.workflows.provider import Message, Provider, Result, StartedRun, StartRequest
from wippy.workflows.values import payloads_of
from wippy.workflows.watchers import LINK, MONITOR, Watchers

log = logging.getLogger("wippy.workflows")


def failure_value(failure: Failure) -> codec.ErrorValue:
    """The error object that Lua code sees for a failure."""
    return codec.ErrorValue(failure.kind, failure.message, failure.retryable, failure.details)


class WorkflowHost:
    """Carries envelopes to the workflows of one task queue.

    Args:
        id: ID of the worker entry.
        node: ID of the provider entry.
        queue: effective task queue.
        provider: gives the running provider, or None while it is not running.
        type_of: entry ID -> workflow type to start (a custom name, or the ID).
        problem: why there is no provider, or empty.
    """

    def __init__(
        self,
        id: str,
        node: str,
        queue: str,
        runtime: Runtime,
        provider: Callable[[], Provider | None],
        type_of: Callable[[str], str],
        problem: Callable[[], str] = str,
    ) -> None:
        self.id = id
        self.node = node
        self.queue = queue
        self._runtime = runtime
        self._router = runtime.router
        self._provider = provider
        self._type_of = type_of
        self._problem = problem
        self._watchers = Watchers(self._tell)

    def pid(self, workflow_id: str) -> str:
        """The PID of a workflow."""
        return f"{{{self.node}@{self.id}|{workflow_id}}}"

    def code_changed(self, ids: list[str]) -> None:
        """Runs of changed code take the newest from here on."""
        with contextlib.suppress(WippyError):  # a worker that does not run has nothing to forget
            provider = self._provider()
            if provider is not None:
                provider.invalidate()

    def accept(self, envelope: Envelope) -> None:
        try:
            provider = self._provider()
        except WippyError as error:
            self._router.reply(envelope, False, [error])
            return
        if provider is None:
            problem = self._problem()
            why = f": {problem}" if problem else ""
            self._router.fail(envelope, UNAVAILABLE, f"workflow worker {self.id} is not running{why}")
            return
        try:
            act = getattr(self, f"_{envelope[0]}", None)
            if act is None:
                self._router.fail(envelope, INTERNAL, f"a workflow worker does not know {envelope[0]}")
            else:
                act(provider, envelope)
        except WippyError as error:
            self._router.reply(envelope, False, [error])
        except Exception as error:
            log.exception("request %s to a workflow failed", envelope[0])
            self._router.fail(envelope, INTERNAL, f"{type(error).__name__}: {error}")

    # Start

    def _spawn(self, provider: Provider, envelope: Envelope) -> None:
        entry, blob, packed, arguments = envelope[4:8]
        options = codec.unpack(b"\x91" + packed)[0] if packed else {}
        settings = options.get("options") or {}
        name = options.get("name")
        if name and "workflow.id" not in settings and "temporal.workflow.id" not in settings:
            settings = {**settings, "workflow.id": name}
        parsed = workflow_options(settings)
        sender = options.get("from") or ""
        messages = [
            Message(topic, payloads_of(codec.unpack(_bytes(values))), sender)
            for topic, values in options.get("messages") or []
            if topic
        ]
        request = StartRequest(
            type=self._type_of(entry),
            queue=task_queue(settings) or self.queue,
            args=payloads_of(codec.unpack(arguments)),
            options=parsed,
            header=header_of(frame_of(blob), self._runtime.scopes),
            messages=messages,
        )

        def started(future: Future[StartedRun]) -> None:
            error = future.exception()
            if error is not None:
                self._router.reply(envelope, False, [_as_wippy(error)])
                return
            run = future.result()
            pid = self.pid(run.workflow_id)
            if options.get("exec"):
                self._watchers.wait(
                    provider, run.workflow_id, run.run_id, lambda result: self._answer(envelope, result)
                )
                return
            kinds = {kind: pid for kind, key in ((MONITOR, "watcher"), (LINK, "linked")) if options.get(key)}
            if kinds:
                watcher: str = options.get("watcher") or options["linked"]
                self._watchers.add(provider, kinds, watcher, run.workflow_id, run.run_id, run.created)
            self._router.reply(envelope, True, [pid])

        provider.start(request).add_done_callback(started)

    def _answer(self, envelope: Envelope, result: Result) -> None:
        if result.failure is not None:
            self._router.reply(envelope, True, [None, failure_value(result.failure)])
        else:
            self._router.reply(envelope, True, [decode_value(result.result)])

    # Messages and control

    def _send(self, provider: Provider, envelope: Envelope) -> None:
        topic, sender = envelope[4], envelope[5]
        if not topic:
            raise WippyError(INVALID, "the topic of a message to a workflow cannot be empty")
        payloads = payloads_of(codec.unpack(envelope[7]))
        self._settle(envelope, provider.signal(_id(envelope), None, topic, payloads, sender))

    def _cancel(self, provider: Provider, envelope: Envelope) -> None:
        self._settle(envelope, provider.cancel(_id(envelope), None, envelope[5]))

    def _terminate(self, provider: Provider, envelope: Envelope) -> None:
        self._settle(envelope, provider.terminate(_id(envelope)))

    def _settle(self, envelope: Envelope, future: Future[Any]) -> None:
        def done(answer: Future[Any]) -> None:
            error = answer.exception()
            if error is not None:
                self._router.reply(envelope, False, [_as_wippy(error)])
            else:
                self._router.reply(envelope, True, [True])

        future.add_done_callback(done)

    # Watching

    def _monitor(self, provider: Provider, envelope: Envelope) -> None:
        self._watch(provider, MONITOR, envelope)

    def _link(self, provider: Provider, envelope: Envelope) -> None:
        self._watch(provider, LINK, envelope)

    def _watch(self, provider: Provider, kind: str, envelope: Envelope) -> None:
        self._watchers.add(provider, {kind: envelope[1]}, envelope[4], _id(envelope))
        self._router.reply(envelope, True, [True])

    def _unmonitor(self, provider: Provider, envelope: Envelope) -> None:
        self._watchers.drop(provider, MONITOR, envelope[4], _id(envelope))
        self._router.reply(envelope, True, [True])

    def _unlink(self, provider: Provider, envelope: Envelope) -> None:
        self._watchers.drop(provider, LINK, envelope[4], _id(envelope))
        self._router.reply(envelope, True, [True])

    def _event(self, provider: Provider, envelope: Envelope) -> None:
        """A linked process has failed; the workflow never notices."""
        self._watchers.drop(provider, LINK, envelope[5], _id(envelope))

    def resume(self, provider: Provider) -> None:
        """Goes on with a provider that has been started again."""
        self._watchers.resume(provider)

    @property
    def watching(self) -> int:
        """How many watches there are."""
        return len(self._watchers)

    def _tell(self, kind: str, watcher: str, pid: str, result: Result) -> None:
        error = failure_value(result.failure) if result.failure is not None else None
        event = "pid.link.down" if kind == LINK and error is not None else "pid.exit"
        self._router.dispatch(["event", watcher, 0, 0, event, pid, codec.pack([decode_value(result.result), error])])


def _id(envelope: Envelope) -> str:
    return envelope[1].partition("|")[2][:-1]


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


def _as_wippy(error: BaseException) -> WippyError:
    if isinstance(error, WippyError):
        return error
    return WippyError(UNKNOWN, str(error) or type(error).__name__, retryable=None)


def plain_values(payloads: list[Payload]) -> list[Any]:
    """The plain values of payloads."""
    return [decode_value(payload) for payload in payloads]

"""Activities: functions that workflows call, carried out in the functions' home."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from wippy.errors import CANCELED, NOT_FOUND
from wippy.kernel import codec
from wippy.units.frame import Frame
from wippy.units.router import FUNCTIONS, error_of
from wippy.units.runtime import Runtime
from wippy.workflows.context import values_of
from wippy.workflows.failure import Failure, from_error, raised
from wippy.workflows.host import plain_values
from wippy.workflows.provider import ActivityTask, Provider, Token
from wippy.workflows.values import payload_of


class Activities:
    """Starts attempts and brings their outcomes to the provider. Thread-safe.

    Args:
        functions: makes sure that the functions' home runs.
        provider: the provider that gets the outcomes.
        base: identity for calls that carry none, by task queue.
    """

    def __init__(
        self,
        runtime: Runtime,
        functions: Callable[[], Any],
        provider: Callable[[], Provider | None],
        base: Callable[[str], Frame],
    ) -> None:
        self._runtime = runtime
        self._functions = functions
        self._provider = provider
        self._base = base
        self._lock = threading.Lock()
        self._running: dict[Token, int] = {}

    def execute(self, task: ActivityTask) -> None:
        """Starts one attempt; returns at once."""
        code = self._runtime.code.get(task.type)
        if code is None or not (code.kind.startswith("function.") or code.default_host):
            missing = "add a function.lua entry of that ID"
            if code is not None:
                missing = f"function not found: it is a {code.kind}, which needs meta.default_host to be called"
            text = f"unable to find activityType={task.type}: {missing}"
            self._done(task.token, failure=Failure(text, NOT_FOUND, True))
            return
        token = task.token

        def answered(ok: bool, values: list[Any]) -> None:
            with self._lock:
                self._running.pop(token, None)
            try:
                outcome = _outcome(values) if ok else {"failure": from_error(error_of(values))}
            except Exception as error:
                outcome = {"failure": from_error(error)}
            self._done(token, **outcome)

        with self._lock:
            self._running[token] = 0
        ask = self._runtime.router.ask
        try:
            frame = values_of(task.header, self._base(task.queue), self._runtime.scopes).blob()
            arguments = codec.pack(plain_values(task.args))
            home = self._functions()
            number = ask(
                answered,
                "call",
                FUNCTIONS,
                task.type,
                frame,
                b"",
                arguments,
                target=home,
                lend=home.workers[0] if task.alone else None,
            )
        except Exception as error:
            with self._lock:
                self._running.pop(token, None)
            self._done(token, failure=from_error(error))
            return
        with self._lock:
            if token in self._running:
                self._running[token] = number

    def cancel(self, token: Token, reason: str) -> None:
        """Asks a running attempt to end."""
        with self._lock:
            number = self._running.pop(token, None)
        if number:
            self._functions().accept(["cancel_call", FUNCTIONS, 0, 0, number, CANCELED, "", b""])

    def _done(self, token: Token, **outcome: Any) -> None:
        provider = self._provider()
        if provider is not None:
            provider.activity_done(token, **outcome)


def _outcome(values: list[Any]) -> dict[str, Any]:
    failure = values[1] if len(values) > 1 else None
    if isinstance(failure, codec.ErrorValue):
        return {"failure": raised(failure.message, failure.kind, failure.retryable, failure.details)}
    return {"result": payload_of(values[0] if values else None)}

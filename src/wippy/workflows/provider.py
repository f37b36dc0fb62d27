"""What a workflow provider offers, whatever stands behind it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from enum import IntEnum
from typing import Any, Protocol

import msgspec

from wippy.workflows.failure import Failure
from wippy.workflows.options import WorkflowOptions
from wippy.workflows.payload import Payload


class Status(IntEnum):
    """State of one run."""

    RUNNING = 1
    COMPLETED = 2
    FAILED = 3
    CANCELED = 4
    TERMINATED = 5
    CONTINUED_AS_NEW = 6
    TIMED_OUT = 7


class Message(msgspec.Struct):
    """A startup message."""

    name: str
    payloads: list[Payload] = []
    sender: str = ""


class StartRequest(msgspec.Struct):
    """A start from outside of workflows. `options.id` "" = a generated workflow ID."""

    type: str
    queue: str
    args: list[Payload] = []
    options: WorkflowOptions = WorkflowOptions()
    header: dict[str, bytes] = {}
    messages: list[Message] = []


class StartedRun(msgspec.Struct):
    """`created` is False where an open run was found and used."""

    workflow_id: str
    run_id: str
    created: bool = True


class Result(msgspec.Struct):
    """How a chain of runs ended: a result, or a failure."""

    workflow_id: str
    run_id: str
    status: Status
    result: Payload | None = None
    failure: Failure | None = None


class PendingActivity(msgspec.Struct):
    id: int
    type: str
    attempt: int
    running: bool
    due_ns: int = 0
    last_failure: Failure | None = None


class Description(msgspec.Struct):
    """One run, for people. Times are nanoseconds since the epoch, 0 = not set."""

    workflow_id: str
    run_id: str
    type: str
    queue: str
    status: Status
    attempt: int
    started_ns: int
    closed_ns: int
    history_length: int
    history_size: int
    task_attempt: int = 0
    blocked: str = ""
    memo: dict[str, Any] = {}
    search_attributes: dict[str, Any] = {}
    activities: list[PendingActivity] = []
    next_run_id: str = ""
    parent_run_id: str = ""


Token = tuple[int, int, int]


class ActivityTask(msgspec.Struct):
    """One attempt of an activity.

    Attributes:
        token: give it back with the outcome.
        key: the same for every attempt of this activity and for no other: an idempotency key.
        attempt: from 1.
        deadline_ns: when the attempt is given up, 0 = never.
        alone: nothing else waits for the engine: its thread may be lent to the attempt for a few milliseconds.
    """

    token: Token
    key: str
    workflow_id: str
    run_id: str
    workflow_type: str
    type: str
    args: list[Payload]
    header: dict[str, bytes]
    attempt: int
    queue: str
    deadline_ns: int
    alone: bool = False


Executor = Callable[[ActivityTask], None]
CancelExecutor = Callable[[Token, str], None]
Send = Callable[[str, str, str, str, list[Payload]], None]
Watcher = Callable[[Result], None]


class Provider(Protocol):
    """All methods may be called from any thread; futures fail with WippyError."""

    def start(self, request: StartRequest) -> Future[StartedRun]: ...
    def signal(
        self, workflow_id: str, run_id: str | None, name: str, payloads: list[Payload], sender: str = ""
    ) -> Future[None]: ...
    def cancel(self, workflow_id: str, run_id: str | None = None, reason: str = "") -> Future[None]: ...
    def terminate(self, workflow_id: str, run_id: str | None = None, reason: str = "") -> Future[None]: ...
    def watch(self, workflow_id: str, run_id: str | None, callback: Watcher) -> int: ...
    def unwatch(self, handle: int) -> None: ...
    def describe(self, workflow_id: str, run_id: str | None = None) -> Future[Description]: ...
    def history(self, workflow_id: str, run_id: str | None = None) -> Future[list[Any]]: ...
    def find(self, query: str, limit: int) -> Future[list[Description]]: ...
    def query(self, workflow_id: str, run_id: str | None, name: str) -> Future[Any]: ...
    def retry(self, workflow_id: str, run_id: str | None = None) -> Future[StartedRun]: ...
    def activity_done(self, token: Token, result: Payload | None = None, failure: Failure | None = None) -> None: ...
    def invalidate(self, types: list[str] | None = None) -> None: ...
    def stop(self) -> None: ...

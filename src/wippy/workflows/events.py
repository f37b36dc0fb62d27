"""The events of a history, with the names and type numbers of Temporal.

An event is stored as a MessagePack array `[type, number, time, field, …]`; new fields go to the end.
"""

from __future__ import annotations

from typing import Any

import msgspec

from wippy.workflows.failure import Failure
from wippy.workflows.options import ActivityOptions, WorkflowOptions
from wippy.workflows.payload import NIL, Payload


class Base(msgspec.Struct, array_like=True, tag_field="event"):
    """`n` counts from 1 within the run; `time_ns` never decreases within it."""

    n: int = 0
    time_ns: int = 0


class WorkflowExecutionStarted(Base, tag=1, kw_only=True):
    workflow_id: str
    run_id: str
    type: str
    queue: str
    args: list[Payload]
    header: dict[str, bytes]
    options: WorkflowOptions
    seed: bytes
    attempt: int = 1
    first_run_id: str = ""
    continued_run_id: str = ""
    parent_workflow_id: str = ""
    parent_run_id: str = ""
    parent_command: int = 0
    run_deadline_ns: int = 0
    chain_deadline_ns: int = 0
    first_task_delay_ns: int = 0
    memo: dict[str, Any] = {}
    search_attributes: dict[str, Any] = {}


class WorkflowExecutionCompleted(Base, tag=2, kw_only=True):
    result: Payload = NIL
    next_run_id: str = ""


class WorkflowExecutionFailed(Base, tag=3, kw_only=True):
    failure: Failure
    retry_state: str = ""
    next_run_id: str = ""


class WorkflowExecutionTimedOut(Base, tag=4, kw_only=True):
    retry_state: str = ""
    next_run_id: str = ""


class WorkflowTaskScheduled(Base, tag=5):
    pass


class WorkflowTaskStarted(Base, tag=6, kw_only=True):
    history_size: int = 0
    attempt: int = 1


class WorkflowTaskCompleted(Base, tag=7):
    pass


class WorkflowTaskTimedOut(Base, tag=8):
    pass


class WorkflowTaskFailed(Base, tag=9, kw_only=True):
    """`cause`: `NonDeterministic`, `UnhandledCommand`, `BadCommand`, `Blocked` or `UnhandledFailure`.

    `new_run_id`: of the run that goes on from here, where a Temporal server has reset a run; else empty.
    """

    cause: str
    message: str = ""
    new_run_id: str = ""


class ActivityTaskScheduled(Base, tag=10, kw_only=True):
    id: int
    type: str
    args: list[Payload]
    options: ActivityOptions
    header: dict[str, bytes]


class ActivityTaskStarted(Base, tag=11, kw_only=True):
    id: int
    attempt: int
    last_failure: Failure | None = None


class ActivityTaskCompleted(Base, tag=12, kw_only=True):
    id: int
    result: Payload = NIL


class ActivityTaskFailed(Base, tag=13, kw_only=True):
    """`name` is the ID that the call gave it, if it gave one."""

    id: int
    failure: Failure
    retry_state: str
    name: str = ""


class ActivityTaskTimedOut(Base, tag=14, kw_only=True):
    """`failure.cause` is the failure of the last attempt, if there was one."""

    id: int
    failure: Failure
    retry_state: str
    name: str = ""


class ActivityTaskCancelRequested(Base, tag=15, kw_only=True):
    id: int


class ActivityTaskCanceled(Base, tag=16, kw_only=True):
    id: int


class TimerStarted(Base, tag=17, kw_only=True):
    id: int
    duration_ns: int


class TimerFired(Base, tag=18, kw_only=True):
    id: int


class TimerCanceled(Base, tag=19, kw_only=True):
    id: int


class WorkflowExecutionCancelRequested(Base, tag=20, kw_only=True):
    reason: str = ""


class RequestCancelExternalWorkflowExecutionInitiated(Base, tag=22, kw_only=True):
    id: int
    workflow_id: str
    reason: str = ""


class RequestCancelExternalWorkflowExecutionFailed(Base, tag=23, kw_only=True):
    id: int
    workflow_id: str


class ExternalWorkflowExecutionCancelRequested(Base, tag=24, kw_only=True):
    id: int


class MarkerRecorded(Base, tag=25, kw_only=True):
    kind: str
    key: str
    value: bytes = b""


class WorkflowExecutionSignaled(Base, tag=26, kw_only=True):
    name: str
    payloads: list[Payload]
    sender: str = ""


class WorkflowExecutionTerminated(Base, tag=27, kw_only=True):
    reason: str = ""


class WorkflowExecutionContinuedAsNew(Base, tag=28, kw_only=True):
    type: str
    next_run_id: str


class StartChildWorkflowExecutionInitiated(Base, tag=29, kw_only=True):
    id: int
    type: str
    workflow_id: str
    queue: str
    args: list[Payload]
    options: WorkflowOptions
    header: dict[str, bytes]


class StartChildWorkflowExecutionFailed(Base, tag=30, kw_only=True):
    id: int
    failure: Failure


class ChildWorkflowExecutionStarted(Base, tag=31, kw_only=True):
    id: int
    workflow_id: str
    run_id: str


class ChildWorkflowExecutionCompleted(Base, tag=32, kw_only=True):
    id: int
    workflow_id: str
    run_id: str
    result: Payload = NIL


class _ChildClosed(Base, kw_only=True):
    """`failure` has the details of its wrapper already."""

    id: int
    workflow_id: str
    run_id: str
    failure: Failure


class ChildWorkflowExecutionFailed(_ChildClosed, tag=33):
    pass


class ChildWorkflowExecutionCanceled(_ChildClosed, tag=34):
    pass


class ChildWorkflowExecutionTimedOut(_ChildClosed, tag=35):
    pass


class ChildWorkflowExecutionTerminated(_ChildClosed, tag=36):
    pass


class SignalExternalWorkflowExecutionInitiated(Base, tag=37, kw_only=True):
    id: int
    workflow_id: str
    name: str
    payloads: list[Payload]
    sender: str = ""


class SignalExternalWorkflowExecutionFailed(Base, tag=38, kw_only=True):
    id: int
    workflow_id: str


class ExternalWorkflowExecutionSignaled(Base, tag=39, kw_only=True):
    id: int


class UpsertWorkflowSearchAttributes(Base, tag=40, kw_only=True):
    attributes: dict[str, Any]


class WorkflowPropertiesModified(Base, tag=45, kw_only=True):
    memo: dict[str, Any]


Event = (
    WorkflowExecutionStarted
    | WorkflowExecutionCompleted
    | WorkflowExecutionFailed
    | WorkflowExecutionTimedOut
    | WorkflowTaskScheduled
    | WorkflowTaskStarted
    | WorkflowTaskCompleted
    | WorkflowTaskTimedOut
    | WorkflowTaskFailed
    | ActivityTaskScheduled
    | ActivityTaskStarted
    | ActivityTaskCompleted
    | ActivityTaskFailed
    | ActivityTaskTimedOut
    | ActivityTaskCancelRequested
    | ActivityTaskCanceled
    | TimerStarted
    | TimerFired
    | TimerCanceled
    | WorkflowExecutionCancelRequested
    | RequestCancelExternalWorkflowExecutionInitiated
    | RequestCancelExternalWorkflowExecutionFailed
    | ExternalWorkflowExecutionCancelRequested
    | MarkerRecorded
    | WorkflowExecutionSignaled
    | WorkflowExecutionTerminated
    | WorkflowExecutionContinuedAsNew
    | StartChildWorkflowExecutionInitiated
    | StartChildWorkflowExecutionFailed
    | ChildWorkflowExecutionStarted
    | ChildWorkflowExecutionCompleted
    | ChildWorkflowExecutionFailed
    | ChildWorkflowExecutionCanceled
    | ChildWorkflowExecutionTimedOut
    | ChildWorkflowExecutionTerminated
    | SignalExternalWorkflowExecutionInitiated
    | SignalExternalWorkflowExecutionFailed
    | ExternalWorkflowExecutionSignaled
    | UpsertWorkflowSearchAttributes
    | WorkflowPropertiesModified
)

# Written for the commands of a task, and compared with them on replay.
COMMAND_EVENTS = (
    ActivityTaskScheduled,
    ActivityTaskCancelRequested,
    TimerStarted,
    TimerCanceled,
    StartChildWorkflowExecutionInitiated,
    SignalExternalWorkflowExecutionInitiated,
    RequestCancelExternalWorkflowExecutionInitiated,
    MarkerRecorded,
    UpsertWorkflowSearchAttributes,
    WorkflowPropertiesModified,
    WorkflowExecutionCompleted,
    WorkflowExecutionFailed,
    WorkflowExecutionContinuedAsNew,
)

_encoder = msgspec.msgpack.Encoder()
_one = msgspec.msgpack.Decoder(Event)
_many = msgspec.msgpack.Decoder(list[Event])

encode = _encoder.encode
decode = _one.decode
decode_batch = _many.decode


def join(chunks: list[bytes]) -> bytes:
    """The batch of events that were encoded one by one: a MessagePack array of them."""
    count = len(chunks)
    if count < 16:
        head = bytes((0x90 | count,))
    elif count < 65536:
        head = b"\xdc" + count.to_bytes(2, "big")
    else:
        head = b"\xdd" + count.to_bytes(4, "big")
    return head + b"".join(chunks)

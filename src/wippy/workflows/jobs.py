"""What a run is told: the deliveries of one workflow task."""

from __future__ import annotations

import msgspec

from wippy.workflows.failure import Failure
from wippy.workflows.payload import Payload


class Start(msgspec.Struct, tag=True):
    """The first job of a run."""

    args: list[Payload] = []


class Reseed(msgspec.Struct, tag=True):
    """The run goes on after a reset: from here on chance is another than in the run that was reset."""

    seed: int


class Signal(msgspec.Struct, tag=True):
    """A message. `sender` is a PID string, "" if unknown."""

    name: str
    payloads: list[Payload] = []
    sender: str = ""


class Update(msgspec.Struct, tag=True):
    """A message that is answered: only foreign clients send them."""

    id: str
    name: str
    payloads: list[Payload] = []


class TimerFired(msgspec.Struct, tag=True):
    id: int


class ActivityResolved(msgspec.Struct, tag=True):
    """The outcome of `ScheduleActivity` `id`: a result, or a failure with its `_wrapper` details added."""

    id: int
    result: Payload | None = None
    failure: Failure | None = None


class ChildStarted(msgspec.Struct, tag=True):
    """The answer to `StartChild` `id`: the child runs, or why it could not start (then nothing follows)."""

    id: int
    workflow_id: str = ""
    run_id: str = ""
    failure: Failure | None = None


class ChildResolved(msgspec.Struct, tag=True):
    """The final close of the child that `StartChild` `id` started. `time_ns` is the time of its event."""

    id: int
    workflow_id: str = ""
    run_id: str = ""
    time_ns: int = 0
    result: Payload | None = None
    failure: Failure | None = None


class ExternalResolved(msgspec.Struct, tag=True):
    """The answer to `SignalExternal` or `CancelExternal` `id`; failure None = done."""

    id: int
    failure: Failure | None = None


class CancelRequested(msgspec.Struct, tag=True):
    """Somebody asked the run to stop. `time_ns` is the time of the request."""

    reason: str = ""
    time_ns: int = 0


Job = (
    Start
    | Reseed
    | Signal
    | Update
    | TimerFired
    | ActivityResolved
    | ChildStarted
    | ChildResolved
    | ExternalResolved
    | CancelRequested
)


class Activation(msgspec.Struct):
    """One workflow task.

    Attributes:
        time_ns: workflow time of the task; never less than that of the task before.
        replaying: the task is in history already; its commands are compared and not carried out.
        history_length: number of the task's Started event.
        history_size: bytes of the events before the task.
        markers: values recorded in this very task, by (kind, key); empty when not replaying.
        jobs: in the order of delivery.
    """

    time_ns: int
    replaying: bool
    history_length: int
    history_size: int
    markers: dict[tuple[str, str], bytes]
    jobs: list[Job]

"""What a run asks for. A machine returns a list of these after each activation, in the order of the calls.

`id` is the number of the command from one counter per run that the machine keeps (1, 2, 3, …). Only the commands
with an `id` field and `RecordMarker` of kind `side_effect` use the counter; other markers never do.
"""

from __future__ import annotations

from typing import Any

import msgspec

from wippy.workflows.failure import Failure
from wippy.workflows.options import ActivityOptions, WorkflowOptions
from wippy.workflows.payload import NIL, Payload

VERSION = "version"
SIDE_EFFECT = "side_effect"

NO_ACTIVITY_OPTIONS = ActivityOptions()
NO_WORKFLOW_OPTIONS = WorkflowOptions()


class ScheduleActivity(msgspec.Struct, tag_field="command", tag=True):
    """Call a function. `blocking` is False for an async call, whose result is a mailbox item."""

    id: int
    type: str
    args: list[Payload] = []
    options: ActivityOptions = NO_ACTIVITY_OPTIONS
    header: dict[str, bytes] = {}
    blocking: bool = True


class RequestCancelActivity(msgspec.Struct, tag_field="command", tag=True):
    """Cancel the activity of command `id`. For one that is over already: ignored."""

    id: int


class StartTimer(msgspec.Struct, tag_field="command", tag=True):
    """`blocking` is True for a sleep, False for timers and tickers, whose firing is a mailbox item."""

    id: int
    duration_ns: int
    blocking: bool = True


class CancelTimer(msgspec.Struct, tag_field="command", tag=True):
    """Stop the timer of command `id`. For one that has fired already: ignored."""

    id: int


class StartChild(msgspec.Struct, tag_field="command", tag=True):
    """Start a child workflow. `host` is its task queue, "" = the run's own.

    `blocking` is True where the caller waits for the result (exec), False for a spawn, whose close is an EXIT.
    The workflow ID is `options.id`, or `<run id>_<id>`.
    """

    id: int
    type: str
    host: str = ""
    args: list[Payload] = []
    options: WorkflowOptions = NO_WORKFLOW_OPTIONS
    header: dict[str, bytes] = {}
    blocking: bool = False


class SignalExternal(msgspec.Struct, tag_field="command", tag=True):
    """Signal another workflow; answered by `ExternalResolved`. `sender` is the PID of this run."""

    id: int
    workflow_id: str
    name: str
    payloads: list[Payload] = []
    sender: str = ""


class CancelExternal(msgspec.Struct, tag_field="command", tag=True):
    """Request the cancellation of another workflow; answered by `ExternalResolved`."""

    id: int
    workflow_id: str
    reason: str = ""


class RecordMarker(msgspec.Struct, tag_field="command", tag=True):
    """Remember a value; on replay it is announced in `Activation.markers`.

    `kind` is `version`, `side_effect`, or `permission`: the check with this number was answered with no.
    """

    kind: str
    key: str
    value: bytes = b""


class UpsertAttributes(msgspec.Struct, tag_field="command", tag=True):
    """Merge search attributes and memo over the earlier ones; None leaves them out."""

    search: dict[str, Any] | None = None
    memo: dict[str, Any] | None = None


class SendMessage(msgspec.Struct, tag_field="command", tag=True):
    """A message to a process: no event; leaves after the commit of the task, never on replay."""

    pid: str
    topic: str
    payloads: list[Payload] = []


class AnswerUpdate(msgspec.Struct, tag_field="command", tag=True):
    """Ends the update `id` with a result, or as failed with the text of `payload`."""

    id: str
    completed: bool
    payload: Payload = NIL


class Complete(msgspec.Struct, tag_field="command", tag=True):
    result: Payload = NIL


class Fail(msgspec.Struct, tag_field="command", tag=True):
    failure: Failure


class ContinueAsNew(msgspec.Struct, tag_field="command", tag=True):
    """End the run and start the next one. `type` "" = the same type; `header` None = the run's own header."""

    type: str = ""
    args: list[Payload] = []
    header: dict[str, bytes] | None = None


Command = (
    ScheduleActivity
    | RequestCancelActivity
    | StartTimer
    | CancelTimer
    | StartChild
    | SignalExternal
    | CancelExternal
    | RecordMarker
    | UpsertAttributes
    | SendMessage
    | AnswerUpdate
    | Complete
    | Fail
    | ContinueAsNew
)
CLOSING = (Complete, Fail, ContinueAsNew)

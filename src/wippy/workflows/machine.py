"""The machine of a workflow run: Lua code in the VM of its thread, behind the `Machine` protocol."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

import msgspec

from wippy.errors import INVALID, NOT_FOUND, WippyError
from wippy.kernel import codec
from wippy.units.frame import Frame, frame_of
from wippy.units.runtime import Runtime
from wippy.workflows import commands as cmd
from wippy.workflows import jobs
from wippy.workflows.context import header_of, values_of
from wippy.workflows.failure import Failure, raised
from wippy.workflows.jobs import Activation
from wippy.workflows.machine_api import Blocked, OutOfMemory, RunInfo
from wippy.workflows.machine_vm import MachineVM
from wippy.workflows.option_keys import activity_options, over, search_attributes, workflow_options
from wippy.workflows.options import ActivityOptions
from wippy.workflows.payload import Payload

NO_MEMORY = "the memory limit of the provider (max_memory) is reached; raise it"


class RecordedRandom:
    """Random bytes expanded from the seed of a run: the same on every replay."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._reset = b""
        self._counter = 0
        self._rest = b""

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        while len(self._rest) < size:
            self._rest += hashlib.sha256(self._seed + self._reset + self._counter.to_bytes(8, "big")).digest()
            self._counter += 1
        out, self._rest = self._rest[:size], self._rest[size:]
        return out

    def reseed(self, seed: bytes) -> None:
        """Other bytes from here on, the same on every replay."""
        self._reset += seed
        self._rest = b""


class WorkflowUnit(msgspec.Struct):
    """The run as module functions see it."""

    pid: str
    entry: str
    frame: Frame
    time_ns: int
    random: RecordedRandom
    workflow: bool = True

    def now_ns(self) -> int:
        return self.time_ns

    def entropy(self, size: int) -> bytes:
        return self.random.take(size)


class LuaMachine:
    """One live instance of a run.

    Args:
        node: ID of the provider, node part of the PID.
        host: ID of the worker that runs it.
        base_frame: identity where the start carried none.
        unreachable: (PID) -> why a message cannot be delivered, or None.
        queue_of: host of a child as code names it (a worker, or a task queue) -> task queue.
        type_of: entry ID of a child -> workflow type to start.
        activity_queue: entry ID of an activity -> the task queue to which it is tied, "" for none.
        vm: in which it lives.
        log_in_replay: `print` during replay too.
        trace: remember which line asks for each command, see `places`; "task": for those of the last task.
        line: a line as code knows it (`app:flow:12`) -> as people find it.
    """

    def __init__(
        self,
        info: RunInfo,
        runtime: Runtime,
        *,
        entry: str,
        node: str,
        host: str,
        base_frame: Frame,
        unreachable: Callable[[str], str | None],
        queue_of: Callable[[str], str] = str,
        type_of: Callable[[str], str] = str,
        activity_queue: Callable[[str], str] = lambda id: "",
        vm: MachineVM,
        log_in_replay: bool = False,
        trace: bool | str = False,
        line: Callable[[str], str] = str,
    ) -> None:
        self._replaying = False
        self._log_in_replay = log_in_replay
        self._line = line
        self._scopes = runtime.scopes
        self._code = runtime.code
        self.unreachable = unreachable
        self.queue_of = queue_of
        self.type_of = type_of
        self._activity_queue = activity_queue
        pid = f"{{{node}@{host}|{info.workflow_id}}}"
        frame = values_of(info.header, base_frame, runtime.scopes)
        self.unit = WorkflowUnit(pid, entry, frame, info.start_time_ns, RecordedRandom(info.seed))
        config = {
            "node": node,
            "host": host,
            "entry": entry,
            "pid": pid,
            "frame": frame.blob(),
            "workflow_id": info.workflow_id,
            "run_id": info.run_id,
            "type": info.type,
            "queue": info.queue,
            "namespace": info.namespace,
            "attempt": info.attempt,
            "start_time_ns": info.start_time_ns,
            "strict": runtime.strict,
            "trace": trace,
            "seed": _dice((info.original_run_id or info.run_id).encode()),
        }
        self._vm = vm
        self._number: int = self._vm.enter(self).workflow_begin(codec.pack([config])[1:])

    @property
    def prints(self) -> bool:
        """Whether `print` shows in the log now."""
        return self._log_in_replay or not self._replaying

    def activate(self, activation: Activation) -> list[cmd.Command] | None:
        self.unit.time_ns = activation.time_ns
        self._replaying = activation.replaying
        found, markers = activation.jobs, activation.markers
        task = (activation.time_ns, activation.replaying, activation.history_length, activation.history_size)
        if len(found) == 1 and not markers:
            job = found[0]
            if type(job) is jobs.ActivityResolved and job.failure is None and job.result is not None:
                result = job.result
                return self._call("activate_result", *task, job.id, result.encoding.encode(), result.data)
        for job in found:
            if type(job) is jobs.Reseed:
                self.unit.random.reseed(job.seed.to_bytes(8, "big"))
        named = {f"{kind}:{key}": value for (kind, key), value in markers.items()}
        return self._call("activate", *task, codec.pack([[named, [_job(job) for job in found]]])[1:])

    def resume(self) -> list[cmd.Command] | None:
        return self._call("resume_task")

    def close(self) -> None:
        if self._number:
            self._vm.K.workflow_end(self._number)
            self._number = 0

    def places(self) -> dict[tuple[str, ...], str]:
        """Lines of the user's code such as `app:flow:12` by command: `("timer", "3")`, `("marker", kind, key)`."""
        rows = codec.unpack(b"\x91" + self._vm.K.places(self._number))[0]
        return {(row[0], *row[1 : 3 if row[0] == "marker" else 2]): row[3] for row in rows}

    def place_of(self, command: cmd.Command | None) -> str:
        """The line that asked for a command, as people find it; for None the line at which main waits, or "" if it has
        ended. "" if nobody knows.
        """
        if command is None:
            found = _LINE.search(self.stacks())
            return self._line(found[0]) if found else ""
        name = _NAMES[type(command)]
        places = self.places()
        if isinstance(command, cmd.RecordMarker):
            place = places.get((name, command.kind, command.key), "")
        elif (id := getattr(command, "id", None)) is not None:
            place = places.get((name, str(id)), "")
        else:
            place = next((place for key, place in reversed(places.items()) if key[0] == name), "")
        return self._line(place) if place else ""

    def asked(self) -> list[str]:
        """What the last task asked for, with its lines."""
        found = {key: self._line(place) for key, place in self.places().items() if place}
        return [f"{' '.join(k for k in key if ':' not in k)} at {line}" for key, line in found.items()]

    def stacks(self) -> str:
        """Where every coroutine of the run stands, the innermost line first; a blank line between two."""
        text = bytes(self._vm.K.stacks(self._number)).decode("utf-8", "replace")
        stacks = [
            [line.strip() for line in stack.splitlines() if _USER_LINE.match(line)] for stack in text.split("\n\n")
        ]
        return "\n\n".join("\n".join(stack) for stack in stacks if stack)

    def _call(self, name: str, *args: Any) -> list[cmd.Command] | None:
        kernel = self._vm.enter(self)
        try:
            answer = getattr(kernel, name)(self._number, *args)
        except MemoryError:
            self._vm.broken = True
            raise OutOfMemory(NO_MEMORY) from None
        except Exception as error:
            kernel.workflow_abandon()
            raise Blocked(f"the run cannot go on: {error}") from error
        return self._result(answer)

    def _result(self, answer: Any) -> list[cmd.Command] | None:
        if answer is None:
            return None
        if isinstance(answer, tuple):
            if answer[0]:
                return [self._activity(*answer[1:])]
            if answer[1] == b"not enough memory":
                raise OutOfMemory(NO_MEMORY)
            raise Blocked(bytes(answer[1]).decode("utf-8", "replace"))
        return [self._command(row) for row in codec.unpack(b"\x91" + answer)[0]]

    def _activity(self, id: int, type: bytes, frame: bytes, blocking: bool, *parts: bytes) -> cmd.Command:
        args = [Payload(parts[at].decode(), parts[at + 1]) for at in range(0, len(parts), 2)]
        name = _text(type)
        return cmd.ScheduleActivity(id, name, args, self.activity_options(name, None), self.header(frame), blocking)

    def activity_options(self, type: str, given: Any) -> ActivityOptions:
        """Options of a call over those of the entry; its queue, unless named, is that of the worker of the function."""
        preset = self._code.preset(type)
        if preset:
            given = over(preset, given)
        options = activity_options(given) if given else _PLAIN_ACTIVITY
        queue = "" if options.queue else self._activity_queue(type)
        return msgspec.structs.replace(options, queue=queue) if queue else options

    def _command(self, row: list[Any]) -> cmd.Command:
        return _COMMANDS[row[0]](self, row)

    def header(self, blob: bytes | str) -> dict[str, bytes]:
        """Context and security of a frame as headers."""
        return header_of(frame_of(blob), self._scopes)


def _dice(seed: bytes) -> int:
    """The first state of `math.random`."""
    return int.from_bytes(hashlib.sha256(b"math.random" + seed).digest()[:8], "big", signed=True)


def _payload(pair: list[Any]) -> Payload:
    data = pair[1]
    return Payload(pair[0], data.encode() if isinstance(data, str) else data)


def _payloads(pairs: Any) -> list[Payload]:
    return [_payload(pair) for pair in pairs]


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


_LINE = re.compile(r"[^\s:/\[(]+:[^\s:/]+:\d+")
_USER_LINE = re.compile(r"\s+[^\s:/\[(]+:[^\s:/]+:\d+")

_PLAIN_ACTIVITY = activity_options({})
_PLAIN_WORKFLOW = workflow_options({})

_COMMANDS: dict[str, Callable[[LuaMachine, list[Any]], cmd.Command]] = {
    "activity": lambda m, r: cmd.ScheduleActivity(
        r[1],
        _text(r[2]),
        _payloads(r[3]),
        m.activity_options(_text(r[2]), r[4]),
        m.header(r[5]),
        r[6],
    ),
    "cancel_activity": lambda m, r: cmd.RequestCancelActivity(r[1]),
    "timer": lambda m, r: cmd.StartTimer(r[1], r[2], r[3]),
    "cancel_timer": lambda m, r: cmd.CancelTimer(r[1]),
    "child": lambda m, r: cmd.StartChild(
        r[1],
        m.type_of(r[2]),
        m.queue_of(r[3]),
        _payloads(r[4]),
        workflow_options(r[5]) if r[5] else _PLAIN_WORKFLOW,
        m.header(r[6]),
        r[7],
    ),
    "signal": lambda m, r: cmd.SignalExternal(r[1], _text(r[2]), _text(r[3]), _payloads(r[4]), r[5]),
    "cancel": lambda m, r: cmd.CancelExternal(r[1], _text(r[2]), _text(r[3])),
    "marker": lambda m, r: cmd.RecordMarker(r[1], r[2], r[3].encode() if isinstance(r[3], str) else r[3]),
    "attrs": lambda m, r: cmd.UpsertAttributes(
        search_attributes(r[1]) if r[1] else None, {_text(key): value for key, value in r[2].items()} if r[2] else None
    ),
    "update": lambda m, r: cmd.AnswerUpdate(r[1], r[2], _payload(r[3])),
    "send": lambda m, r: cmd.SendMessage(r[1], r[2], _payloads(r[3])),
    "complete": lambda m, r: cmd.Complete(_payload(r[1])),
    "fail": lambda m, r: cmd.Fail(
        raised(*r[1][:4]) if isinstance(r[1], list) else raised(*(r[1].get(n) for n in range(1, 5)))
    ),
    "continue": lambda m, r: cmd.ContinueAsNew(r[1], _payloads(r[2]), m.header(r[3])),
}


_NAMES: dict[type, str] = {
    cmd.ScheduleActivity: "activity",
    cmd.RequestCancelActivity: "cancel_activity",
    cmd.StartTimer: "timer",
    cmd.CancelTimer: "cancel_timer",
    cmd.StartChild: "child",
    cmd.SignalExternal: "signal",
    cmd.CancelExternal: "cancel",
    cmd.RecordMarker: "marker",
    cmd.UpsertAttributes: "attrs",
    cmd.AnswerUpdate: "update",
    cmd.SendMessage: "send",
    cmd.Complete: "complete",
    cmd.Fail: "fail",
    cmd.ContinueAsNew: "continue",
}


def _failure(failure: Failure | None) -> list[Any] | None:
    return None if failure is None else [failure.message, failure.kind, failure.retryable, failure.details]


def _pairs(payloads: list[Payload]) -> list[list[Any]]:
    return [[payload.encoding, payload.data] for payload in payloads]


def _pair(payload: Payload | None) -> list[Any] | None:
    return None if payload is None else [payload.encoding, payload.data]


def _rfc3339(time_ns: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(time_ns / 1e9, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _job(job: jobs.Job) -> list[Any]:
    if isinstance(job, jobs.ActivityResolved):
        return ["activity", job.id, _pair(job.result), _failure(job.failure)]
    if isinstance(job, jobs.Signal):
        return ["signal", job.name, _pairs(job.payloads), job.sender]
    if isinstance(job, jobs.Update):
        return ["update", job.name, _pairs(job.payloads), f"{{update|{job.id}}}", job.id]
    if isinstance(job, jobs.TimerFired):
        return ["timer", job.id]
    if isinstance(job, jobs.Start):
        return ["start", _pairs(job.args)]
    if isinstance(job, jobs.Reseed):
        return ["reseed", _dice(job.seed.to_bytes(8, "big"))]
    if isinstance(job, jobs.ChildStarted):
        return ["child_started", job.id, job.workflow_id, _failure(job.failure)]
    if isinstance(job, jobs.ChildResolved):
        return ["child_resolved", job.id, _pair(job.result), _failure(job.failure), job.time_ns]
    if isinstance(job, jobs.ExternalResolved):
        return ["external", job.id, _failure(job.failure)]
    return ["cancel", job.reason, _rfc3339(job.time_ns)]


def encode_value(value: Any) -> Payload:
    """A plain value from Python as a payload. Raises WippyError: INVALID for what JSON cannot hold."""
    if value is None:
        return Payload()
    if isinstance(value, bytes):
        return Payload("binary/plain", value)
    try:
        return Payload("json/plain", json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())
    except (TypeError, ValueError) as error:
        raise WippyError(INVALID, f"error transcoding value: {error}") from None


def decode_value(payload: Payload | None) -> Any:
    """The plain value of a payload."""
    if payload is None or payload.encoding == "binary/null":
        return None
    if payload.encoding == "binary/plain":
        return payload.data
    return msgspec.json.decode(payload.data)


def unknown_type(type: str) -> Blocked:
    """What a machine factory raises when no entry serves a workflow type."""
    return Blocked(f"{NOT_FOUND}: no workflow entry serves the type {type}; add it and the run goes on")

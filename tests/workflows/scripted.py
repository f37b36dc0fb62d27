"""Workflows written as Python generators, and a bench that runs them on the engine without threads or real time.

A program takes an `Api` and yields from its methods. What it returns is the result of the run.
"""

from __future__ import annotations

from collections import deque
from typing import Any, ClassVar

from wippy.workflows import commands as cmd
from wippy.workflows import events as ev
from wippy.workflows import jobs
from wippy.workflows.failure import Failure
from wippy.workflows.machine_api import Blocked, RunInfo
from wippy.workflows.options import ActivityOptions, RetryPolicy, WorkflowOptions
from wippy.workflows.payload import JSON, NIL, Payload
from wippy.workflows.provider import Message, Result, StartRequest
from wippy.workflows.sqlite.core import Core, Limits
from wippy.workflows.sqlite.store import Store

SECOND = 1_000_000_000
BUSY = object()


def text(value: str) -> Payload:
    return Payload(JSON, value.encode())


def read(payload: Payload | None) -> str:
    return "" if payload is None else payload.data.decode()


class ActivityError(Exception):
    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class Upgrade(Exception):
    def __init__(self, *args: str, type: str = "") -> None:
        self.command = cmd.ContinueAsNew(type, [text(arg) for arg in args])


class Api:
    def __init__(self, info: RunInfo) -> None:
        self.info = info
        self.args: list[str] = []
        self.commands: list[cmd.Command] = []
        self.answers: dict[int, Any] = {}
        self.started: dict[int, Any] = {}
        self.mailbox: deque[Any] = deque()
        self.exits: deque[Any] = deque()
        self.versions: dict[str, int] = {}
        self.activation: jobs.Activation | None = None
        self.counter = 0
        self.log: list[str] = []

    def next(self) -> int:
        self.counter += 1
        return self.counter

    def begin(self, type: str, *args: str, blocking: bool = False, **options: Any) -> int:
        id = self.next()
        self.commands.append(
            cmd.ScheduleActivity(id, type, [text(a) for a in args], ActivityOptions(**options), blocking=blocking)
        )
        return id

    def result(self, id: int) -> Any:
        while id not in self.answers:
            yield
        job = self.answers.pop(id)
        if job.failure is not None:
            raise ActivityError(job.failure)
        return read(getattr(job, "result", None))

    def call(self, type: str, *args: str, **options: Any) -> Any:
        return (yield from self.result(self.begin(type, *args, blocking=True, **options)))

    def cancel(self, id: int) -> None:
        self.commands.append(cmd.RequestCancelActivity(id))

    def timer(self, ns: int, blocking: bool = False) -> int:
        id = self.next()
        self.commands.append(cmd.StartTimer(id, ns, blocking))
        return id

    def stop(self, id: int) -> None:
        self.commands.append(cmd.CancelTimer(id))

    def sleep(self, ns: int) -> Any:
        id = self.timer(ns, True)
        while id not in self.answers:
            yield
        del self.answers[id]

    def receive(self) -> Any:
        while not self.mailbox:
            yield
        return self.mailbox.popleft()

    def exit(self) -> Any:
        while not self.exits:
            yield
        return self.exits.popleft()

    def spawn(self, type: str, *args: str, host: str = "", blocking: bool = False, **options: Any) -> Any:
        id = self.next()
        self.commands.append(
            cmd.StartChild(id, type, host, [text(a) for a in args], WorkflowOptions(**options), blocking=blocking)
        )
        while id not in self.started:
            yield
        job = self.started.pop(id)
        if job.failure is not None:
            raise ActivityError(job.failure)
        return job.workflow_id if not blocking else id

    def exec(self, type: str, *args: str, **options: Any) -> Any:
        id = yield from self.spawn(type, *args, blocking=True, **options)
        return (yield from self.result(id))

    def signal(self, workflow_id: str, name: str, *args: str) -> Any:
        id = self.next()
        self.commands.append(cmd.SignalExternal(id, workflow_id, name, [text(a) for a in args], self.info.workflow_id))
        yield from self.result(id)

    def cancel_external(self, workflow_id: str) -> Any:
        id = self.next()
        self.commands.append(cmd.CancelExternal(id, workflow_id, "asked"))
        yield from self.result(id)

    def send(self, pid: str, topic: str, *args: str) -> None:
        self.commands.append(cmd.SendMessage(pid, topic, [text(a) for a in args]))

    def marker(self, value: bytes) -> bytes:
        key = str(self.next())
        assert self.activation is not None
        kept = self.activation.markers.get((cmd.SIDE_EFFECT, key), value)
        self.commands.append(cmd.RecordMarker(cmd.SIDE_EFFECT, key, kept))
        return kept

    def version(self, change: str, low: int, high: int) -> int:
        assert self.activation is not None
        if change not in self.versions:
            announced = self.activation.markers.get((cmd.VERSION, change))
            if announced is not None:
                self.versions[change] = int(announced)
            else:
                self.versions[change] = -1 if self.activation.replaying else high
            if announced is not None or not self.activation.replaying:
                self.commands.append(cmd.RecordMarker(cmd.VERSION, change, str(self.versions[change]).encode()))
        if not low <= self.versions[change] <= high:
            raise Blocked(f"version {self.versions[change]} of {change} is not supported")
        return self.versions[change]


class Script:
    def __init__(self, info: RunInfo, program: Any) -> None:
        self.api = Api(info)
        self.program = program
        self.main: Any = None
        self.closed = False

    def activate(self, activation: jobs.Activation) -> list[cmd.Command] | None:
        api = self.api
        api.activation = activation
        for job in activation.jobs:
            api.log.append(type(job).__name__)
            match job:
                case jobs.Start():
                    api.args = [read(arg) for arg in job.args]
                    self.main = self.program(api)
                case jobs.Signal() | jobs.CancelRequested():
                    api.mailbox.append(job)
                case jobs.ChildStarted():
                    api.started[job.id] = job
                case jobs.ChildResolved():
                    api.answers[job.id] = job
                    api.exits.append(job)
                case jobs.TimerFired() | jobs.ActivityResolved() | jobs.ExternalResolved():
                    api.answers[job.id] = job
        return self.resume()

    def resume(self) -> list[cmd.Command] | None:
        api = self.api
        before = None
        while before != (state := (len(api.commands), len(api.answers), len(api.mailbox), len(api.started))):
            before = state
            try:
                if next(self.main) is BUSY:
                    return None
            except StopIteration as end:
                api.commands.append(cmd.Complete(NIL if end.value is None else text(str(end.value))))
                break
            except ActivityError as error:
                api.commands.append(cmd.Fail(error.failure))
                break
            except Upgrade as upgrade:
                api.commands.append(upgrade.command)
                break
        out, api.commands = api.commands, []
        return out

    def close(self) -> None:
        assert not self.closed
        self.closed = True
        if self.main is not None:
            self.main.close()


class Crash(BaseException):
    pass


class CrashingStore(Store):
    """Dies before or after a commit, as the plan says: {number of the write: "before" | "after"}."""

    plan: ClassVar[dict[int, str]] = {}
    writes = 0

    def write(self, batch: Any) -> None:
        number = CrashingStore.writes
        how = self.plan.get(number)
        if how == "before":
            CrashingStore.writes += 1
            raise Crash(number)
        super().write(batch)
        CrashingStore.writes += 1
        if how == "after":
            raise Crash(number)


class Bench:
    """The engine's core on a file, with a clock of its own and activities that are answered in order."""

    def __init__(self, path: Any, programs: dict[str, Any], *, cache: int = 100, **limits: Any) -> None:
        self.path = path
        self.programs = programs
        self.limits = Limits(cache=cache, slice_ns=limits.pop("slice_ns", 10_000_000_000), **limits)
        self.now = 1_000 * SECOND
        self.ids = 0
        self.saved_ids = 0
        self.queues: list[str] | None = None
        self.handlers: dict[str, Any] = {}
        self.calls: list[tuple[str, list[str], int]] = []
        self.tasks: deque[Any] = deque()
        self.cancelled: list[tuple[Any, str]] = []
        self.sent: list[tuple[str, str, list[str]]] = []
        self.results: dict[str, Result] = {}
        self.machines: list[Script] = []
        self.open()

    def open(self) -> None:
        self.tasks.clear()
        self.core = Core(
            CrashingStore(self.path, "OFF"),
            self.machine,
            self.tasks.append,
            cancel_executor=lambda token, reason: self.cancelled.append((token, reason)),
            send=lambda w, r, pid, topic, payloads: self.sent.append((pid, topic, [read(p) for p in payloads])),
            queues=self.queues,
            clock=lambda: self.now,
            limits=self.limits,
            new_id=self.new_id,
            entropy=lambda n: bytes([7]) * n,
        )

    def new_id(self) -> str:
        self.ids += 1
        return f"id{self.ids}"

    def machine(self, info: RunInfo) -> Script:
        program = self.programs.get(info.type)
        if program is None:
            raise Blocked(f"unknown workflow type {info.type}")
        script = Script(info, program)
        self.machines.append(script)
        return script

    def crash(self) -> None:
        """Drop the engine as a kill would, and take over with a new one."""
        self.core.store.close()
        self.ids = self.saved_ids
        self.open()

    def close(self) -> None:
        self.core.store.close()

    # driving

    def round(self) -> bool:
        more = self.core.round()
        self.saved_ids = self.ids
        return more

    def answer(self) -> bool:
        """Answer one activity with its handler (default: its type and arguments, in brackets)."""
        if not self.tasks:
            return False
        task = self.tasks.popleft()
        args = [read(arg) for arg in task.args]
        self.calls.append((task.type, args, task.attempt))
        handler = self.handlers.get(task.type)
        outcome: Any = f"{task.type}({','.join(args)})" if handler is None else handler(task, *args)
        if isinstance(outcome, Failure):
            self.core.activities.done(task.token, None, outcome)
        elif outcome is not None:
            self.core.activities.done(task.token, text(outcome), None)
        self.core.settle()
        return True

    def idle(self) -> None:
        """Go on until nothing happens without time passing."""
        while self.round() or self.answer():
            pass

    def run(self, until: int | None = None) -> None:
        """Go on, jumping from one due time to the next, until nothing is due (before `until`)."""
        for _ in range(1000):
            self.idle()
            due = self.core.deadlines.next()
            if due is None or (until is not None and due > until):
                if until is not None:
                    self.now = max(self.now, until)
                    self.idle()
                return
            self.now = max(self.now, due)
        raise AssertionError("there is no end to what becomes due")

    # asking

    def start(
        self, type: str, *args: str, messages: list[Message] | None = None, queue: str = "q", **options: Any
    ) -> str:
        request = StartRequest(type, queue, [text(a) for a in args], WorkflowOptions(**options), {}, messages or [])
        started = self.core.starting.start(request)
        self.core.settle()
        return started.workflow_id

    def signal(self, workflow_id: str, name: str, *args: str) -> None:
        self.core.requests.signal(workflow_id, None, name, [text(a) for a in args], "{n@h|sender}")

    def watch(self, workflow_id: str, key: str | None = None) -> None:
        handle = len(self.results) + 1000 + self.ids
        self.core.watches.watch(
            handle, workflow_id, None, lambda result: self.results.__setitem__(key or workflow_id, result)
        )

    def outcome(self, workflow_id: str) -> Result:
        self.watch(workflow_id)
        self.round()
        return self.results[workflow_id]

    def history(self, workflow_id: str, run_id: str | None = None) -> list[Any]:
        return self.core.requests.history(workflow_id, run_id)

    def names(self, workflow_id: str, run_id: str | None = None) -> list[str]:
        return [type(event).__name__ for event in self.history(workflow_id, run_id)]


RETRY_ONCE = RetryPolicy(maximum_attempts=1)
__all__ = ["BUSY", "RETRY_ONCE", "SECOND", "ActivityError", "Api", "Bench", "Crash", "CrashingStore", "Script", "ev"]

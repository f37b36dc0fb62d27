"""A fault of ours in the work for one run blocks that run; nothing of it is half done, and all others go on."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from wippy.errors import WippyError
from wippy.workflows import commands as cmd
from wippy.workflows import events as ev
from wippy.workflows.failure import Failure
from wippy.workflows.machine_api import RunInfo
from wippy.workflows.options import WorkflowOptions
from wippy.workflows.provider import StartRequest, Status
from wippy.workflows.sqlite import commands
from wippy.workflows.sqlite.engine import Engine

from .scripted import SECOND, ActivityError, Script, Upgrade, text


def bad(api):
    """All of its commands but the last are those of one task."""
    job = yield from api.receive()
    charge, timer, child, signal = api.begin("charge", "bad"), api.timer(1), api.next(), api.next()
    api.commands.append(cmd.StartChild(child, "child", "", [], WorkflowOptions(id="child")))
    api.commands.append(cmd.SignalExternal(signal, "good0", "from bad", [], "bad"))
    while child not in api.started or timer not in api.answers:
        yield
    for id in (charge, signal):
        yield from api.result(id)
    return job.name


def good(api):
    job = yield from api.receive()
    first = yield from api.call("charge", job.name)
    yield from api.sleep(SECOND)
    return first


def child(api):
    yield from api.receive()


def sleeper(api):
    yield from api.sleep(5 * SECOND)
    return "slept"


def parent(api):
    return (yield from api.exec("leaf"))


def leaf(api):
    return "leaf"
    yield


def caller(api):
    try:
        return (yield from api.call("charge", "x"))
    except ActivityError as error:
        return error.failure.message


PROGRAMS = {p.__name__: p for p in (bad, good, child, sleeper, parent, leaf, caller)}


class Rig:
    """An engine with its thread, a clock that is moved by hand, and activities that are answered by hand."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.now = 1000 * SECOND
        self.programs: dict[str, Any] = dict(PROGRAMS)
        self.tasks: SimpleQueue[Any] = SimpleQueue()
        self.failures: list[WippyError] = []
        self.open()

    def open(self) -> None:
        self.engine = Engine(
            self.path, self.machine, self.tasks.put, clock=lambda: self.now, failed=self.failures.append
        )

    def machine(self, info: RunInfo) -> Script:
        return Script(info, self.programs[info.type])

    def start(self, type: str, id: str = "", **options: Any) -> str:
        request = StartRequest(type, "q", [], WorkflowOptions(id=id, **options))
        return self.engine.start(request).result(10).workflow_id

    def signal(self, id: str, name: str = "go") -> None:
        self.engine.signal(id, None, name, []).result(10)

    def watch(self, id: str) -> SimpleQueue[Any]:
        box: SimpleQueue[Any] = SimpleQueue()
        self.engine.watch(id, None, box.put)
        return box

    def end(self, id: str) -> Any:
        return self.watch(id).get(timeout=10)

    def advance(self, seconds: float) -> None:
        self.now += int(seconds * SECOND)
        self.engine.wake()

    def shown(self, id: str) -> Any:
        return self.engine.describe(id).result(10)

    def until(self, condition: Callable[[], Any]) -> None:
        while not condition():
            pass

    def blocked(self, id: str, text: str) -> None:
        self.until(lambda: text in self.shown(id).blocked)

    def spoil(self, statement: str) -> None:
        """Change the store of an engine that has stopped."""
        db = sqlite3.connect(self.path)
        db.execute(statement)
        db.commit()
        db.close()

    def history(self, id: str) -> list[Any]:
        return self.engine.history(id).result(10)

    def stop(self) -> None:
        self.engine.stop()
        assert not self.failures, "the engine itself has failed"


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path / "x.db")
    yield made
    made.stop()


class Fault:
    """Breaks a function for as long as it is on, where `when` holds."""

    def __init__(self, function: Callable[..., Any], when: Callable[..., bool]) -> None:
        self.function, self.when, self.on = function, when, True
        self.error: Exception = ZeroDivisionError("a fault of ours")

    def __call__(self, *args: Any, **named: Any) -> Any:
        if self.on and self.when(*args, **named):
            raise self.error
        return self.function(*args, **named)


def _of_bad(_core: Any, run: Any, *_: Any) -> bool:
    return run.workflow_id == "bad"


WHERE: dict[str, Any] = {kind.__name__: kind for kind in (cmd.ScheduleActivity, cmd.StartTimer, cmd.SignalExternal)}


@pytest.mark.parametrize("where", [*WHERE, "start of a child", "signal to another run", "commit"])
def test_commands_that_cannot_be_carried_out_block_their_run_alone(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    core = rig.engine._core
    if where in WHERE:
        fault = Fault(commands._HANDLERS[WHERE[where]], _of_bad)
        monkeypatch.setitem(commands._HANDLERS, WHERE[where], fault)
    elif where == "start of a child":
        fault = Fault(core.starting.create, lambda *, workflow_id, **_: workflow_id == "child")
        monkeypatch.setattr(core.starting, "create", fault)
    elif where == "signal to another run":
        fault = Fault(core.requests.signal_external, lambda source, _event: source.workflow_id == "bad")
        monkeypatch.setattr(core.requests, "signal_external", fault)
    else:
        fault = Fault(core.store.write, lambda batch: any(row[1] == "child" for row in batch.executions))
        fault.error = sqlite3.IntegrityError("a fault of ours")
        monkeypatch.setattr(core.store, "write", fault)
    others = [rig.start("good", f"good{n}") for n in range(5)]
    rig.start("bad", "bad")
    ends = {id: rig.watch(id) for id in ("bad", *others)}
    held = threading.Event()
    rig.engine._tell(held.wait, 10)  # so that all of this comes in one round
    sent = [rig.engine.signal(id, None, "go", []) for id in ("good0", "good1", "bad", "good2", "good3", "good4")]
    held.set()
    for future in sent:
        future.result(10)
    charged = [rig.tasks.get(timeout=10) for _ in range(5)]
    assert sorted(task.workflow_id for task in charged) == others
    for task in charged:
        rig.engine.activity_done(task.token, task.args[0])
    rig.blocked("bad", "a fault of ours")
    for id in others:
        rig.until(lambda id=id: any(isinstance(e, ev.TimerStarted) for e in rig.history(id)))
    rig.advance(1)
    for id in others:
        assert ends[id].get(timeout=10).result == text("go")
    rig.blocked("bad", "a fault of ours")
    history = rig.history("bad")
    assert rig.shown("bad").status is Status.RUNNING
    assert not any(isinstance(event, ev.COMMAND_EVENTS) for event in history)
    assert [e.cause for e in history if isinstance(e, ev.WorkflowTaskFailed)] == ["UnhandledFailure"]
    assert [e.name for e in rig.history("good0") if isinstance(e, ev.WorkflowExecutionSignaled)] == ["go"]
    with pytest.raises(WippyError, match="not found"):
        rig.shown("child")
    fault.on = False
    rig.advance(600)
    task = rig.tasks.get(timeout=10)
    assert task.workflow_id == "bad"
    rig.engine.activity_done(task.token, task.args[0])
    rig.until(lambda: rig.advance(1) or any(isinstance(e, ev.TimerFired) for e in rig.history("bad")))
    failure = ends["bad"].get(timeout=10)
    assert failure.failure.message == "unknown external workflow execution: good0"  # which has ended meanwhile
    assert rig.shown("child").status is Status.TERMINATED
    assert rig.tasks.empty(), "an activity was handed out twice"


def test_an_outcome_that_cannot_be_stored_fails_its_attempt(rig: Rig) -> None:
    rig.start("caller", "one")
    rig.start("caller", "two")
    tasks = {task.workflow_id: task for task in (rig.tasks.get(timeout=10), rig.tasks.get(timeout=10))}
    details = {"what": object()}
    rig.engine.activity_done(tasks["one"].token, None, Failure("refused", "Invalid", False, details))
    rig.engine.activity_done(tasks["two"].token, text("fine"))
    assert (rig.end("one").result, rig.end("two").result) == (text("refused"), text("fine"))


def test_an_outcome_whose_handling_fails_is_tried_again(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    core = rig.engine._core
    fault = Fault(core.deliver, lambda run, *events: any(isinstance(e, ev.ActivityTaskCompleted) for e in events))
    monkeypatch.setattr(core, "deliver", fault)
    rig.start("caller", "one")
    first = rig.tasks.get(timeout=10)
    rig.engine.activity_done(first.token, text("lost"))
    rig.until(lambda: rig.shown("one").activities[0].attempt == 2)
    assert "a fault of ours" in rig.shown("one").activities[0].last_failure.message
    fault.on = False
    rig.advance(1)
    second = rig.tasks.get(timeout=10)
    assert (second.attempt, second.key) == (2, first.key)
    rig.engine.activity_done(first.token, text("late"))
    rig.engine.activity_done(second.token, text("fine"))
    assert rig.end("one").result == text("fine")


def test_attempts_that_run_are_not_handed_out_again_by_a_fault(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.start("caller", "one")
    running = rig.tasks.get(timeout=10)
    requests = rig.engine._core.requests

    def half(run: Any, reason: str) -> None:
        requests.signal("one", None, "half", [], "")
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr(requests, "request_cancel", half)
    with pytest.raises(WippyError, match="a fault of ours") as caught:
        rig.engine.cancel("one").result(10)
    assert caught.value.kind == "Internal"
    assert not any(isinstance(e, ev.WorkflowExecutionSignaled) for e in rig.history("one"))
    assert rig.shown("one").activities[0].running
    assert rig.tasks.empty()
    rig.engine.activity_done(running.token, text("once"))
    assert rig.end("one").result == text("once")
    rig.start("caller", "two")  # and the queue counts right
    assert rig.tasks.get(timeout=10).workflow_id == "two"


def test_what_is_due_and_fails_is_due_again_later(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    core = rig.engine._core
    fault = Fault(core.closing._retry, lambda run, *_: run.workflow_id == "bad")
    monkeypatch.setattr(core.closing, "_retry", fault)
    rig.start("child", "bad", run_timeout_ns=SECOND)
    rig.start("child", "good", run_timeout_ns=SECOND)
    rig.advance(1)
    assert rig.end("good").status is Status.TIMED_OUT
    rig.until(lambda: rig.shown("bad").status is Status.RUNNING)
    watch = rig.watch("bad")
    fault.on = False
    rig.advance(2)
    assert watch.get(timeout=10).status is Status.TIMED_OUT


def test_watches_follow_a_chain_whose_next_run_was_taken_back(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def chain(api):
        yield from api.receive()
        if api.info.attempt == 1 and not api.info.continued_run_id:
            raise Upgrade
        return "second"

    rig.programs["chain"] = chain
    core = rig.engine._core
    fault = Fault(core.closing._close_children, lambda run: True)
    monkeypatch.setattr(core.closing, "_close_children", fault)
    id = rig.start("chain")
    watch = rig.watch(id)
    rig.signal(id)
    rig.blocked(id, "a fault of ours")
    fault.on = False
    rig.advance(600)
    rig.until(lambda: any(isinstance(e, ev.WorkflowExecutionStarted) and e.continued_run_id for e in rig.history(id)))
    rig.signal(id)
    assert watch.get(timeout=10).result == text("second")


BROKEN: dict[str, str] = {
    "its row": "UPDATE execution SET memo = x'c1' WHERE workflow_id = 'bad'",
    "a failed attempt": "UPDATE activity SET last_failure = x'c1' WHERE run = 1",
    "an activity": "UPDATE history SET events = x'c1' WHERE run = 1",
    "an event that waits": "INSERT INTO buffered (run, event) VALUES (1, x'c1')",
    "its task": "UPDATE execution SET task = 77 WHERE workflow_id = 'bad'",
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_run_that_cannot_be_read_is_named_and_keeps_no_other_from_starting(rig: Rig, what: str) -> None:
    rig.start("caller", "bad", memo={"a": 1})
    token = rig.tasks.get(timeout=10).token
    if what == "a failed attempt":
        rig.engine.activity_done(token, None, Failure("again"))
    rig.start("caller", "good")
    rig.tasks.get(timeout=10)
    rig.shown("bad")
    rig.engine.stop()
    kept = shutil.copy(rig.path, rig.path.with_suffix(".kept"))
    rig.spoil(BROKEN[what])
    rig.open()
    good = rig.tasks.get(timeout=10)
    assert good.workflow_id == "good"
    rig.engine.activity_done(good.token, text("fine"))
    assert rig.end("good").result == text("fine")
    listed = {run.workflow_id: run for run in rig.engine.find("", 0).result(10)}
    assert "its stored state cannot be read" in listed["bad"].blocked
    assert "its stored state cannot be read" in rig.shown("bad").blocked
    assert rig.shown("bad").status is Status.RUNNING
    assert not rig.engine.start(StartRequest("caller", "q", [], WorkflowOptions(id="bad"))).result(10).created
    for request in (lambda: rig.signal("bad"), lambda: rig.engine.cancel("bad").result(10)):
        with pytest.raises(WippyError, match="cannot be read"):
            request()
    with pytest.raises(WippyError, match="cannot be read"):
        rig.engine.retry("bad").result(10)
    rig.engine.stop()
    shutil.copy(kept, rig.path)
    rig.open()
    rig.advance(600)
    again = next(task for task in iter(lambda: rig.tasks.get(timeout=10), None) if task.workflow_id == "bad")
    rig.engine.activity_done(again.token, text("mended"))
    assert rig.end("bad").result == text("mended")


def test_a_run_that_cannot_be_read_can_be_terminated(rig: Rig) -> None:
    rig.start("child", "bad")
    rig.shown("bad")
    rig.engine.stop()
    rig.spoil(BROKEN["its row"])
    rig.open()
    rig.engine.terminate("bad").result(10)
    assert rig.shown("bad").status is Status.TERMINATED
    rig.start("child", "bad")
    assert rig.shown("bad").blocked == ""


def test_closed_runs_that_cannot_be_read_stay_in_the_list(rig: Rig) -> None:
    rig.start("leaf", "bad")
    rig.end("bad")
    rig.engine.stop()
    rig.spoil("UPDATE execution SET outcome = x'c1' WHERE workflow_id = 'bad'")
    rig.open()
    (found,) = rig.engine.find("", 0).result(10)
    assert (found.workflow_id, found.status) == ("bad", Status.COMPLETED)
    assert "cannot be read" in found.blocked


def test_why_a_run_is_blocked_is_known_after_a_restart(rig: Rig) -> None:
    del rig.programs["leaf"]
    rig.start("leaf", "one")
    rig.blocked("one", "KeyError")
    rig.until(lambda: rig.shown("one").task_attempt > 2)
    rig.engine.stop()
    rig.open()
    assert "KeyError" in rig.shown("one").blocked


def test_an_attempt_that_is_due_but_cannot_be_read_holds_nobody_up(rig: Rig) -> None:
    rig.start("caller", "bad")
    rig.engine.activity_done(rig.tasks.get(timeout=10).token, None, Failure("again"))
    rig.shown("bad")
    rig.engine.stop()
    rig.spoil(BROKEN["an activity"])
    rig.open()
    rig.advance(600)
    rig.until(lambda: rig.shown("bad").blocked)
    rig.start("caller", "good")
    good = rig.tasks.get(timeout=10)
    assert good.workflow_id == "good"
    rig.engine.activity_done(good.token, text("fine"))
    assert rig.end("good").result == text("fine")

"""What one transaction holds, what the store is opened with, and what recovery and the clock may do."""

from __future__ import annotations

import sqlite3

import pytest

from wippy.errors import WippyError
from wippy.workflows import commands as cmd
from wippy.workflows import events as ev
from wippy.workflows.failure import Failure
from wippy.workflows.options import ParentClosePolicy, RetryPolicy, WorkflowOptions
from wippy.workflows.provider import Message, StartRequest, Status
from wippy.workflows.sqlite.store import Store

from .scripted import SECOND, ActivityError, Crash, CrashingStore, Upgrade, text


def forever(api):
    yield from api.receive()
    return "end"


def leave(api):
    """Closes in one task with all that a close can bring along."""
    if api.info.continued_run_id:
        yield from api.receive()
    for name, policy in (("left", ParentClosePolicy.ABANDON), ("ended", ParentClosePolicy.TERMINATE)):
        id = api.next()
        api.commands.append(cmd.StartChild(id, "w", "", [], WorkflowOptions(id=name, parent_close=policy)))
        while id not in api.started:
            yield
    how = (yield from api.receive()).name
    api.timer(100 * SECOND)
    if how == "upgrade":
        raise Upgrade
    if how == "fail":
        raise ActivityError(Failure("no"))
    return "done"


def open_ids(b):
    return {run.workflow_id for run in b.core.runs.values()}


@pytest.mark.parametrize("how", ["complete", "fail", "upgrade", "retry"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_close_is_one_transaction(bench, how, when):
    """Close event, status, next run, the parent's event and the children's end are there together, or none is."""

    def top(api):
        return (yield from api.exec("leave", id="x", retry=RetryPolicy() if how == "retry" else None))

    b = bench({"top": top, "leave": leave, "w": forever})
    b.start("top", id="top")
    b.idle()
    (run,) = [run.run_id for run in b.core.runs.values() if run.workflow_id == "x"]
    b.signal("x", "fail" if how == "retry" else how)
    CrashingStore.plan = {CrashingStore.writes: when}
    with pytest.raises(Crash):
        b.round()
    CrashingStore.plan = {}
    b.crash()
    old = b.core.requests.describe("x", run)
    if when == "before":
        assert old.status is Status.RUNNING
        assert open_ids(b) == {"top", "x", "left", "ended"}
        return
    statuses = {"complete": Status.COMPLETED, "upgrade": Status.CONTINUED_AS_NEW}
    assert old.status is statuses.get(how, Status.FAILED)
    assert isinstance(b.history("x", run)[-1], ev.Base)
    follows = how in ("upgrade", "retry")
    assert bool(old.next_run_id) is follows
    assert ("x" in open_ids(b)) is follows
    assert "left" in open_ids(b)
    assert "ended" not in open_ids(b)
    told = [e for e in b.history("top") if type(e).__name__.startswith("ChildWorkflowExecution")]
    assert len(told) == (1 if follows else 2)
    db = sqlite3.connect(b.path)
    seqs = {seq for (seq,) in db.execute("SELECT seq FROM execution WHERE status = 1")}
    for table in ("activity", "timer", "buffered"):
        assert {seq for (seq,) in db.execute(f"SELECT DISTINCT run FROM {table}")} <= seqs
    db.close()


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_start_with_a_message_is_one_transaction(bench, when):
    b = bench({"w": forever})
    request = StartRequest("w", "q", [], WorkflowOptions(id="x"), {}, [Message("first"), Message("second")])
    b.core.starting.start(request)
    CrashingStore.plan = {CrashingStore.writes: when}
    with pytest.raises(Crash):
        b.round()
    CrashingStore.plan = {}
    b.crash()
    if when == "before":
        with pytest.raises(WippyError, match="not found"):
            b.history("x")
        return
    assert b.names("x")[:3] == ["WorkflowExecutionStarted", "WorkflowExecutionSignaled", "WorkflowTaskScheduled"]
    assert b.names("x").count("WorkflowExecutionSignaled") == 2
    b.run()
    assert b.outcome("x").result == text("end")


def test_an_answer_is_stored_before_it_is_given(bench):
    b = bench({"w": forever})
    b.start("w", id="x")
    b.round()
    told = []
    b.signal("x", "s")
    b.core.effect(told.append, "answered")
    CrashingStore.plan = {CrashingStore.writes: "before"}
    with pytest.raises(Crash):
        b.round()
    assert told == []
    CrashingStore.plan = {}


def test_the_store_writes_ahead_and_in_full(tmp_path):
    for name, level in (("FULL", 2), ("NORMAL", 1)):
        store = Store(tmp_path / f"{name}.db", name)
        assert store._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert store._db.execute("PRAGMA synchronous").fetchone() == (level,)
        store.close()


def test_a_workflow_id_has_one_open_run_in_the_store_too(bench):
    b = bench({"w": forever})
    b.start("w", id="x")
    b.round()
    db = sqlite3.connect(b.path)
    columns = [name for _, name, *_ in db.execute("PRAGMA table_info(execution)")]
    rest = ", ".join(name for name in columns if name not in ("seq", "run_id"))
    again = f"INSERT INTO execution (seq, run_id, {rest}) SELECT 99, 'other', {rest} FROM execution"
    with pytest.raises(sqlite3.IntegrityError):
        db.execute(again)
    db.close()


def test_times_never_decrease_though_the_clock_does(bench):
    def main(api):
        times = []
        for _ in range(4):
            yield from api.receive()
            times.append(api.activation.time_ns)
        return ",".join(map(str, times))

    b = bench({"w": main})
    begin = b.now
    b.start("w", id="x")
    b.idle()
    for step in (10, -100, 5, 200):
        b.now += step * SECOND
        b.signal("x", "s")
        b.idle()
    times = [event.time_ns for event in b.history("x")]
    assert times == sorted(times)
    at = [begin + 10 * SECOND] * 3 + [begin + 115 * SECOND]
    assert b.outcome("x").result == text(",".join(map(str, at)))


def test_a_sleep_is_not_early_though_the_clock_goes_back(bench):
    def main(api):
        yield from api.sleep(10 * SECOND)
        return str(api.activation.time_ns)

    b = bench({"w": main})
    begin = b.now
    b.start("w", id="x")
    b.idle()
    b.now -= 100 * SECOND
    b.crash()
    b.idle()
    assert b.core.requests.describe("x", None).status is Status.RUNNING
    b.run()
    assert b.outcome("x").result == text(str(begin + 10 * SECOND))


def test_recovery_fires_what_became_due_in_the_order_of_its_time(bench):
    def main(api):
        slow, fast = api.timer(20 * SECOND), api.timer(10 * SECOND)
        while not {slow, fast} <= api.answers.keys():
            yield

    b = bench({"w": main})
    b.start("w", id="x")
    b.idle()
    b.now += 100 * SECOND
    b.crash()
    b.run()
    assert [e.id for e in b.history("x") if isinstance(e, ev.TimerFired)] == [2, 1]


def test_closed_runs_are_kept_for_their_time_then_their_id_is_free(bench):
    b = bench({"w": forever})
    b.start("w", id="x")
    b.signal("x", "end")
    b.run()
    closed = b.core.requests.describe("x", None).closed_ns
    assert b.core.store.forget(closed) == 0
    assert b.outcome("x").result == text("end")
    assert b.core.store.forget(closed + 1) == 1
    with pytest.raises(WippyError, match="not found"):
        b.history("x")
    db = sqlite3.connect(b.path)
    assert db.execute("SELECT count(*) FROM history").fetchone() == (0,)
    db.close()


def test_a_watcher_follows_to_the_run_without_a_next_one(bench):
    def main(api):
        yield from api.receive()
        if api.info.attempt == 3:
            return "third"
        raise ActivityError(Failure("no"))

    b = bench({"w": main})
    b.start("w", id="x", retry=RetryPolicy())
    b.round()
    first = b.core.requests.describe("x", None).run_id
    b.watch("x")
    for _ in range(3):
        assert b.results == {}
        b.signal("x", "s")
        b.run()
    assert (b.results["x"].status, b.results["x"].result) == (Status.COMPLETED, text("third"))
    handle = 7
    b.core.watches.watch(handle, "x", first, lambda result: b.results.__setitem__("late", result))
    b.round()
    assert b.results["late"].result == text("third")

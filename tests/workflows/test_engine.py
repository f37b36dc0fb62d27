"""The engine with its thread: ownership, answers, restart, kill."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from queue import SimpleQueue

import pytest

from wippy.errors import WippyError
from wippy.workflows import events as ev
from wippy.workflows.machine_api import RunInfo
from wippy.workflows.options import WorkflowOptions
from wippy.workflows.provider import StartRequest, Status
from wippy.workflows.sqlite.engine import Engine
from wippy.workflows.sqlite.store import Store

from .scripted import Script, text

APP = Path(__file__).with_name("ledger_app.py")


def waiter(api):
    job = yield from api.receive()
    yield from api.sleep(1000)
    return (yield from api.call("echo", job.name))


class Setup:
    def __init__(self, path: Path, answering: bool = True) -> None:
        self.tasks: SimpleQueue = SimpleQueue()
        self.machines: list[Script] = []
        self.engine = Engine(path, self.machine, self.tasks.put)
        self.answering = answering
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def machine(self, info: RunInfo) -> Script:
        self.machines.append(Script(info, waiter))
        return self.machines[-1]

    def work(self) -> None:
        while (task := self.tasks.get()) is not None:
            if self.answering:
                self.engine.activity_done(task.token, task.args[0])

    def start(self, id: str):
        return self.engine.start(StartRequest("w", "q", [], WorkflowOptions(id=id))).result(10)

    def end(self, id: str):
        box: SimpleQueue = SimpleQueue()
        self.engine.watch(id, None, box.put)
        return box.get(timeout=10)

    def stop(self) -> None:
        self.engine.stop()
        self.tasks.put(None)
        self.thread.join()


def test_a_run_from_threads(tmp_path):
    setup = Setup(tmp_path / "x.db")
    started = setup.start("x")
    assert (started.workflow_id, started.created) == ("x", True)
    assert not setup.start("x").created
    setup.engine.signal("x", None, "hello", []).result(10)
    assert setup.end("x").result == text("hello")
    assert setup.engine.describe("x").result(10).status is Status.COMPLETED
    found, more = setup.engine.list(status=Status.COMPLETED).result(10)
    assert ([run.workflow_id for run in found], more) == (["x"], 0)
    assert isinstance(setup.engine.history("x").result(10)[-1], ev.WorkflowExecutionCompleted)
    with pytest.raises(WippyError, match="already completed"):
        setup.engine.signal("x", None, "late", []).result(10)
    setup.stop()
    setup.engine.stop()
    with pytest.raises(WippyError, match="has stopped"):
        setup.engine.describe("x").result(10)


def test_a_store_has_one_owner(tmp_path):
    setup = Setup(tmp_path / "x.db")
    with pytest.raises(WippyError, match="in use by another process") as caught:
        Setup(tmp_path / "x.db")
    assert caught.value.kind == "Conflict"
    setup.stop()
    Setup(tmp_path / "x.db").stop()


def test_files_that_are_no_store(tmp_path):
    (tmp_path / "text").write_text("this is no database at all" * 100)
    db = sqlite3.connect(tmp_path / "other.db")
    db.execute("CREATE TABLE t (a)")
    db.commit()
    db.close()
    for name in ("text", "other.db"):
        with pytest.raises(WippyError) as caught:
            Setup(tmp_path / name)
        assert caught.value.kind == "Invalid"
        assert name in caught.value.message


def test_stop_and_go_on(tmp_path):
    first = Setup(tmp_path / "x.db", answering=False)
    first.start("x")
    first.engine.signal("x", None, "hello", []).result(10)
    while not any(isinstance(e, ev.ActivityTaskScheduled) for e in first.engine.history("x").result(10)):
        time.sleep(0.001)
    first.stop()
    second = Setup(tmp_path / "x.db")
    assert second.end("x").result == text("hello")
    second.stop()


def test_recovery_reads_no_history_of_runs_that_nothing_touches(tmp_path, monkeypatch):
    first = Setup(tmp_path / "x.db")
    futures = [first.engine.start(StartRequest("w", "q", [], WorkflowOptions(id=f"w{n}"))) for n in range(10_000)]
    for future in futures:
        future.result(60)
    while len(first.machines) < 10_000:
        time.sleep(0.01)
    first.stop()
    read: list[int] = []
    history = Store.history
    monkeypatch.setattr(Store, "history", lambda store, run: (read.append(run), history(store, run))[1])
    second = Setup(tmp_path / "x.db")
    second.engine.signal("w9999", None, "hello", []).result(10)
    assert second.end("w9999").result == text("hello")
    assert len(read) == 1
    second.stop()


def test_a_full_disk_holds_everything_back(tmp_path):
    setup = Setup(tmp_path / "x.db")
    store = setup.engine._store
    write, refused = store.write, threading.Event()
    allowed = threading.Event()

    def failing(batch):
        if not allowed.is_set():
            refused.set()
            raise sqlite3.OperationalError("database or disk is full")
        write(batch)

    store.write = failing
    future = setup.engine.start(StartRequest("w", "q", [], WorkflowOptions(id="x")))
    assert refused.wait(10)
    assert not future.done()
    allowed.set()
    assert future.result(10).workflow_id == "x"
    setup.stop()


def test_kill_at_ten_random_points(tmp_path):
    runs, steps = 8, 40
    command = [sys.executable, str(APP), str(tmp_path), str(runs), str(steps)]
    points = random.Random(5)
    kills = 0
    for _ in range(10):
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "started\n", process.stderr and process.stderr.read()
            time.sleep(points.random() * 0.03)
            process.send_signal(signal.SIGKILL)
            kills += process.wait() == -signal.SIGKILL
    assert kills >= 3
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.endswith("done\n"), done.stderr
    ledger = sqlite3.connect(tmp_path / "ledger.db")
    names = [name for (name,) in ledger.execute("SELECT name FROM step")]
    assert sorted(names) == sorted(f"r{n}/{k}" for n in range(runs) for k in range(1, steps + 1))
    (again,) = ledger.execute("SELECT sum(times - 1) FROM step").fetchone()
    assert again <= 10 * runs
    ledger.close()

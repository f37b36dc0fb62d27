"""Disks that are full, files that may not be written, are locked, torn or damaged: told clearly, and mended."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flows.flow_app import FlowApp, function, workflow
from wippy.errors import INVALID, UNAVAILABLE, WippyError
from wippy.registry.notice import Problems
from wippy.workflows import events as ev
from wippy.workflows.provider import Status
from wippy.workflows.sqlite.engine import Engine
from workflows.scripted import Bench, CrashingStore
from workflows.test_replay import child, program

NOTE = function("note", "return function(text) return text end")
FLOW = workflow(
    "flow",
    """
    local funcs = require("funcs")
    return function()
      local first = process.inbox():receive():topic()
      local kept, err = funcs.call("app:note", first)
      if err then return nil, err end
      return kept .. process.inbox():receive():topic()
    end
    """,
)


def nobody(*_: object) -> None:
    """A factory and executor for engines that have nothing to do."""
    raise AssertionError("there are no runs")


def open_store(path: Path) -> None:
    """Opens a store as a provider does, and closes it again. Raises WippyError."""
    Engine(path, nobody, nobody).stop()  # type: ignore[arg-type]


@contextmanager
def common_user() -> Iterator[None]:
    """Without the right of root to write what may not be written."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


# Full


@pytest.mark.skipif(sys.platform == "win32", reason="limits and mounts are those of POSIX")
@pytest.mark.parametrize(
    ("how", "text"),
    [("limit", "disk I/O error; look at its disk"), ("tmpfs", "database or disk is full; free space on its disk")],
)
def test_a_full_disk_holds_the_runs_up_until_there_is_space(tmp_path: Path, how: str, text: str) -> None:
    command = [sys.executable, str(Path(__file__).with_name("full_disk.py")), str(tmp_path), how]
    if how == "tmpfs":
        if (
            shutil.which("unshare") is None
            or subprocess.run(
                ["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", str(tmp_path)], capture_output=True, check=False
            ).returncode
        ):
            pytest.skip("a small disk cannot be mounted here")
        command = ["unshare", "-rm", *command]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    first, last = done.stdout.splitlines()
    assert text in first
    assert last == "done"


# May not be written


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are those of POSIX")
@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_may_not_be_written_is_told_at_the_start(what: str) -> None:
    with tempfile.TemporaryDirectory() as name:  # tmp_path lies in a folder that only its owner may enter
        folder = Path(name)
        path = folder / "runs.db"
        open_store(path)
        before = path.read_bytes()
        os.chmod(folder, 0o777)
        for each in folder.iterdir():
            os.chmod(each, 0o666)
        if what == "file":
            os.chmod(path, 0o444)
        else:
            for each in folder.iterdir():
                os.chmod(each, 0o444)
            os.chmod(folder, 0o555)
        with common_user(), pytest.raises(WippyError, match="let this user write the file and its folder") as caught:
            open_store(path)
        assert caught.value.kind == UNAVAILABLE
        assert caught.value.retryable
        assert str(path) in str(caught.value)
        assert path.read_bytes() == before
        os.chmod(folder, 0o777)
        for each in folder.iterdir():
            os.chmod(each, 0o666)
        with common_user():
            open_store(path)


async def test_a_store_that_cannot_be_opened_is_tried_again_until_it_can(tmp_path: Path) -> None:
    app = FlowApp(tmp_path, NOTE, FLOW)
    app.provider["lifecycle"] = {"auto_start": True, "restart": {"initial_delay": "10ms"}}
    app.write(NOTE, FLOW)
    blocker = tmp_path / "workflows.db.lock"
    blocker.mkdir()
    with pytest.raises(Problems, match="cannot be opened: Is a directory"):
        await app.start()
    blocker.rmdir()
    await app.until(lambda: app.app.site.workflow_nodes["app:provider"].engine() is not None)
    await app.until(lambda: "app:worker" in app.app.site.workflow_hosts)
    await app.begin("flow", id="one")
    for topic in ("a", "b"):
        await app.signal("one", topic)
    assert await app.result("one") == "ab"
    await app.stop()


# Locked


async def test_a_store_belongs_to_one_application(tmp_path: Path) -> None:
    async with FlowApp(tmp_path, NOTE, FLOW) as first:
        await first.begin("flow", id="one")
        await first.signal("one", "a")
        second = FlowApp(tmp_path, NOTE, FLOW)
        with pytest.raises(Problems, match=rf"in use by another process \(pid {os.getpid()}\); stop it"):
            await second.start()
        with pytest.raises(WippyError, match="in use by another process"):
            await second.begin("flow", id="two")
        await second.stop()
        await first.signal("one", "b")
        assert await first.result("one") == "ab"


async def test_a_lock_of_another_program_delays_and_loses_nothing(tmp_path: Path) -> None:
    async with FlowApp(tmp_path, NOTE, FLOW) as app:
        await app.begin("flow", id="one")
        other = sqlite3.connect(tmp_path / "workflows.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        told = app.spawn("flow", options={"workflow.id": "two"})
        assert other.execute("SELECT count(*) FROM execution").fetchone() == (1,)
        assert not told.done()
        other.execute("ROLLBACK")
        other.close()
        await app.wait(told)
        for id in ("one", "two"):
            for topic in ("a", "b"):
                await app.signal(id, topic)
            assert await app.result(id) == "ab"


async def test_who_waits_for_a_store_that_stays_locked_is_told_at_the_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wippy.workflows.sqlite.store.BUSY_MS", 20)
    app = await FlowApp(tmp_path, NOTE, FLOW).start()
    await app.begin("flow", id="one")
    await app.until(lambda: _parked(app))
    other = sqlite3.connect(tmp_path / "workflows.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    told = app.spawn("flow", options={"workflow.id": "two"})
    await app.until(lambda: app.logged("another program holds a lock on it"))
    await asyncio.to_thread(app.engine.stop)
    with pytest.raises(WippyError, match="the workflow engine has stopped") as caught:
        await app.wait(told)
    assert caught.value.kind == UNAVAILABLE
    other.execute("ROLLBACK")
    other.close()
    await app.stop()
    await app.start()
    for topic in ("a", "b"):
        await app.signal("one", topic)
    assert await app.result("one") == "ab"
    await app.stop()


async def _parked(app: FlowApp) -> bool:
    return await app.count("one", ev.WorkflowTaskCompleted) == 1


def test_a_lock_at_the_start_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "runs.db"
    open_store(path)
    monkeypatch.setattr("wippy.workflows.sqlite.store.BUSY_MS", 20)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(WippyError, match="database is locked; another program holds a lock on it: end that") as caught:
        open_store(path)
    assert caught.value.kind == UNAVAILABLE
    other.execute("ROLLBACK")
    other.close()
    open_store(path)


# Torn

PLAN = ["call", "marker", "sleep", "exec", "async", "version", "timer", "call", "spawn", "marker", "sleep", "call"]
PROGRAMS = {"w": program(PLAN), "child": child}
TEARS = 60


def _result(bench: Bench) -> str:
    bench.ids += 1000  # a new bench counts anew; IDs are never given twice
    bench.run()
    found = bench.core.find("x")
    assert found is not None
    assert found.status is Status.COMPLETED
    outcome = bench.outcome("x")
    assert outcome.result is not None
    assert bench.core.store.open_executions().fetchall() == []  # type: ignore[attr-defined]
    return outcome.result.data.decode()


@pytest.mark.parametrize("how", ["cut", "garbled"])
def test_a_torn_log_takes_back_what_was_last_and_the_run_goes_on(tmp_path: Path, how: str) -> None:
    seed = int(os.environ.get("SEED") or random.randrange(1 << 32))
    print(f"SEED={seed}")
    chance = random.Random(seed)
    CrashingStore.plan = {}
    original = Bench(tmp_path / "original.db", PROGRAMS)
    original.start("w", id="x")
    original.run(until=original.now + 3_000_000_000)
    assert original.history("x")[-1].n > 10
    main, log = ((tmp_path / f"original.db{end}").read_bytes() for end in ("", "-wal"))
    wanted = _result(original)
    original.close()
    lengths = set()
    for n in range(TEARS):
        path = tmp_path / f"{n}.db"
        at = chance.randrange(len(log))
        torn = log[:at]
        if how == "garbled":
            torn += chance.randbytes(min(512, len(log) - at)) + log[at + 512 :]
        path.write_bytes(main)
        path.with_name(path.name + "-wal").write_bytes(torn)
        bench = Bench(path, PROGRAMS)
        try:
            if bench.core.find("x") is None:
                bench.ids = 1000
                bench.start("w", id="x")  # the start itself is gone: its caller was never told that it was stored
            lengths.add(len(bench.history("x")))
            assert _result(bench) == wanted
            assert bench.core.store._db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        finally:
            bench.close()
    assert len(lengths) > 5


# Damaged


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"garbage" * 1000, "file is not a database; put a backup in its place, or move it away"),
        (b"short", "file is not a database; put a backup"),
    ],
)
async def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path, content: bytes, text: str) -> None:
    path = tmp_path / "workflows.db"
    path.write_bytes(content)
    app = FlowApp(tmp_path, NOTE, FLOW)
    with pytest.raises(Problems, match=text):
        await app.start()
    with pytest.raises(WippyError, match=text):
        await app.begin("flow", id="one")
    await app.stop()
    assert path.read_bytes() == content


def test_a_cut_store_is_refused_and_a_backup_goes_on(tmp_path: Path) -> None:
    CrashingStore.plan = {}
    path = tmp_path / "runs.db"
    bench = Bench(path, PROGRAMS)
    bench.start("w", id="x")
    bench.idle()
    bench.close()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WippyError, match="malformed; put a backup in its place") as caught:
        open_store(path)
    assert caught.value.kind == INVALID
    assert len(path.read_bytes()) == len(whole) // 2
    path.write_bytes(whole)
    bench = Bench(path, PROGRAMS)
    assert _result(bench).startswith("step(0),v1,child3")
    bench.close()


async def test_damage_that_shows_later_stops_the_provider_and_is_told(tmp_path: Path) -> None:
    app = await FlowApp(tmp_path, NOTE, FLOW).start()
    await app.begin("flow", id="one")
    await app.stop()
    path = tmp_path / "workflows.db"
    whole = path.read_bytes()
    await app.start()
    with path.open("r+b") as file:  # all but the first page
        file.seek(4096)
        file.write(bytes(len(whole) - 4096))
    with pytest.raises(WippyError) as caught:
        await app.begin("flow", id="two")
    assert caught.value.kind in (UNAVAILABLE, "Internal")
    with pytest.raises(WippyError):
        await app.signal("one", "a")
    await app.stop()
    for each in tmp_path.glob("workflows.db-*"):
        each.unlink()
    path.write_bytes(whole)
    await app.start()
    for topic in ("a", "b"):
        await app.signal("one", topic)
    assert await app.result("one") == "ab"
    await app.stop()


def copied_store(tmp_path: Path, runs: int) -> Path:
    """A store with closed runs in it, copied to where no owner has had it before."""
    bench = Bench(tmp_path / "first.db", PROGRAMS)
    for n in range(runs):
        bench.start("w", id=f"w{n}")
    bench.run()
    bench.close()
    return Path(shutil.copy(tmp_path / "first.db", tmp_path / "copy.db"))


def test_a_copy_that_is_whole_is_opened(tmp_path: Path) -> None:
    open_store(copied_store(tmp_path, 3))


@pytest.mark.parametrize("how", ["history", "execution", "page"])
def test_a_torn_copy_is_refused(tmp_path: Path, how: str) -> None:
    copy = copied_store(tmp_path, 3)
    if how == "page":
        data = bytearray(copy.read_bytes())
        data[-4096:] = bytes(4096)
        copy.write_bytes(data)
    else:
        with sqlite3.connect(copy) as db:
            db.execute("DELETE FROM history WHERE run = 2")
            if how == "execution":
                db.execute("UPDATE history SET last = last + 1 WHERE run = 1")
    with pytest.raises(WippyError, match=r"damaged copy|malformed") as raised:
        open_store(copy)
    assert raised.value.kind == INVALID
    assert not raised.value.retryable

"""`wippy ps` and `wippy top`, as their users see them."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from application import Application, application, function, host, process
from wippy.cli.columns import Column, count, line, plain, size, span, table
from wippy.cli.main import execute
from wippy.cli.sample import Change, Sample
from wippy.cli.serve import control_socket, profiler
from wippy.observe.log import Log
from wippy.registry.config import Config
from wippy.services.control import Control
from wippy.services.control_answers import Answers

WAIT = 30


def opened(app: Application, folder: Path) -> Control:
    control = Control(folder / ".wippy" / "run", Answers(lambda: app.app.system))
    control.open()
    return control


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    """An application with its control socket, in a folder of its own."""
    folder = tmp_path_factory.mktemp("app")
    with application(
        host("processes", 2),
        process("inbox", "return function() process.inbox():receive() end"),
        process(
            "named",
            "return function()\n  process.registry.register('bob')\n  coroutine.spawn(function() "
            "process.events():receive() end)\n  process.inbox():receive()\nend",
        ),
        process("caller", "local funcs = require('funcs') return function() funcs.call('app:gate') end", ["funcs"]),
        function("gate", "return function() process.inbox():receive() end"),
        folder=folder,
    ) as app:
        for name in ("inbox", "named", "caller"):
            app.spawn(f"app:{name}")
        app.settle(5)
        control = opened(app, folder)
        yield app
        control.close()


@pytest.fixture
def wippy(running: Application, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a command in the folder of the application: exit code, what it printed, its complaints."""
    monkeypatch.chdir(running.folder)
    monkeypatch.setenv("NO_COLOR", "1")

    def call(*tokens: str) -> tuple[int, str, str]:
        code = execute(tokens)
        told = capsys.readouterr()
        return code, told.out, told.err

    return call


def test_the_table(wippy: Any) -> None:
    code, out, err = wippy("ps")
    assert (code, err) == (0, "")
    head, *rows, blank, total = out.splitlines()
    assert head.split() == ["PID", "STATE", "MAIL", "STEPS", "REDS", "MEMORY", "AGE", "ENTRY:LINE", "WAITS", "FOR"]
    assert (blank, total) == ("", "3 processes")
    told = {row[head.index("ENTRY:LINE") :].split()[0]: row for row in rows}
    assert set(told) == {"app:inbox:1", "app:named:4", "app:caller:1"}
    assert re.match(r"0x\d{5}  blocked  ", told["app:caller:1"])
    assert told["app:caller:1"].endswith("call app:gate")
    assert told["app:inbox:1"].endswith("receive inbox")


def test_rows_are_chosen_and_counted(wippy: Any) -> None:
    _, out, _ = wippy("ps", "--entry", "app:inbox")
    assert out.splitlines()[-1] == "1 process"
    _, out, _ = wippy("ps", "--limit", "1", "--sort", "age")
    assert "1 of 3 processes; --limit 0 shows all" in out
    _, out, _ = wippy("ps", "--state", "running")
    assert out == "No processes.\n"


def test_json(wippy: Any, running: Application) -> None:
    code, out, err = wippy("ps", "--json", "--state", "blocked")
    assert (code, err) == (0, "")
    (row,) = json.loads(out)
    assert row["source"] == "app:caller"
    assert row["host"] == "app:processes"
    assert row["pid"].startswith("{")
    assert row["memory"] > 0
    assert len(json.loads(wippy("ps", "--json")[1])) == 3


def test_one_process(wippy: Any) -> None:
    code, out, _ = wippy("ps", "bob")
    assert code == 0
    facts = dict(re.findall(r"(?m)^(\S.{10,11})(\S.*)$", out))
    facts = {title.strip(): text for title, text in facts.items()}
    assert facts["Entry"] == "app:named"
    assert facts["State"] == "idle, waits for receive inbox"
    assert facts["Names"] == "bob"
    assert facts["Coroutines"] == "2"
    assert "Stack, innermost first:\n  app:named:4\n" in out
    assert "Further coroutines:\n  app:named:3  waits for receive events\n" in out
    number = facts["PID"].rpartition("|")[2][:-1]
    assert wippy("ps", number)[1].splitlines()[0] == f"PID         {facts['PID']}"
    assert json.loads(wippy("ps", number, "--json")[1])["names"] == ["bob"]


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        (["ps", "nobody"], "process not found: nobody"),
        (["ps", "--host", "app:gone"], "host not found: app:gone (there is: app:processes)"),
        (["ps", "--state", "tired"], "flag --state takes ready, running, blocked or idle, not tired"),
        (["ps", "--limit", "many"], "flag --limit takes a number, not many"),
        (["ps", "--app", "x"], "flag --app takes a process id, not x"),
        (["ps", "--app", "1"], "no application with process id 1 runs in this folder"),
        (["top", "--interval", "soon"], "flag --interval takes a duration such as 2s, not soon"),
        (["top", "--interval", "1ms"], "flag --interval takes at least 0.1s, not 1ms"),
    ],
)
def test_wrong_use(wippy: Any, tokens: list[str], text: str) -> None:
    code, out, err = wippy(*tokens)
    assert (code, out) == (1, "")
    assert err.startswith("Error: ")
    assert text in err


def test_nothing_runs_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    for command in ("ps", "top"):
        assert execute([command]) == 1
        err = capsys.readouterr().err
        assert f"no running application found in {tmp_path}" in err
        assert "wippy run" in err
    (tmp_path / ".wippy" / "run").mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(".wippy/run/1.sock")
    assert execute(["ps"]) == 1
    assert "no running application" in capsys.readouterr().err
    assert list(tmp_path.glob(".wippy/run/*")) == []
    (tmp_path / ".wippy.yaml").write_text('version: "1.0"\ncontrol: {enabled: false}\n')
    assert execute(["ps"]) == 1
    assert "control.enabled is false" in capsys.readouterr().err


def test_one_of_several(running: Application, wippy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wippy.services.control.os.getpid", lambda: 999_999)
    second = opened(running, running.folder)
    monkeypatch.undo()
    os.chdir(running.folder)
    try:
        code, _, err = wippy("ps")
        assert code == 1
        assert "several applications run in this folder, choose one with --app PID:" in err
        assert f"  {os.getpid()}  wippy " in err
        assert wippy("ps", "--app", "999999")[0] == 0
    finally:
        second.close()
    assert wippy("ps")[0] == 0


def test_top_once(wippy: Any) -> None:
    code, out, err = wippy("top", "--once", "--interval", "100ms", "--sort", "mailbox")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert re.match(rf"wippy {os.getpid()}, up \d+s, 3 processes, services: 1 running$", lines[0])
    assert re.match(r"CPU \d+% of \d+%, memory .+, \d+ threads; sorted by mailbox$", lines[1])
    assert re.match(r".+ steps/s, .+ messages/s, .+ reductions/s$", lines[2])
    assert lines[4].split()[:4] == ["HOST", "STATE", "WORKERS", "PROCS"]
    assert lines[5].split()[:4] == ["app:processes", "running", "2", "3"]
    assert lines[6].split()[:4] == ["functions:home", "running", "1", "0"] or lines[6] == ""
    assert sum("app:" in text for text in lines) >= 4


def sample(at: float, reductions: int, messages: int) -> Sample:
    figures = {
        "time": at * 1e9,
        "hosts": [{"id": "a", "messages": messages, "executed": 0, "reductions": 0}],
        "machine": {"cpu_seconds": at / 2},
    }
    rows = [{"pid": "p", "reductions": reductions}, {"pid": "q", "reductions": 100}]
    return Sample(figures, rows, 2)


def test_rates() -> None:
    change = Change(sample(10, 1000, 5), sample(12, 9000, 25))
    assert change.rate("messages") == 10
    assert change.processor() == 0.5
    assert [change.reductions(row) for row in change.now.rows] == [4000, 0]
    first = Change(None, sample(10, 1000, 5))
    assert (first.rate("messages"), first.processor(), first.reductions(first.now.rows[0])) == (0, 0, 0)
    back = Change(sample(10, 9000, 25), sample(12, 0, 0))
    assert (back.rate("messages"), back.reductions(back.now.rows[0])) == (0, 0)


def test_columns_fit() -> None:
    columns = [Column("A"), Column("NUMBER", right=True), Column("LONG", shrinks=True), Column("LAST", shrinks=True)]
    rows = [["x", "5", "a rather long text", "the end of the line"], ["yy", "1234567", "short", ""]]
    assert [line(cells) for cells in table(columns, rows, None)] == [
        "A    NUMBER  LONG                LAST",
        "x         5  a rather long text  the end of the line",
        "yy  1234567  short",
    ]
    narrow = [line(cells) for cells in table(columns, rows, 36)]
    assert max(map(len, narrow)) == 36
    assert narrow[1] == "x         5  a rather …  the end of…"
    cut = table([Column("ID", shrinks=True, middle=True)], [["app:some_long_name:123"]], 12)
    assert cut[1] == ["app:som…:123"]
    assert table([Column("A")], [["a\x1b[31mb\n"]], None)[1] == ["a?[31mb?"]
    assert plain("ü → ☃") == "ü → ☃"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (999, "999"), (1000, "1.0k"), (12_345, "12.3k"), (123_456, "123k"), (999_700, "1.0M"), (5e15, "5000T")],
)
def test_numbers(value: float, text: str) -> None:
    assert count(value) == text


def test_sizes_and_times() -> None:
    assert [size(value) for value in (0, 1023, 1024, 1536, 150 * 1024, 5 << 30)] == [
        *("0B", "1023B", "1.0K", "1.5K", "150K", "5.0G"),
    ]
    assert [span(value) for value in (-1, 0, 99, 100, 6000, 200_000)] == ["0s", "0s", "99s", "1m", "1h", "2d"]


@pytest.mark.parametrize("enabled", [True, False])
def test_the_socket_can_be_turned_off(tmp_path: Path, enabled: bool) -> None:
    config = Config({"control": {"enabled": enabled}}, folder=str(tmp_path))
    with control_socket(object(), config, Log.open(silent=True)):
        assert len(list(tmp_path.glob(".wippy/run/*.sock"))) == enabled
    assert list(tmp_path.glob(".wippy/run/*.sock")) == []


def test_an_application_runs_without_its_socket_too(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".wippy").mkdir()
    (tmp_path / ".wippy" / "run").write_text("in the way")
    ran = False
    log = Log.open()
    with control_socket(object(), Config(folder=str(tmp_path)), log):
        ran = True
    assert ran
    assert "wippy ps will not find this application" in capfd.readouterr().err


def test_the_profiler_starts_only_when_asked_for(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log = Log.open()
    with profiler(object(), Config(), log):
        pass
    for address, text in (("localhost:0", "profiler listens"), ("nowhere", "no profiler")):
        with profiler(object(), Config({"profiler": {"enabled": True, "address": address}}), log):
            pass
        assert text in capfd.readouterr().err


# The real thing: `wippy run` in one process, the commands in others.

PROJECT = """\
version: "1.0"
namespace: app
entries:
  - {name: processes, kind: process.host, lifecycle: {auto_start: true, stop_timeout: 100ms}}
  - name: idle
    kind: process.lua
    method: main
    source: |
      return {main = function()
        process.inbox():receive()
      end}
  - name: service
    kind: process.service
    process: app:idle
    host: app:processes
    lifecycle: {auto_start: true, stop_timeout: 100ms}
"""


def eventually(condition: Any) -> Any:
    end = time.monotonic() + WAIT
    while not (found := condition()):
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.01)
    return found


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, subprocess.Popen[bytes]]]:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "_index.yaml").write_text(PROJECT)
    run = subprocess.Popen([sys.executable, "-m", "wippy", "run", "-s"], cwd=tmp_path)
    try:
        eventually(lambda: list(tmp_path.glob(".wippy/run/*.sock")))
        yield tmp_path, run
    finally:
        run.kill()
        run.wait(WAIT)


def test_a_served_application_is_found_and_its_socket_goes_with_it(
    served: tuple[Path, subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, run = served
    monkeypatch.chdir(folder)
    assert [file.name for file in folder.glob(".wippy/run/*")] == [f"{run.pid}.sock"]

    def row() -> Any:
        execute(["ps", "--json"])
        found = json.loads(capsys.readouterr().out or "[]")
        return found and found[0]["state"] == "idle" and found[0]

    assert eventually(row)["at"] == "app:idle:2"
    run.send_signal(signal.SIGTERM)
    assert run.wait(WAIT) == 0
    assert list(folder.glob(".wippy/run/*")) == []
    assert execute(["ps"]) == 1


def test_top_on_a_terminal(served: tuple[Path, subprocess.Popen[bytes]]) -> None:
    folder, _ = served
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    before = termios.tcgetattr(theirs)
    top = subprocess.Popen(
        [sys.executable, "-m", "wippy", "top", "--interval", "100ms"],
        cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm"},
    )  # fmt: skip
    shown = b""

    def read_until(text: bytes) -> None:
        nonlocal shown
        end = time.monotonic() + WAIT
        while text not in shown:
            assert time.monotonic() < end, shown[-2000:]
            if select.select([ours], [], [], 1)[0]:
                shown += os.read(ours, 65536)

    try:
        read_until(b"sorted by reductions")
        read_until(b"app:idle")
        os.write(ours, b"m")
        read_until(b"sorted by mailbox")
        os.write(ours, b"q")
        read_until(b"\x1b[?1049l")
        assert top.wait(WAIT) == 0
        assert shown.count(b"\x1b[?1049h") == 1
        assert termios.tcgetattr(theirs)[3] == before[3]
        assert b"Traceback" not in shown
    finally:
        top.kill()
        os.close(ours)
        os.close(theirs)

"""`wippy workflow`: without the application, beside it, and on files."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from wippy.cli.arguments import Arguments
from wippy.cli.main import execute
from wippy.cli.running import connect
from wippy.cli.workflow import COMMAND
from wippy.errors import WippyError

INDEX = """
version: "1.0"
namespace: app
entries:
  - {name: double, kind: function.lua, source: file://double.lua, method: main}
  - {name: flow, kind: workflow.lua, source: file://flow.lua, modules: [funcs]}
  - {name: launch, kind: process.lua, source: file://launch.lua, modules: [io], meta: {command: {name: launch}}}
  - {name: terminal, kind: terminal.host, lifecycle: {auto_start: true}}
  - {name: history, kind: workflow.provider.sqlite, path: flows.db, synchronous: normal, lifecycle: {auto_start: true}}
  - {name: workflows, kind: workflow.worker, provider: app:history, task_queue: main, lifecycle: {auto_start: true}}
"""
FLOW = """local funcs = require("funcs")
return function(n)
  local twice = funcs.call("app:double", n)
  local message = process.inbox():receive()
  return {twice = twice, word = message:payload():data()}
end
"""
LAUNCH = """local io = require("io")
return function()
  for i = 1, 3 do
    assert(process.with_options({["workflow.id"] = "order-" .. i}):spawn("app:flow", "app:workflows", i))
  end
  io.readline()
  return 0
end
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "src").mkdir()
    for name, text in (
        ("_index.yaml", INDEX),
        ("double.lua", "return {main = function(n) return 2 * n end}"),
        ("flow.lua", FLOW),
        ("launch.lua", LAUNCH),
    ):
        (tmp_path / "src" / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Launched:
    """The application in a process of its own, after its workflows have begun to wait."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "wippy", "run", "launch"], cwd=folder, stdin=subprocess.PIPE, text=True
        )
        rows: list[Any] = []
        while len(rows) < 3 or any(row["history_length"] < 8 or row["activities"] for row in rows):
            assert self._process.poll() is None
            rows = [row for number in (1, 2, 3) if (row := shown(f"order-{number}"))]

    def end(self) -> None:
        self._process.communicate("\n", timeout=30)


def shown(id: str) -> Any:
    """What the running application says of a workflow, None while it does not."""
    try:
        with connect(Arguments(("workflow",), COMMAND)) as running:
            return running.ask("workflow", op="show", id=id)
    except WippyError:
        return None


def until_closed(id: str) -> None:
    while (shown(id) or {"status": "running"})["status"] == "running":
        time.sleep(0.01)


def test_beside_the_application_and_without_it(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def wippy(*arguments: str) -> str:
        code = execute(["workflow", *arguments])
        output = capsys.readouterr()
        assert code == 0, output.err
        return output.out

    launched = Launched(project)
    try:
        assert wippy("query", "order-2", "pid") == "order-2\n"
        assert wippy("query", "order-2").splitlines()[0].startswith("app:flow:4:")
        assert wippy("signal", "order-1", "word", "hello") == "sent word to order-1\n"
        assert wippy("terminate", "order-3") == "terminated order-3\n"
        until_closed("order-1")
    finally:
        launched.end()
    # nobody runs any more: the provider alone answers
    rows = {row["workflow_id"]: row["status"] for row in json.loads(wippy("list", "--json"))}
    assert rows == {"order-1": "completed", "order-2": "running", "order-3": "terminated"}
    assert [row["workflow_id"] for row in json.loads(wippy("list", "--status", "completed", "--json"))] == ["order-1"]
    found = json.loads(
        wippy("list", "-q", "WorkflowId STARTS_WITH 'order' AND NOT Attempt > 1", "--json", "--limit", "2")
    )
    assert len(found) == 2
    table = wippy("list")
    assert table.splitlines()[0].split() == ["WORKFLOW", "TYPE", "STATUS", "STARTED", "EVENTS", "NOTE"]
    lines = wippy("history", "order-1").splitlines()
    scheduled = next(line for line in lines if "ActivityTaskScheduled" in line)
    assert "app:flow:3" in scheduled
    assert "app:double(1)" in scheduled
    assert "app:flow:4" not in scheduled
    assert '"word":"hello"' in next(line for line in lines if "WorkflowExecutionCompleted" in line)
    wippy("signal", "order-2", "word", '{"n": [1, 2]}')
    assert "WorkflowExecutionSignaled" in wippy("history", "order-2")
    assert wippy("cancel", "order-2", "--reason", "enough") == "asked order-2 to end\n"
    assert "enough" in wippy("history", "order-2")
    started = wippy("retry", "order-1")
    assert started.startswith("started order-1 again as run ")
    assert wippy("export", "order-1", "--run", found[0]["run_id"] if found[0]["workflow_id"] == "order-1" else "")


def test_a_backup_of_a_store_in_use(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def wippy(*arguments: str) -> tuple[int, str]:
        code = execute(["workflow", *arguments])
        output = capsys.readouterr()
        return code, output.out + output.err

    launched = Launched(project)
    try:
        code, text = wippy("backup", "kept.db")
        assert (code, text.startswith("app:history copied to kept.db, ")) == (0, True)
        code, text = wippy("backup", "kept.db")
        assert (code, "kept.db exists: name a new file" in text) == (1, True)
        wippy("signal", "order-1", "word", "later")
        until_closed("order-1")
    finally:
        launched.end()
    for file in project.glob("flows.db*"):
        file.unlink()
    (project / "kept.db").rename(project / "flows.db")
    _, text = wippy("list", "--json")
    assert {row["workflow_id"]: row["status"] for row in json.loads(text)} == {
        f"order-{n}": "running" for n in (1, 2, 3)
    }


def test_histories_as_files(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    launched = Launched(project)
    try:
        execute(["workflow", "signal", "order-1", "word", "hello"])
        until_closed("order-1")
        assert execute(["workflow", "export", "order-1", "-o", "one.json"]) == 0
    finally:
        launched.end()
    exported = json.loads((project / "one.json").read_text())
    assert exported["events"][0]["eventType"] == "EVENT_TYPE_WORKFLOW_EXECUTION_STARTED"
    assert execute(["workflow", "replay", "one.json"]) == 0
    capsys.readouterr()
    (project / "src" / "flow.lua").write_text(FLOW.replace("app:double", "app:triple"))
    assert execute(["workflow", "replay", "one.json"]) == 1
    told = capsys.readouterr().out
    assert "does not fit" in told
    assert "app:triple" in told
    assert "app:double" in told
    assert "asked for by src/flow.lua:3 (app:flow)" in told
    (project / "flows.db").unlink()
    assert execute(["workflow", "import", "one.json"]) == 0
    assert "imported order-1" in capsys.readouterr().out
    assert execute(["workflow", "import", "one.json"]) == 1
    assert "here already" in capsys.readouterr().err
    assert execute(["workflow", "import", "one.json", "--id", "copy"]) == 0
    assert execute(["workflow", "list", "--json"]) == 0
    text = capsys.readouterr().out
    assert {row["workflow_id"]: row["status"] for row in json.loads(text[text.index("[") :])} == {
        "order-1": "completed",
        "copy": "completed",
    }


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["show"], "a workflow ID is required"),
        (["show", "nothing"], "workflow not found for ID: nothing"),
        (["signal", "nothing"], "a topic is required"),
        (["list", "-q", "X"], "query: expected =, !=, <, <=, >, >=, IN, BETWEEN, STARTS_WITH or IS at column 2"),
        (["list", "-q", "StartTime > 'soon'"], "is no time"),
        (["list", "-q", "WorkflowId = order"], "put text in quotes"),
        (["list", "-q", "ExecutionStatus = 'running'"], "ExecutionStatus is one of Running, Completed"),
        (["list", "-q", "ExecutionStatus IN ('Running', 'Blocked')"], "ExecutionStatus is one of Running, Completed"),
        (["list", "-q", "HistoryLength > 'x'"], "HistoryLength is a number, not 'x'"),
        (["list", "-q", "Blocked != ''"], "Blocked is true or false, not ''"),
        (["replay", "nothing.json", "empty.json"], "empty.json: this is no history"),
        (["list", "--provider", "app:nobody"], "workflow provider not found: app:nobody (there is: app:history)"),
        (["replay", "nothing.json"], "cannot read nothing.json"),
        (["replay", "src/_index.yaml"], "is not JSON"),
        (["replay", "empty.json"], "empty.json: this is no history"),
        (["import"], "a file is required"),
    ],
)
def test_mistakes(project: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], text: str) -> None:
    (project / "empty.json").write_text("{}")
    assert execute(["workflow", *arguments]) == 1
    assert text in capsys.readouterr().err

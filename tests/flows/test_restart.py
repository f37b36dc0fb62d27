"""Runs that outlive the application: stopped, dropped, changed, killed."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from flows.flow_app import FlowApp, function, process, workflow
from wippy.workflows import events as ev

NO_CACHE = {"cache_size": 0}
QUICK = {"workflow.task_timeout": "1s"}
"""A Temporal server tries a task again when its time is over."""
ECHO = function("echo", "return function(v) return v end")
STAGES = workflow(
    "flow",
    """
    local funcs, time, uuid = require("funcs"), require("time"), require("uuid")
    -- a server may hand an attempt to a worker that has just gone
    local calls = funcs.new():with_options({["activity.start_to_close_timeout"] = "2s"})
    return function()
      local out = {}
      local inbox = process.inbox()
      coroutine.spawn(function()
        while true do
          local msg = inbox:receive()
          out[#out + 1] = msg:topic()
          if msg:topic() == "end" then out.over = true return end
        end
      end)
      for i = 1, 3 do
        local v = calls:call("app:echo", i)
        out[#out + 1] = v
        out[#out + 1] = uuid.v4()
        time.sleep("1ms")
      end
      while not out.over do time.sleep("2ms") end
      out.over = nil
      return out
    end
    """,
)


@pytest.mark.parametrize("provider", [{}, NO_CACHE, {"cache_size": 1}])
async def test_a_run_goes_on_after_every_restart(tmp_path: Path, provider: dict[str, Any]) -> None:
    app = FlowApp(tmp_path, ECHO, STAGES, provider=provider)
    await app.start()
    await app.begin("flow", id="one", **QUICK)
    for topic in ("first", "second"):
        await app.signal("one", topic)
        await app.restart()
    await app.signal("one", "end")
    found = await app.result("one")
    scheduled = await app.count("one", ev.ActivityTaskScheduled)
    assert not app.logged("blocked")
    await app.stop()
    assert [v for v in found if v in (1, 2, 3)] == [1, 2, 3]
    assert [v for v in found if v in ("first", "second", "end")] == ["first", "second", "end"]
    assert scheduled == 3


def changed(body: str) -> dict[str, Any]:
    return workflow(
        "flow",
        f"""
        local funcs, time, workflow = require("funcs"), require("time"), require("workflow")
        return function()
          {body}
        end
        """,
    )


WAIT = "local msg = process.inbox():receive()"


async def test_changed_code_blocks_a_run_says_so_and_goes_on_once_it_fits(tmp_path: Path) -> None:
    good = changed(f'local a = funcs.call("app:echo", "a") {WAIT} return a .. msg:topic()')
    other = function("other", "return function() end")
    app = FlowApp(tmp_path, ECHO, other, good)
    await app.start()
    await app.begin("flow", id="one", **QUICK)

    async def called() -> bool:
        return await app.count("one", ev.ActivityTaskCompleted) == 1

    await app.until(called)
    await app.stop()

    app.write(ECHO, other, changed(f'local a = funcs.call("app:other", "a") {WAIT} return a .. msg:topic()'))
    await app.start()
    await app.signal("one", "!")
    await app.until(lambda: app.logged("is blocked"))
    described = await app.wait(app.engine.describe("one"))
    text = app.logged("is blocked")[0]
    await app.stop()
    assert described.status.name == "RUNNING"
    assert "app:other" in text
    assert "app:echo" in text
    assert "workflow one (app:flow" in text
    assert "guard the change with workflow.version" in text

    app.write(ECHO, other, good)
    await app.start()
    assert await app.result("one") == "a!"
    await app.stop()


async def test_a_workflow_that_is_gone_blocks_its_runs_until_it_is_back(tmp_path: Path) -> None:
    flow = changed(f"{WAIT} return msg:topic()")
    app = FlowApp(tmp_path, ECHO, flow)
    await app.start()
    await app.begin("flow", id="one", **QUICK)
    await app.stop()
    app.write(ECHO)
    await app.start()
    await app.signal("one", "back")
    await app.until(lambda: app.logged("no workflow entry serves the type app:flow"))
    await app.stop()
    app.write(ECHO, flow)
    await app.start()
    assert await app.result("one") == "back"
    await app.stop()


async def test_a_version_lets_old_runs_take_the_old_way(tmp_path: Path) -> None:
    old = changed(f'{WAIT} return "old " .. msg:topic()')
    new = changed(
        f"""
        local v = workflow.version("greeting", -1, 2)
        {WAIT}
        local again = workflow.version("greeting", -1, 2)
        return v .. "/" .. again .. " " .. msg:topic()
        """
    )
    app = FlowApp(tmp_path, old)
    await app.start()
    await app.begin("flow", id="old", **QUICK)
    await app.until(lambda: _tasks(app, "old", 1))
    await app.stop()
    app.write(new)
    await app.start()
    await app.begin("flow", id="new", **QUICK)
    for id in ("old", "new"):
        await app.signal(id, "hello")
    assert await app.result("old") == "-1/-1 hello"
    assert await app.result("new") == "2/2 hello"
    await app.stop()


async def _tasks(app: FlowApp, id: str, n: int) -> bool:
    return await app.count(id, ev.WorkflowTaskCompleted) >= n


async def test_a_version_that_is_no_longer_supported_blocks_the_run(tmp_path: Path) -> None:
    app = FlowApp(tmp_path, changed(f'local v = workflow.version("x", -1, 1) {WAIT} return v'))
    await app.start()
    await app.begin("flow", id="one", **QUICK)
    await app.until(lambda: _tasks(app, "one", 1))
    await app.stop()
    app.write(changed(f'local v = workflow.version("x", 2, 3) {WAIT} return v'))
    await app.start()
    await app.signal("one", "go")
    await app.until(lambda: app.logged("workflow.version 'x'"))
    text = app.logged("workflow.version 'x'")[0]
    await app.stop()
    assert "version 1" in text
    assert "2 to 3" in text
    app.write(changed(f'local v = workflow.version("x", 1, 3) {WAIT} return v'))
    await app.start()
    assert await app.result("one") == 1
    await app.stop()


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ('return workflow.version("", 1, 2)', "change ID required"),
        ('return workflow.version("x", 3, 2)', "min_supported cannot be greater than max_supported"),
    ],
)
async def test_wrong_versions_are_errors(tmp_path: Path, body: str, text: str) -> None:
    flow = changed(f"local v, err = (function() {body} end)() return {{v == nil, err:kind(), err:message()}}")
    async with FlowApp(tmp_path, flow) as app:
        assert await app.run("flow") == [True, "Invalid", text]


async def test_a_timer_that_became_due_while_nobody_ran_fires_at_once(tmp_path: Path) -> None:
    app = FlowApp(tmp_path, changed('time.sleep("20ms") return "woke"'))
    await app.start()
    await app.begin("flow", id="one", **QUICK)
    await app.asleep("one")
    await app.stop()
    time.sleep(0.03)
    await app.start()
    assert await app.result("one") == "woke"
    await app.stop()


async def test_a_failed_send_is_remembered(tmp_path: Path) -> None:
    flow = changed(
        f"""
        local ok, err = process.send("nobody-here", "x", 1)
        {WAIT}
        return {{ok == nil, err:kind()}}
        """
    )
    app = FlowApp(tmp_path, flow)
    await app.start()
    await app.begin("flow", id="one", **QUICK)
    await app.until(lambda: _tasks(app, "one", 1))
    await app.restart()
    await app.signal("one", "go")
    assert await app.result("one") == [True, "NotFound"]
    await app.stop()


async def test_a_message_to_a_process_leaves_once(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local time = require("time")
        return function(pid)
          for i = 1, 5 do
            process.send(pid, "n", i)
            time.sleep("1ms")
          end
          process.send(pid, "end")
        end
        """,
    )
    collector = process(
        "collector",
        """
        return function()
          process.spawn("app:flow", "app:worker", process.pid())
          local out = {}
          while true do
            local msg = process.inbox():receive()
            if msg:topic() == "end" then return out end
            out[#out + 1] = msg:payload():data()
          end
        end
        """,
    )
    async with FlowApp(tmp_path, flow, collector, provider=NO_CACHE) as app:
        assert await app.process("collector") == [1, 2, 3, 4, 5]


KILLED = """
version: "1.0"
namespace: app
entries:
  - name: db
    kind: db.sql.sqlite
    file: ledger.db
    lifecycle: {auto_start: true}
  - name: terminal
    kind: terminal.host
    lifecycle: {auto_start: true}
  - name: provider
    kind: workflow.provider.sqlite
    path: workflows.db
    lifecycle: {auto_start: true}
  - name: worker
    kind: workflow.worker
    provider: provider
    task_queue: main
    lifecycle: {auto_start: true}
  - name: note
    kind: function.lua
    method: main
    modules: [sql]
    source: |
      local sql = require("sql")
      local function main(step, id)
        local db = sql.get("app:db")
        db:execute("CREATE TABLE IF NOT EXISTS ledger (step INTEGER PRIMARY KEY, id TEXT)")
        local _, err = db:execute("INSERT OR IGNORE INTO ledger VALUES (?, ?)", {step, id})
        db:release()
        if err then error(err) end
        return step
      end
      return {main = main}
  - name: long
    kind: workflow.lua
    method: main
    modules: [funcs, time, uuid]
    source: |
      local funcs, time, uuid = require("funcs"), require("time"), require("uuid")
      local function main(n)
        local ids = {}
        for i = 1, n do
          ids[i] = uuid.v4()
          local v, err = funcs.call("app:note", i, ids[i])
          if err then return nil, err end
          if i % 10 == 0 then time.sleep("1ms") end
        end
        return ids
      end
      return {main = main}
  - name: start
    kind: process.lua
    method: main
    modules: [io]
    source: |
      local io = require("io")
      local function main(n)
        local spawner = process.with_options({["workflow.id"] = "long"})
        local pid, err = spawner:spawn_monitored("app:long", "app:worker", tonumber(n))
        if err then return nil, err end
        local event = process.events():receive()
        if event.result.error then return nil, event.result.error end
        for _, id in ipairs(event.result.value) do io.print(id) end
      end
      return {main = main}
"""


def test_a_killed_application_goes_on_exactly_where_it_was(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "_index.yaml").write_text(KILLED)
    steps = 300
    command = [sys.executable, "-m", "wippy", "run", "-s", "-x", "app:start", str(steps)]
    kills = 0
    for _ in range(40):
        running = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if kills < 3 and _grows(tmp_path, (kills + 1) * 60, running):
            os.kill(running.pid, signal.SIGKILL)
            running.communicate()
            kills += 1
            continue
        out, err = running.communicate(timeout=60)
        assert running.returncode == 0, err.decode()
        break
    assert kills == 3
    with sqlite3.connect(tmp_path / "ledger.db") as ledger:
        rows = ledger.execute("SELECT step, id FROM ledger ORDER BY step").fetchall()
    assert [step for step, _ in rows] == list(range(1, steps + 1))
    assert [id for _, id in rows] == out.decode().split()


def _grows(folder: Path, rows: int, running: subprocess.Popen[bytes]) -> bool:
    """Waits until the ledger has so many rows; False if the program ends before."""
    while running.poll() is None:
        try:
            with sqlite3.connect(f"file:{folder / 'ledger.db'}?mode=ro", uri=True) as ledger:
                if ledger.execute("SELECT count(*) FROM ledger").fetchone()[0] >= rows:
                    return True
        except sqlite3.Error:
            pass
        time.sleep(0.002)
    return False

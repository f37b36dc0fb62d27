"""The module `workflow` and queries: figures of a run, and which worker runs what is executed from outside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flows.flow_app import FlowApp, function, process, workflow
from flows.test_types import second, tied
from wippy.errors import WippyError
from wippy.workflows import events as ev

NO_CACHE = {"cache_size": 0}
ECHO = function("echo", "return function(v) return v end")
WHERE = "return function(v) return {process.pid():match('@(.-)|'), v} end"
EXECUTES = """
    local workflow = require("workflow")
    return function(id)
      local value, err = workflow.execute(id, 5)
      if err then return {err:kind(), err:message()} end
      return value
    end
"""


@pytest.mark.parametrize("caller", ["process", "function"])
async def test_the_worker_that_executes(tmp_path: Path, caller: str) -> None:
    entries = [workflow("flow", WHERE), tied(workflow("bound", WHERE), "workflow", worker="second")]
    entries += [process("process", EXECUTES), function("function", EXECUTES, "workflow")]

    async def call(app: FlowApp, id: str) -> Any:
        if caller == "process":
            return await app.process("process", id)
        return await app.wait(app.app.functions().call("app:function", [id]))

    async with FlowApp(tmp_path, *entries) as app:
        assert await call(app, "app:flow") == ["app:worker", 5]
    async with FlowApp(tmp_path, *entries, second()) as app:
        kind, text = await call(app, "app:flow")
        assert await call(app, "app:bound") == ["app:second", 5]
    assert kind == "Invalid"
    assert "several workflow workers can run app:flow (app:second, app:worker)" in text


async def test_without_a_worker_nothing_is_executed(tmp_path: Path) -> None:
    app = FlowApp(tmp_path, workflow("flow", WHERE), process("process", EXECUTES))
    source = tmp_path / "src" / "_index.yaml"
    lines = source.read_text()
    start = lines.index("- name: worker")
    source.write_text(lines[:start] + lines[lines.index("- name: flow") :])
    async with app:
        kind, text = await app.process("process", "app:flow")
    assert kind == "Invalid"
    assert "no workflow worker runs app:flow" in text


async def test_an_executed_child_runs_beside_its_parent(tmp_path: Path) -> None:
    parent = workflow("parent", "return function() return require('workflow').exec('app:flow', 7) end")
    async with FlowApp(tmp_path, workflow("flow", WHERE), parent, second()) as app:
        assert await app.run("parent", host="app:second") == ["app:second", 7]


async def test_info_has_these_fields(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local workflow, funcs = require("workflow"), require("funcs")
        return function()
          local first, kinds = workflow.info(), {}
          for name, value in pairs(first) do kinds[name] = type(value) end
          local constant = true
          for _ = 1, 3 do
            constant = constant and workflow.history_length() == first.history_length
              and workflow.history_size() == first.history_size
          end
          funcs.call("app:echo", 1)
          local second = workflow.info()
          return {kinds, constant, first.history_length, second.history_length,
            second.history_size > first.history_size, second.history_length == workflow.history_length(),
            second.history_size == workflow.history_size()}
        end
        """,
    )
    async with FlowApp(tmp_path, flow, ECHO, provider=NO_CACHE) as app:
        kinds, *found = await app.run("flow")
    assert kinds == {
        **dict.fromkeys(("workflow_id", "run_id", "workflow_type", "task_queue", "namespace"), "string"),
        **dict.fromkeys(("attempt", "history_length", "history_size"), "number"),
    }
    assert found == [True, 3, 9, True, True, True]


async def test_signals_of_the_start_count_in_the_first_task(tmp_path: Path) -> None:
    flow = workflow("flow", "return function() return require('workflow').history_length() end")
    starter = process(
        "starter",
        """
        return function()
          process.with_options({}):with_message("word", 1):spawn_monitored("app:flow", "app:worker")
          return process.events():receive().result.value
        end
        """,
    )
    async with FlowApp(tmp_path, flow, starter) as app:
        assert await app.process("starter") == 4


@pytest.mark.parametrize("provider", [{}, NO_CACHE])
async def test_queries_of_open_and_closed_runs(tmp_path: Path, provider: dict[str, Any]) -> None:
    flow = workflow(
        "flow",
        """
        local time, funcs = require("time"), require("funcs")
        return function()
          coroutine.spawn(function() time.sleep("1h") end)
          process.inbox():receive()
          return (funcs.call("app:echo", 1))
        end
        """,
    )
    async with FlowApp(tmp_path, flow, ECHO, provider=provider) as app:

        async def asked(name: str, id: str = "one") -> Any:
            return await app.wait(app.engine.query(id, None, name))

        async def begun() -> bool:
            return await app.count("one", ev.WorkflowTaskCompleted) >= 1

        async def same() -> None:
            assert await asked("state") == {}
            assert await asked("pid") == "one"
            with pytest.raises(WippyError, match="unknown query type: colour"):
                await asked("colour")

        await app.begin("flow", id="one")
        await app.until(begun)
        await same()
        stack = await asked("stack")
        assert "app:flow:5" in stack
        assert "app:flow:4" in stack
        await app.signal("one", "go")
        await app.result("one")
        await same()
        await app.restart()
        await same()
        assert await asked("stack") == ""
        with pytest.raises(WippyError, match="workflow not found for ID: nobody"):
            await asked("pid", "nobody")
        assert not app.logged("is blocked")


@pytest.mark.parametrize(
    "body",
    [
        "channel.new():receive()",
        "coroutine.spawn(function() channel.new():receive() end) channel.new(0):send(1)",
        "channel.select({channel.new():case_receive()})",
    ],
)
async def test_a_run_that_waits_for_ever_stays_open(tmp_path: Path, body: str) -> None:
    async with FlowApp(tmp_path, workflow("flow", f"return function() {body} end")) as app:
        await app.begin("flow", id="one")

        async def begun() -> bool:
            return await app.count("one", ev.WorkflowTaskCompleted) >= 1

        await app.until(begun)
        assert (await app.wait(app.engine.describe("one"))).status.name == "RUNNING"
        assert not app.logged("is blocked")

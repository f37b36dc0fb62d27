"""Which entry serves a type, on which worker, and what an entry says of itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flows import flow_app
from flows.flow_app import FlowApp, function, lua, process, workflow
from wippy.errors import WippyError
from wippy.workflows import events as ev
from wippy.workflows.options import WorkflowOptions
from wippy.workflows.provider import StartRequest

ECHO = function("echo", "return function(v) return v end")


def second(name: str = "second") -> dict[str, Any]:
    """A further worker beside `app:worker`, with a queue of its own name."""
    if flow_app.TEMPORAL is not None:
        kind, provider = "temporal.worker", {"client": "provider"}
    else:
        kind, provider = "workflow.worker", {"provider": "provider"}
    return {"name": name, "kind": kind, **provider, "task_queue": name, "lifecycle": {"auto_start": True}}


WHO = "return function() return {require('workflow').info().workflow_type, process.id(), process.pid()} end"


def tied(entry: dict[str, Any], what: str, **keys: Any) -> dict[str, Any]:
    return {**entry, "meta": {"temporal": {what: keys}}}


async def test_a_custom_type_name_and_the_entry_id_both_start_it(tmp_path: Path) -> None:
    flow = tied(workflow("flow", WHO), "workflow", name="Named")
    parent = workflow("parent", "return function() return process.exec('app:flow', 'app:worker') end")
    async with FlowApp(tmp_path, flow, parent) as app:
        assert (await app.run("parent"))[:2] == ["Named", "app:flow"]
        type_, id, _ = await app.run("flow")
        for name in ("Named", "app:flow"):
            request = StartRequest(name, "main", options=WorkflowOptions(id=name))
            await app.wait(app.engine.start(request))
            assert (await app.result(name))[:2] == [name, "app:flow"]
    assert (type_, id) == ("Named", "app:flow")


async def test_an_entry_that_names_a_worker_runs_there_alone(tmp_path: Path) -> None:
    flow = tied(workflow("flow", WHO), "workflow", worker="second")
    free = workflow("free", WHO)
    async with FlowApp(tmp_path, flow, free, second()) as app:
        assert (await app.run("flow", host="app:second"))[2].startswith("{app:provider@app:second|")
        for host in ("app:worker", "app:second"):
            assert (await app.run("free", host=host))[2].startswith(f"{{app:provider@{host}|")
        await app.begin("flow", id="elsewhere")
        await app.until(lambda: app.logged("app:flow"))
        description = await app.wait(app.engine.describe("elsewhere"))
        assert description.status.name == "RUNNING"


@pytest.mark.parametrize("name", ["", "nobody", "other:nobody"])
async def test_an_entry_that_names_no_worker_there_is_runs_everywhere(tmp_path: Path, name: str) -> None:
    flow = tied(workflow("flow", WHO), "workflow", worker=name)
    tells = tied(function("tells", "return function() return 'told' end"), "activity", worker=name)
    calls = workflow("calls", "local funcs = require('funcs') return function() return funcs.call('app:tells') end")
    known = tied(workflow("known", WHO), "workflow", worker="app:worker")
    async with FlowApp(tmp_path, flow, tells, calls, known) as app:
        assert (await app.run("flow"))[0] == "app:flow"
        assert await app.run("calls") == "told"
        told = app.logged("unknown workflow worker")
    assert [sum(id in line for line in told) for id in ("app:flow", "app:tells", "app:known")] == [bool(name)] * 2 + [0]


async def test_a_function_that_names_a_worker_runs_there(tmp_path: Path) -> None:
    who = tied(function("who", "return function() return 'done' end"), "activity", worker="app:second", local=True)
    flow = workflow(
        "flow",
        """
        local funcs = require("funcs")
        return function()
          local here = funcs.new():with_options({["activity.task_queue"] = "main"})
          return {funcs.call("app:who"), here:call("app:who")}
        end
        """,
    )
    async with FlowApp(tmp_path, flow, who, second()) as app:
        await app.begin("flow", id="one")
        assert await app.result("one") == ["done", "done"]
        queues = [
            event.options.queue for event in await app.history("one") if isinstance(event, ev.ActivityTaskScheduled)
        ]
    assert queues == ["second", "main"]


async def test_an_activity_is_an_ordinary_function_elsewhere(tmp_path: Path) -> None:
    who = tied(function("who", "return function() return 'called' end"), "activity", worker="app:second")
    caller = process("caller", "local funcs = require('funcs') return function() return funcs.call('app:who') end")
    async with FlowApp(tmp_path, who, caller, second()) as app:
        assert await app.process("caller") == "called"


async def test_the_options_of_a_function_entry_are_those_of_its_calls(tmp_path: Path) -> None:
    flaky = function("flaky", "return function() error('oh') end")
    flaky["meta"] = {
        "options": {
            "activity.retry_policy": {"maximum_attempts": 2, "initial_interval": "1ms"},
            "activity.summary": "from the entry",
        }
    }
    flow = workflow(
        "flow",
        """
        local funcs = require("funcs")
        return function()
          local _, err = funcs.call("app:flaky")
          local own = funcs.new():with_options({["activity.summary"] = "from the call", timeout = 1})
          local _, e2 = own:call("app:flaky")
          return {err:details()._retry_state, e2:details()._retry_state}
        end
        """,
    )
    async with FlowApp(tmp_path, flaky, flow) as app:
        await app.begin("flow", id="one")
        assert await app.result("one") == ["MaximumAttemptsReached"] * 2
        options = [event.options for event in await app.history("one") if isinstance(event, ev.ActivityTaskScheduled)]
    assert [(one.retry.maximum_attempts, one.summary) for one in options] == [
        (2, "from the entry"),
        (2, "from the call"),
    ]


async def test_a_process_with_a_host_of_its_own_can_be_an_activity(tmp_path: Path) -> None:
    work = process("work", "return function(n) return {n * 2, process.pid() ~= nil} end")
    work["meta"] = {"default_host": "app:processes"}
    flow = workflow("flow", "local funcs = require('funcs') return function() return funcs.call('app:work', 21) end")
    async with FlowApp(tmp_path, work, flow) as app:
        assert await app.run("flow") == [42, True]


async def test_a_process_without_a_host_is_no_activity(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local funcs = require("funcs")
        return function()
          local once = funcs.new():with_options({["activity.retry_policy"] = {maximum_attempts = 1}})
          local _, err = once:call("app:work")
          return {err:kind(), err:retryable(), err:message()}
        end
        """,
    )
    async with FlowApp(tmp_path, process("work", "return function() end"), flow) as app:
        kind, retryable, text = await app.run("flow")
    assert (kind, retryable) == ("NotFound", True)
    assert "function not found" in text


async def test_a_start_of_an_unknown_type_waits_for_it(tmp_path: Path) -> None:
    async with FlowApp(tmp_path, ECHO) as app:
        pid = await app.begin("later", id="one")
        assert pid == "{app:provider@app:worker|one}"
        await app.until(lambda: app.logged("app:later"))
        assert (await app.wait(app.engine.describe("one"))).status.name == "RUNNING"


async def test_a_start_on_a_queue_that_nobody_serves_stays_open(tmp_path: Path) -> None:
    flow = workflow("flow", "return function() return 1 end")
    starter = process(
        "starter",
        """
        return function()
          local pid, err = process.with_options({["workflow.id"] = "one", ["workflow.task_queue"] = "nobody"})
            :spawn("app:flow", "app:worker")
          return {pid, tostring(err)}
        end
        """,
    )
    async with FlowApp(tmp_path, flow, starter) as app:
        assert await app.process("starter") == ["{app:provider@app:worker|one}", "nil"]
        assert (await app.wait(app.engine.describe("one"))).status.name == "RUNNING"


async def test_a_message_names_the_worker_that_its_sender_runs_on(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        return function(to)
          process.send(to, "from", 1)
          return process.inbox():receive():payload():data()
        end
        """,
    )
    asker = process(
        "asker",
        """
        return function(host)
          local pid = process.spawn_monitored("app:flow", host, process.pid())
          local from = process.inbox():receive():from()
          process.send(from, "answer", "heard")
          return {from == pid, from:match("@(.-)|"), process.events():receive().result.value}
        end
        """,
    )
    relay = workflow(
        "relay",
        """
        return function(host)
          local pid = process.spawn("app:flow", host, process.pid())
          local from = process.inbox():receive():from()
          process.send(from, "answer", "heard")
          return {from == pid, from:match("@(.-)|"), process.events():receive().result.value}
        end
        """,
    )
    async with FlowApp(tmp_path, flow, asker, relay, second()) as app:
        for host in ("app:worker", "app:second"):
            assert await app.process("asker", host) == [True, host, "heard"]
            assert await app.run("relay", host) == [True, host, "heard"]


@pytest.mark.parametrize("host", ["app:second", "second", ""])
async def test_a_child_names_a_worker_or_a_queue(tmp_path: Path, host: str) -> None:
    child = workflow("child", "return function() return require('workflow').info().task_queue end")
    parent = workflow(
        "parent",
        """
        return function(host)
          local pid, err = process.spawn("app:child", host)
          if err then return nil, err end
          local exit = process.events():receive()
          return {exit.from == pid, exit.result.value, pid:match("@(.-)|")}
        end
        """,
    )
    async with FlowApp(tmp_path, child, parent, second()) as app:
        mine, queue, carried = await app.run("parent", host)
    assert (mine, queue) == (True, "second" if host else "main")
    assert not host or carried == host


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        (workflow("bad", ""), "source"),
        (workflow("bad", "return function( end"), "app:bad"),
    ],
)
async def test_source_that_cannot_run_is_rejected(tmp_path: Path, entry: dict[str, Any], text: str) -> None:
    app = FlowApp(tmp_path, entry)
    with pytest.raises(WippyError) as caught:
        await app.start()
    await app.stop()
    assert text in str(caught.value)


async def test_the_method_may_be_named_and_a_single_function_needs_none(tmp_path: Path) -> None:
    entries = [
        workflow("named", "return {go = function() return 'go' end}", method="go"),
        workflow("plain", "return {main = function() return 'main' end}"),
        workflow("single", "return function() return 'single' end", method="whatever"),
    ]
    async with FlowApp(tmp_path, *entries) as app:
        assert [await app.run(name) for name in ("named", "plain", "single")] == ["go", "main", "single"]


async def test_the_rejection_of_a_module_names_it_in_its_details(tmp_path: Path) -> None:
    helper = lua("library.lua", "helper", "return {}", "fs")
    flow = workflow("flow", "return function() end", imports={"h": "app:helper"})
    app = FlowApp(tmp_path, helper, flow)
    with pytest.raises(WippyError) as caught:
        await app.start()
    await app.stop()
    assert "failed to register factory" in str(caught.value)
    assert "'fs'" in str(caught.value)
    assert (caught.value.kind, caught.value.details) == ("PermissionDenied", {"node_id": ":fs"})

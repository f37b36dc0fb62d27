"""Workflow and activity entries: what main gives, newest code, identity, and how attempts go on and end."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from flows.flow_app import FlowApp, change, function, process, workflow
from wippy.errors import WippyError
from wippy.registry.entry import ID
from wippy.registry.project import load_project
from wippy.workflows import events as ev

RUNS = process("runs", "return function(...) return process.exec('app:flow', 'app:worker', ...) end")


async def reload(app: FlowApp, *entries: dict[str, Any]) -> None:
    app.write(*entries)
    await app.app.reload(load_project(str(app.folder)))
    await app.app.supervisor.settled()


@pytest.mark.parametrize("second", ["true", "{}", "5", "false", "function() end"])
async def test_a_second_value_that_is_no_error_is_ignored(tmp_path: Path, second: str) -> None:
    async with FlowApp(tmp_path, workflow("flow", f"return function() return 'first', {second} end")) as app:
        assert await app.run("flow") == "first"


@pytest.mark.parametrize(
    ("source", "kind", "text"),
    [
        ("return {other = function() end}", "NotFound", 'method "main" not found in module'),
        ("return 5", "NotFound", 'method "main" not found in module'),
        ("error('while it loads')", "Internal", "while it loads"),
    ],
)
async def test_a_chunk_without_a_main_fails_the_run(tmp_path: Path, source: str, kind: str, text: str) -> None:
    async with FlowApp(tmp_path, workflow("flow", source)) as app:
        with pytest.raises(WippyError, match=text) as caught:
            await app.run("flow")
    assert caught.value.kind == kind


async def test_commands_before_the_return_stand(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local funcs = require("funcs")
        return function(to)
          coroutine.spawn(function()
            funcs.async("app:note")
            process.send(to, "said", "before the return")
            process.spawn("app:left", "app:worker")
            process.send(to, "said", "never")
          end)
          local turn = channel.new()
          coroutine.spawn(function() turn:send(1) end)
          turn:receive()
          return "over"
        end
        """,
    )
    watcher = process(
        "watcher",
        """
        return function()
          local said = process.listen("said")
          process.with_options({["workflow.id"] = "one"}):spawn_monitored("app:flow", "app:worker", process.pid())
          local value, first = process.events():receive().result.value, said:receive()
          return {value, first, (channel.select({said:case_receive(), default = true})).default == true}
        end
        """,
    )
    entries = [flow, watcher, function("note", "return function() end"), workflow("left", "return function() end")]
    async with FlowApp(tmp_path, *entries) as app:
        assert await app.process("watcher") == ["over", "before the return", True]
        assert await app.count("one", ev.ActivityTaskScheduled) == 1
        assert await app.count("one", ev.StartChildWorkflowExecutionInitiated) == 1


def versions(n: int) -> list[dict[str, Any]]:
    body = f"return {{{n}, funcs.call('app:fn')}}"
    flow = workflow("flow", f"local funcs = require('funcs') return function() {body} end")
    return [flow, function("fn", f"return function() return {n} end")]


async def test_new_runs_and_attempts_take_the_newest_code(tmp_path: Path) -> None:
    async with FlowApp(tmp_path, *versions(1)) as app:
        assert await app.run("flow") == [1, 1]
        await reload(app, *versions(2))
        assert await app.run("flow") == [2, 2]


async def test_a_retried_attempt_takes_the_newest_code(tmp_path: Path) -> None:
    flow = workflow("flow", "local funcs = require('funcs') return function() return funcs.call('app:fn') end")
    old = function("fn", "return function() print('an attempt') error('old code') end")
    async with FlowApp(tmp_path, flow, old) as app:
        await app.begin("flow", id="one")
        await app.until(lambda: app.logged("an attempt"))
        await reload(app, flow, function("fn", "return function() return 'new code' end"))
        assert await app.result("one") == "new code"


async def test_a_deleted_entry_is_unknown_from_then_on(tmp_path: Path) -> None:
    gone = workflow("gone", "return function() return 'there' end")
    flow = workflow(
        "flow",
        """
        local funcs = require("funcs")
        return function()
          local once = funcs.new():with_options({["activity.retry_policy"] = {maximum_attempts = 1}})
          local _, err = once:call("app:fn")
          return {err:kind(), err:retryable(), err:message()}
        end
        """,
    )
    async with FlowApp(tmp_path, gone, flow, function("fn", "return function() end")) as app:
        assert await app.run("gone") == "there"
        await reload(app, flow)
        kind, retryable, text = await app.run("flow")
        assert (kind, retryable) == ("NotFound", True)
        assert text.startswith("unable to find activityType=app:fn")
        await asyncio.wrap_future(app.spawn("gone", options={"workflow.id": "one", "workflow.task_timeout": 1000}))
        await app.until(lambda: app.logged("no workflow entry serves the type app:gone"))
        assert (await app.wait(app.engine.describe("one"))).status.name == "RUNNING"
        await reload(app, gone, flow)
        assert await app.result("one") == "there"


async def test_an_update_with_a_forbidden_module_is_rejected_and_the_old_code_stays(tmp_path: Path) -> None:
    async with FlowApp(tmp_path, *versions(1)) as app:
        with pytest.raises(WippyError, match="module does not have any allowed class"):
            await reload(app, workflow("flow", "return function() return 2 end", "fs"), versions(1)[1])
        assert await app.run("flow") == [1, 1]


async def test_who_runs_is_the_worker_s_identity_unless_one_comes_along(tmp_path: Path) -> None:
    who = """
        local security = require("security")
        return function()
          local actor, scope = security.actor(), security.scope()
          return {actor and actor:id() or "nobody", scope and scope:contains(security.policy("app:all")) or false}
        end
    """
    policy = {
        "name": "all",
        "kind": "security.policy",
        "policy": {"actions": "*", "resources": "*", "effect": "allow"},
    }
    flow = workflow("flow", "local funcs = require('funcs') return function() return funcs.call('app:who') end")
    starter = process(
        "starter",
        """
        local security = require("security")
        return function()
          process.with_context({}):with_actor(security.new_actor("ada")):spawn_monitored("app:flow", "app:worker")
          return process.events():receive().result.value
        end
        """,
        "security",
    )
    identity = {"actor": {"id": "the-worker"}, "policies": ["app:all"]}
    app = FlowApp(tmp_path, policy, flow, starter, function("who", who, "security"))
    change(app, "worker", lifecycle={"security": identity})
    async with app:
        assert await app.process("starter") == ["ada", False]
        assert await app.run("flow") == ["the-worker", True]


@pytest.mark.parametrize("timeout", ["600ms", "5s"])
async def test_a_running_function_is_known_to_be_alive(tmp_path: Path, timeout: str) -> None:
    slow = function("slow", "local time = require('time') return function() time.sleep('2s') return 'done' end", "time")
    flow = workflow(
        "flow",
        f"""
        local funcs = require("funcs")
        return function()
          local options = {{["activity.heartbeat_timeout"] = "{timeout}"}}
          options["activity.retry_policy"] = {{maximum_attempts = 1}}
          return funcs.new():with_options(options):call("app:slow")
        end
        """,
    )
    async with FlowApp(tmp_path, flow, slow) as app:
        assert await app.run("flow") == "done"


async def test_a_cancelled_call_is_not_tried_again(tmp_path: Path) -> None:
    fails = function("fails", "return function() print('an attempt') error('again') end")
    flow = workflow(
        "flow",
        """
        local funcs, time = require("funcs"), require("time")
        return function()
          local often = funcs.new():with_options({["activity.retry_policy"] = {initial_interval = "1500ms"}})
          local future = often:async("app:fails")
          process.inbox():receive()
          future:cancel()
          time.sleep("3s")
          return "over"
        end
        """,
    )
    async with FlowApp(tmp_path, flow, fails) as app:
        await app.begin("flow", id="one")
        await app.until(lambda: app.logged("an attempt"))
        await app.signal("one", "cancel it")

        async def cancelled() -> bool:
            return await app.count("one", ev.ActivityTaskCanceled) == 1

        await app.until(cancelled)
        attempts = len(app.logged("an attempt"))
        assert await app.result("one") == "over"  # the time of the next attempt has passed
        assert len(app.logged("an attempt")) == attempts


async def test_a_function_is_cancelled_when_its_worker_stops_and_done_again_when_it_is_back(tmp_path: Path) -> None:
    flow = workflow("flow", "local funcs = require('funcs') return function() return funcs.call('app:fn', 1) end")
    fn = function(
        "fn",
        """
        local time = require("time")
        return function()
          print("an attempt")
          if process.registry.lookup("second time") then return "the second attempt" end
          time.sleep("1h")
        end
        """,
        "time",
        pool={"size": 1},
    )
    free = process("free", "local funcs = require('funcs') return function() return funcs.call('app:fn') end")
    worker = ID.parse("app:worker")
    async with FlowApp(tmp_path, flow, fn, free) as app:
        options = {"workflow.id": "one"}
        await asyncio.wrap_future(app.spawn("flow", options=options))
        await app.until(lambda: app.logged("an attempt"))
        await app.app.supervisor.stop(worker)
        app.app.runtime.router.names.register(b"second time", b"{app:nobody|1}")
        assert await app.process("free") == "the second attempt"  # there is one place for the function
        await app.app.supervisor.start(worker)
        assert await app.result("one") == "the second attempt"


async def test_only_the_first_value_of_an_activity_arrives(tmp_path: Path) -> None:
    two = function("two", "return function() return 1, nil, 3 end")
    flow = workflow(
        "flow",
        """
        local funcs = require("funcs")
        return function()
          local n, first, err = select("#", funcs.call("app:two")), funcs.call("app:two")
          return {n, first, err == nil}
        end
        """,
    )
    async with FlowApp(tmp_path, two, flow) as app:
        n, first, no_error = await app.run("flow")
    assert (n <= 2, first, no_error) == (True, 1, True)

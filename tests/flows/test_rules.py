"""What the modules do inside a workflow, context and identity, permissions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flows.flow_app import FlowApp, function, lua, process, workflow
from wippy.registry.entry import ID
from wippy.workflows import events as ev

NO_CACHE = {"cache_size": 0}
ECHO = function("echo", "return function(v) return v end")


async def test_recorded_values_are_the_same_on_replay(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local crypto, uuid, time, funcs = require("crypto"), require("uuid"), require("time"), require("funcs")
        return function()
          local text = table.concat({
            uuid.v1(), uuid.v4(), uuid.v7(), crypto.random.uuid(), crypto.random.string(12), #crypto.random.bytes(8),
            math.random(1000000),
          }, " ")
          local secret = crypto.encrypt.aes("the text", ("k"):rep(32))
          local seen = funcs.call("app:echo", text)
          local _, err = crypto.random.bytes(-1)
          return {text == seen, crypto.decrypt.aes(secret, ("k"):rep(32)), err:kind()}
        end
        """,
        "crypto uuid time funcs",
    )
    async with FlowApp(tmp_path, flow, ECHO, provider=NO_CACHE) as app:
        assert await app.run("flow") == [True, "the text", "Invalid"]
        assert not app.logged("blocked")


async def test_the_clock_of_a_run(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local time = require("time")
        return function()
          local first = {os.clock(), os.time(), os.date("%Y"), time.now():unix()}
          time.sleep(5000000)
          local moved = os.clock()
          return {first[1] >= 0 and first[1] < 1, first[2] == first[4], #first[3], moved > first[1]}
        end
        """,
    )
    async with FlowApp(tmp_path, flow, provider=NO_CACHE) as app:
        assert await app.run("flow") == [True, True, 4, True]


async def test_numbers_are_nanoseconds_in_time_and_milliseconds_in_options(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local time, funcs = require("time"), require("funcs")
        return function()
          time.sleep(2000000)
          funcs.new():with_options({["activity.start_to_close_timeout"] = 2500}):call("app:echo", 1)
        end
        """,
    )
    async with FlowApp(tmp_path, flow, ECHO) as app:
        await app.begin("flow", id="one")
        await app.result("one")
        history = await app.history("one")
    (timer,) = [event for event in history if isinstance(event, ev.TimerStarted)]
    (call,) = [event for event in history if isinstance(event, ev.ActivityTaskScheduled)]
    assert (timer.duration_ns, call.options.start_to_close_ns) == (2_000_000, 2_500_000_000)


async def test_pure_modules_may_be_used(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local json, base64, hash, text, payload = require("json"), require("base64"), require("hash"), require("text"),
          require("payload")
        return function()
          return {json.encode({1}), base64.encode("a"), #hash.sha256("a"), payload.new(5):data()}
        end
        """,
        "json base64 hash text payload",
    )
    async with FlowApp(tmp_path, flow) as app:
        assert await app.run("flow") == ["[1]", "YQ==", 64, 5]


async def test_set_options_work_and_upgrade_is_no_error(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        return function()
          process.set_options({trap_links = true})
          return process.get_options().trap_links
        end
        """,
    )
    async with FlowApp(tmp_path, flow) as app:
        assert await app.run("flow") is True


async def test_a_name_that_a_workflow_registers(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        return function()
          local ok = process.registry.register("the-flow")
          local mine = process.registry.lookup("the-flow") == process.pid()
          local message = process.inbox():receive()
          return {ok, mine, message:topic()}
        end
        """,
    )
    sender = process(
        "sender",
        """
        return function()
          local ok, err = process.send("the-flow", "word")
          return ok or tostring(err)
        end
        """,
    )
    async with FlowApp(tmp_path, flow, sender) as app:
        await app.begin("flow", id="one")
        await app.until(lambda: _tasks(app, "one"))
        assert await app.process("sender") is True
        assert await app.result("one") == [True, True, "word"]


async def _tasks(app: FlowApp, id: str) -> bool:
    return await app.count(id, ev.WorkflowTaskCompleted) >= 1


async def test_permissions_are_checked_in_a_workflow(tmp_path: Path) -> None:
    policy = {
        "name": "no.exec",
        "kind": "security.policy",
        "policy": {
            "actions": ["workflow.exec", "funcs.call"],
            "resources": ["app:child", "app:echo"],
            "effect": "deny",
        },
    }
    rest = {
        "name": "rest",
        "kind": "security.policy",
        "policy": {"actions": "*", "resources": "*", "effect": "allow"},
    }
    flow = workflow(
        "flow",
        """
        local workflow, funcs = require("workflow"), require("funcs")
        return function()
          local _, e1 = workflow.exec("app:child")
          local _, e2 = funcs.call("app:echo", 1)
          return {e1:kind(), e1:message(), e2:kind(), workflow.info().history_length}
        end
        """,
    )
    starter = process(
        "starter",
        """
        local security = require("security")
        return function()
          local scope = security.new_scope({security.policy("app:no.exec"), security.policy("app:rest")})
          local pid, err = process.with_context({}):with_actor(security.new_actor("ada")):with_scope(scope)
            :spawn_monitored("app:flow", "app:worker")
          if err then return tostring(err) end
          return process.events():receive().result.value
        end
        """,
        "security",
    )
    child = workflow("child", "return function() end")
    async with FlowApp(tmp_path, policy, rest, flow, child, starter, ECHO) as app:
        assert await app.process("starter") == ["PermissionDenied", "not allowed: app:child", "PermissionDenied", 3]


CTX = 'local ctx = require("ctx") return function() return ctx.all() end'


async def test_context_goes_to_activities_children_and_next_runs(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local funcs, ctx, workflow = require("funcs"), require("ctx"), require("workflow")
        return function(again)
          if not again then process.upgrade(nil, true) end
          local merged = funcs.new():with_context({size = 2}):call("app:seen")
          return {ctx.all(), funcs.call("app:seen"), merged, (workflow.exec("app:child"))}
        end
        """,
        "funcs ctx workflow",
    )
    starter = process(
        "starter",
        """
        return function()
          local context = {colour = "red", list = {1, 2}, deep = {a = {b = true}}, bad = {f = {"\\255"}}, n = 5}
          local pid, err = process.with_context(context):spawn_monitored("app:flow", "app:worker")
          if err then return tostring(err) end
          return process.events():receive().result.value
        end
        """,
    )
    seen = function("seen", CTX, "ctx")
    child = workflow("child", CTX, "ctx")
    async with FlowApp(tmp_path, flow, seen, child, starter) as app:
        own, called, merged, of_child = await app.process("starter")
    expected = {"colour": "red", "list": [1, 2], "deep": {"a": {"b": True}}, "n": 5}
    assert own == called == of_child == expected
    assert merged == {**expected, "size": 2}


async def test_actor_and_known_policies_go_along(tmp_path: Path) -> None:
    policy = {
        "name": "all",
        "kind": "security.policy",
        "policy": {"actions": "*", "resources": "*", "effect": "allow"},
    }
    flow = workflow("flow", "local funcs = require('funcs') return function() return funcs.call('app:who') end")
    who = function(
        "who",
        """
        local security = require("security")
        return function()
          local actor, scope = security.actor(), security.scope()
          return {actor:id(), actor:meta().role, scope:contains(security.policy("app:all"))}
        end
        """,
        "security",
    )
    starter = process(
        "starter",
        """
        local security = require("security")
        return function()
          local actor = security.new_actor("ada", {role = "boss"})
          local pid, err = process.with_context({}):with_actor(actor)
            :with_scope(security.new_scope({security.policy("app:all")})):spawn_monitored("app:flow", "app:worker")
          if err then return tostring(err) end
          local e = process.events():receive()
          return e.result.value or tostring(e.result.error)
        end
        """,
        "security",
    )
    async with FlowApp(tmp_path, policy, flow, who, starter) as app:
        assert await app.process("starter") == ["ada", "boss", True]


@pytest.mark.parametrize("value", ["mixed", "holes", "cycle"])
async def test_tables_that_json_cannot_hold(tmp_path: Path, value: str) -> None:
    flow = workflow(
        "flow",
        """
        local funcs = require("funcs")
        return function(what)
          local t = {1, x = 2}
          if what == "holes" then t = {1, nil, 3} t[9] = 9 end
          if what == "cycle" then t = {} t.t = t end
          local v, err = funcs.call("app:echo", t)
          return {v == nil, err:kind(), (err:message():find("error transcoding value", 1, true)) ~= nil}
        end
        """,
    )
    async with FlowApp(tmp_path, flow, ECHO) as app:
        await app.begin("flow", value, id="one")
        assert await app.result("one") == [True, "Internal", True]
        assert await app.count("one", ev.ActivityTaskScheduled) == 0


async def test_bytes_and_several_values(tmp_path: Path) -> None:
    several = function("several", "return function(...) return {select('#', ...), ...} end")
    flow = workflow(
        "flow",
        """
        local funcs = require("funcs")
        return function()
          return {funcs.call("app:several", 1, "two", false), (funcs.call("app:echo", nil)) == nil,
            funcs.call("app:echo", 3.0), math.type((funcs.call("app:echo", 7)))}
        end
        """,
    )
    async with FlowApp(tmp_path, flow, several, ECHO) as app:
        assert await app.run("flow") == [[3, 1, "two", False], True, 3, "integer"]


async def test_a_slow_reader_of_a_ticker_loses_ticks_and_a_stopped_one_starts_no_timer(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local time = require("time")
        return function()
          local ticker = time.ticker("1s")
          local stopped = ticker:stop()
          time.sleep("10ms")
          return {stopped, (channel.select({ticker:response():case_receive(), default = true})).default ~= nil}
        end
        """,
    )
    async with FlowApp(tmp_path, flow) as app:
        await app.begin("flow", id="one")
        stopped, _ = await app.result("one")
        timers = await app.count("one", ev.TimerStarted)
    assert (stopped, timers) == (True, 1)


async def test_version_is_one_number_for_one_change(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local workflow, time = require("workflow"), require("time")
        return function()
          local a = workflow.version("a", -1, 3)
          time.sleep("1ms")
          return {a, workflow.version("a", 1, 9), workflow.version("b", 0, 0), pcall(workflow.version, "c", "x", 2)}
        end
        """,
    )
    async with FlowApp(tmp_path, flow, provider=NO_CACHE) as app:
        a, again, b, ok, *_ = await app.run("flow")
    assert (a, again, b, ok) == (3, 3, 0, False)


async def test_attributes_of_a_start_and_wrong_arguments(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local workflow = require("workflow")
        return function()
          local ok, err = workflow.attrs({memo = {note = "from within", [1] = "no"}})
          return {ok, tostring(err), pcall(workflow.attrs, 5)}
        end
        """,
    )
    starter = process(
        "starter",
        """
        return function()
          local pid = process.with_options({["workflow.id"] = "one", ["workflow.memo"] = {note = "at first", kept = 1}})
            :spawn_monitored("app:flow", "app:worker")
          return process.events():receive().result.value
        end
        """,
    )
    async with FlowApp(tmp_path, flow, starter) as app:
        ok, err, raised, *_ = await app.process("starter")
        memo = (await app.wait(app.engine.describe("one"))).memo
    assert (ok, err, raised) == (True, "nil", False)
    assert (memo["note"], memo["kept"]) == ("from within", 1)


async def test_library_code_counts_like_the_workflow_s_own(tmp_path: Path) -> None:
    helper = lua(
        "library.lua",
        "helper",
        "local funcs = require('funcs') return {twice = function(v) return funcs.call('app:echo', v) * 2 end}",
        "funcs",
    )
    flow = workflow(
        "flow", "local h = require('h') return function() return h.twice(4) end", imports={"h": "app:helper"}
    )
    async with FlowApp(tmp_path, helper, flow, ECHO) as app:
        await app.begin("flow", id="one")
        assert await app.result("one") == 8
        assert await app.count("one", ev.ActivityTaskScheduled) == 1


async def test_a_service_on_a_worker_starts_a_workflow_and_leaves_it_alone(tmp_path: Path) -> None:
    flow = workflow("flow", "return function(v) process.inbox():receive() end")
    service: dict[str, Any] = {
        "name": "flow.service",
        "kind": "process.service",
        "process": "app:flow",
        "host": "app:worker",
        "input": [5],
        "lifecycle": {"auto_start": True},
    }
    flow["source"] = flow["source"].replace("process.inbox():receive()", WAITS)
    async with FlowApp(tmp_path, flow, service) as app:

        async def open_() -> bool:
            return [run.type for run in await app.wait(app.engine.find("", 0))] == ["app:flow"]

        await app.until(open_)
        (run,) = await app.wait(app.engine.find("", 0))
        await app.app.supervisor.stop(ID.parse("app:flow.service"))
        await app.signal(run.workflow_id, "go")
        assert await app.result(run.workflow_id) == [5, "no cancel"]


WAITS = """
    process.listen("go"):receive()
    local got = channel.select({process.events():case_receive(), default = true})
    return {v, got.default and "no cancel" or "cancelled"}
"""


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("activity.retry_policy", {"initial_interval": 1e300}, "a hundred years at most"),
        ("activity.retry_policy", {"maximum_attempts": 1e300}, "maximum_attempts must be"),
        ("activity.retry_policy", {"backoff_coefficient": float("nan")}, "backoff_coefficient must be"),
        ("activity.start_to_close_timeout", float("inf"), "a hundred years at most"),
        ("activity.start_to_close_timeout", "999999999h", "activity.start_to_close_timeout must be"),
    ],
)
async def test_numbers_beyond_all_clocks_are_refused(tmp_path: Path, key: str, value: Any, text: str) -> None:
    caller = workflow(
        "caller",
        """
        local funcs = require("funcs")
        return function()
          local _, err = funcs.new():with_options(OPTIONS):call("app:echo", 1)
          return tostring(err)
        end
        """.replace("OPTIONS", _lua({key: value})),
    )
    async with FlowApp(tmp_path, caller, ECHO) as app:
        assert text in await app.run("caller")


def _lua(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f'["{key}"] = {_lua(item)}' for key, item in value.items()) + "}"
    if isinstance(value, str):
        return f'"{value}"'
    return "0/0" if value != value else "1/0" if value == float("inf") else repr(value)


async def test_sleeping_for_ever_troubles_nobody(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local time = require("time")
        return function()
          coroutine.spawn(function() time.sleep(math.maxinteger) end)
          return process.inbox():receive():topic()
        end
        """,
    )
    async with FlowApp(tmp_path, flow) as app:
        await app.begin("flow", id="one")
        await app.asleep("one")
        await app.signal("one", "over")
        assert await app.result("one") == "over"


async def test_a_child_id_has_no_bar(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        return function()
          local pid, err = process.with_options({["workflow.id"] = "a|b"}):spawn("app:flow", "app:worker")
          return {pid == nil, tostring(err)}
        end
        """,
    )
    async with FlowApp(tmp_path, flow) as app:
        none, text = await app.run("flow")
    assert none
    assert "workflow.id must be without '|'" in text


async def test_names_that_are_no_text_are_refused(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local workflow = require("workflow")
        return function()
          local _, e1 = workflow.exec("app:\\255")
          local _, e2 = process.spawn("app:flow", "\\255")
          local _, e3 = process.upgrade("app:\\255")
          return {e1:kind(), e2:kind(), e3:kind()}
        end
        """,
    )
    async with FlowApp(tmp_path, flow) as app:
        assert await app.run("flow") == ["Invalid"] * 3


@pytest.mark.parametrize("id", ["a:b", "grün", "x" * 300])
async def test_any_text_names_a_change(tmp_path: Path, id: str) -> None:
    flow = workflow(
        "flow",
        """
        local workflow, time = require("workflow"), require("time")
        return function(id)
          local first = workflow.version(id, 1, 7)
          time.sleep("1ms")
          return {first, workflow.version(id, 1, 9)}
        end
        """,
    )
    async with FlowApp(tmp_path, flow, provider=NO_CACHE) as app:
        assert await app.run("flow", id) == [7, 7]


@pytest.mark.parametrize(
    ("call", "text"),
    [
        ("workflow.version('', 1, 2)", "Invalid: change ID required"),
        ("workflow.version('\\255', 1, 2)", "Invalid: change ID must be UTF-8 text"),
        ("workflow.version('x', 3, 2)", "Invalid: min_supported cannot be greater than max_supported"),
        ("workflow.version('x', '1', 2)", "raised: bad argument #2 to version (number expected, got string)"),
        ("workflow.version('x', 1)", "raised: bad argument #3 to version (number expected, got nil)"),
        ("workflow.version(5, 1, 2)", "raised: bad argument #1 to version (string expected, got number)"),
        ("workflow.exec()", "Invalid: workflow ID required"),
        ("workflow.exec('')", "Invalid: workflow ID required"),
        ("workflow.exec('child')", "Invalid: invalid workflow ID format (namespace:name required)"),
        ("workflow.exec(':child')", "Invalid: invalid workflow ID format (namespace:name required)"),
        ("workflow.exec('app:')", "Invalid: invalid workflow ID format (namespace:name required)"),
        ("workflow.exec(5)", "raised: bad argument #1 to exec (string expected, got number)"),
        ("workflow.execute('')", "Invalid: workflow ID required"),
        ("workflow.execute({})", "raised: bad argument #1 to execute (string expected, got table)"),
    ],
)
async def test_wrong_arguments_of_the_module(tmp_path: Path, call: str, text: str) -> None:
    source = f"""
        local workflow = require("workflow")
        return function()
          local ok, value, err = pcall(function() return {call} end)
          if not ok then return "raised: " .. tostring(value) end
          return value == nil and err:kind() .. ": " .. err:message()
        end
        """
    async with FlowApp(tmp_path, workflow("flow", source), process("outside", source)) as app:
        assert await app.run("flow") == text
        assert await app.process("outside") == text

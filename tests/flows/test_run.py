"""Results, errors, coroutines and determinism of single runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flows.flow_app import FlowApp, function, lua, process, workflow
from wippy.errors import WippyError
from wippy.units.clock import VirtualClock
from wippy.workflows import events as ev

NO_CACHE = {"cache_size": 0}
ECHO = function("echo", "return function(v) return v end")


@pytest.mark.parametrize(
    ("body", "result"),
    [
        ("return", None),
        ("return nil", None),
        ("return 5", 5),
        ("return 2.5", 2.5),
        ("return 'text'", "text"),
        ("return {1, 2}", [1, 2]),
        ("return {a = {b = true}}", {"a": {"b": True}}),
        ("return 1, nil, 3", 1),
        ("return {f = function() end, t = time.now, n = 1}", {"n": 1}),
        ("return {at = time.unix(0, 0), n = 1}", {"n": 1}),
        ("return function() end", None),
    ],
)
async def test_what_main_returns_is_the_result(tmp_path: Path, body: str, result: Any) -> None:
    flow = workflow("flow", f"local time = require('time') return function() {body} end")
    async with FlowApp(tmp_path, flow) as app:
        found = await app.run("flow")
    if isinstance(found, dict):
        found = {key: value for key, value in found.items() if value is not None}
    assert found == result


@pytest.mark.parametrize(
    ("body", "kind", "message", "retryable"),
    [
        ("return nil, 'no'", "Internal", "no", False),
        ("return 5, 'no'", "Internal", "no", False),
        ("error('no')", "Internal", "no", None),
        ("local x = nil; x()", "Internal", "attempt to call a non-function object(nil)", None),
        ("error(errors.new({kind = errors.INVALID, message = 'no', retryable = false}))", "Invalid", "no", False),
        ("return nil, errors.new({kind = errors.CANCELED, message = 'no'})", "Canceled", "no", None),
        ("return {1, x = 2}", "Internal", "error transcoding value", False),
    ],
)
async def test_what_fails_a_run(tmp_path: Path, body: str, kind: str, message: str, retryable: bool | None) -> None:
    flow = workflow("flow", f"return function() {body} end")
    async with FlowApp(tmp_path, flow) as app:
        await app.begin("flow", id="one")
        with pytest.raises(WippyError) as caught:
            await app.result("one")
        assert await app.count("one", ev.WorkflowExecutionFailed) == 1
    assert (caught.value.kind, caught.value.retryable) == (kind, retryable)
    assert message in caught.value.message


async def test_an_error_in_a_further_coroutine_fails_the_run(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local time = require("time")
        return function()
          coroutine.spawn(function() time.sleep("1ms") error("inside") end)
          time.sleep("1h")
        end
        """,
    )
    async with FlowApp(tmp_path, flow) as app:
        with pytest.raises(WippyError, match="inside"):
            await app.run("flow")


async def test_an_error_says_where_it_was_raised(tmp_path: Path) -> None:
    flow = workflow("flow", "return function()\n  local t = 1\n  error('here')\nend")
    async with FlowApp(tmp_path, flow) as app:
        with pytest.raises(WippyError, match=r"app:flow:3: here"):
            await app.run("flow")


async def test_the_end_of_main_drops_the_other_coroutines(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local funcs, time = require("funcs"), require("time")
        return function()
          coroutine.spawn(function() time.sleep("1h") error("never") end)
          return "early"
        end
        """,
    )
    async with FlowApp(tmp_path, flow) as app:
        assert await app.run("flow") == "early"


async def test_coroutines_share_work_over_channels(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local funcs, time = require("funcs"), require("time")
        return function(n)
          local jobs, results = channel.new(2), channel.new(0)
          for w = 1, 3 do
            coroutine.spawn(function()
              while true do
                local job, ok = jobs:receive()
                if not ok then return end
                time.sleep(tostring(7 - job % 5) .. "ms")
                results:send({w, funcs.call("app:echo", job * job)})
              end
            end)
          end
          coroutine.spawn(function()
            for i = 1, n do jobs:send(i) end
            jobs:close()
          end)
          local sum, by = 0, {}
          for i = 1, n do
            local r = results:receive()
            sum = sum + r[2]
            by[i] = r[1]
          end
          return {sum, by}
        end
        """,
    )
    async with FlowApp(tmp_path, ECHO, flow, provider=NO_CACHE) as app:
        await app.begin("flow", 12, id="one")
        assert (await app.result("one"))[0] == sum(i * i for i in range(1, 13))
        assert not app.logged("blocked")


async def test_a_user_coroutine_may_wait_inside(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local funcs = require("funcs")
        return function()
          local co = coroutine.create(function(a)
            local v = funcs.call("app:echo", a)
            local b = coroutine.yield(v)
            return funcs.call("app:echo", b)
          end)
          local _, first = coroutine.resume(co, 1)
          local _, second = coroutine.resume(co, 2)
          return {first, second, coroutine.status(co)}
        end
        """,
    )
    async with FlowApp(tmp_path, ECHO, flow, provider=NO_CACHE) as app:
        assert await app.run("flow") == [1, 2, "dead"]


async def test_a_long_computation_is_not_cut_into_different_tasks(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local funcs = require("funcs")
        return function()
          local n = 0
          coroutine.spawn(function() for i = 1, 300000 do n = n + 1 end funcs.call("app:echo", "a") end)
          for i = 1, 500000 do n = n + 1 end
          funcs.call("app:echo", "b")
          return n
        end
        """,
    )
    async with FlowApp(tmp_path, ECHO, flow, provider=NO_CACHE) as app:
        assert await app.run("flow") == 800000
        assert not app.logged("blocked")


async def test_an_endless_loop_blocks_its_own_run_only(tmp_path: Path) -> None:
    endless = workflow("endless", "return function() while true do end end")
    flow = workflow("flow", "return function() return 1 end")
    async with FlowApp(tmp_path, endless, flow) as app:
        await app.begin("endless", id="one")
        for _ in range(5):
            assert await app.run("flow") == 1
        await app.wait(app.engine.terminate("one"))


async def test_tables_are_walked_in_the_order_in_which_they_were_filled(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local funcs = require("funcs")
        return function()
          local t = {}
          for _, k in ipairs({"zebra", "apple", 3, "m", 1, 2.5, true}) do t[k] = k end
          t.apple = nil
          t.new = "new"
          local order = {}
          for k in pairs(t) do
            order[#order + 1] = tostring(k)
            funcs.call("app:echo", tostring(k))
          end
          return order
        end
        """,
    )
    async with FlowApp(tmp_path, ECHO, flow, provider=NO_CACHE) as app:
        found = [await app.run("flow") for _ in range(3)]
        assert not app.logged("blocked")
    assert found[0] == found[1] == found[2]
    assert sorted(found[0]) == sorted(["zebra", "3", "m", "1", "2.5", "true", "new"])


async def test_keys_that_have_no_order_of_their_own_replay(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local time = require("time")
        return function()
          local t, names = {}, {}
          for i = 1, 40 do
            local key = i % 2 == 0 and {} or function() return i end
            if i % 5 == 0 then rawset(t, key, i) else t[key] = i end
          end
          for key, i in pairs(t) do names[#names + 1] = i end
          time.sleep("1ms")
          process.with_options({["workflow.id"] = table.concat(names, "-")}):exec("app:child", "app:worker")
          return names
        end
        """,
    )
    child = workflow("child", "return function() return 1 end")
    async with FlowApp(tmp_path, flow, child, provider=NO_CACHE) as app:
        assert await app.run("flow") == list(range(1, 41))
        assert not app.logged("blocked")


async def test_the_text_of_a_table_is_the_same_on_replay(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local time = require("time")
        return function()
          local out = {}
          local t, f = {}, function() end
          for i = 1, 3 do
            local junk = {}
            for j = 1, 1000 do junk[j] = {} end
            out[#out + 1] = tostring(t) .. tostring(f) .. tostring({}) .. tostring(process.inbox())
              .. string.format("%s %s", t, f) .. tostring(setmetatable({}, {}))
              .. tostring(coroutine.create(f))
            time.sleep("1ms")
          end
          local id = out[1] .. out[2] .. out[3]
          process.with_options({["workflow.id"] = id}):exec("app:child", "app:worker")
          return id
        end
        """,
    )
    child = workflow("child", "return function() return 1 end")
    async with FlowApp(tmp_path, flow, child, provider=NO_CACHE) as app:
        assert await app.run("flow")
        assert not app.logged("blocked")


async def test_globals_of_one_run_are_not_seen_by_another(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local count = 0
        return function()
          count = count + 1
          string.mine = (string.mine or 0) + 1
          return {count, string.mine}
        end
        """,
    )
    async with FlowApp(tmp_path, flow) as app:
        found = []
        for _ in range(2):
            try:
                found.append(await app.run("flow"))
            except WippyError as error:
                found.append(error.kind)
    assert found[0] == found[1]


@pytest.mark.parametrize("module", ["sql", "fs", "logger", "env", "registry", "events", "io"])
async def test_a_module_that_a_workflow_may_not_use_rejects_it(tmp_path: Path, module: str) -> None:
    flow = workflow("flow", "return function() end", module)
    app = FlowApp(tmp_path, flow)
    with pytest.raises(WippyError) as caught:
        await app.start()
    await app.stop()
    text = str(caught.value)
    assert "module does not have any allowed class" in text
    assert module in text
    assert "function" in text, "the error says that a function can do it"


async def test_a_library_brings_its_modules_along(tmp_path: Path) -> None:
    library = lua("library.lua", "helper", "local fs = require('fs') return {}", "fs")
    flow = workflow("flow", "local h = require('h') return function() end", "time", imports={"h": "app:helper"})
    app = FlowApp(tmp_path, library, flow)
    with pytest.raises(WippyError, match="module does not have any allowed class"):
        await app.start()
    await app.stop()


async def test_a_library_without_such_modules_is_fine(tmp_path: Path) -> None:
    library = lua("library.lua", "helper", "return {double = function(x) return x * 2 end}")
    flow = workflow(
        "flow", "local h = require('h') return function(x) return h.double(x) end", "time", imports={"h": "app:helper"}
    )
    async with FlowApp(tmp_path, library, flow) as app:
        assert await app.run("flow", 4) == 8


async def test_info_tells_of_the_run_and_its_history_grows(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local workflow, time = require("workflow"), require("time")
        return function()
          local a = workflow.info()
          local first, size = workflow.history_length(), workflow.history_size()
          time.sleep("1ms")
          return {a, first, workflow.history_length(), workflow.history_size() > size}
        end
        """,
    )
    async with FlowApp(tmp_path, flow) as app:
        await app.begin("flow", id="one")
        info, first, second, grown = await app.result("one")
        namespace = app.namespace or "default"
    assert (info["workflow_id"], info["workflow_type"], info["task_queue"]) == ("one", "app:flow", "main")
    assert (info["attempt"], info["namespace"], first) == (1, namespace, 3)
    assert len(info["run_id"]) == 36
    assert second > first
    assert grown


async def test_outside_of_a_workflow_the_module_says_so(tmp_path: Path) -> None:
    outside = process(
        "outside",
        """
        local workflow = require("workflow")
        return function()
          local ok, err = workflow.attrs({memo = {}})
          return {workflow.version("x", -1, 4), workflow.info() == nil, workflow.history_length(),
            workflow.history_size(), ok == nil, err:kind(), err:message()}
        end
        """,
    )
    async with FlowApp(tmp_path, outside) as app:
        text = "workflow.attrs only available in workflow context"
        assert await app.process("outside") == [4, True, 0, 0, True, "Invalid", text]


async def test_attributes_are_checked_and_kept(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local workflow = require("workflow")
        return function()
          local out = {}
          local function try(t)
            local ok, err = workflow.attrs(t)
            out[#out + 1] = ok or err:message()
          end
          try({search = {customer = "c1", count = 5, tags = {"a", "b"}}, memo = {note = "hello"}})
          try({search = {count = 6}})
          try({})
          try({search = 5})
          try({memo = 5})
          try({search = {}})
          try({search = {bad = {1, 2}}})
          return out
        end
        """,
    )
    async with FlowApp(tmp_path, flow) as app:
        await app.begin("flow", id="one")
        found = await app.result("one")
        kept = await app.wait(app.engine.describe("one"))
    assert found[:2] == [True, True]
    assert found[2:6] == [
        "at least one of search or memo required",
        "search must be a table",
        "memo must be a table",
        True,
    ]
    assert 'search attribute "bad"' in found[6]
    assert kept.search_attributes == {"customer": "c1", "count": 6, "tags": ["a", "b"]}
    assert kept.memo == {"note": "hello"}


async def test_print_is_not_repeated_by_replay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flow = workflow(
        "flow",
        """
        local time = require("time")
        return function()
          print("before")
          time.sleep("1ms")
          print("after")
        end
        """,
    )
    async with FlowApp(tmp_path, flow, provider=NO_CACHE) as app:
        await app.run("flow")
        logged = list(app.lines)
    printed = capsys.readouterr().out
    for word in ("before", "after"):
        assert sum(word in line for line in logged) + printed.count(word) == 1


async def test_a_saga_undoes_what_was_done(tmp_path: Path) -> None:
    step = function(
        "step",
        """
        return function(name)
          if name == "ship" then return nil, "no truck" end
          return name
        end
        """,
    )
    flow = workflow(
        "flow",
        """
        local funcs = require("funcs")
        return function()
          local undo, log = {}, {}
          for _, name in ipairs({"reserve", "charge", "ship"}) do
            local v, err = funcs.call("app:step", name)
            if err then
              for i = #undo, 1, -1 do log[#log + 1] = funcs.call("app:step", undo[i]) end
              return {failed = err:message(), log = log}
            end
            log[#log + 1] = v
            undo[#undo + 1] = "undo " .. name
          end
        end
        """,
    )
    async with FlowApp(tmp_path, step, flow) as app:
        assert await app.run("flow") == {
            "failed": "no truck",
            "log": ["reserve", "charge", "undo charge", "undo reserve"],
        }


async def test_a_negative_cache_size_is_refused(tmp_path: Path) -> None:
    app = FlowApp(tmp_path, provider={"cache_size": -1})
    with pytest.raises(WippyError, match="cache_size cannot be negative"):
        await app.start()
    await app.stop()


async def test_runs_of_a_virtual_year(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local time = require("time")
        return function()
          local start = time.now()
          for _ = 1, 12 do time.sleep("730h") end
          return time.now():sub(start):hours() >= 8760
        end
        """,
    )
    clock = VirtualClock()
    async with FlowApp(tmp_path, flow, clock=clock) as app:
        await app.begin("flow", id="one")
        assert await app.result("one", step=730 * 3600) is True

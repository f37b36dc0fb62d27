"""What code sees is the same when it is replayed, in another run, and whoever keeps the run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from flows.flow_app import FlowApp, function, workflow
from flows.held import GATED, SPIN, Held, held, settled, spinning
from wippy.workflows import events as ev

NO_CACHE = {"cache_size": 0}
ECHO = function("echo", "return function(v) return v end")

ORDER = workflow(
    "order",
    """
    local funcs, time = require("funcs"), require("time")
    return function()
      local out = {}
      local function part(name, body)
        local seen = {}
        out[name] = seen
        body(function(what) seen[#seen + 1] = what end)
        funcs.call("app:echo", 1)
      end
      part("spawned ones run first", function(note)
        coroutine.spawn(function() note("a") coroutine.spawn(function() note("b") end) note("c") end)
        note("d")
      end)
      part("receivers wait in line", function(note)
        local ch, done = channel.new(), channel.new(3)
        for i = 1, 3 do coroutine.spawn(function() note(i .. ch:receive()) done:send(true) end) end
        for _, v in ipairs({"x", "y", "z"}) do ch:send(v) end
        for _ = 1, 3 do done:receive() end
      end)
      part("senders wait in line", function(note)
        local ch = channel.new()
        for i = 1, 3 do coroutine.spawn(function() ch:send(i) end) end
        for _ = 1, 3 do note(ch:receive()) end
      end)
      part("a sender that is awaited goes on first", function(note)
        local ch = channel.new()
        coroutine.spawn(function() ch:receive() note("receiver") end)
        ch:send(1)
        note("sender")
        coroutine.yield()
      end)
      part("a receiver that is awaited goes on first", function(note)
        local ch = channel.new()
        coroutine.spawn(function() ch:send(1) note("sender") end)
        ch:receive()
        note("receiver")
        coroutine.yield()
      end)
      part("closing wakes in line", function(note)
        local ch, full = channel.new(), channel.new(1)
        for i = 1, 2 do coroutine.spawn(function() ch:receive() note("receiver " .. i) end) end
        ch:close()
        note("closer")
        coroutine.yield()
      end)
      part("the first case that is ready wins", function(note)
        local a, b, c = channel.new(1), channel.new(1), channel.new(1)
        c:send("c")
        b:send("b")
        for _ = 1, 2 do
          note(channel.select({a:case_receive(), b:case_receive(), c:case_receive()}).value)
        end
        note(channel.select({a:case_receive(), default = true}).default)
      end)
      part("a select waits in line too", function(note)
        local ch, other = channel.new(), channel.new()
        local cases = {other:case_receive(), ch:case_receive()}
        coroutine.spawn(function() note("select " .. channel.select(cases).value) end)
        coroutine.spawn(function() note("receive " .. ch:receive()) end)
        ch:send("x")
        ch:send("y")
        coroutine.yield()
      end)
      part("results wake in the order in which they came", function(note)
        local done = channel.new(4)
        for i = 1, 4 do
          coroutine.spawn(function() funcs.call("app:echo", i) done:send(i) end)
        end
        local sum = 0
        for _ = 1, 4 do sum = sum + done:receive() end
        note(sum)
      end)
      part("tables are walked in a fixed order", function(note)
        local t, key = {}, {}
        for _, k in ipairs({"zebra", 3, "m", 1, 2.5, true, key, "apple", 2, -1, false, print}) do t[k] = 1 end
        t.m = nil
        for k in pairs(t) do note(k == key and "a table" or k == print and "a function" or tostring(k)) end
        for k in next, t do note(type(k)) end
      end)
      part("documents are walked in a fixed order", function(note)
        local found = funcs.call("app:echo", {zebra = 1, apple = {2, 3}, m = {b = 1, a = 2}})
        for k, v in pairs(found) do note(k) end
        for k in pairs(found.m) do note(k) end
      end)
      part("texts tell of no address", function(note)
        local t, f, co = {}, function() end, coroutine.create(function() end)
        note(tostring(t) == tostring(t))
        note(tostring(t) ~= tostring({}))
        for _, one in ipairs({tostring(t), tostring(f), tostring(co), tostring(process.inbox()), tostring(print),
            string.format("%s", t), tostring(time.timer("1h")), tostring(funcs.async("app:echo", 1))}) do
          note(one)
        end
        note(tostring(collectgarbage))
        note(tostring(_G.debug))
        note(pcall(string.format, "%p", t))
      end)
      part("random numbers", function(note)
        note(math.random() ~= math.random())
        note(math.random(1 << 40) ~= math.random(1 << 40))
      end)
      return out
    end
    """,
)
EXPECTED: dict[str, list[Any]] = {
    "spawned ones run first": ["a", "d", "b", "c"],
    "receivers wait in line": ["1x", "2y", "3z"],
    "senders wait in line": [1, 2, 3],
    "a sender that is awaited goes on first": ["sender", "receiver"],
    "a receiver that is awaited goes on first": ["receiver", "sender"],
    "closing wakes in line": ["receiver 1", "receiver 2", "closer"],
    "the first case that is ready wins": ["b", "c", True],
    "a select waits in line too": ["select x", "receive y"],
    "results wake in the order in which they came": [10],
    "documents are walked in a fixed order": ["apple", "m", "zebra", "a", "b"],
    "random numbers": [True, True],
}


@pytest.mark.parametrize("cached", [True, False])
async def test_the_order_of_things(tmp_path: Path, cached: bool) -> None:
    async with FlowApp(tmp_path, ORDER, ECHO, provider={} if cached else NO_CACHE) as app:
        found = [await app.run("order") for _ in range(2)]
        assert not app.logged("is blocked")
    assert found[0] == found[1]
    assert {name: found[0][name] for name in EXPECTED} == EXPECTED
    walked = found[0]["tables are walked in a fixed order"]
    assert walked[:11] == ["1", "2", "3", "-1", "2.5", "apple", "zebra", "false", "true", "a table", "a function"]
    texts = found[0]["texts tell of no address"]
    assert texts[:2] == [True, True]
    numbers = [int(number, 16) for text in texts[2:] for number in re.findall("0x([0-9a-f]+)", str(text))]
    assert numbers
    assert max(numbers) < 1000  # counted by the run, no addresses


LOOKS = workflow(
    "looks",
    """
    local funcs, time, uuid, crypto = require("funcs"), require("time"), require("uuid"), require("crypto")
    return function()
      local seen = {}
      local function look()
        seen[#seen + 1] = {time.now():unix_nano(), os.time(), os.clock(), os.date("%c"),
          uuid.v1(), uuid.v4(), uuid.v7(), math.random(1 << 50),
          crypto.random.uuid(), crypto.random.string(9), (time.now():unix_nano())}
      end
      look()
      time.sleep("1ms")
      look()
      local early = funcs.call("app:echo", seen)
      process.inbox():receive()
      look()
      return {early = early, seen = seen}
    end
    """,
    "funcs time uuid crypto",
)


@pytest.mark.parametrize("cached", [True, False])
async def test_what_is_drawn_and_read_once_stays(tmp_path: Path, cached: bool) -> None:
    app = await FlowApp(tmp_path, LOOKS, ECHO, provider={} if cached else NO_CACHE).start()
    try:
        await app.begin("looks", id="one")

        async def called() -> bool:
            return await app.count("one", ev.ActivityTaskCompleted) == 1 and await settled(app, "one")

        await app.until(called)
        await app.restart()
        await Held(app).signal("one", "go")
        found = await app.result("one")
    finally:
        await app.stop()
    seen = found["seen"]
    assert found["early"] == seen[:2]
    assert [row[0] == row[-1] for row in seen] == [True] * 3
    assert seen[0][0] + 1_000_000 <= seen[1][0] <= seen[2][0]
    assert all(len({row[column] for row in seen}) == 3 for column in range(4, 10))


async def test_a_handler_has_worked_off_its_messages_when_the_one_behind_them_ends_main(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local funcs, uuid, workflow, time = require("funcs"), require("uuid"), require("workflow"), require("time")
        return function()
          local count = 0
          local jobs, over = process.listen("job"), process.listen("over")
          coroutine.spawn(function()
            while true do
              jobs:receive()
              uuid.v4()
              workflow.version("job", 1, 1)
              time.timer("1h"):stop()
              funcs.async("app:echo", 1)
              process.send("nobody", "word")
              count = count + 1
            end
          end)
          over:receive()
          return count
        end
        """,
    )
    async with FlowApp(tmp_path, flow, ECHO) as app:
        await app.begin("flow", id="one")
        await app.until(lambda: settled(app, "one"))
        async with held(app) as to:
            for _ in range(5):
                await to.signal("one", "job")
            await to.signal("one", "over")
        assert await app.result("one") == 5
        assert await app.count("one", ev.WorkflowTaskCompleted) == 2


@pytest.mark.parametrize("cached", [True, False])
async def test_what_a_cancelled_future_would_have_given_never_comes(tmp_path: Path, cached: bool) -> None:
    flow = workflow(
        "flow",
        f"""
        local funcs = require("funcs")
        return function()
          local future = funcs.async("app:gated", "late")
          process.listen("cancel"):receive()
          {SPIN}
          local out = {{future:cancel()}}
          local function look()
            local value, open = future:response():receive()
            local _, err = future:result()
            out[#out + 1] = {{value == nil, open, err:kind(), err:message()}}
          end
          look()
          process.listen("look"):receive()
          look()
          return out
        end
        """,
    )
    async with FlowApp(tmp_path, flow, GATED, provider={} if cached else NO_CACHE) as app:
        await app.begin("flow", id="one")
        await app.until(lambda: settled(app, "one"))
        to = Held(app)
        await to.signal("one", "cancel")
        async with spinning(app):
            await to.release("late")

            async def over() -> bool:
                return not (await app.wait(app.engine.describe("one"))).activities

            await app.until(over)

        async def told() -> bool:
            return await app.count("one", ev.ActivityTaskCompleted) == 1 and await settled(app, "one")

        await app.until(told)
        await to.signal("one", "look")
        found = await app.result("one")
        assert not app.logged("is blocked")
    assert found == [True, *[[True, False, "Canceled", "canceled"]] * 2]


async def test_a_version_asked_for_beyond_the_history_is_new(tmp_path: Path) -> None:
    def flow(more: str) -> dict[str, Any]:
        return workflow(
            "flow",
            f"""
            local workflow = require("workflow")
            return function()
              local first = process.listen("first"):receive()
              {more}
              process.listen("second"):receive()
              local again = workflow.version("change", -1, 3)
              return {{v or 0, again, workflow.version("change", -1, 9)}}
            end
            """,
        )

    app = await FlowApp(tmp_path, flow("")).start()
    try:
        for id in ("before", "after"):
            await app.begin("flow", id=id)
        await Held(app).signal("after", "first")
        await app.until(lambda: settled(app, "before"))
        await app.until(lambda: settled(app, "after", 1))
        await app.stop()
        app.write(flow('local v = workflow.version("change", -1, 3)'))
        await app.start()
        await Held(app).signal("before", "first")
        await app.until(lambda: settled(app, "before", 1))
        await app.restart()
        for id in ("before", "after"):
            await Held(app).signal(id, "second")
        assert await app.result("before") == [3, 3, 3]
        assert await app.result("after") == [-1, -1, -1]
        assert not app.logged("is blocked")
    finally:
        await app.stop()

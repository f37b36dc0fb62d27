"""Time, identifiers and chance in workflows: recorded, durable, the same on replay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flows.flow_app import FlowApp, function, workflow
from wippy.units.clock import VirtualClock
from wippy.workflows import events as ev

NO_CACHE = {"cache_size": 0}


async def test_a_day_of_sleep_passes_with_the_clock(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local time = require("time")
        return function()
          local before = time.now()
          time.sleep("24h")
          return time.now():sub(before):hours()
        end
        """,
    )
    clock = VirtualClock()
    async with FlowApp(tmp_path, flow, clock=clock) as app:
        await app.begin("flow", id="one")
        await app.asleep("one")
        clock.advance(24 * 3600 - 1)
        assert await app.count("one", ev.TimerFired) == 0
        clock.advance(1)
        assert await app.result("one", step=0) == 24


async def test_a_sleep_of_nothing_records_nothing(tmp_path: Path) -> None:
    flow = workflow("flow", "local time = require('time') return function() time.sleep(0) time.sleep(-5) return 1 end")
    async with FlowApp(tmp_path, flow) as app:
        await app.begin("flow", id="one")
        assert await app.result("one") == 1
        assert await app.count("one", ev.TimerStarted) == 0


async def test_a_bad_duration_is_an_error(tmp_path: Path) -> None:
    flow = workflow(
        "flow", "local time = require('time') return function() local _, e = time.sleep('soon') return e:kind() end"
    )
    async with FlowApp(tmp_path, flow) as app:
        assert await app.run("flow") == "Invalid"


async def test_now_stands_still_within_a_task(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local time = require("time")
        return function()
          local first = time.now():unix_nano()
          for i = 1, 100000 do end
          local second = time.now():unix_nano()
          time.sleep("3ms")
          return {second - first, time.now():unix_nano() - first}
        end
        """,
    )
    async with FlowApp(tmp_path, flow) as app:
        still, moved = await app.run("flow")
    assert still == 0
    assert moved >= 3_000_000


ORACLE = workflow(
    "flow",
    """
    local funcs, time, uuid = require("funcs"), require("time"), require("uuid")
    return function()
      local seen = {}
      local function look()
        seen[#seen + 1] = uuid.v4()
        seen[#seen + 1] = uuid.v7()
        seen[#seen + 1] = math.random(1, 1000000000)
        seen[#seen + 1] = tostring(math.random())
        seen[#seen + 1] = time.now():unix_nano()
        seen[#seen + 1] = os.time()
      end
      look()
      time.sleep("1h")
      look()
      local before = funcs.call("app:probe", seen)
      process.inbox():receive()
      look()
      return {before = before, after = seen}
    end
    """,
)


@pytest.mark.parametrize("cached", [True, False])
async def test_chance_and_time_are_the_same_after_a_restart(tmp_path: Path, cached: bool) -> None:
    clock = VirtualClock()
    probe = function("probe", "return function(v) return v end")
    app = FlowApp(tmp_path, ORACLE, probe, clock=clock, provider={} if cached else NO_CACHE)
    await app.start()
    await app.begin("flow", id="one")
    await app.asleep("one")
    recorded = [event for event in await app.history("one") if isinstance(event, ev.TimerStarted)]
    clock.advance(3600)
    await app.until(lambda: _called(app))
    await app.restart()
    await app.signal("one", "go")
    found = await app.result("one")
    await app.stop()
    assert len(recorded) == 1
    assert len(found["before"]) == 12
    assert found["after"][:12] == found["before"]
    assert len(set(map(str, found["after"][::6]))) == 3


async def _called(app: FlowApp) -> bool:
    return await app.count("one", ev.ActivityTaskCompleted) == 1


async def test_two_runs_draw_different_values(tmp_path: Path) -> None:
    flow = workflow(
        "flow", "local uuid = require('uuid') return function() return {uuid.v4(), math.random(1 << 60)} end"
    )
    async with FlowApp(tmp_path, flow) as app:
        one, two = await app.run("flow"), await app.run("flow")
    assert one[0] != two[0]
    assert one[1] != two[1]


async def test_after_and_timer_deliver_the_time_of_firing_once(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local time = require("time")
        return function()
          local start = time.now()
          local after = time.after("1h")
          local timer = time.timer("2h")
          local first, open = after:receive()
          local gone, closed = after:receive()
          local second = timer:response():receive()
          return {first:sub(start):hours(), open, gone == nil, closed, second:sub(start):hours() >= 2, timer:stop()}
        end
        """,
    )
    clock = VirtualClock()
    async with FlowApp(tmp_path, flow, clock=clock) as app:
        await app.begin("flow", id="one")
        await app.asleep("one", 2)
        clock.advance(3600)
        await app.until(lambda: _fired(app, 1))
        hours, open_, gone, closed, later, stopped = await app.result("one")
    assert (hours, open_, gone, closed, later, stopped) == (1, True, True, False, True, False)


async def _fired(app: FlowApp, timers: int) -> bool:
    return await app.count("one", ev.TimerFired) >= timers


async def test_a_stopped_timer_never_fires_and_a_reset_one_fires_later(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local time = require("time")
        return function()
          local start = time.now()
          local never = time.timer("1m")
          local later = time.timer("1m")
          local stopped = never:stop()
          local reset = later:reset("3h")
          local gone, open = never:response():receive()
          local at = later:response():receive()
          return {stopped, never:stop(), reset, gone == nil, open, at:sub(start):hours() >= 3}
        end
        """,
    )
    async with FlowApp(tmp_path, flow, clock=VirtualClock()) as app:
        await app.begin("flow", id="one")
        await app.asleep("one")
        assert await app.result("one") == [True, False, True, True, False, True]


async def test_a_ticker_ticks_until_it_is_stopped(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local time = require("time")
        return function()
          local ticker = time.ticker("10m")
          local n = 0
          while n < 3 do
            ticker:response():receive()
            n = n + 1
          end
          ticker:stop()
          time.sleep("5h")
          return n
        end
        """,
    )
    async with FlowApp(tmp_path, flow, clock=VirtualClock()) as app:
        await app.begin("flow", id="one")
        assert await app.result("one") == 3
        fired = await app.count("one", ev.TimerFired)
    assert fired == 4


async def test_select_takes_whichever_comes_first(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local time = require("time")
        return function()
          local inbox = process.inbox()
          local out = {}
          for i = 1, 2 do
            local limit = time.after("1h")
            local got = channel.select({inbox:case_receive(), limit:case_receive()})
            out[i] = got.channel == inbox and got.value:payload():data() or "too late"
          end
          return out
        end
        """,
    )
    clock = VirtualClock()
    async with FlowApp(tmp_path, flow, clock=clock) as app:
        await app.begin("flow", id="one")
        await app.asleep("one")
        await app.signal("one", "word", "here")
        await app.asleep("one", 2)
        assert await app.result("one") == ["here", "too late"]


@pytest.mark.parametrize("kind", ["after", "timer", "ticker"])
async def test_a_duration_that_is_not_positive_is_refused(tmp_path: Path, kind: str) -> None:
    flow = workflow(
        "flow",
        f"""
        local time = require("time")
        return function()
          local ok, value, err = pcall(time.{kind}, 0)
          if not ok then return tostring(value) end
          return err:kind()
        end
        """,
    )
    async with FlowApp(tmp_path, flow) as app:
        found: Any = await app.run("flow")
    assert found == "Invalid"

"""Timers that fire, are stopped and set anew: also while the code is busy."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from flows.flow_app import FlowApp, workflow
from flows.held import SPIN, Held, held, settled, spinning
from wippy.units.clock import VirtualClock
from wippy.workflows import events as ev
from wippy.workflows.replay import cut

NO_CACHE = {"cache_size": 0}


@pytest.mark.parametrize("cached", [True, False])
async def test_what_timers_give(tmp_path: Path, cached: bool) -> None:
    flow = workflow(
        "flow",
        """
        local time = require("time")
        return function()
          local out, start = {}, time.now()
          local after = time.after("20ms")
          local at, ok = after:receive()
          out.after = {at:sub(start):milliseconds() >= 20, at:unix_nano() == time.now():unix_nano(), ok}
          out.closed = {after:receive()}
          out.closed[1] = tostring(out.closed[1])

          local fired = time.timer("1ms")
          fired:response():receive()
          out.fired = {fired:stop(), fired:reset("1ms")}

          local stopped = time.timer("1h")
          out.stopped = {stopped:stop(), stopped:stop(), stopped:reset("1ms")}
          local none, open = stopped:response():receive()
          out.stopped[4], out.stopped[5] = none == nil, open

          local again = time.timer("1h")
          start = time.now()
          out.again = {again:reset("20ms"), (again:response():receive()):sub(start):milliseconds() >= 20}
          out.raised = pcall(again.reset, again, 0)

          local ticker, ticks = time.ticker("5ms"), {}
          for i = 1, 3 do ticks[i] = (ticker:response():receive()):unix_nano() end
          out.ticks = {ticks[1] < ticks[2], ticks[2] < ticks[3], ticker:stop(), ticker:stop()}
          out.ended = select(2, ticker:response():receive())
          time.sleep("20ms")
          return out
        end
        """,
    )
    async with FlowApp(tmp_path, flow, provider={} if cached else NO_CACHE) as app:
        await app.begin("flow", id="one")
        found = await app.result("one")
        timers = await app.count("one", ev.TimerStarted)
        assert not app.logged("is blocked")
    assert found == {
        "after": [True, True, True],
        "closed": ["nil", False],
        "fired": [False, False],
        "stopped": [True, False, False, True, False],
        "again": [True, True],
        "raised": False,
        "ticks": [True, True, True, True],
        "ended": False,
    }
    assert timers == 7  # what is started and stopped in one task leaves nothing


async def _elsewhere(app: FlowApp, ms: int) -> None:
    """Waits for a delay that the provider counts for a run of another queue, which nobody serves."""
    options: dict[str, Any] = {"workflow.id": "delay", "workflow.task_queue": "nobody", "workflow.start_delay": ms}
    await asyncio.wrap_future(app.spawn("flow", options=options))
    await app.until(lambda: _due(app))


async def _due(app: FlowApp) -> bool:
    return await app.count("delay", ev.WorkflowTaskScheduled) == 1


@pytest.mark.parametrize("cached", [True, False])
async def test_a_timer_that_fires_before_it_is_stopped_is_stopped(tmp_path: Path, cached: bool) -> None:
    flow = workflow(
        "flow",
        f"""
        local time = require("time")
        return function()
          local stopped, later, ticker = time.timer("1s"), time.timer("1s"), time.ticker("1s")
          local start = time.now()
          {SPIN}
          local out = {{stopped:stop(), later:reset("1500ms"), ticker:stop()}}
          local none, open = stopped:response():receive()
          local at = later:response():receive()
          out[4], out[5], out[6] = none == nil, open, at:sub(start):milliseconds() >= 1500
          out[7] = select(2, ticker:response():receive())
          return out
        end
        """,
    )
    async with FlowApp(tmp_path, flow, provider={} if cached else NO_CACHE) as app:
        await app.begin("flow", id="one")
        async with spinning(app):
            await _elsewhere(app, 100)  # the timers are those of a task that is not over
        assert await app.result("one") == [True, True, True, True, False, True, False]


@pytest.mark.parametrize("cached", [True, False])
async def test_a_fire_that_waits_for_the_task_to_end_is_dropped_with_its_timer(tmp_path: Path, cached: bool) -> None:
    flow = workflow(
        "flow",
        f"""
        local time = require("time")
        return function()
          local stopped, later, ticker = time.timer("1s"), time.timer("1s"), time.ticker("1s")
          process.listen("hold"):receive()
          local start = time.now()
          {SPIN}
          local out = {{stopped:stop(), later:reset("1500ms"), ticker:stop()}}
          local none, open = stopped:response():receive()
          local at = later:response():receive()
          out[4], out[5], out[6] = none == nil, open, at:sub(start):milliseconds() >= 1500
          out[7] = select(2, ticker:response():receive())
          return out
        end
        """,
    )
    async with FlowApp(tmp_path, flow, provider={} if cached else NO_CACHE) as app:
        await app.begin("flow", id="one")
        await app.until(lambda: settled(app, "one"))
        await Held(app).signal("one", "hold")
        async with spinning(app):
            await _elsewhere(app, 1200)
        assert await app.result("one") == [True, True, True, True, False, True, False]
        history = await app.history("one")
        assert not app.logged("is blocked")
    canceled = {event.id for event in history if isinstance(event, ev.TimerCanceled)}
    fired = {event.id for event in history if isinstance(event, ev.TimerFired)}
    assert (len(canceled), len(fired)) == (3, 1)
    assert not canceled & fired


@pytest.mark.parametrize("cached", [True, False])
async def test_a_timer_that_fires_in_the_task_of_the_message_that_stops_it_has_fired(
    tmp_path: Path, kept: str, cached: bool
) -> None:
    flow = workflow(
        "flow",
        """
        local time = require("time")
        return function()
          local timer = time.timer("2s")
          process.inbox():receive()
          local stopped = timer:stop()
          local at, ok = timer:response():receive()
          return {stopped, at ~= nil, ok}
        end
        """,
    )
    clock = VirtualClock() if kept == "embedded" else None
    async with FlowApp(tmp_path, flow, clock=clock, provider={} if cached else NO_CACHE) as app:
        await app.begin("flow", id="one")
        await app.until(lambda: settled(app, "one"))
        async with held(app) as to:
            await to.signal("one", "stop")
            await to.until(2)

            async def fired() -> bool:
                return any(isinstance(event, ev.TimerFired) for event in await to.history("one"))

            await app.until(fired)
        assert await app.result("one") == [False, True, True]
        history = await app.history("one")
    assert [type(event) for event in cut(history).batches[-1].new] == [ev.WorkflowExecutionSignaled, ev.TimerFired]


async def test_a_slow_reader_of_a_ticker_loses_ticks(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local time = require("time")
        return function()
          local ticker, start = time.ticker("1s"), time.now()
          time.sleep("30500ms")
          local ticks = {}
          for i = 1, 17 do ticks[i] = (ticker:response():receive()):sub(start):seconds() // 1 end
          ticker:stop()
          time.sleep("10s")
          return ticks
        end
        """,
    )
    clock = VirtualClock()
    async with FlowApp(tmp_path, flow, clock=clock) as app:
        await app.begin("flow", id="one")
        for second in range(1, 31):
            await app.asleep("one", second + 1)
            clock.advance(1)
        ticks = await app.result("one", step=0.5)
        fired = await app.count("one", ev.TimerFired)
    assert ticks[:16] == list(range(1, 17))  # the buffer has room for so many
    assert ticks[16] >= 30
    assert fired in (33, 34)


@pytest.mark.parametrize("duration", [1, 1000, 1_234_567, 999_999_999])
async def test_timers_are_exact_to_the_nanosecond(tmp_path: Path, duration: int) -> None:
    flow = workflow(
        "flow",
        """
        local time = require("time")
        return function(ns)
          local start = time.now():unix_nano()
          time.sleep(ns)
          return time.now():unix_nano() - start
        end
        """,
    )
    async with FlowApp(tmp_path, flow) as app:
        assert await app.run("flow", duration) >= duration

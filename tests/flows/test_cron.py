"""Workflows on a schedule."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from flows.flow_app import FlowApp, process, workflow
from flows.held import Held
from wippy.errors import WippyError
from wippy.units.clock import VirtualClock
from wippy.workflows import events as ev

TELLS = workflow(
    "tells",
    """
    local workflow, time = require("workflow"), require("time")
    return function(to, lasts, failing)
      local info = workflow.info()
      process.send(to, "begun", {at = time.now():unix_nano(), attempt = info.attempt, run = info.run_id})
      time.sleep(lasts)
      process.send(to, "over", {at = time.now():unix_nano(), run = info.run_id})
      if failing then error("this run fails") end
    end
    """,
)
LISTENS = process(
    "listens",
    """
    local time = require("time")
    return function(schedule, runs, lasts, failing)
      local began = time.now():unix_nano()
      local pid, err = process.with_options({["workflow.id"] = "one", ["workflow.cron_schedule"] = schedule})
        :spawn_monitored("app:tells", "app:worker", process.pid(), lasts, failing)
      if err then return tostring(err) end
      local inbox, told = process.inbox(), {}
      while #told < 2 * runs do
        local message = inbox:receive()
        local value = message:payload():data()
        told[#told + 1] = {message:topic(), (value.at - began) / 1e9, value.run, value.attempt or 0}
      end
      process.terminate(pid)
      return {told, process.events():receive().result.error:message()}
    end
    """,
)


@pytest.mark.parametrize(
    ("schedule", "lasts", "failing"), [("@every 2s", "1200ms", False), ("@every 1s", "1700ms", True)]
)
async def test_each_run_begins_at_a_slot_after_the_one_before(
    tmp_path: Path, kept: str, schedule: str, lasts: str, failing: bool
) -> None:
    async with FlowApp(tmp_path, TELLS, LISTENS) as app:
        told, end = await app.process("listens", schedule, 3, lasts, failing)
    assert end == "workflow terminated"
    assert [topic for topic, *_ in told] == ["begun", "over"] * 3  # one at a time
    begun = [at for topic, at, *_ in told if topic == "begun"]
    over = [at for topic, at, *_ in told if topic == "over"]
    assert begun[0] >= 0.9  # the first one waits for its slot, which a server counts in whole seconds
    assert all(next_ > before for next_, before in zip(begun[1:], over, strict=False))
    if kept == "embedded":  # a server counts in whole seconds, from the end of a run
        assert [round(at - begun[0]) for at in begun] == [0, 2, 4]
    assert len({run for _, _, run, _ in told}) == 3
    assert {attempt for topic, _, _, attempt in told if topic == "begun"} == {1}


async def test_a_schedule_goes_on_after_the_last_attempt_of_a_run(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local workflow, time = require("workflow"), require("time")
        return function(to)
          process.send(to, "begun", workflow.info().attempt)
          error("fails")
        end
        """,
    )
    listens = process(
        "listens",
        """
        return function()
          local options = {["workflow.cron_schedule"] = "@every 1s",
            ["workflow.retry_policy"] = {initial_interval = 1, maximum_attempts = 2}}
          local pid = process.with_options(options):spawn("app:flow", "app:worker", process.pid())
          local seen = {}
          for i = 1, 4 do seen[i] = process.inbox():receive():payload():data() end
          process.terminate(pid)
          return seen
        end
        """,
    )
    async with FlowApp(tmp_path, flow, listens) as app:
        assert await app.process("listens") == [1, 2, 1, 2]


async def test_a_chain_on_a_schedule_ends_with_its_time(tmp_path: Path) -> None:
    flow = workflow("flow", "return function() return 1 end")
    async with FlowApp(tmp_path, flow) as app:
        options: dict[str, Any] = {"workflow.cron_schedule": "@every 1s", "workflow.execution_timeout": 2500}
        await app.wait(app.spawn("flow", options={"workflow.id": "one", **options}))
        with pytest.raises(WippyError, match="Workflow timeout"):
            await app.result("one")
        history = await app.history("one")
    assert isinstance(history[-1], ev.WorkflowExecutionTimedOut)


@pytest.mark.parametrize(
    ("schedule", "slots"),
    [
        ("30 */6 * * *", ["01-01 00:30", "01-01 06:30", "01-01 12:30", "01-01 18:30", "01-02 00:30"]),
        ("CRON_TZ=Europe/Berlin 0 9 * * mon", ["01-05 08:00", "01-12 08:00", "01-19 08:00"]),
        ("@daily", ["01-02 00:00", "01-03 00:00"]),
        ("@hourly", ["01-01 01:00", "01-01 02:00"]),
        ("@every 90m", ["01-01 01:30", "01-01 03:00", "01-01 04:30"]),
    ],
)
async def test_slots_of_a_schedule(tmp_path: Path, schedule: str, slots: list[str]) -> None:
    flow = workflow(
        "flow",
        """
        local time = require("time")
        return function()
          time.sleep("20m")
        end
        """,
    )
    clock = VirtualClock(int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000_000)
    async with FlowApp(tmp_path, flow, clock=clock) as app:
        await asyncio.wrap_future(app.spawn("flow", options={"workflow.id": "one", "workflow.cron_schedule": schedule}))
        seen = []
        for _ in slots:
            (start, *_) = await app.history("one")
            seen.append(start.time_ns + start.first_task_delay_ns)
            clock.advance(start.first_task_delay_ns / 1e9)
            await app.asleep("one")
            clock.advance(20 * 60)

            async def next_run(run_id: str = start.run_id) -> bool:
                return (await app.history("one"))[0].run_id != run_id

            await app.until(next_run)
        begun = [(await app.history("one"))[0].attempt]
    assert [f"{datetime.fromtimestamp(at / 1e9, UTC):%m-%d %H:%M}" for at in seen] == slots
    assert begun == [1]


async def test_a_cancelled_run_is_the_last_of_its_schedule(tmp_path: Path) -> None:
    flow = workflow("flow", "return function() return process.events():receive().reason end")
    clock = VirtualClock()
    async with FlowApp(tmp_path, flow, clock=clock) as app:
        options: dict[str, Any] = {"workflow.id": "one", "workflow.cron_schedule": "@hourly"}
        await asyncio.wrap_future(app.spawn("flow", options=options))
        await Held(app).cancel("one")
        assert await app.result("one") == "asked"
        described = await asyncio.wrap_future(app.engine.describe("one"))
    assert (described.status.name, described.next_run_id) == ("COMPLETED", "")

"""A worker of the embedded provider that stops: what runs gets its time, then it is cancelled and done again later."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from flows.flow_app import FlowApp, function, workflow
from flows.test_types import second
from wippy.registry.entry import ID
from wippy.units.clock import VirtualClock
from wippy.workflows import events as ev

FLOW = workflow(
    "flow",
    """
    local funcs = require("funcs")
    return function()
      local value, err = funcs.call("app:step")
      return value or tostring(err)
    end
    """,
)
STEP = function(
    "step",
    """
    local fs, time, channel = require("fs"), require("time"), require("channel")
    return function()
      local files = fs.get("app:files")
      local begun = 1
      while files:exists("begun" .. begun) do begun = begun + 1 end
      files:writefile("begun" .. begun, "")
      while not files:exists("go") do time.sleep("1ms") end
      return begun
    end
    """,
    "fs time",
)


def worker(**options: Any) -> dict[str, Any]:
    return {**second(), "worker_options": options}


class Stopping:
    """An application with a worker that stops and starts while a workflow waits for a function."""

    def __init__(self, folder: Path, *entries: Any, clock: Any = None, **options: Any) -> None:
        self.files = folder / "files"
        files = {"name": "files", "kind": "fs.directory", "directory": str(self.files), "auto_init": True}
        self.app = FlowApp(folder, FLOW, files, *entries, worker(**options), clock=clock)

    async def __aenter__(self) -> Stopping:
        await self.app.start()
        await asyncio.wrap_future(self.app.spawn("flow", host="app:second", options={"workflow.id": "one"}))
        await self.app.until(lambda: self.begun(1))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.app.stop()

    def begun(self, n: int) -> bool:
        return (self.files / f"begun{n}").exists()

    def go(self) -> None:
        (self.files / "go").touch()

    def stop(self) -> asyncio.Task[Any]:
        return asyncio.create_task(self.app.app.supervisor.stop(ID.parse("app:second")))

    async def start(self) -> None:
        await self.app.app.supervisor.start(ID.parse("app:second"))

    async def running(self) -> bool:
        shown = await asyncio.wrap_future(self.app.engine.describe("one"))
        return bool(shown.activities) and shown.activities[0].running


async def test_without_a_grace_the_attempt_is_cancelled_and_done_again(tmp_path: Path) -> None:
    async with Stopping(tmp_path, STEP) as stopping:
        await stopping.stop()
        assert not await stopping.running()
        assert not stopping.begun(2)
        await stopping.start()
        await stopping.app.until(lambda: stopping.begun(2))
        stopping.go()
        assert await stopping.app.result("one") == 2
        (started,) = [e for e in await stopping.app.history("one") if isinstance(e, ev.ActivityTaskStarted)]
        assert (started.attempt, started.last_failure) == (1, None)


async def test_within_its_grace_an_attempt_ends_as_always(tmp_path: Path) -> None:
    async with Stopping(tmp_path, STEP, worker_stop_timeout="1h") as stopping:
        stop = stopping.stop()
        await stopping.app.until(lambda: "second" not in str(stopping.app.engine._core.queues))
        assert await stopping.running()
        assert not stop.done()
        stopping.go()
        await stop
        await stopping.start()
        assert await stopping.app.result("one") == 1
        assert not stopping.begun(2)


async def test_after_its_grace_it_is_cancelled(tmp_path: Path) -> None:
    clock = VirtualClock()
    patient = function(
        "step",
        """
        local fs, time = require("fs"), require("time")
        return function()
          local files = fs.get("app:files")
          if files:exists("begun1") then return "again" end
          files:writefile("begun1", "")
          time.sleep("10m")
          return "whole"
        end
        """,
        "fs time",
    )
    async with Stopping(tmp_path, patient, clock=clock, worker_stop_timeout="5m") as stopping:
        stop = stopping.stop()
        await stopping.app.until(lambda: stopping.app.engine._core.activities.draining)
        clock.advance(299)
        assert await stopping.running()
        assert not stop.done()
        clock.advance(1)
        await stop
        assert not await stopping.running()
        await stopping.start()
        assert await stopping.app.result("one", step=0) == "again"


async def test_no_new_attempt_begins_while_a_worker_stops(tmp_path: Path) -> None:
    async with Stopping(tmp_path, STEP, worker_stop_timeout="1h") as stopping:
        stop = stopping.stop()
        await stopping.app.until(lambda: stopping.app.engine._core.activities.draining)
        app = stopping.app
        await asyncio.wrap_future(app.spawn("flow", host="app:second", options={"workflow.id": "two"}))
        assert await app.count("two", ev.WorkflowTaskCompleted) == 0
        stopping.go()
        await stop
        assert await app.count("two", ev.WorkflowTaskCompleted) == 0
        await stopping.start()
        assert await app.result("two") == 2


async def test_a_stop_of_the_application_cancels_what_runs(tmp_path: Path) -> None:
    async with Stopping(tmp_path, STEP) as stopping:
        await stopping.app.stop()
        assert not stopping.begun(2)
        stopping.go()
        await stopping.app.start()
        assert await stopping.app.result("one") == 2


def test_a_negative_grace_is_refused(tmp_path: Path) -> None:
    app = FlowApp(tmp_path, worker(worker_stop_timeout="-1s"))

    async def start() -> None:
        try:
            await app.start()
        finally:
            await app.stop()

    with pytest.raises(Exception, match="worker stop timeout cannot be negative"):
        asyncio.run(start())

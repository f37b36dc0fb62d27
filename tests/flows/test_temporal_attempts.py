"""Attempts of activities that cannot go on: their worker is killed or stops, or nobody wants the result any more."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from flows import flow_app
from flows.flow_app import FlowApp, function, workflow
from flows.temporal_server import TemporalServer
from flows.test_temporal_faults import Program, _client, _polling, _until
from wippy.registry.entry import ID

pytest.importorskip("temporalio", reason="the package temporalio (extra `temporal`) is not installed")


@pytest.fixture
def server(temporal_server: TemporalServer, monkeypatch: pytest.MonkeyPatch) -> TemporalServer:
    monkeypatch.setattr(flow_app, "TEMPORAL", temporal_server)
    return temporal_server


CALLS = workflow(
    "calls",
    """
    local funcs = require("funcs")
    return function()
      local calls = funcs.new():with_options({
        ["activity.heartbeat_timeout"] = "1s", ["activity.start_to_close_timeout"] = "10m",
      })
      return calls:call("app:work")
    end
    """,
)


def work(body: str) -> dict[str, Any]:
    return function("work", f'local time = require("time")\nreturn function() {body} end', "time")


async def test_an_attempt_of_a_killed_worker_is_made_again_by_another(server: TemporalServer, tmp_path: Path) -> None:
    app = FlowApp(tmp_path / "app", CALLS, work('time.sleep("10m")'))
    client = await _client(app)
    dies = Program(app, "dies")
    app.write(CALLS, work('return "done"'))
    lives = None
    try:
        handle = await client.start_workflow("app:calls", id="one", task_queue="main")

        async def pending() -> Any:
            found = (await handle.describe()).raw_description.pending_activities
            return found[0] if found and found[0].last_started_time.seconds else None

        await _until(pending)
        assert (await pending()).last_worker_identity == "dies"
        lives = Program(app, "lives")

        async def both() -> bool:
            return await _polling(client) >= {"dies", "lives"}

        await _until(both)
        assert (await pending()).attempt == 1  # the heartbeats keep it
        dies.kill()
        async with asyncio.timeout(30):
            assert await handle.result() == "done"
        (started,) = [
            event.activity_task_started_event_attributes
            for event in (await handle.fetch_history()).events
            if event.HasField("activity_task_started_event_attributes")
        ]
        assert (started.identity, started.attempt) == ("lives", 2)
        assert started.last_failure.message == "activity Heartbeat timeout"
    finally:
        dies.stop()
        if lives is not None:
            lives.stop()


TICKS = work('for _ = 1, 600 do print("tick") time.sleep("50ms") end print("over")')


async def _silent(app: FlowApp) -> None:
    """Waits until the function ticks no more; it would go on for half a minute."""
    before = -1
    while len(app.logged("tick")) != before:
        before = len(app.logged("tick"))
        await asyncio.sleep(0.5)
    assert 0 < before < 400


async def test_a_function_of_a_completed_workflow_is_cancelled(server: TemporalServer, tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local funcs = require("funcs")
        return function() funcs.async("app:work") process.inbox():receive() return "closed" end
        """,
    )
    async with FlowApp(tmp_path, flow, TICKS) as app:
        await app.begin("flow", id="one")
        await app.until(lambda: app.logged("tick"))
        await app.signal("one", "end")
        assert await app.result("one") == "closed"
        await _silent(app)


async def test_a_function_is_cancelled_when_its_worker_stops(server: TemporalServer, tmp_path: Path) -> None:
    flow = workflow("flow", 'local funcs = require("funcs")\nreturn function() return funcs.call("app:work") end')
    async with FlowApp(tmp_path, flow, TICKS) as app:
        await app.begin("flow", id="one")
        await app.until(lambda: app.logged("tick"))
        await app.app.supervisor.stop(ID.parse("app:worker"))
        ticks = len(app.logged("tick"))
        assert ticks < 100
        await asyncio.sleep(0.5)
        assert len(app.logged("tick")) == ticks
        assert not app.logged("over")

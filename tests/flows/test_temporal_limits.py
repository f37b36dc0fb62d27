"""What is too large for a Temporal server: who hears of it, and what goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from flows import flow_app
from flows.flow_app import FlowApp, function, process, workflow
from flows.temporal_server import TemporalServer
from wippy.workflows import events as ev

pytest.importorskip("temporalio", reason="the package temporalio (extra `temporal`) is not installed")

WAITS = workflow("waits", "return function() return #process.inbox():receive():payload():data() end")


@pytest.fixture
def server(temporal_server: TemporalServer, monkeypatch: pytest.MonkeyPatch) -> TemporalServer:
    monkeypatch.setattr(flow_app, "TEMPORAL", temporal_server)
    return temporal_server


async def test_a_start_and_a_message_that_are_too_large(server: TemporalServer, tmp_path: Path) -> None:
    sender = process(
        "sender",
        """
        return function()
          local large = ("x"):rep(2200000)
          local pid = process.spawn_monitored("app:waits", "app:worker")
          local ok, err = process.send(pid, "x", large)
          local none, e2 = process.spawn("app:waits", "app:worker", large)
          process.send(pid, "x", "small")
          return {ok == nil, err:message(), none == nil, e2:message(), process.events():receive().result.value}
        end
        """,
    )
    async with FlowApp(tmp_path, WAITS, sender) as app:
        sent, why, begun, why_not, seen = await app.process("sender")
    assert (sent, begun, seen) == (True, True, 5)
    assert "Blob data size exceeds limit" in why
    assert "Blob data size exceeds limit" in why_not


async def test_a_result_that_is_too_large_fails_the_attempt(server: TemporalServer, tmp_path: Path) -> None:
    large = function("large", "return function() return ('x'):rep(2200000) end")
    flow = workflow(
        "flow",
        """
        local funcs = require("funcs")
        return function()
          local once = funcs.new():with_options({["activity.retry_policy"] = {maximum_attempts = 1}})
          local _, err = once:call("app:large")
          return {err:message(), err:retryable() ~= false, err:details()._retry_state}
        end
        """,
    )
    async with FlowApp(tmp_path, flow, large) as app:
        await app.begin("flow", id="one")
        text, retryable, state = await app.result("one")
    assert (retryable, state) == (True, "MaximumAttemptsReached")
    assert "exceeded" in text


async def test_a_run_that_asks_for_too_much_is_blocked(server: TemporalServer, tmp_path: Path) -> None:
    flow = workflow("flow", "return function() return ('x'):rep(2200000) end")
    async with FlowApp(tmp_path, flow) as app:
        await app.begin("flow", id="one")
        await app.until(lambda: app.logged("workflow one (app:flow)"))

        async def failed() -> list[str]:
            return [event.message for event in await app.history("one") if isinstance(event, ev.WorkflowTaskFailed)]

        await app.until(failed)
        assert "exceeded" in (await failed())[0]
        description = await asyncio.wrap_future(app.engine.describe("one"))
        assert description.status.name == "RUNNING"

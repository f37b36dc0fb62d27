"""Updates of foreign clients among the other things that come with a task."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from flows import flow_app
from flows.flow_app import FlowApp, workflow
from flows.held import held, settled
from flows.temporal_server import TemporalServer
from flows.test_types import second
from wippy.workflows import events as ev
from wippy.workflows.replay import cut

pytest.importorskip("temporalio", reason="the package temporalio (extra `temporal`) is not installed")

FLOW = workflow(
    "flow",
    """
    return function()
      local seen, done = {}, channel.new(3)
      local updates, signals = process.listen("update", {message = true}), process.listen("signal")
      process.with_options({["workflow.id"] = "kid"}):spawn("app:kid", "app:second")
      coroutine.spawn(function()
        local message = updates:receive()
        seen[#seen + 1] = "update"
        process.send(message:from(), "ack")
        process.send(message:from(), "ok", #seen)
        done:send(true)
      end)
      coroutine.spawn(function()
        for i = 1, 2 do
          signals:receive()
          seen[#seen + 1] = "signal"
        end
        done:send(true)
      end)
      coroutine.spawn(function()
        process.events():receive()
        seen[#seen + 1] = "exit"
        done:send(true)
      end)
      for _ = 1, 3 do done:receive() end
      return seen
    end
    """,
)
KID = workflow("kid", "return function() process.inbox():receive() end")


@pytest.mark.parametrize("cached", [True, False])
async def test_updates_come_last(
    temporal_server: TemporalServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cached: bool
) -> None:
    from temporalio.client import Client, WorkflowUpdateStage

    monkeypatch.setattr(flow_app, "TEMPORAL", temporal_server)
    async with FlowApp(tmp_path, FLOW, KID, second(), provider={} if cached else {"cache_size": 0}) as app:
        client = await Client.connect(temporal_server.address, namespace=app.namespace)
        await app.begin("flow", id="one")
        await app.until(lambda: _begun(app))
        async with held(app) as to:
            handle: Any = client.get_workflow_handle("one")
            update = asyncio.ensure_future(
                handle.start_update("update", 1, wait_for_stage=WorkflowUpdateStage.COMPLETED)
            )
            await to.signal("kid", "over")

            async def exited() -> bool:
                return any(isinstance(e, ev.ChildWorkflowExecutionCompleted) for e in await to.history("one"))

            await app.until(exited)
            for _ in range(2):
                await to.signal("one", "signal")
        assert await app.result("one") == ["signal", "signal", "exit", "update"]
        assert await (await update).result() == 4
        tasks = cut(await app.history("one")).batches
        assert not app.logged("is blocked")
    assert len(tasks[-1].new) == 3


async def _begun(app: FlowApp) -> bool:
    return await app.count("one", ev.ChildWorkflowExecutionStarted) == 1 and await settled(app, "one")

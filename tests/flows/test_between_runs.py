"""What runs send each other: written once into both histories, whatever is replayed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flows.flow_app import FlowApp, workflow
from flows.held import Held, settled
from wippy.registry.project import load_project
from wippy.units.clock import VirtualClock
from wippy.workflows import events as ev

NO_CACHE = {"cache_size": 0}
SOURCE = workflow(
    "source",
    """
    local time = require("time")
    return function(pid)
      local out = {}
      for i = 1, 3 do
        out[#out + 1] = process.send(pid, "n", i)
        time.sleep("1ms")
      end
      for i = 1, 2 do out[#out + 1] = process.cancel(pid, "reason " .. i) end
      process.send(pid, "over")
      process.inbox():receive()
      local ok, err = process.send(pid, "late")
      out[#out + 1] = tostring(ok) .. " " .. err:kind() .. " " .. err:message()
      out[#out + 1] = process.cancel(pid)
      return out
    end
    """,
)
TARGET = workflow(
    "target",
    """
    return function(source)
      local seen, inbox, events = {}, process.inbox(), process.events()
      while true do
        local got = channel.select({inbox:case_receive(), events:case_receive()})
        if got.channel == events then
          seen[#seen + 1] = got.value.reason
        elseif got.value:topic() == "over" then
          return seen
        else
          seen[#seen + 1] = got.value:payload():data()
          if got.value:from() ~= source then return nil, "from " .. got.value:from() end
        end
      end
    end
    """,
)


@pytest.mark.parametrize("cached", [True, False])
async def test_what_a_run_sends_another_comes_once(tmp_path: Path, cached: bool) -> None:
    async with FlowApp(tmp_path, SOURCE, TARGET, provider={} if cached else NO_CACHE) as app:
        pid = await app.begin("target", "{app:provider@app:worker|source}", id="target")
        await app.begin("source", pid, id="source")
        assert await app.result("target") == [1, 2, 3, "reason 1"]
        await Held(app).signal("source", "go on")
        found = await app.result("source")
        sent = [type(event) for event in await app.history("source")]
        came = [type(event) for event in await app.history("target")]
        assert not app.logged("is blocked")
    assert found == [True] * 5 + ["nil NotFound unknown external workflow execution: target", True]
    assert sent.count(ev.SignalExternalWorkflowExecutionInitiated) == 5
    assert sent.count(ev.ExternalWorkflowExecutionSignaled) == 4
    assert sent.count(ev.SignalExternalWorkflowExecutionFailed) == 1
    assert sent.count(ev.RequestCancelExternalWorkflowExecutionInitiated) == 3
    assert sent.count(ev.ExternalWorkflowExecutionCancelRequested) == 3
    assert came.count(ev.WorkflowExecutionSignaled) == 4
    assert came.count(ev.WorkflowExecutionCancelRequested) == 1


async def test_a_child_reports_to_the_run_that_started_it_and_to_no_other(tmp_path: Path) -> None:
    parent = workflow(
        "parent",
        """
        return function(again)
          local events = process.events()
          if not again then
            local options = {["workflow.id"] = "kid", ["workflow.parent_close_policy"] = "abandon"}
            process.with_options(options):spawn("app:kid", "app:worker")
            process.upgrade(nil, true)
          end
          process.inbox():receive()
          local got = channel.select({events:case_receive(), default = true})
          return got.default or got.value.kind
        end
        """,
    )
    kid = workflow("kid", "return function() return process.inbox():receive():topic() end")
    async with FlowApp(tmp_path, parent, kid) as app:
        await app.begin("parent", id="one")
        await app.until(lambda: _again(app))
        to = Held(app)
        await to.signal("kid", "over")
        assert await app.result("kid") == "over"
        await to.signal("one", "look")
        assert await app.result("one") is True
        kinds = [type(event) for event in await app.history("one")]
    assert ev.ChildWorkflowExecutionCompleted not in kinds


async def _again(app: FlowApp) -> bool:
    (start, *_) = await app.history("one")
    return len(start.args) == 1 and await settled(app, "one")


async def test_mended_code_is_tried_at_once(tmp_path: Path) -> None:
    def flow(body: str) -> dict[str, Any]:
        return workflow(
            "flow",
            f"""
            local time = require("time")
            return function()
              {body}
              return process.inbox():receive():topic()
            end
            """,
        )

    clock = VirtualClock()
    async with FlowApp(tmp_path, flow("time.sleep('1s')"), clock=clock, provider=NO_CACHE) as app:
        await app.begin("flow", id="one")
        await app.asleep("one")
        clock.advance(1)
        await app.until(lambda: settled(app, "one"))
        app.write(flow("process.spawn('app:flow', 'app:worker')"))
        await app.app.reload(load_project(str(tmp_path)))
        await Held(app).signal("one", "word")
        await app.until(lambda: len(app.logged("is blocked")) >= 2)
        for pause in (1, 2, 4):
            tries = len(app.logged("is blocked"))
            clock.advance(pause)
            await app.until(lambda tries=tries: len(app.logged("is blocked")) > tries)
        app.write(flow("time.sleep('1s')"))
        await app.app.reload(load_project(str(tmp_path)))
        assert await app.result("one", step=0) == "word"
        assert await app.count("one", ev.WorkflowTaskFailed) == 1

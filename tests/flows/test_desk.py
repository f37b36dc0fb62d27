"""Looking at workflows and acting on them, whoever keeps them; histories as files fit the code that made them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from flows.flow_app import FlowApp, function, workflow
from wippy.errors import WippyError
from wippy.services.workflow_desk import WorkflowDesk
from wippy.workflows import events as ev
from wippy.workflows.history_export import to_json
from wippy.workflows.history_import import from_json

FLOW = """
local funcs, time, uuid, workflow = require("funcs"), require("time"), require("uuid"), require("workflow")
return function(n)
  local version = workflow.version("change", 1, 2)
  local id = uuid.v4()
  local events = process.events()
  local child = process.spawn("app:child", "app:worker", id)
  local other = process.with_options({["workflow.id"] = "second"}):spawn("app:child", "app:worker", "two")
  local sum = funcs.call("app:double", n)
  local late = funcs.new():with_options({["activity.summary"] = "six"}):async("app:double", 3)
  local forgotten = funcs.async("app:double", 4)
  forgotten:cancel()
  process.send(other, "go", {n = 1})
  local limit = time.after("1h")
  local exits = {}
  for i = 1, 2 do
    if i == 1 then process.send(child, "go") end
    exits[i] = events:receive().result.value
  end
  local result = late:response():receive():data()
  workflow.attrs({memo = {sum = sum}})
  process.cancel(other)
  table.sort(exits)
  return {sum = sum, late = result, exits = #exits, same = exits[1] ~= exits[2], version = version}
end
"""
ENTRIES = [
    workflow("flow", FLOW),
    workflow("child", "return function(v) process.inbox():receive() return tostring(v) end"),
    function("double", "return function(n) return 2 * n end"),
]
WAITS = workflow("waits", "return function() return process.inbox():receive():payload():data() end")


async def ask(app: FlowApp, op: str, **values: Any) -> Any:
    desk = WorkflowDesk(app.app.site)
    return await asyncio.to_thread(desk, {"op": op, **values})


async def test_a_history_fits_the_code_that_made_it_and_no_other(tmp_path: Path) -> None:
    async with FlowApp(tmp_path, *ENTRIES) as app:
        await app.begin("flow", 21, id="one")
        result = await app.result("one")
        assert result == {"sum": 42, "late": 6, "exits": 2, "same": True, "version": 2}
        exported = json.loads(json.dumps(await ask(app, "export", id="one")))
        numbers = [int(event["eventId"]) for event in exported["events"]]
        assert numbers == list(range(1, len(numbers) + 1))
        found = await ask(app, "replay", history=exported)
        assert (found["fits"], found["reason"]) == (True, "")
        lines = {one["what"]: one for one in await ask(app, "history", id="one")}
        assert lines["ActivityTaskScheduled"]["place"].startswith("app:flow:")
        assert lines["StartChildWorkflowExecutionInitiated"]["place"].startswith("app:flow:")
        await app.stop()
        changed = FLOW.replace('funcs.call("app:double", n)', '(time.sleep("1ms") or 0)')
        app.write(workflow("flow", changed), *ENTRIES[1:])
        await app.start()
        found = await ask(app, "replay", history=exported)
        assert found["fits"] is False
        assert "StartTimer" in found["reason"]


async def test_what_is_exported_is_read_again(tmp_path: Path) -> None:
    async with FlowApp(tmp_path, *ENTRIES) as app:
        await app.begin("flow", 1, id="one")
        await app.result("one")
        history = await app.history("one")
        again = from_json(json.loads(json.dumps(to_json(history))))
        assert [(type(event), event.n, event.time_ns) for event in again] == [
            (type(event), event.n, event.time_ns) for event in history
        ]
        assert "six" in [event.options.summary for event in again if isinstance(event, ev.ActivityTaskScheduled)]
        for one, other in zip(history, again, strict=True):
            for name in ("type", "name", "result", "payloads", "args", "kind", "key", "value", "failure"):
                assert getattr(one, name, None) == getattr(other, name, None), (type(one), name)


async def test_acting(tmp_path: Path) -> None:
    async with FlowApp(tmp_path, WAITS) as app:
        for id in ("one", "two", "three"):
            await app.begin("waits", id=id)
        await ask(app, "signal", id="one", name="word", values=["hello"])
        assert await app.result("one") == "hello"
        await ask(app, "terminate", id="two", reason="enough")
        with pytest.raises(WippyError, match="workflow terminated"):
            await app.result("two")
        await ask(app, "cancel", id="three", reason="please")
        assert await ask(app, "query", id="three", name="pid") == "three"

        async def all_there() -> bool:  # a server tells of changes a little later
            rows = await ask(app, "list", query="WorkflowType = 'app:waits'")
            return {row["workflow_id"]: row["status"] for row in rows} == {
                "one": "completed",
                "two": "terminated",
                "three": "running",
            }

        await app.until(all_there)
        again = await ask(app, "retry", id="one")
        assert again["new"] is True
        await ask(app, "signal", id="one", name="word", values=["again"])
        assert await app.result("one") == "again"
        with pytest.raises(WippyError) as caught:
            await ask(app, "show", id="nobody")
        assert caught.value.kind == "NotFound"
        with pytest.raises(WippyError, match="is open"):
            await ask(app, "retry", id="three")


async def test_blocked_runs_say_why_and_closed_ones_how_they_ended(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        return function()
          return nil, errors.new({kind = errors.CONFLICT, message = "no way", retryable = false})
        end
        """,
    )
    async with FlowApp(tmp_path, flow) as app:
        await app.begin("flow", id="fails")
        with pytest.raises(WippyError, match="no way"):
            await app.result("fails")
        assert (await ask(app, "show", id="fails"))["outcome"] == "Conflict: no way"
        options = {"workflow.id": "one", "workflow.task_timeout": "1s"}  # so that a server tells of it soon
        await asyncio.wrap_future(app.spawn("gone", options=options))

        async def blocked(op: str) -> Any:
            while True:
                found = await ask(app, op, **({"id": "one"} if op == "show" else {"query": "WorkflowId = 'one'"}))
                for row in found if op == "list" else [found]:
                    if row["blocked"]:
                        return row

        row = await blocked("show")
        assert (row["status"], row["attempt"], row["outcome"]) == ("running", 1, "")
        assert "no workflow entry serves the type app:gone" in row["blocked"]
        assert row["can_retry"] is ("sqlite" in type(app.engine).__module__)
        assert (await blocked("list"))["workflow_id"] == "one"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ([], "this is no history"),
        ({"events": []}, "this is no history"),
        ({"events": [{"eventId": "1"}]}, "a history begins with"),
        (
            {"events": [{"eventId": "x", "eventType": "EVENT_TYPE_WORKFLOW_EXECUTION_STARTED"}]},
            "event 1 cannot be read",
        ),
        (
            {"events": [{"eventId": "1", "eventTime": "", "eventType": "EVENT_TYPE_WORKFLOW_EXECUTION_STARTED"}]},
            "event 1 cannot be read",
        ),
    ],
)
def test_a_file_that_is_no_history_is_told(data: Any, text: str) -> None:
    with pytest.raises(WippyError, match=text):
        from_json(data)

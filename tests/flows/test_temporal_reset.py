"""A run that the server resets to an earlier task: it goes on from there, and chance is another from there on."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows import flow_app
from flows.flow_app import FlowApp, function, workflow
from flows.temporal_server import TemporalServer
from wippy.workflows import events as ev
from wippy.workflows.replay import replay

pytest.importorskip("temporalio", reason="the package temporalio (extra `temporal`) is not installed")

FLOW = workflow(
    "flow",
    """
    local funcs, uuid, workflow = require("funcs"), require("uuid"), require("workflow")
    return function(early)
      local seen = {}
      local function chance()
        local id, dice = uuid.v4(), math.random(1 << 40)
        workflow.version("thrown " .. dice, -1, 1)
        seen[#seen + 1] = id .. "/" .. dice
        funcs.call("app:note", seen[#seen])
      end
      if early then chance() end
      process.inbox():receive()
      chance()
      process.inbox():receive()
      chance()
      return seen
    end
    """,
)
NOTE = function("note", 'return function(text) print("noted " .. text) end')


@pytest.fixture
def server(temporal_server: TemporalServer, monkeypatch: pytest.MonkeyPatch) -> TemporalServer:
    monkeypatch.setattr(flow_app, "TEMPORAL", temporal_server)
    return temporal_server


def noted(app: FlowApp) -> list[str]:
    return [line.partition("noted ")[2].split()[0] for line in app.logged("noted ")]


async def reset(app: FlowApp, id: str, event: int) -> str:
    """Takes the newest run back to before a completed task; the ID of the new run."""
    from temporalio.api.common.v1 import WorkflowExecution
    from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
    from temporalio.client import Client

    client = await Client.connect(flow_app.TEMPORAL.address, namespace=app.namespace)
    request = ResetWorkflowExecutionRequest(
        namespace=app.namespace,
        workflow_execution=WorkflowExecution(workflow_id=id),
        reason="a test",
        workflow_task_finish_event_id=event,
        request_id=f"{id}-{event}",
    )
    return (await client.workflow_service.reset_workflow_execution(request)).run_id


async def completed(app: FlowApp, id: str) -> list[int]:
    """Numbers of the events that complete tasks."""
    return [event.n for event in await app.history(id) if isinstance(event, ev.WorkflowTaskCompleted)]


@pytest.mark.parametrize("early", [True, False], ids=["chance before and after", "chance after only"])
async def test_a_run_goes_on_after_a_reset(server: TemporalServer, tmp_path: Path, early: bool) -> None:
    before = int(early)
    app = await FlowApp(tmp_path, FLOW, NOTE).start()
    try:
        await app.begin("flow", early, id="one")
        await app.until(lambda: _tasks(app, "one", 1 + before))
        await app.signal("one", "go")
        await app.until(lambda: _tasks(app, "one", 3 + before))
        assert len(noted(app)) == before + 1
        of_the_signal = (await completed(app, "one"))[1 + before]
        run = await reset(app, "one", of_the_signal)
        await app.until(lambda: len(noted(app)) == before + 2)
        await app.until(lambda: _tasks(app, "one", 3 + before))
        await app.restart()  # the whole history is replayed, with the reset in it
        await app.signal("one", "go")
        seen = await app.result("one")
        old, new = noted(app)[before : before + 2]
        assert [part != other for part, other in zip(old.split("/"), new.split("/"), strict=True)] == [True, True]
        assert noted(app) == [*seen[:before], old, *seen[before:]]
        assert seen[before] == new
        assert not app.logged("is blocked")
        history = await app.history("one")
        assert [event.new_run_id for event in history if isinstance(event, ev.WorkflowTaskFailed)] == [run]
        replay(history, app.app.site.workflow_nodes["app:provider"].machine)  # raises where it differs
    finally:
        await app.stop()


async def test_a_run_is_reset_twice(server: TemporalServer, tmp_path: Path) -> None:
    async with FlowApp(tmp_path, FLOW, NOTE) as app:
        await app.begin("flow", True, id="one")
        await app.until(lambda: _tasks(app, "one", 2))
        await app.signal("one", "go")
        await app.until(lambda: _tasks(app, "one", 4))
        for times in (3, 4):
            await reset(app, "one", (await completed(app, "one"))[2])
            await app.until(lambda times=times: len(noted(app)) == times)
            await app.until(lambda: _tasks(app, "one", 4))
        assert len({part for note in noted(app)[1:] for part in note.split("/")}) == 6
        await app.signal("one", "go")
        assert (await app.result("one"))[:2] == [noted(app)[0], noted(app)[3]]


async def _tasks(app: FlowApp, id: str, number: int) -> bool:
    return len(await completed(app, id)) >= number

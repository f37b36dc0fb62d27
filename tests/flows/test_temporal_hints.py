"""Options that only a Temporal server acts on: priority, eager starts, versions."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from flows import flow_app
from flows.flow_app import FlowApp, function, workflow
from flows.temporal_server import TemporalServer
from wippy.errors import WippyError

pytest.importorskip("temporalio", reason="the package temporalio (extra `temporal`) is not installed")

PARENT = workflow(
    "parent",
    """
    local funcs = require("funcs")
    return function()
      local calls = funcs.new():with_options({["activity.priority"] = {priorityKey = 3, FAIRNESS_KEY = "calls"}})
      local spawner = process.with_options({["workflow.priority"] = {priority_key = 4, fairness_weight = 2.5}})
      spawner:spawn("app:child", "app:worker")
      return {calls:call("app:double", 4), process.events():receive().result.value}
    end
    """,
)
CHILD = workflow("child", "return function() return 'child' end")
DOUBLE = function("double", "return function(n) return 2 * n end")


@pytest.fixture
def server(temporal_server: TemporalServer, monkeypatch: pytest.MonkeyPatch) -> TemporalServer:
    monkeypatch.setattr(flow_app, "TEMPORAL", temporal_server)
    return temporal_server


async def started(app: FlowApp, entry: str, **options: Any) -> list[Any]:
    """The events of a run that was begun with these options, once it is over."""
    from temporalio.client import Client

    keys = {f"workflow.{name}": value for name, value in options.items()}
    await asyncio.wrap_future(app.spawn(entry, options={"workflow.id": "one", **keys}))
    await app.result("one")
    client = await Client.connect(flow_app.TEMPORAL.address, namespace=app.namespace)
    return list((await client.get_workflow_handle("one").fetch_history()).events)


async def test_priorities_of_runs_children_and_calls(server: TemporalServer, tmp_path: Path) -> None:
    async with FlowApp(tmp_path, PARENT, CHILD, DOUBLE) as app:
        priority = {"priority_key": 2, "fairness_key": "shop", "fairness_weight": 1.5}
        events = await started(app, "parent", priority=priority)
    found = {}
    for event in events:
        for kind in (
            "workflow_execution_started",
            "activity_task_scheduled",
            "start_child_workflow_execution_initiated",
        ):
            if event.HasField(f"{kind}_event_attributes"):
                one = getattr(event, f"{kind}_event_attributes").priority
                found[kind] = (one.priority_key, one.fairness_key, one.fairness_weight)
    assert found == {
        "workflow_execution_started": (2, "shop", 1.5),
        "activity_task_scheduled": (3, "calls", 0),
        "start_child_workflow_execution_initiated": (4, "", 2.5),
    }


@pytest.mark.parametrize("eager", [True, False])
async def test_an_eager_start(server: TemporalServer, tmp_path: Path, eager: bool) -> None:
    async with FlowApp(tmp_path, CHILD) as app:
        begun = (await started(app, "child", enable_eager_start=eager))[0]
        assert begun.workflow_execution_started_event_attributes.eager_execution_accepted is eager


@pytest.mark.parametrize("value", ["auto_upgrade", {"mode": "Auto-Upgrade"}])
async def test_a_run_that_takes_the_newest_version(server: TemporalServer, tmp_path: Path, value: Any) -> None:
    async with FlowApp(tmp_path, CHILD) as app:
        begun = (await started(app, "child", versioning_override=value))[0]
        assert begun.workflow_execution_started_event_attributes.versioning_override.auto_upgrade is True


async def test_a_run_that_is_tied_to_a_version(server: TemporalServer, tmp_path: Path) -> None:
    pinned = {"mode": "pinned", "version": {"deploymentName": "shop", "BUILD_ID": "b1"}}
    async with FlowApp(tmp_path, CHILD) as app:
        with pytest.raises(WippyError, match=r"shop.*b1"):  # no worker of it has ever been there
            await started(app, "child", versioning_override=pinned)


BAD: list[tuple[dict[str, Any], str]] = [
    ({"workflow.priority": {"priority_key": 1.5}}, "workflow.priority.priority_key must be"),
    ({"workflow.priority": {"priority_key": -1}}, "workflow.priority.priority_key must be"),
    ({"workflow.priority": {"fairness_key": 5}}, "workflow.priority.fairness_key must be"),
    ({"workflow.priority": {"fairness_weight": "much"}}, "workflow.priority.fairness_weight must be"),
    ({"workflow.versioning_override": "pinned"}, "workflow.versioning_override must be"),
    ({"workflow.versioning_override": {"mode": "other"}}, "workflow.versioning_override must be"),
    ({"workflow.versioning_override": 5}, "workflow.versioning_override must be"),
    (
        {"workflow.versioning_override": {"mode": "pinned", "version": {"build_id": "b"}}},
        "workflow.versioning_override.version.deployment_name cannot be empty",
    ),
    (
        {"workflow.versioning_override": {"mode": "pinned", "version": {"deployment_name": "d"}}},
        "workflow.versioning_override.version.build_id cannot be empty",
    ),
]


async def test_bad_hints_are_told(tmp_path: Path) -> None:
    async with FlowApp(tmp_path, CHILD) as app:
        for options, text in BAD:
            with pytest.raises(WippyError) as caught:
                await asyncio.wrap_future(app.spawn("child", options=options))
            assert text in caught.value.message


async def test_the_server_shows_the_lines_that_ask(server: TemporalServer, tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local funcs, time = require("funcs"), require("time")
        return function()
          time.sleep("1ms")
          funcs.call("app:double", 1)
          local calls = funcs.new():with_options({["activity.summary"] = "from the call"})
          calls:call("app:double", 2)
          local word = process.exec("app:child", "app:worker")
          return word
        end
        """,
    )
    async with FlowApp(tmp_path, flow, CHILD, DOUBLE) as app:
        events = await started(app, "flow")
    labels = [event.user_metadata.summary.data for event in events if event.user_metadata.HasField("summary")]
    assert labels == [b'"app:flow:4"', b'"app:flow:5"', b'"from the call"', b'"app:flow:8"']

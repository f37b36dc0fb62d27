"""`worker_options` of Temporal workers: what the SDK is told, and what of it the server shows."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from flows import flow_app
from flows.flow_app import FlowApp, function, process, workflow
from flows.temporal_server import TemporalServer
from flows.test_temporal_worker import change
from flows.test_types import second
from wippy.errors import UNKNOWN, WippyError
from wippy.registry.entry import ID
from wippy.registry.notice import Problems
from wippy.registry.project import load_project
from wippy.workflows import events as ev

pytest.importorskip("temporalio", reason="the package temporalio (extra `temporal`) is not installed")

FLOW = workflow("flow", 'local funcs = require("funcs")\nreturn function() return funcs.call("app:double", 21) end')
DOUBLE = function("double", "return function(n) return 2 * n end")
WAITS = workflow("waits", "return function() return process.inbox():receive():payload():data() end")
SECOND = timedelta(seconds=1)


@pytest.fixture
def server(temporal_server: TemporalServer, monkeypatch: pytest.MonkeyPatch) -> TemporalServer:
    monkeypatch.setattr(flow_app, "TEMPORAL", temporal_server)
    return temporal_server


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the SDK's worker is told."""
    from wippy.workflows.temporal import worker

    seen: dict[str, Any] = {}
    plain = worker.Worker

    def make(client: Any, **options: Any) -> Any:
        seen.update(options)
        return plain(client, **options)

    monkeypatch.setattr(worker, "Worker", make)
    return seen


async def _run_with(folder: Path, options: dict[str, Any]) -> None:
    app = FlowApp(folder, FLOW, DOUBLE)
    change(app, "worker", worker_options=options)
    async with app:
        assert await app.run("flow") == 42


DEFAULTS = {
    "task_queue": "main",
    "identity": None,
    "max_concurrent_activities": 1000,
    "max_concurrent_workflow_tasks": 1000,
    "max_concurrent_local_activities": 1000,
    "max_concurrent_activity_task_polls": 20,
    "max_concurrent_workflow_task_polls": 20,
    "max_activities_per_second": None,
    "max_task_queue_activities_per_second": None,
    "sticky_queue_schedule_to_start_timeout": 5 * SECOND,
    "max_heartbeat_throttle_interval": SECOND,
    "default_heartbeat_throttle_interval": SECOND,
    "graceful_shutdown_timeout": 0 * SECOND,
    "disable_eager_activity_execution": False,
    "deployment_config": None,
    "max_cached_workflows": 1000,
}


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        ({"sticky_schedule_to_start_timeout": "0s"}, {}),
        (
            dict.fromkeys(
                (
                    "max_concurrent_activity_execution_size",
                    "max_concurrent_workflow_task_execution_size",
                    "max_concurrent_local_activity_execution_size",
                    "max_concurrent_activity_task_pollers",
                    "max_concurrent_workflow_task_pollers",
                ),
                -1,
            ),
            {},
        ),
        (
            {
                "max_concurrent_activity_execution_size": 11,
                "max_concurrent_workflow_task_execution_size": 12,
                "max_concurrent_local_activity_execution_size": 13,
                "max_concurrent_activity_task_pollers": 4,
                "max_concurrent_workflow_task_pollers": 5,
            },
            {
                "max_concurrent_activities": 11,
                "max_concurrent_workflow_tasks": 12,
                "max_concurrent_local_activities": 13,
                "max_concurrent_activity_task_polls": 4,
                "max_concurrent_workflow_task_polls": 5,
            },
        ),
        (
            {"worker_activities_per_second": 90.5, "task_queue_activities_per_second": 80},
            {"max_activities_per_second": 90.5, "max_task_queue_activities_per_second": 80.0},
        ),
        (
            {"sticky_schedule_to_start_timeout": "700ms", "worker_stop_timeout": "1m"},
            {
                "sticky_queue_schedule_to_start_timeout": 0.7 * SECOND,
                "graceful_shutdown_timeout": 60 * SECOND,
            },
        ),
        (
            {"max_heartbeat_throttle_interval": "3s", "default_heartbeat_throttle_interval": "2s"},
            {"max_heartbeat_throttle_interval": 3 * SECOND, "default_heartbeat_throttle_interval": 2 * SECOND},
        ),
        ({"disable_eager_activities": True}, {"disable_eager_activity_execution": True}),
        (
            {
                "max_concurrent_session_execution_size": 5,
                "max_concurrent_eager_activity_execution_size": 5,
                "worker_local_activities_per_second": 5,
                "enable_session_worker": True,
                "disable_registration_aliasing": True,
                "deployment_name": "unused",
                "build_id": "unused",
            },
            {},
        ),
        (
            {"max_concurrent_workflow_task_execution_size": 1},
            {
                "max_concurrent_workflow_tasks": 1,
                "max_concurrent_workflow_task_polls": 2,
                "max_cached_workflows": 0,
            },
        ),
    ],
    ids=[
        *("zero is the default", "negative sizes are the default", "sizes", "rates", "times", "heartbeats", "eager"),
        *("without meaning here", "one task at a time"),
    ],
)
async def test_options_reach_the_sdk(
    server: TemporalServer, tmp_path: Path, told: dict[str, Any], options: dict[str, Any], changed: dict[str, Any]
) -> None:
    await _run_with(tmp_path, {"sticky_schedule_to_start_timeout": "0s", **options})
    assert {key: told[key] for key in DEFAULTS} == {**DEFAULTS, **changed}
    assert len(told["workflows"]) == len(told["activities"]) == 1


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"worker_local_activities_per_second": -1}, "worker local activities per second cannot be negative"),
        ({"task_queue_activities_per_second": -0.5}, "task queue activities per second cannot be negative"),
        ({"worker_stop_timeout": 5}, "worker_stop_timeout"),
        ({"sticky_schedule_to_start_timeout": "soon"}, "sticky_schedule_to_start_timeout"),
        ({"max_concurrent_session_execution_size": "many"}, "max_concurrent_session_execution_size"),
        ({"enable_session_worker": "yes"}, "enable_session_worker"),
    ],
)
async def test_a_bad_option_is_told(server: TemporalServer, tmp_path: Path, options: dict[str, Any], text: str) -> None:
    app = FlowApp(tmp_path, FLOW, DOUBLE)
    change(app, "worker", worker_options=options)
    with pytest.raises((WippyError, Problems)) as caught:
        await app.start()
    await app.stop()
    assert text in str(caught.value)


async def _client(app: FlowApp) -> Any:
    from temporalio.client import Client

    return await Client.connect(flow_app.TEMPORAL.address, namespace=app.namespace)


async def test_the_server_shows_the_identity(server: TemporalServer, tmp_path: Path) -> None:
    app = FlowApp(tmp_path, FLOW, DOUBLE)
    change(app, "worker", worker_options={"identity": "the one of the test"})
    async with app:
        await app.begin("flow", id="one")
        assert await app.result("one") == 42
        events = (await (await _client(app)).get_workflow_handle("one").fetch_history()).events
    assert {
        found.identity
        for event in events
        for found in (event.workflow_task_started_event_attributes, event.activity_task_started_event_attributes)
        if found.scheduled_event_id
    } == {"the one of the test"}


async def test_changed_options_hold_from_the_next_start_on(server: TemporalServer, tmp_path: Path) -> None:
    talks = workflow("flow", 'return function() print("said") process.inbox():receive() end')
    queue = workflow("queue", 'return function() return require("workflow").info().task_queue end')
    app = FlowApp(tmp_path, talks, queue)
    change(app, "worker", worker_options={"identity": "before"})
    async with app:

        async def identity(id: str) -> str:
            await app.begin("flow", id=id)
            handle = (await _client(app)).get_workflow_handle(id)

            async def waits() -> bool:
                return await app.count(id, ev.WorkflowTaskCompleted) >= 1

            await app.until(waits)
            events = (await handle.fetch_history()).events
            return events[2].workflow_task_started_event_attributes.identity

        assert await identity("one") == "before"
        change(app, "worker", worker_options={"identity": "after", "enable_logging_in_replay": True}, task_queue="else")
        await app.app.reload(load_project(str(tmp_path)))
        await app.app.supervisor.settled()
        assert await identity("two") == "before"
        await app.app.supervisor.stop(ID.parse("app:worker"))
        said = len(app.logged("said"))
        await app.app.supervisor.start(ID.parse("app:worker"))
        await app.signal("one", "go")
        await app.result("one")
        assert len(app.logged("said")) == said + 1
        assert await identity("three") == "after"
        assert await app.run("queue") == "main"


CALLS_ELSEWHERE = workflow(
    "elsewhere",
    """
    local funcs = require("funcs")
    return function(timeout)
      local there = funcs.new():with_options({
        ["activity.task_queue"] = "second", ["activity.schedule_to_start_timeout"] = timeout,
      })
      local value, err = there:call("app:double", 4)
      return value or err:message()
    end
    """,
)


async def test_a_worker_without_workflows_serves_functions_only(server: TemporalServer, tmp_path: Path) -> None:
    lone = {**second(), "worker_options": {"disable_workflow_worker": True}}
    async with FlowApp(tmp_path, FLOW, DOUBLE, CALLS_ELSEWHERE, lone) as app:
        await asyncio.wrap_future(app.spawn("flow", host="app:second", options={"workflow.id": "waiting"}))
        assert await app.run("elsewhere", "20s") == 8
        assert [type(event) for event in await app.history("waiting")] == [
            ev.WorkflowExecutionStarted,
            ev.WorkflowTaskScheduled,
        ]


async def test_a_worker_without_functions_serves_workflows_only(server: TemporalServer, tmp_path: Path) -> None:
    lone = {**second(), "worker_options": {"local_activity_worker_only": True}}
    plain = workflow("plain", "return function() return 'done' end")
    async with FlowApp(tmp_path, plain, DOUBLE, CALLS_ELSEWHERE, lone) as app:
        assert await app.run("plain", host="app:second") == "done"
        assert await app.run("elsewhere", "1s") == "activity ScheduleToStart timeout"


async def _make_current(client: Any, deployment: str, build: str) -> None:
    """Tells the server which version of a deployment new runs get, and waits until its queues know."""
    from temporalio.api.enums.v1 import RoutingConfigUpdateState
    from temporalio.api.workflowservice.v1 import (
        DescribeWorkerDeploymentRequest,
        SetWorkerDeploymentCurrentVersionRequest,
    )
    from temporalio.service import RPCError

    name = {"namespace": client.namespace, "deployment_name": deployment}
    known = RoutingConfigUpdateState.ROUTING_CONFIG_UPDATE_STATE_COMPLETED
    service = client.workflow_service
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(RPCError):  # no poller has told the server of the deployment yet
                await service.set_worker_deployment_current_version(
                    SetWorkerDeploymentCurrentVersionRequest(**name, build_id=build)
                )
                found = await service.describe_worker_deployment(DescribeWorkerDeploymentRequest(**name))
                if found.worker_deployment_info.routing_config_update_state == known:
                    return
            await asyncio.sleep(0.1)


BUILD = [
    {"name": "kept", "kind": "env.storage.memory"},
    {"name": "build", "kind": "env.variable", "storage": "app:kept", "default": "from the variable"},
]
PINNED = {
    "use_versioning": True,
    "deployment_name": "shop",
    "build_id_env": "app:build",
    "default_versioning_behavior": "pinned",
}


async def test_a_worker_of_a_deployment(server: TemporalServer, tmp_path: Path) -> None:
    app = FlowApp(tmp_path, FLOW, DOUBLE, *BUILD)
    change(app, "worker", worker_options=PINNED)
    async with app:
        client = await _client(app)
        await _make_current(client, "shop", "from the variable")
        await app.begin("flow", id="one")
        assert await app.result("one") == 42
        found = (await client.get_workflow_handle("one").describe()).raw_info.versioning_info
        version = found.deployment_version
        assert (version.deployment_name, version.build_id, found.behavior) == ("shop", "from the variable", 1)


@pytest.mark.parametrize(("given", "behavior"), [("auto_upgrade", 2), ("", 2), ("pinned", 1)])
async def test_how_versions_behave(
    server: TemporalServer, tmp_path: Path, told: dict[str, Any], given: str, behavior: int
) -> None:
    app = FlowApp(tmp_path, FLOW, DOUBLE)
    options = {"use_versioning": True, "deployment_name": "shop", "build_id": "b1"}
    change(app, "worker", worker_options={**options, "default_versioning_behavior": given})
    async with app:
        config = told["deployment_config"]
        assert (config.version.deployment_name, config.version.build_id) == ("shop", "b1")
        assert (config.use_worker_versioning, int(config.default_versioning_behavior)) == (True, behavior)


async def test_a_build_variable_that_is_not_set_is_ignored(
    server: TemporalServer, tmp_path: Path, told: dict[str, Any]
) -> None:
    await _run_with(tmp_path, {"use_versioning": True, "deployment_name": "shop", "build_id_env": "app:absent"})
    assert told["deployment_config"] is None


async def test_workers_that_do_not_run_say_so(server: TemporalServer, tmp_path: Path) -> None:
    idle = {**second(), "lifecycle": {}}
    starter = process(
        "starter",
        """
        return function(host, pid)
          local told = {}
          local function note(_, err) told[#told + 1] = tostring(err:kind()) .. ": " .. err:message() end
          note(process.spawn("app:waits", host))
          note(process.send(pid, "x", 1))
          return told
        end
        """,
    )
    async with FlowApp(tmp_path, WAITS, starter, idle) as app:
        pid = await app.begin("waits", id="one")

        async def waits() -> bool:
            return await app.count("one", ev.WorkflowTaskCompleted) == 1

        await app.until(waits)
        told = await app.process("starter", "app:second", "{app:provider@app:second|one}")
        assert [text.partition(": ")[2] for text in told] == ["temporal client not available"] * 2
        await app.app.supervisor.stop(ID.parse("app:worker"))
        assert await app.process("starter", "app:worker", pid) == [f"{UNKNOWN}: worker is closed"] * 2
        await app.app.supervisor.start(ID.parse("app:worker"))
        await app.signal("one", "word", "open again")
        assert await app.result("one") == "open again"

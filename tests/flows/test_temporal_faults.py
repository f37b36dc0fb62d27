"""Servers and applications of Temporal that are killed: what runs goes on, and nothing is lost or done twice."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows import flow_app
from flows.flow_app import FlowApp, function, process, workflow
from flows.temporal_server import TemporalServer, binary
from wippy.errors import UNAVAILABLE, WippyError
from wippy.registry.entry import ID
from wippy.workflows import events as ev

pytest.importorskip("temporalio", reason="the package temporalio (extra `temporal`) is not installed")


@pytest.fixture
def server(temporal_server: TemporalServer, monkeypatch: pytest.MonkeyPatch) -> TemporalServer:
    monkeypatch.setattr(flow_app, "TEMPORAL", temporal_server)
    return temporal_server


@pytest.fixture
def mortal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, temporal_server: TemporalServer
) -> Iterator[TemporalServer]:
    """A server of this test alone, which keeps what it knows in a file."""
    program = binary()
    assert program is not None
    found = TemporalServer(program, tmp_path / "temporal.db", 1)
    monkeypatch.setattr(flow_app, "TEMPORAL", found)
    yield found
    found.kill()


WAITS = workflow(
    "waits",
    """
    local time = require("time")
    return function()
      local one = process.inbox():receive():payload():data()
      return {one, process.inbox():receive():payload():data()}
    end
    """,
)
SLEEPS = workflow(
    "sleeps", 'local time = require("time")\nreturn function() time.sleep("2s") return "awake" end', "time"
)
CALLS = workflow("calls", 'local funcs = require("funcs")\nreturn function() return (funcs.call("app:slow")) end')
SLOW = function(
    "slow",
    """
    local time = require("time")
    return function()
      print("the slow one begins")
      time.sleep("1500ms")
      return "done"
    end
    """,
    "time",
)
WATCHER = process(
    "watcher",
    """
    return function(pid)
      process.monitor(pid)
      local event = process.events():receive()
      return {event.result.value, tostring(event.result.error)}
    end
    """,
)


async def test_a_server_that_is_killed_and_comes_back_has_lost_nothing(mortal: TemporalServer, tmp_path: Path) -> None:
    async with FlowApp(tmp_path / "app", WAITS, SLEEPS, CALLS, SLOW, WATCHER) as app:
        for entry in ("waits", "sleeps", "calls"):
            await app.begin(entry, id=entry)
        watched = asyncio.wrap_future(
            app.spawn("watcher", "{app:provider@app:worker|waits}", host="app:processes", exec=True)
        )
        await app.signal("waits", "word", "before")
        await app.asleep("sleeps")
        await app.until(lambda: app.logged("the slow one begins"))

        async def received() -> bool:
            kinds = [type(event) for event in await app.history("waits")]
            signaled = kinds.index(ev.WorkflowExecutionSignaled)
            return ev.WorkflowTaskCompleted in kinds[signaled:] and kinds[-1] is ev.WorkflowTaskCompleted

        await app.until(received)
        mortal.kill()
        sending = asyncio.ensure_future(app.signal("waits", "word", "during"))
        await asyncio.sleep(1.6)  # the activity and the timer end while nobody can be told
        assert not sending.done()
        mortal.start()
        await sending
        assert await app.result("waits") == ["before", "during"]
        assert await app.result("sleeps") == "awake"
        assert await app.result("calls") == "done"
        assert await watched == [["before", "during"], "nil"]
        assert len(app.logged("the slow one begins")) == 1
        assert len(app.logged("a Temporal server does not answer")) <= 1
        assert not app.logged("is blocked")


async def test_a_client_whose_health_check_fails_is_started_again(mortal: TemporalServer, tmp_path: Path) -> None:
    app = FlowApp(tmp_path / "app", WAITS, CALLS, SLOW, WATCHER)
    path = app.folder / "src" / "_index.yaml"
    document = yaml.safe_load(path.read_text())
    client = next(entry for entry in document["entries"] if entry["name"] == "provider")
    client["health_check"] = {"enabled": True, "interval": "100ms"}
    client["lifecycle"]["restart"] = {"initial_delay": "100ms", "max_delay": "300ms"}
    path.write_text(yaml.safe_dump(document))
    async with app:
        await app.begin("waits", id="one")
        await app.begin("calls", id="two")
        watched = asyncio.wrap_future(
            app.spawn("watcher", "{app:provider@app:worker|one}", host="app:processes", exec=True)
        )
        await app.until(lambda: app.logged("the slow one begins"))
        mortal.kill()
        await app.until(lambda: app.logged("service failed, it will be restarted"))
        mortal.start()
        await app.until(lambda: len(app.logged("service started {'service': 'app:provider'}")) == 2)
        await app.signal("one", "word", 1)
        await app.signal("one", "word", 2)
        assert await watched == [[1, 2], "nil"]
        assert await app.result("two") == "done"


async def test_a_client_starts_only_if_its_server_is_well(
    mortal: TemporalServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wippy.services import temporal_client

    app = FlowApp(tmp_path / "app", WAITS)
    path = app.folder / "src" / "_index.yaml"
    document = yaml.safe_load(path.read_text())
    for entry in document["entries"]:
        entry["lifecycle"] = {}
    path.write_text(yaml.safe_dump(document))
    async with app:
        provider = ID.parse("app:provider")
        mortal.kill()
        with pytest.raises(WippyError, match=f"the Temporal server at {mortal.address} does not answer"):
            await app.app.supervisor.start(provider)
        mortal.start()
        service = app.app.site.workflow_nodes["app:provider"].connection.client.service_client
        with monkeypatch.context() as patch:
            patch.setattr(temporal_client, "PATIENCE", 0.05)
            patch.setattr(service, "check_health", lambda: asyncio.sleep(60))
            with pytest.raises(WippyError, match="does not answer: TimeoutError"):
                await app.app.supervisor.start(provider)
        await app.app.supervisor.start(provider)


async def test_what_waits_for_a_dead_server_gives_up_and_the_application_stops(
    mortal: TemporalServer, tmp_path: Path
) -> None:
    app = await FlowApp(tmp_path / "app", WAITS, CALLS, SLOW).start()
    await app.begin("waits", id="one")
    await app.begin("calls", id="two")
    await app.until(lambda: app.logged("the slow one begins"))
    mortal.kill()
    with pytest.raises(WippyError) as caught:
        await app.signal("one", "word", 1)
    assert caught.value.kind == UNAVAILABLE
    assert caught.value.retryable is True
    assert "does not answer" in caught.value.message
    async with asyncio.timeout(20):
        await app.stop()


STEPS = workflow(
    "steps",
    """
    local funcs, uuid, time = require("funcs"), require("uuid"), require("time")
    return function(n)
      local out = {}
      local calls = funcs.new():with_options({["activity.heartbeat_timeout"] = "1s"})
      for i = 1, n do
        local id = uuid.v4()
        local back, err = calls:call("app:echo", id)
        if err then return nil, err end
        out[i] = back == id
      end
      return {n = #out, same = out[1] and out[n]}
    end
    """,
)
ECHO = function("echo", 'local time = require("time")\nreturn function(v) time.sleep("20ms") return v end', "time")


class Program:
    """An application in a process of its own, with an identity that the server shows."""

    def __init__(self, app: FlowApp, identity: str) -> None:
        self.folder = app.folder.parent / identity
        source = app.folder / "src" / "_index.yaml"
        document = yaml.safe_load(source.read_text())
        worker = next(entry for entry in document["entries"] if entry["name"] == "worker")
        worker["worker_options"]["identity"] = identity
        (self.folder / "src").mkdir(parents=True, exist_ok=True)
        (self.folder / "src" / "_index.yaml").write_text(yaml.safe_dump(document))
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "wippy", "run", "-s"]
        self._process = subprocess.Popen(command, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        """As abruptly as a crash."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(20)


async def _client(app: FlowApp) -> Any:
    from temporalio.client import Client

    return await Client.connect(flow_app.TEMPORAL.address, namespace=app.namespace)


async def _workers(handle: Any) -> list[str]:
    """Who has carried out the activities of a run."""
    history = await handle.fetch_history()
    return [
        event.activity_task_started_event_attributes.identity
        for event in history.events
        if event.HasField("activity_task_started_event_attributes")
    ]


async def _until(condition: Any) -> None:
    async with asyncio.timeout(60):
        while not await condition():
            await asyncio.sleep(0.02)


async def test_an_application_that_is_killed_goes_on_when_it_is_started_again(
    server: TemporalServer, tmp_path: Path
) -> None:
    app = FlowApp(tmp_path / "app", STEPS, ECHO)
    client = await _client(app)
    program = Program(app, "first")
    try:
        handle = await client.start_workflow(
            "app:steps", 30, id="one", task_queue="main", task_timeout=timedelta(seconds=1)
        )
        for steps in (5, 15):

            async def there(steps: int = steps) -> bool:
                return len(await _workers(handle)) >= steps

            await _until(there)
            program.kill()
            program.start()
        assert await handle.result() == {"n": 30, "same": True}
        assert len(await _workers(handle)) == 30
    finally:
        program.stop()


async def _polling(client: Any) -> set[str]:
    """Who asks the queue for activities."""
    from temporalio.api.enums.v1 import TaskQueueType
    from temporalio.api.taskqueue.v1 import TaskQueue
    from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest

    kind = TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY
    queue = TaskQueue(name="main")
    request = DescribeTaskQueueRequest(namespace=client.namespace, task_queue=queue, task_queue_type=kind)
    answer = await client.workflow_service.describe_task_queue(request)
    return {poller.identity for poller in answer.pollers}


async def test_one_of_two_applications_is_killed_and_the_other_does_its_work(
    server: TemporalServer, tmp_path: Path
) -> None:
    app = FlowApp(tmp_path / "app", STEPS, ECHO)
    client = await _client(app)
    programs = [Program(app, "left"), Program(app, "right")]
    try:

        async def ready() -> bool:
            return await _polling(client) >= {"left", "right"}

        await _until(ready)
        handles = [
            await client.start_workflow(
                "app:steps", 8, id=f"run-{n}", task_queue="main", task_timeout=timedelta(seconds=1)
            )
            for n in range(16)
        ]

        async def both() -> bool:
            found = [name for handle in handles for name in await _workers(handle)]
            return {"left", "right"} <= set(found)

        await _until(both)
        programs[0].kill()
        results = await asyncio.gather(*(handle.result() for handle in handles))
        assert results == [{"n": 8, "same": True}] * 16
        assert [len(await _workers(handle)) for handle in handles] == [8] * 16
    finally:
        for program in programs:
            program.stop()


def _greeting(body: str) -> dict[str, Any]:
    return workflow(
        "flow",
        f"""
        local funcs, workflow = require("funcs"), require("workflow")
        return function()
          {body}
        end
        """,
    )


WAIT = "local word = process.inbox():receive():payload():data()"
OLD = _greeting(f'local a = funcs.call("app:echo", "old") {WAIT} return a .. " " .. word')


async def _open_run(app: FlowApp, id: str) -> None:
    await app.begin("flow", id=id)

    async def called() -> bool:
        return await app.count(id, ev.WorkflowTaskCompleted) >= 2

    await app.until(called)


async def test_a_version_lets_open_runs_go_on_with_changed_code(server: TemporalServer, tmp_path: Path) -> None:
    new = _greeting(
        f"""
        local v = workflow.version("other greeting", -1, 1)
        local a = v == 1 and "new" or funcs.call("app:echo", "old")
        {WAIT}
        return a .. " " .. workflow.version("other greeting", -1, 1) .. " " .. word
        """
    )
    app = await FlowApp(tmp_path, OLD, ECHO).start()
    try:
        await _open_run(app, "one")
        await app.stop()
        app.write(new, ECHO)
        await app.start()
        await app.begin("flow", id="two")
        for id in ("one", "two"):
            await app.signal(id, "word", "x")
        assert await app.result("one") == "old -1 x"
        assert await app.result("two") == "new 1 x"
    finally:
        await app.stop()


async def test_without_a_version_changed_code_is_blocked_and_named(server: TemporalServer, tmp_path: Path) -> None:
    other = function("other", 'return function() return "other" end')
    changed = _greeting(f'local a = funcs.call("app:other", "old") {WAIT} return a .. " " .. word')
    app = await FlowApp(tmp_path, OLD, ECHO, other).start()
    try:
        await _open_run(app, "one")
        await app.stop()
        app.write(changed, ECHO, other)
        await app.start()
        await app.signal("one", "word", "x")
        await app.until(lambda: app.logged("is blocked"))
        text = app.logged("is blocked")[0]
        assert "workflow one (app:flow)" in text
        assert "app:echo" in text
        assert "app:other" in text
        assert re.search(r"in this task the code asks for activity 1 at app:flow:\d+", text)
        assert "workflow.version" in text
    finally:
        await app.stop()


async def test_an_attribute_that_the_server_does_not_know_says_what_to_do(
    server: TemporalServer, tmp_path: Path
) -> None:
    flow = workflow(
        "flow",
        """
        local workflow = require("workflow")
        return function() workflow.attrs({search = {nobody_knows = "x"}}) return "done" end
        """,
    )
    advice = "temporal operator search-attribute create --name nobody_knows"
    async with FlowApp(tmp_path, flow) as app:
        with pytest.raises(WippyError, match="no mapping defined for search attribute nobody_knows") as caught:
            await asyncio.wrap_future(app.spawn("flow", options={"workflow.search_attributes": {"nobody_knows": 1}}))
        assert advice in caught.value.message
        await app.begin("flow", id="one")
        await app.until(lambda: app.logged("refused a task"))
        assert advice in app.logged("refused a task")[0]

        async def blocked() -> bool:
            return advice in (await app.wait(app.engine.describe("one"))).blocked

        await app.until(blocked)

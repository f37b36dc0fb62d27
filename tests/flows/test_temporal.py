"""What is Temporal's alone: other clients and workers, the server's own view, settings of client and worker."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows import flow_app
from flows.flow_app import FlowApp, function, process, workflow
from flows.temporal_server import TemporalServer
from wippy.app import App
from wippy.errors import WippyError
from wippy.observe.log import Log
from wippy.registry.config import Config
from wippy.registry.notice import Problems
from wippy.registry.project import load_project
from wippy.workflows import events as ev

pytest.importorskip("temporalio", reason="the package temporalio (extra `temporal`) is not installed")

GREETER = workflow(
    "greeter",
    """
    return function(name)
      local message = process.inbox():receive()
      local text = funcs.call("app:greet", name, message:payload():data())
      return {text = text, topic = message:topic(), from = message:from()}
    end
    """.replace("return function(name)", 'local funcs = require("funcs")\nreturn function(name)'),
)
GREET = function("greet", "return function(name, word) return word .. ', ' .. name end")


@pytest.fixture
def server(temporal_server: TemporalServer, monkeypatch: pytest.MonkeyPatch) -> TemporalServer:
    monkeypatch.setattr(flow_app, "TEMPORAL", temporal_server)
    return temporal_server


async def connected(app: FlowApp) -> Any:
    from temporalio.client import Client

    return await Client.connect(flow_app.TEMPORAL.address, namespace=app.namespace)


async def test_a_client_in_python_starts_signals_and_awaits(server: TemporalServer, tmp_path: Path) -> None:
    async with FlowApp(tmp_path, GREETER, GREET) as app:
        client = await connected(app)
        handle = await client.start_workflow("app:greeter", "Ada", id="one", task_queue="main")
        await handle.signal("word", "Good morning")
        assert await handle.result() == {"text": "Good morning, Ada", "topic": "word", "from": ""}


async def test_an_activity_of_a_worker_in_python_is_callable(server: TemporalServer, tmp_path: Path) -> None:
    from temporalio import activity
    from temporalio.exceptions import ApplicationError
    from temporalio.worker import Worker

    @activity.defn(name="other:shout")
    async def shout(text: str) -> str:
        return text.upper()

    @activity.defn(name="other:fails")
    async def fails() -> None:
        raise ApplicationError("no paper", type="Unavailable", non_retryable=True)

    flow = workflow(
        "flow",
        """
        local funcs = require("funcs")
        return function()
          local elsewhere = funcs.new():with_options({["activity.task_queue"] = "python"})
          local text = elsewhere:call("other:shout", "hello")
          local _, err = elsewhere:call("other:fails")
          return {text, err:kind(), err:message(), err:retryable()}
        end
        """,
    )
    async with FlowApp(tmp_path, flow) as app:
        client = await connected(app)
        async with Worker(client, task_queue="python", activities=[shout, fails]):
            assert await app.run("flow") == ["HELLO", "Unavailable", "no paper", False]


async def test_queries(server: TemporalServer, tmp_path: Path) -> None:
    from temporalio.client import WorkflowQueryFailedError

    async with FlowApp(tmp_path, GREETER, GREET) as app:
        await app.begin("greeter", "Ada", id="one")
        handle = (await connected(app)).get_workflow_handle("one")
        assert await handle.query("state") == {}
        assert await handle.query("pid") == "one"
        assert "app:greeter" in await handle.query("__stack_trace")
        with pytest.raises(WorkflowQueryFailedError, match="unknown query type: colour"):
            await handle.query("colour")
        await app.signal("one", "word", "Hi")
        assert (await app.result("one"))["text"] == "Hi, Ada"
        assert await handle.query("pid") == "one"


async def test_a_run_goes_on_after_a_restart_with_the_same_values(server: TemporalServer, tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local funcs, uuid, workflow, time = require("funcs"), require("uuid"), require("workflow"), require("time")
        return function()
          local id, dice = uuid.v4(), math.random(1000000)
          local version = workflow.version("change", 1, 3)
          local seen = funcs.call("app:note", id .. "/" .. dice .. "/" .. version)
          process.inbox():receive()
          return {seen, id .. "/" .. dice .. "/" .. version, uuid.v4() ~= id}
        end
        """,
    )
    note = function("note", "return function(text) return text end")
    app = await FlowApp(tmp_path, flow, note).start()
    try:
        await app.begin("flow", id="one")
        await app.until(lambda: _tasks(app, "one", 2))  # the activity is done
        await app.restart()
        await app.signal("one", "go")
        seen, again, other = await app.result("one")
        assert seen == again
        assert other is True
    finally:
        await app.stop()


async def _tasks(app: FlowApp, id: str, number: int) -> bool:
    """Whether so many tasks are done; a task that is under way at a restart is tried again only after ten seconds."""
    return await app.count(id, ev.WorkflowTaskCompleted) >= number


async def _has(app: FlowApp, id: str, kind: type[Any]) -> bool:
    return await app.count(id, kind) > 0


async def test_changed_code_blocks_a_run_which_stays_open(server: TemporalServer, tmp_path: Path) -> None:
    def flow(first: str) -> dict[str, Any]:
        return workflow(
            "flow",
            f"""
            local funcs = require("funcs")
            return function()
              local value = funcs.call("app:{first}")
              process.inbox():receive()
              return value
            end
            """,
        )

    entries = [function("one", "return function() return 1 end"), function("two", "return function() return 2 end")]
    app = await FlowApp(tmp_path, flow("one"), *entries).start()
    try:
        await app.begin("flow", id="one")
        await app.until(lambda: _tasks(app, "one", 2))
        await app.stop()
        app.write(flow("two"), *entries)
        await app.start()
        await app.signal("one", "go")
        await app.until(lambda: _has(app, "one", ev.WorkflowTaskFailed))
        description = await asyncio.wrap_future(app.engine.describe("one"))
        assert description.status.name == "RUNNING"
    finally:
        await app.stop()


async def test_context_and_identity_go_along(server: TemporalServer, tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local funcs, ctx = require("funcs"), require("ctx")
        return function()
          return {ctx.get("colour"), funcs.call("app:who")}
        end
        """,
        "funcs ctx",
    )
    who = function(
        "who",
        """
        local security, ctx = require("security"), require("ctx")
        return function()
          local actor = security.actor()
          return {actor and actor:id() or "nobody", ctx.get("colour")}
        end
        """,
        "security ctx",
    )
    starter = process(
        "starter",
        """
        local security = require("security")
        return function()
          local spawner = process.with_context({colour = "red"}):with_actor(security.new_actor("ada"))
          local pid = spawner:spawn("app:flow", "app:worker")
          process.monitor(pid)
          return process.events():receive().result.value
        end
        """,
        "security",
    )
    async with FlowApp(tmp_path, flow, who, starter) as app:
        assert await app.process("starter") == ["red", ["ada", "red"]]


async def test_messages_under_policy_fail_are_there_before_all_others(server: TemporalServer, tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        return function()
          local out = {}
          for i = 1, 3 do out[i] = process.inbox():receive():payload():data() end
          return out
        end
        """,
    )
    starter = process(
        "starter",
        """
        return function()
          local b = process.with_options({["workflow.id"] = "one", ["workflow.id_conflict_policy"] = "fail"})
          local pid, err = b:with_message("n", 1):with_message("n", 2):spawn("app:flow", "app:worker")
          process.send(pid, "n", 3)
          return {pid ~= nil, tostring(err)}
        end
        """,
    )
    async with FlowApp(tmp_path, flow, starter) as app:
        assert await app.process("starter") == [True, "nil"]
        assert await app.result("one") == [1, 2, 3]


async def test_a_worker_that_a_function_names_runs_it(server: TemporalServer, tmp_path: Path) -> None:
    running = {"auto_start": True}
    second = {
        "name": "second",
        "kind": "temporal.worker",
        "client": "provider",
        "task_queue": "second",
        "lifecycle": running,
    }
    flow = workflow(
        "flow",
        'local funcs = require("funcs")\nreturn function() return {funcs.call("app:tied"), funcs.call("app:free")} end',
    )
    tied = function("tied", "return function() return 'tied' end")
    tied["meta"] = {"temporal": {"activity": {"worker": "second"}}}
    free = function("free", "return function() return 'free' end")
    async with FlowApp(tmp_path, flow, tied, free, second) as app:
        await app.begin("flow", id="one")
        assert await app.result("one") == ["tied", "free"]
        queues = [
            event.options.queue for event in await app.history("one") if isinstance(event, ev.ActivityTaskScheduled)
        ]
        assert queues == ["second", "main"]


def boot(folder: Path, *entries: dict[str, Any]) -> None:
    (folder / "src").mkdir(parents=True, exist_ok=True)
    document = {"version": "1.0", "namespace": "app", "entries": list(entries)}
    (folder / "src" / "_index.yaml").write_text(yaml.safe_dump(document))

    async def start() -> None:
        app = App(load_project(str(folder)), Config.load(str(folder)), Log.open(silent=True))
        try:
            await app.start()
        finally:
            await app.stop()

    asyncio.run(start())


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({}, "address is required"),
        ({"address": "x:1", "connection_timeout": "-1s"}, "connection timeout must be >= 0"),
        ({"address": "x:1", "keep_alive_time": "-1s"}, "keep alive time must be >= 0"),
        ({"address": "x:1", "keep_alive_timeout": "-1s"}, "keep alive timeout must be >= 0"),
        ({"address": "x:1", "connection_timeout": 5}, "connection_timeout"),
        ({"address": "x:1", "auth": {"type": "magic"}}, "invalid auth type: magic"),
        ({"address": "x:1", "auth": {"type": "api_key"}}, "API key source is required"),
        (
            {"address": "x:1", "auth": {"type": "api_key", "api_key": "a", "api_key_file": "b"}},
            "multiple API key sources specified",
        ),
        ({"address": "x:1", "auth": {"type": "mtls"}}, "mTLS certificate is required"),
        ({"address": "x:1", "auth": {"type": "mtls", "cert_pem": "c"}}, "mTLS key is required"),
        (
            {"address": "x:1", "auth": {"type": "mtls", "cert_pem": "c", "cert_file": "f"}},
            "multiple mTLS certificate sources specified",
        ),
        (
            {"address": "x:1", "auth": {"type": "mtls", "cert_pem": "c", "key_pem": "k", "key_file": "f"}},
            "multiple mTLS key sources specified",
        ),
        (
            {"address": "x:1", "tls": {"enabled": True, "insecure_skip_verify": True, "server_name": "s"}},
            "cannot use insecure skip verify with server name",
        ),
        ({"address": "x:1", "tls": {"enabled": True, "ca_file": "nothing.pem"}}, "cannot read nothing.pem"),
        (
            {"address": "x:1", "health_check": {"enabled": True, "interval": "-1s"}},
            "health check interval must be > 0 when enabled",
        ),
        (
            {"address": "x:1", "health_check": {"enabled": True, "interval": "0s"}},
            "health check interval must be > 0 when enabled",
        ),
        ({"address": "x", "tls": {"enabled": True, "insecure_skip_verify": True}}, "'x' is not host:port"),
        (
            {"address": "127.0.0.1:1", "connection_timeout": "2s"},
            "failed to create client: failed to connect to temporal",
        ),
    ],
)
def test_a_bad_client_is_told(tmp_path: Path, keys: dict[str, Any], text: str) -> None:
    with pytest.raises((WippyError, Problems)) as caught:
        boot(tmp_path, {"name": "client", "kind": "temporal.client", **keys})
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({}, "client reference is required"),
        ({"client": "client"}, "task queue is required"),
        ({"client": "nobody", "task_queue": "q"}, "nobody"),
        (
            {"client": "client", "task_queue": "q", "worker_options": {"worker_activities_per_second": -1}},
            "worker activities per second cannot be negative",
        ),
        (
            {"client": "client", "task_queue": "q", "worker_options": {"max_concurrent_workflow_task_pollers": 1}},
            "max concurrent workflow task pollers cannot be 1",
        ),
        (
            {
                "client": "client",
                "task_queue": "q",
                "worker_options": {"disable_workflow_worker": True, "local_activity_worker_only": True},
            },
            "cannot disable workflow worker and use local activity worker only simultaneously",
        ),
    ],
)
def test_a_bad_worker_is_told(server: TemporalServer, tmp_path: Path, keys: dict[str, Any], text: str) -> None:
    client = {"name": "client", "kind": "temporal.client", "address": server.address}
    with pytest.raises((WippyError, Problems)) as caught:
        boot(tmp_path, client, {"name": "worker", "kind": "temporal.worker", **keys})
    assert text in str(caught.value)


async def test_a_worker_that_does_not_run_says_so(server: TemporalServer, tmp_path: Path) -> None:
    idle = {"name": "idle", "kind": "temporal.worker", "client": "provider", "task_queue": "idle"}
    async with FlowApp(tmp_path, GREETER, GREET, idle) as app:
        with pytest.raises(WippyError, match="temporal client not available"):
            await app.run("greeter", "Ada", host="app:idle")


async def test_a_queue_with_a_prefix(server: TemporalServer, tmp_path: Path) -> None:
    flow = workflow("flow", 'return function() return require("workflow").info().task_queue end')
    app = FlowApp(tmp_path, flow)
    path = tmp_path / "src" / "_index.yaml"
    document = yaml.safe_load(path.read_text())
    next(entry for entry in document["entries"] if entry["name"] == "provider")["tq_prefix"] = "test."
    path.write_text(yaml.safe_dump(document))
    async with app:
        assert await app.run("flow") == "test.main"


async def test_retries_and_a_cron_of_the_server(server: TemporalServer, tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local workflow = require("workflow")
        return function()
          local attempt = workflow.info().attempt
          if attempt < 2 then error("not yet") end
          return attempt
        end
        """,
    )
    starter = process(
        "starter",
        """
        return function()
          local b = process.with_options({["workflow.retry_policy"] = {initial_interval = 1, maximum_attempts = 3}})
          b:spawn_monitored("app:flow", "app:worker")
          return process.events():receive().result.value
        end
        """,
    )
    async with FlowApp(tmp_path, flow, starter) as app:
        assert await app.process("starter") == 2


UPDATED = workflow(
    "updated",
    """
    return function()
      local total, answers = 0, {}
      while true do
        local message = process.inbox():receive()
        local from, value = message:from(), message:payload():data()
        if message:topic() == "end" then return {total, answers} end
        if message:topic() == "refuse" then
          process.send(from, "nak", value)
        elseif message:topic() == "break" then
          process.send(from, "ack")
          process.send(from, "error")
        else
          local _, early = process.send(from, "ok", 0)
          process.send(from, "ack")
          local _, twice = process.send(from, "ack")
          local _, other = process.send(from, "perhaps")
          total = total + value
          process.send(from, "ok", total)
          local _, over = process.send(from, "nak")
          local _, unknown = process.send("{update|none}", "ack")
          answers = {early:message(), twice:message(), other:message(), over:message(), unknown:message()}
        end
      end
    end
    """,
)


async def test_updates_of_foreign_clients_are_answered(server: TemporalServer, tmp_path: Path) -> None:
    from temporalio.client import WorkflowUpdateFailedError

    app = await FlowApp(tmp_path, UPDATED).start()
    try:
        await app.begin("updated", id="one")
        handle = (await connected(app)).get_workflow_handle("one")
        assert await handle.execute_update("add", 2) == 2
        assert await handle.execute_update("add", 3) == 5
        for name, value, text in (("refuse", "not now", "not now"), ("break", 1, "update failed")):
            with pytest.raises(WorkflowUpdateFailedError) as caught:
                await handle.execute_update(name, value)
            assert str(caught.value.cause).endswith(text)
        await app.restart()  # the history with its updates is replayed
        assert await handle.execute_update("add", 4) == 9
        await app.signal("one", "end", 0)
        assert await app.result("one") == [
            9,
            [
                "update not accepted (state: pending)",
                "update already accepted",
                "unknown update response: perhaps (expected ack/nak/ok/error)",
                "update already completed",
                "unknown update: none",
            ],
        ]
        assert await app.count("one", ev.WorkflowTaskCompleted) >= 5
        assert not app.logged("is blocked")
    finally:
        await app.stop()

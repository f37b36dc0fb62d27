"""Settings of Temporal clients and workers: what they connect with, what they run, and how they let go of it."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows import flow_app
from flows.flow_app import FlowApp, change, function, process, workflow
from flows.temporal_server import TemporalServer
from flows.test_temporal import boot
from wippy.errors import WippyError
from wippy.registry.notice import Problems
from wippy.services.temporal_client import ClientEntry
from wippy.workflows import events as ev

pytest.importorskip("temporalio", reason="the package temporalio (extra `temporal`) is not installed")


@pytest.fixture
def server(temporal_server: TemporalServer, monkeypatch: pytest.MonkeyPatch) -> TemporalServer:
    monkeypatch.setattr(flow_app, "TEMPORAL", temporal_server)
    return temporal_server


CERTIFICATE = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def connected_with(
    monkeypatch: pytest.MonkeyPatch, folder: Path, *entries: dict[str, Any], **keys: Any
) -> dict[str, Any]:
    """What the SDK is told by a client entry; the connection itself is refused."""
    from temporalio.client import Client

    seen: dict[str, Any] = {}

    async def connect(address: str, **options: Any) -> None:
        seen.update(options, address=address)
        raise RuntimeError("no server here")

    monkeypatch.setattr(Client, "connect", connect)
    client = {"name": "client", "kind": "temporal.client", "address": "cloud:7233", "namespace": "n", **keys}
    with pytest.raises((WippyError, Problems), match="no server here"):
        boot(folder, client, *entries)
    return seen


def test_certificates_reach_the_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, data in (("cert.pem", b"the certificate"), ("key.pem", b"the key"), ("ca.pem", CERTIFICATE)):
        (tmp_path / name).write_bytes(data)
    seen = connected_with(
        monkeypatch,
        tmp_path,
        auth={"type": "mtls", "cert_file": "cert.pem", "key_file": "key.pem"},
        tls={"enabled": True, "ca_file": "ca.pem", "server_name": "temporal.test"},
        keep_alive_time="20s",
        keep_alive_timeout="5s",
    )
    assert (seen["address"], seen["namespace"]) == ("cloud:7233", "n")
    tls = seen["tls"]
    assert (tls.client_cert, tls.client_private_key) == (b"the certificate", b"the key")
    assert (tls.server_root_ca_cert, tls.domain) == (CERTIFICATE, "temporal.test")
    assert (seen["keep_alive_config"].interval_millis, seen["keep_alive_config"].timeout_millis) == (20_000, 5_000)


def test_what_a_client_is_without_further_keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen = connected_with(monkeypatch, tmp_path)
    assert (seen["tls"], seen["keep_alive_config"].interval_millis, seen["keep_alive_config"].timeout_millis) == (
        False,
        30_000,
        10_000,
    )
    assert "api_key" not in seen
    assert connected_with(monkeypatch, tmp_path, keep_alive_time="0s")["keep_alive_config"] is None
    config = ClientEntry()
    assert (config.namespace, config.tq_prefix, str(config.connection_timeout)) == ("default", "", "10s")
    assert (config.health_check.enabled, str(config.health_check.interval)) == (False, "30s")


def test_tls_keys_mean_nothing_unless_it_is_enabled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tls = {"ca_file": "gone.pem", "server_name": "x", "insecure_skip_verify": True}
    assert connected_with(monkeypatch, tmp_path, tls=tls)["tls"] is False


def test_certificates_given_as_text_reach_the_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen = connected_with(monkeypatch, tmp_path, auth={"type": "mtls", "cert_pem": "c", "key_pem": "k"})
    assert (seen["tls"].client_cert, seen["tls"].client_private_key) == (b"c", b"k")


@pytest.mark.parametrize(
    "source",
    [{"api_key": "secret"}, {"api_key_file": "key.txt"}, {"api_key_env": "app:key"}, {"api_key": "${env:app:key}"}],
)
def test_an_api_key_reaches_the_server(source: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key.txt").write_text("  secret\n")
    variable = [
        {"name": "kept", "kind": "env.storage.memory"},
        {"name": "key", "kind": "env.variable", "storage": "app:kept", "default": "secret"},
    ]
    auth = {"type": "api_key", **source}
    seen = connected_with(monkeypatch, tmp_path, *variable, auth=auth, tls={"enabled": True})
    assert seen["api_key"] == "secret"
    assert seen["tls"]


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({"auth": {"type": "mtls", "cert_file": "gone.pem", "key_pem": "k"}}, "cannot read gone.pem"),
        ({"auth": {"type": "mtls", "cert_pem": "c", "key_file": "gone.pem"}}, "cannot read gone.pem"),
        ({"auth": {"type": "api_key", "api_key_file": "gone.txt"}}, "cannot read gone.txt"),
        ({"auth": {"type": "api_key", "api_key_env": "app:absent"}}, "variable not set: app:absent"),
        ({"auth": {"type": "mtls", "cert_pem": "c", "key_pem_env": "app:absent"}}, "variable not set: app:absent"),
        ({"tls": {"enabled": True, "ca_file": "empty.pem"}}, "empty.pem holds no certificate"),
    ],
)
def test_unreadable_credentials_are_told(tmp_path: Path, keys: dict[str, Any], text: str) -> None:
    (tmp_path / "empty.pem").write_text("")
    with pytest.raises((WippyError, Problems)) as caught:
        boot(tmp_path, {"name": "client", "kind": "temporal.client", "address": "x:1", **keys})
    assert text in str(caught.value)


TICKS = function(
    "ticks",
    """
    local time = require("time")
    return function()
      for _ = 1, 200 do print("tick") time.sleep("50ms") end
    end
    """,
    "time",
)


async def _stops(app: FlowApp) -> None:
    """Waits until the function ticks no more; it would go on for ten seconds."""
    before = -1
    while len(app.logged("tick")) != before:
        before = len(app.logged("tick"))
        await asyncio.sleep(0.5)
    assert 0 < before < 150


@pytest.mark.parametrize(
    "body",
    [
        'local f = funcs.async("app:ticks") time.sleep("1s") f:cancel() process.inbox():receive()',
        """
        local b = funcs.new():with_options({["activity.start_to_close_timeout"] = "1s",
          ["activity.retry_policy"] = {maximum_attempts = 1}})
        b:call("app:ticks") process.inbox():receive()
        """,
    ],
    ids=["a cancelled future", "a time limit"],
)
async def test_a_running_function_is_cancelled(server: TemporalServer, tmp_path: Path, body: str) -> None:
    flow = workflow("flow", f'local funcs, time = require("funcs"), require("time")\nreturn function() {body} end')
    async with FlowApp(tmp_path, flow, TICKS) as app:
        await app.begin("flow", id="one")
        await app.until(lambda: app.logged("tick"))
        await _stops(app)


async def test_a_function_of_a_terminated_workflow_is_cancelled(server: TemporalServer, tmp_path: Path) -> None:
    flow = workflow("flow", 'local funcs = require("funcs")\nreturn function() funcs.call("app:ticks") end')
    async with FlowApp(tmp_path, flow, TICKS) as app:
        await app.begin("flow", id="one")
        await app.until(lambda: app.logged("tick"))
        await asyncio.wrap_future(app.engine.terminate("one"))
        await _stops(app)


async def test_a_stopping_worker_gives_functions_their_grace(server: TemporalServer, tmp_path: Path) -> None:
    slow = function(
        "slow",
        'local time = require("time")\nreturn function() print("begun") time.sleep("700ms") return 1 end',
        "time",
    )
    flow = workflow("flow", 'local funcs = require("funcs")\nreturn function() return (funcs.call("app:slow")) end')
    app = FlowApp(tmp_path, flow, slow)
    change(app, "worker", worker_options={"worker_stop_timeout": "10s"})
    await app.start()
    try:
        await app.begin("flow", id="one")
        await app.until(lambda: app.logged("begun"))
        await app.restart()
        assert await app.result("one") == 1
        assert len(app.logged("begun")) == 1
    finally:
        await app.stop()


async def test_a_workflow_that_names_a_worker_runs_there_alone(server: TemporalServer, tmp_path: Path) -> None:
    second = {
        "name": "second",
        "kind": "temporal.worker",
        "client": "provider",
        "task_queue": "second",
        "lifecycle": {"auto_start": True},
    }
    source = """
        local workflow = require("workflow")
        return function(to)
          local info = workflow.info()
          if to then process.send(to, "from", 1) end
          return {info.task_queue, info.namespace}
        end
        """
    tied = workflow("tied", source, meta={"temporal": {"workflow": {"worker": "second"}}})
    listener = process(
        "listener",
        """
        return function(host)
          local pid = process.spawn("app:free", host, process.pid())
          return {process.inbox():receive():from() == pid, pid}
        end
        """,
    )
    async with FlowApp(tmp_path, tied, workflow("free", source), second, listener) as app:
        assert await app.run("tied", host="app:second") == ["second", app.namespace]
        assert await app.run("free", host="app:second") == ["second", app.namespace]
        for host in ("app:worker", "app:second"):
            same, pid = await app.process("listener", host)
            assert same, pid
        app.spawn("tied", options={"workflow.id": "lost"})
        await app.until(lambda: app.logged("workflow lost (app:tied) is blocked"))
        assert "no workflow entry serves the type app:tied" in app.logged("workflow lost")[0]


async def test_search_attributes_are_kept_and_found(server: TemporalServer, tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local workflow = require("workflow")
        return function()
          process.inbox():receive()
          workflow.attrs({search = {counted = 6}, memo = {stage = "second"}})
          process.inbox():receive()
        end
        """,
    )
    async with FlowApp(tmp_path, flow) as app:
        await asyncio.wrap_future(
            app.spawn("flow", options={"workflow.id": "one", "workflow.search_attributes": {"counted": 5.0}})
        )
        assert (await asyncio.wrap_future(app.engine.describe("one"))).search_attributes["counted"] == 5
        await app.signal("one", "go")

        async def changed() -> bool:
            found = await asyncio.wrap_future(app.engine.describe("one"))
            return found.memo.get("stage") == "second"

        await app.until(changed)
        found = await asyncio.wrap_future(app.engine.describe("one"))
        assert (found.search_attributes["counted"], found.memo["stage"]) == (6, "second")

        async def listed() -> bool:
            return [one.workflow_id for one in await asyncio.wrap_future(app.engine.find("counted = 6", 5))] == ["one"]

        await app.until(listed)
        with pytest.raises(WippyError, match="no mapping defined for search attribute"):
            await asyncio.wrap_future(app.spawn("flow", options={"workflow.search_attributes": {"unheard_of": 1}}))


@pytest.mark.parametrize("shown", [False, True])
async def test_prints_of_a_replay(server: TemporalServer, tmp_path: Path, shown: bool) -> None:
    flow = workflow("flow", 'return function() print("line one") process.inbox():receive() print("line two") end')
    app = FlowApp(tmp_path, flow)
    change(app, "worker", worker_options={"enable_logging_in_replay": shown})
    await app.start()
    try:
        await app.begin("flow", id="one")

        async def waits() -> bool:
            return await app.count("one", ev.WorkflowTaskCompleted) >= 1

        await app.until(waits)
        await app.restart()
        await app.signal("one", "go")
        await app.result("one")
        assert len(app.logged("line one")) == (2 if shown else 1)
        assert len(app.logged("line two")) == 1
    finally:
        await app.stop()


async def test_who_waits_for_a_workflow_is_forgotten_when_it_is_told_or_ends(
    server: TemporalServer, tmp_path: Path
) -> None:
    flow = workflow("flow", "return function() return process.inbox():receive():payload():data() end")
    leaves = process("leaves", "return function(pid) return {process.monitor(pid), process.unmonitor(pid)} end")
    waits = process(
        "waits", "return function(pid) process.monitor(pid) return process.events():receive().result.value end"
    )
    async with FlowApp(tmp_path, flow, leaves, waits) as app:
        pid = await app.begin("flow", id="one")
        assert await app.process("leaves", pid) == [True, True]
        assert len(app.engine.watches) == 0
        waiting = asyncio.wrap_future(app.spawn("waits", pid, host="app:processes", exec=True))
        await app.until(lambda: len(app.engine.watches) == 1)
        await app.signal("one", "word", "hello")
        assert await waiting == "hello"
        await app.until(lambda: len(app.engine.watches) == 0)


async def test_a_long_task_of_a_workflow_is_not_interrupted(server: TemporalServer, tmp_path: Path) -> None:
    import gc
    import inspect

    from temporalio.worker._workflow import _WorkflowWorker

    flow = workflow("flow", "return function() return 1 end")
    async with FlowApp(tmp_path, flow) as app:
        assert await app.run("flow") == 1
        limits = [one._deadlock_timeout_seconds for one in gc.get_objects() if isinstance(one, _WorkflowWorker)]
        assert limits == [None] * len(limits)
        assert limits
    assert "self._deadlock_timeout_seconds" in inspect.getsource(_WorkflowWorker)  # the SDK still looks at it


def test_an_outage_is_told_once() -> None:
    from types import SimpleNamespace

    from wippy.workflows.temporal.core_log import Repeated

    def record(text: str) -> logging.LogRecord:
        found = logging.LogRecord("x", logging.WARNING, "", 0, text, (), None)
        found.temporal_log = SimpleNamespace(fields={"error": 'code: "x", message: "why"'})
        return found

    told = Repeated()
    texts = ["gRPC call a retried 5 times", "gRPC call b retried 6 times", "Error while completing workflow activation"]
    shown = [one.msg for one in map(record, texts) if told.filter(one)]
    assert shown == [
        "a Temporal server does not answer; calls are tried again until it does",
        "a Temporal server refused a task of a workflow: why",
    ]


async def test_workers_and_clients_may_change_and_go_while_the_application_runs(
    server: TemporalServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from wippy.registry.project import load_project

    flow = workflow("flow", "return function() return process.inbox():receive():payload():data() end")
    sender = process(
        "sender",
        'return function(pid) local ok, err = process.send(pid, "x", 1) return {ok or false, tostring(err)} end',
    )
    path = tmp_path / "src" / "_index.yaml"
    async with FlowApp(tmp_path, flow, sender) as app:
        pid = await app.begin("flow", id="one")
        change(app, "worker", lifecycle={"stop_timeout": "7s"}, worker_options={"identity": "renamed"})
        change(app, "provider", health_check={"enabled": True, "interval": "1h"})
        await app.app.reload(load_project(str(tmp_path)))
        await app.app.supervisor.settled()
        await app.signal("one", "word", "kept")
        assert await app.result("one") == "kept"

        pid = await app.begin("flow", id="two")
        document = yaml.safe_load(path.read_text())
        document["entries"] = [e for e in document["entries"] if e["name"] not in ("worker", "provider")]
        path.write_text(yaml.safe_dump(document))
        await app.app.reload(load_project(str(tmp_path)))
        await app.app.supervisor.settled()
        ok, text = await app.process("sender", pid)
        assert ok is False
        assert "node not found" in text
        with pytest.raises(WippyError):
            await app.run("flow")
    assert "cannot schedule" not in caplog.text

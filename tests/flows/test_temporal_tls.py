"""Temporal clients that connect over TLS, as the entry says: whom they trust, and what they show."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from flows import flow_app
from flows.flow_app import FlowApp, function, process, workflow
from flows.temporal_server import TemporalServer
from flows.test_temporal_worker import change
from flows.tls_front import NAME, Authority, tls_front
from wippy.errors import WippyError
from wippy.registry.entry import ID
from wippy.registry.notice import Problems
from wippy.registry.project import load_project

pytest.importorskip("temporalio", reason="the package temporalio (extra `temporal`) is not installed")

FLOW = workflow("flow", 'local funcs = require("funcs")\nreturn function() return funcs.call("app:double", 21) end')
DOUBLE = function("double", "return function(n) return 2 * n end")


@pytest.fixture
def server(temporal_server: TemporalServer, monkeypatch: pytest.MonkeyPatch) -> TemporalServer:
    monkeypatch.setattr(flow_app, "TEMPORAL", temporal_server)
    return temporal_server


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "certificates")


def client(folder: Path, address: str, **keys: Any) -> FlowApp:
    app = FlowApp(folder / "app", FLOW, DOUBLE)
    change(app, "provider", address=address, connection_timeout="3s", **keys)
    return app


def trusting(authority: Authority, **keys: Any) -> dict[str, Any]:
    return {"enabled": True, "ca_file": str(authority.folder / "ca.pem"), "server_name": NAME, **keys}


async def test_a_server_that_the_authority_has_signed(
    server: TemporalServer, authority: Authority, tmp_path: Path
) -> None:
    async with tls_front(server.address, authority) as front:
        async with client(tmp_path, front.address, tls=trusting(authority)) as app:
            assert await app.run("flow") == 42
        assert set(front.clients) == {""}
        assert set(front.names) == {NAME}


@pytest.mark.parametrize(
    "tls",
    [
        {"enabled": False},
        {"enabled": True},
        {"ca_file": None},
        {"server_name": None},
        {"server_name": "other.test"},
        {"ca_file": "stranger"},
    ],
    ids=["no TLS", "TLS alone", "no authority", "no name", "another name", "another authority"],
)
async def test_a_server_that_is_not_the_one_meant(
    server: TemporalServer, authority: Authority, tmp_path: Path, tls: dict[str, Any]
) -> None:
    if tls.get("ca_file") == "stranger":
        tls = {"ca_file": str(Authority(tmp_path / "strangers").folder / "ca.pem")}
    if "enabled" not in tls:
        tls = {key: value for key, value in {**trusting(authority), **tls}.items() if value is not None}
    async with tls_front(server.address, authority) as front:
        app = client(tmp_path, front.address, tls=tls)
        with pytest.raises((WippyError, Problems), match="failed to connect to temporal"):
            await app.start()
        await app.stop()


@pytest.mark.parametrize("given", ["files", "texts", "variable"])
@pytest.mark.parametrize("verified", [True, False], ids=["verified", "not verified"])
async def test_a_client_shows_its_certificate(
    server: TemporalServer, authority: Authority, tmp_path: Path, given: str, verified: bool
) -> None:
    certificate, key = authority.issue("client.test")
    auth: dict[str, Any] = {"type": "mtls"}
    entries = []
    if given == "files":
        auth |= {"cert_file": str(certificate), "key_file": str(key)}
    else:
        auth |= {"cert_pem": certificate.read_text()}
    if given == "texts":
        auth |= {"key_pem": key.read_text()}
    if given == "variable":
        auth |= {"key_pem_env": "app:key"}
        entries = [
            {"name": "kept", "kind": "env.storage.memory"},
            {
                "name": "key",
                "kind": "env.variable",
                "storage": "app:kept",
                "variable": "KEY",
                "default": key.read_text(),
            },
        ]
    async with tls_front(server.address, authority, mutual=True) as front:
        tls = trusting(authority) if verified else {"enabled": True, "insecure_skip_verify": True}
        app = FlowApp(tmp_path / "app", FLOW, DOUBLE, *entries)
        change(app, "provider", address=front.address, auth=auth, tls=tls)
        async with app:
            assert await app.run("flow") == 42
        assert set(front.clients) == {"client.test"}


async def test_a_client_without_a_certificate_is_refused(
    server: TemporalServer, authority: Authority, tmp_path: Path
) -> None:
    async with tls_front(server.address, authority, mutual=True) as front:
        for tls in (trusting(authority), {"enabled": True, "insecure_skip_verify": True}):
            app = client(tmp_path, front.address, tls=tls)
            with pytest.raises((WippyError, Problems), match="failed to connect to temporal"):
                await app.start()
            await app.stop()


async def test_a_server_that_nobody_verifies(server: TemporalServer, authority: Authority, tmp_path: Path) -> None:
    async with tls_front(server.address, authority) as front:
        app = client(tmp_path, front.address, tls={"enabled": True, "insecure_skip_verify": True})
        async with app:
            assert await app.run("flow") == 42
            await app.app.supervisor.stop(ID.parse("app:provider"))
            with pytest.raises(WippyError, match="worker is closed"):
                await app.run("flow")
            await app.app.supervisor.start(ID.parse("app:provider"), ID.parse("app:worker"))
            assert await app.run("flow") == 42
        assert len(app.logged("nobody checks that")) == 1


async def test_an_api_key_goes_without_tls_where_none_is_wanted(server: TemporalServer, tmp_path: Path) -> None:
    app = client(tmp_path, server.address, auth={"type": "api_key", "api_key": "secret"})
    async with app:
        assert await app.run("flow") == 42
    assert app.logged("the API key is sent to")


async def test_a_changed_connection_is_used_after_a_restart_of_the_service(
    server: TemporalServer, authority: Authority, tmp_path: Path
) -> None:
    watcher = process("watcher", "return function(pid) process.monitor(pid) return process.events():receive().kind end")
    waits = workflow("waits", "return function() return process.inbox():receive():payload():data() end")
    async with (
        tls_front(server.address, authority) as front,
        FlowApp(tmp_path / "app", FLOW, DOUBLE, waits, watcher) as app,
    ):
        pid = await app.begin("waits", id="one")
        watched = asyncio.wrap_future(app.spawn("watcher", pid, host="app:processes", exec=True))
        await app.until(lambda: len(app.engine.watches) == 1)
        change(app, "provider", address=front.address, tls=trusting(authority))
        await app.app.reload(load_project(str(app.folder)))
        await app.app.supervisor.settled()
        assert await app.run("flow") == 42
        assert front.clients == []
        await app.app.supervisor.stop(ID.parse("app:provider"))
        await app.app.supervisor.start(ID.parse("app:provider"), ID.parse("app:worker"))
        assert await app.run("flow") == 42
        assert front.clients != []
        await app.signal("one", "word", 1)
        assert await watched == "pid.exit"

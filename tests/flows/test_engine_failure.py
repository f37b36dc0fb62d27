"""The embedded provider after a fault of its own: its service is started again, and the runs go on."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from application import application, workflow
from flows import flow_app
from wippy.errors import WippyError
from wippy.registry.entry import ID

RUNNING: dict[str, Any] = {"auto_start": True, "restart": {"initial_delay": "1ms"}}
ENTRIES = [
    {"name": "history", "kind": "workflow.provider.sqlite", "path": "flows.db", "lifecycle": RUNNING},
    {"name": "workflows", "kind": "workflow.worker", "provider": "history", "task_queue": "main", "lifecycle": RUNNING},
    workflow("waits", "return function() return process.inbox():receive():payload():data() end"),
]
BODY = """
local time = require("time")
local pid = "{app:history@app:workflows|one}"
process.monitor(pid)
while not process.send(pid, "word", "hello") do time.sleep("1ms") end
return process.events():receive().result.value
"""


def test_runs_go_on_after_the_engine_has_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with application(*ENTRIES, folder=tmp_path) as app:
        start = 'return process.with_options({["workflow.id"] = "one"}):spawn("app:waits", "app:workflows")'
        app.lua(start)
        engine = app.app.site.workflow_nodes["app:history"].engine()

        def broken() -> None:
            raise RuntimeError("a fault")

        monkeypatch.setattr(engine._core, "advance", broken)
        while app.app.site.workflow_nodes["app:history"].engine() is engine:
            engine.wake()
        assert app.lua(BODY, modules=["time"]) == "hello"


async def test_an_application_stops_though_its_disk_is_full(tmp_path: Path) -> None:
    waits = flow_app.workflow("waits", "return function() return process.inbox():receive():topic() end")
    async with flow_app.FlowApp(tmp_path, waits) as app:
        await app.begin("waits", id="one")
        engine = app.engine

        def full(batch: object) -> None:
            raise sqlite3.OperationalError("database or disk is full")

        engine._store.write = full
        told = engine.signal("one", None, "go", [])
        await app.until(lambda: engine.stalled)
        await app.app.supervisor.stop(ID.parse("app:worker"))
        await app.app.supervisor.stop(ID.parse("app:provider"))
        with pytest.raises(WippyError, match="the workflow engine has stopped"):
            told.result(10)

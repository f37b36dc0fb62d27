"""Durable steps: activities that a workflow calls one after another, each on disk before the next begins."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from functools import cache
from pathlib import Path
from typing import Any

from .application import application, host, unit
from .peers import Absent, Figures, installed, python
from .row import Effort, Row, peer, rate

ADD = "return function(a, b) return a + b end"
COUNT = """
local funcs = require("funcs")
return function(steps)
  local total = 0
  for number = 0, steps - 1 do
    local value, err = funcs.call("app:add", total, number)
    if err then return nil, err end
    total = value
  end
  return total
end
"""
ONE = """
local workflow = require("workflow")
return function(steps) return workflow.execute("app:count", steps) end
"""
MANY = """
return function(runs, steps)
  local events = process.events()
  for _ = 1, runs do assert(process.spawn_monitored("app:count", "app:worker", steps)) end
  for _ = 1, runs do
    local event = events:receive()
    if event.result.error then return nil, event.result.error end
    if event.result.value ~= steps * (steps - 1) / 2 then return nil, "wrong sum" end
  end
  return runs
end
"""
PROVIDER: dict[str, Any] = {
    "name": "provider",
    "kind": "workflow.provider.sqlite",
    "path": "flows.db",
    "synchronous": "full",
    "lifecycle": {"auto_start": True},
}
WORKER: dict[str, Any] = {
    "name": "worker",
    "kind": "workflow.worker",
    "provider": "app:provider",
    "task_queue": "main",
    "lifecycle": {"auto_start": True},
}
STEPS, RUNS, EACH = 2000, 100, 100


def measure(effort: Effort) -> list[Row]:
    steps, each = effort.of(STEPS), effort.of(EACH, 10)
    with application(
        host(),
        PROVIDER,
        WORKER,
        unit("function.lua", "add", ADD),
        unit("workflow.lua", "count", COUNT, "funcs"),
        unit("process.lua", "one", ONE, "workflow"),
        unit("process.lua", "many", MANY),
    ) as app:
        app.run("one", steps // 10)
        one = rate(effort, steps, lambda: app.run("one", steps))
        many = rate(effort, RUNS * each, lambda: app.run("many", RUNS, each))

    @cache
    def dbos() -> Figures:
        installed("dbos")
        return python("dbos_steps", effort.rounds, effort.of(1000), RUNS, each // 10, "shipped")

    @cache
    def dbos_wal() -> Figures:
        installed("dbos")
        return python("dbos_steps", effort.rounds, effort.of(1000), RUNS, each // 10, "wal")

    @cache
    def temporal() -> Figures:
        if not (shutil.which("temporal") or (Path(sys.executable).parent / "temporal").exists()):
            raise Absent("the temporal binary is not installed")
        if importlib.util.find_spec("temporalio") is None:
            raise Absent("not installed: temporalio")
        return python("temporal_steps", 1, effort.of(200), effort.of(RUNS), 10)

    def row(name: str, figure: str, value: float, goal: float, times: float | None) -> Row:
        peers = [
            peer("DBOS, SQLite", figure, dbos, times, "rollback journal, FULL"),
            peer("DBOS, SQLite", figure, dbos_wal, None, "set to WAL, FULL"),
            peer("Temporal dev server", figure, temporal),
        ]
        return Row(name, value, "steps/s", goal, peers)

    return [
        row("durable steps, 1 run", "one", one, 2_000, 5),
        row("durable steps, 100 runs", "many", many, 5_000, None),
    ]

"""Durable steps: activities that a workflow calls one after another, each on disk before the next begins."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from .application import application, host, unit
from .peers import Absent, Figures, installed, python
from .peers.temporal_server import dev_server
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
AT_ONCE = """
local workflow = require("workflow")
return function(runs, steps)
  local done = channel.new(runs)
  for _ = 1, runs do
    coroutine.spawn(function() done:send({workflow.execute("app:count", steps)}) end)
  end
  for _ = 1, runs do
    local answer = done:receive()
    if answer[1] ~= steps * (steps - 1) / 2 then return nil, answer[2] or "wrong sum" end
  end
  return runs
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

    ours, sdk = _temporal(effort)

    def temporal() -> Figures:
        return _figures(sdk)

    def row(name: str, figure: str, value: float, goal: float, times: float, of_temporal: float | None) -> Row:
        peers = [
            peer("DBOS, SQLite", figure, dbos, times, "rollback journal, FULL"),
            peer("DBOS, SQLite", figure, dbos_wal, times, "set to WAL, FULL"),
            peer("Temporal dev server", figure, temporal, of_temporal),
        ]
        return Row(name, value, "steps/s", goal, peers)

    rows = [
        row("durable steps, 1 run", "one", one, 2_000, 10, 100),
        row("durable steps, 100 runs", "many", many, 5_000, 20, None),
    ]
    for figure, name in (("one", "1 run"), ("many", "100 runs")):
        if isinstance(ours, dict):
            plain = peer("Temporal SDK for Python", figure, temporal, 0.9, "the same dev server")
            rows.append(Row(f"steps on a Temporal server, {name}", float(ours[figure]), "steps/s", None, [plain]))
    return rows


def _figures(found: Figures | Absent) -> Figures:
    if isinstance(found, Absent):
        raise found
    return found


def _temporal(effort: Effort) -> tuple[Figures | Absent, Figures | Absent]:
    """Steps per second of the provider for Temporal, and of Temporal's own SDK, on one dev server."""
    effort = msgspec.structs.replace(effort, rounds=min(effort.rounds, 2))
    steps, runs, each = effort.of(200), effort.of(RUNS), 10
    try:
        with dev_server() as address:
            with application(
                host(),
                {"name": "provider", "kind": "temporal.client", "address": address, "lifecycle": {"auto_start": True}},
                {
                    "name": "worker",
                    "kind": "temporal.worker",
                    "client": "provider",
                    "task_queue": "main",
                    "lifecycle": {"auto_start": True},
                },
                unit("function.lua", "add", ADD),
                unit("workflow.lua", "count", COUNT, "funcs"),
                unit("process.lua", "at_once", AT_ONCE, "workflow"),
            ) as app:
                app.run("at_once", 1, 10)
                ours: Figures = {
                    "one": rate(effort, steps, lambda: app.run("at_once", 1, steps)),
                    "many": rate(effort, runs * each, lambda: app.run("at_once", runs, each)),
                }
            sdk: Figures | Absent
            try:
                sdk = python("temporal_steps", address, effort.rounds, steps, runs, each)
            except Absent as reason:
                sdk = reason
            return ours, sdk
    except Absent as reason:
        return reason, reason

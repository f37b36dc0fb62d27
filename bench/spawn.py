"""Processes that begin and end, and processes that wait."""

from __future__ import annotations

import time
from functools import cache

from .application import Application, application, host, unit
from .peers import Figures
from .peers.beam import beam
from .row import Effort, Row, peer, rate

SPAWNER = """
return function(count)
  for _ = 1, count do process.spawn("app:nothing", "app:processes") end
  return count
end
"""
IDLER = """
return function(count)
  for _ = 1, count do process.spawn("app:idle", "app:processes") end
  return count
end
"""
SPAWNS, IDLE = 100_000, 100_000


def _spawn(app: Application, count: int) -> None:
    app.run("spawner", count)
    while app.host().figures()["processes"]:
        time.sleep(0.001)


def measure(effort: Effort) -> list[Row]:
    spawns = effort.of(SPAWNS)
    with application(
        host(),
        unit("process.lua", "nothing", "return function() return 1 end"),
        unit("process.lua", "idle", "return function() process.inbox():receive() end"),
        unit("process.lua", "spawner", SPAWNER),
        unit("process.lua", "idler", IDLER),
    ) as app:
        _spawn(app, spawns // 10)
        per_second = rate(effort, spawns, lambda: _spawn(app, spawns))
        idle = effort.of(IDLE)
        app.run("idler", 100)
        before = app.memory()
        app.run("idler", idle)
        while app.host().figures()["runnable"]:
            time.sleep(0.001)
        waiting = app.host().figures()["processes"]
        assert waiting == idle + 100, f"{waiting} processes wait"
        bytes_each = (app.memory() - before) / idle

    @cache
    def erlang() -> Figures:
        return beam(effort.rounds, 1000, 1, 1000, spawns, idle)

    return [
        Row("spawn and exit", per_second, "processes/s", 100_000, [peer("BEAM", "spawn", erlang)]),
        Row(f"idle process, of {idle:,}", bytes_each, "bytes", 2_700, [peer("BEAM", "idle", erlang)]),
    ]

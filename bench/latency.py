"""Latency: how soon a process answers while others compute without end."""

from __future__ import annotations

import sys
import time

from .application import Application, application, host, unit
from .row import Effort, Row

ECHO = """
return function()
  local inbox = process.inbox()
  while true do
    local m = inbox:receive()
    process.send(m:from(), "answer", m:payload():data())
  end
end
"""
ASK = """
local time = require("time")
return function(pid, count)
  local answers = process.listen("answer")
  local took = {}
  for i = 1, count do
    local begun = time.now()
    process.send(pid, "ask", i)
    answers:receive()
    took[i] = time.now():sub(begun):microseconds()
    time.sleep("1ms")
  end
  return took
end
"""
SPIN = "return function() local n = 0 while true do n = n + 1 end end"
LIMIT = 0.020


def _times(app: Application, on: str, asker: str, count: int) -> list[float]:
    """Seconds from question to answer, in order of size."""
    pid = app.host(on).spawn("app:echo", []).result(30)
    took = app.run("ask", pid, count, on=asker)
    return sorted(one / 1e6 for one in took)


def _rows(name: str, times: list[float]) -> list[Row]:
    def at(share: float) -> float:
        return times[min(len(times) - 1, int(len(times) * share))]

    note = f"p50 {at(0.5) * 1000:.2f} ms, most {times[-1] * 1000:.2f} ms"
    return [Row(f"answer, p99: {name}", at(0.99), "s", LIMIT, note=note)]


def _load(app: Application, on: str, count: int) -> None:
    for _ in range(count):
        app.host(on).spawn("app:spin", []).result(30)
    time.sleep(0.2)


def measure(effort: Effort) -> list[Row]:
    count = effort.of(2000, 100)
    rows = []
    units = [
        unit("process.lua", "echo", ECHO),
        unit("process.lua", "ask", ASK, "time"),
        unit("process.lua", "spin", SPIN),
    ]
    cases = (
        ("idle host", 1, "shared", 0),
        ("two endless loops on the same worker", 1, "shared", 2),
        ("two endless loops on a host of two workers", 2, "shared", 2),
        ("two endless loops, isolation: process", 2, "process", 2),
    )
    for name, workers, isolation, loops in cases:
        busy = host("busy", workers)
        busy["host"]["isolation"] = isolation
        with application(host("processes", 1), busy, *units) as app:
            _load(app, "app:busy", loops)
            rows += _rows(f"{name}, asked by a process of it", _times(app, "app:busy", "app:busy", count))
            if loops:
                rows += _rows(f"{name}, asked from another host", _times(app, "app:busy", "app:processes", count))
    with application(host("processes", 1), host("busy", 1), *units) as app:
        _load(app, "app:busy", 3)
        rows += _rows("another host saturated", _times(app, "app:processes", "app:processes", count))
    print(f"switch interval {sys.getswitchinterval() * 1000:g} ms", file=sys.stderr)
    return rows

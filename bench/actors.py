"""Many to one, from worker to worker, one of many channels, timers under load, and a million processes that wait."""

from __future__ import annotations

import resource
import time
from functools import cache
from typing import Any

from .application import WAIT, Application, application, host, unit
from .messages import PONG
from .peers import Figures, python
from .peers.beam import actors as beam
from .row import Effort, Row, peer, rate
from .spawn import IDLER

SENDERS, EACH = 1000, 300
SELECTS, TURNS = 200_000, 30_000
PENDING, PROBES = 100_000, 500
MILLION = 1_000_000

FAN_IN = """
return function(senders, each)
  local inbox = process.inbox()
  local me = process.pid()
  for _ = 1, senders do process.spawn("app:sender", "app:processes", me, each) end
  for _ = 1, senders * each do inbox:receive() end
  return senders * each
end
"""
SENDER = "return function(to, each) for n = 1, each do process.send(to, 'n', n) end end"
SELECT = """
return function(turns)
  local cases, channels = {}, {}
  for i = 1, 10 do
    local ch = channel.new()
    channels[i], cases[i] = ch, ch:case_receive()
    coroutine.spawn(function() for n = 1, turns // 10 do ch:send(n) end end)
  end
  for _ = 1, turns // 10 * 10 do
    if not channel.select(cases).ok then return nil, "closed" end
  end
  return turns
end
"""
ACROSS = """
return function(turns)
  local pong = process.spawn("app:pong", "app:other")
  local inbox = process.inbox()
  for n = 1, turns do
    process.send(pong, "ping", n)
    inbox:receive()
  end
  process.send(pong, "stop")
end
"""
TIMERS = """
local time = require("time")
return function(pending, probes)
  local begun = time.now()
  local kept = {}
  for i = 1, pending do kept[i] = time.timer("1h") end
  local seconds = time.now():sub(begun):seconds()
  local late, done = {}, channel.new(probes)
  for i = 1, probes do
    coroutine.spawn(function()
      local ms = i % 50 + 1
      local before = time.now()
      time.sleep(ms .. "ms")
      done:send(time.now():sub(before):microseconds() - ms * 1000)
    end)
  end
  for i = 1, probes do late[i] = done:receive() end
  table.sort(late)
  for i = 1, pending do kept[i]:stop() end
  return {seconds = seconds, p50 = late[probes // 2], p99 = late[probes * 99 // 100]}
end
"""


def measure(effort: Effort) -> list[Row]:
    each, turns, selects = effort.of(EACH, 30), effort.of(TURNS, 100), effort.of(SELECTS, 100)

    @cache
    def asyncio_tasks() -> Figures:
        return python("asyncio_actors", effort.rounds, SENDERS, each, selects, turns, effort.of(PENDING), PROBES)

    @cache
    def erlang() -> Figures:
        return beam(effort.rounds, SENDERS, each, effort.of(MILLION))

    with application(
        host(),
        host("other"),
        unit("process.lua", "fan-in", FAN_IN),
        unit("process.lua", "sender", SENDER),
        unit("process.lua", "select", SELECT),
        unit("process.lua", "across", ACROSS),
        unit("process.lua", "pong", PONG),
        unit("process.lua", "timers", TIMERS, "time"),
    ) as app:
        app.run("fan-in", SENDERS, 10)
        fan_in = rate(effort, SENDERS * each, lambda: app.run("fan-in", SENDERS, each))
        select = rate(effort, selects, lambda: app.run("select", selects))
        across = rate(effort, 2 * turns, lambda: app.run("across", turns))
        timers: dict[str, Any] = min(
            (app.run("timers", effort.of(PENDING), PROBES) for _ in range(effort.rounds)), key=lambda one: one["p99"]
        )
    seconds, bytes_each = _million(effort.of(MILLION))
    return [
        Row(
            f"fan-in, {SENDERS:,} senders to one",
            fan_in,
            "messages/s",
            peers=[peer("asyncio.Queue", "fan_in", asyncio_tasks), peer("BEAM", "fan_in", erlang)],
        ),
        Row(
            "select over 10 channels",
            select,
            "selects/s",
            peers=[peer("asyncio.wait over 10 queues", "select", asyncio_tasks)],
        ),
        Row(
            "ping-pong between two workers",
            across,
            "messages/s",
            peers=[peer("two threads, queue.SimpleQueue", "threads", asyncio_tasks)],
        ),
        Row(
            f"firing of a timer, p99 too late, {effort.of(PENDING):,} pending (set in {timers['seconds']:.2f} s, "
            f"p50 {timers['p50'] / 1e6:.6f} s)",
            timers["p99"] / 1e6,
            "s",
            peers=[peer("asyncio.call_later", "late", asyncio_tasks)],
        ),
        Row(
            f"spawning {effort.of(MILLION):,} processes that wait",
            seconds,
            "s",
            peers=[peer("BEAM", "million_seconds", erlang)],
        ),
        Row(
            f"idle process, of {effort.of(MILLION):,} (the whole Python process had {_resident():.1f} GB)",
            bytes_each,
            "bytes",
            2_700,
            [peer("BEAM", "million_bytes", erlang)],
        ),
    ]


def _resident() -> float:
    """The most that this Python process has had, in gigabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def _million(count: int) -> tuple[float, float]:
    with application(
        host(),
        unit("process.lua", "idle", "return function() process.inbox():receive() end"),
        unit("process.lua", "idler", IDLER),
    ) as app:
        before = app.memory()
        begin = time.perf_counter()
        app.run("idler", count)
        _wait(app)
        seconds = time.perf_counter() - begin
        found = app.host().figures()["processes"]
        assert found == count, f"{found} processes wait"
        return seconds, (app.memory() - before) / count


def _wait(app: Application) -> None:
    end = time.monotonic() + WAIT
    while app.host().figures()["runnable"]:
        assert time.monotonic() < end, "they do not come to rest"
        time.sleep(0.001)

"""What must be survived, at full scale: a storm of messages, and as many ends at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from .application import Application, application, host, unit
from .row import Effort, Row

COLLECT = """
return function(senders, each)
  local inbox, me = process.inbox(), process.pid()
  for _ = 1, senders do assert(process.spawn("app:sender", "app:processes", me, each)) end
  local last = {}
  for _ = 1, senders * each do
    local m = inbox:receive()
    local from, number = m:from(), m:payload():data()
    if number ~= (last[from] or 0) + 1 then return nil, "lost or out of order" end
    last[from] = number
  end
  return senders * each
end
"""
SENDER = """
local time = require("time")
return function(to, each)
  for number = 1, each do
    local ok, err = process.send(to, "t", number)
    while not ok do
      if err:kind() ~= errors.RATE_LIMITED then error(err) end
      time.sleep("50ms")
      ok, err = process.send(to, "t", number)
    end
  end
end
"""
# Spawns all, each linked to a hub and watched by this process; ends the hub; counts what it is told.
KILL = """
return function(count)
  local events, time = process.events(), require("time")
  local hub = process.spawn("app:hub", "app:processes", process.pid())
  local told = process.listen("told")
  for i = 1, count do
    assert(process.spawn_monitored("app:leaf", "app:processes", hub))
    if i % 1000 == 0 then coroutine.yield() end
  end
  for _ = 1, 20 do coroutine.yield() end
  process.send(hub, "go", count)
  told:receive()
  local begun = time.now()
  process.terminate(hub)
  for _ = 1, count do
    local e = events:receive()
    if e.kind ~= process.event.EXIT or e.result.error == nil then return nil, "wrong event" end
  end
  return time.now():sub(begun):seconds()
end
"""
LEAF = "return function(hub) assert(process.link(hub)) process.inbox():receive() end"
CENTRE = """
return function(owner)
  process.inbox():receive()
  process.send(owner, "told")
  channel.new():receive()
end
"""
MESSAGES, SENDERS, ENDS = 10_000_000, 1000, 100_000
PAUSE = 0.02


def _peak(app: Application, work: Callable[[], Any]) -> tuple[float, int]:
    """Seconds that the work takes, and the most bytes that the VM had meanwhile."""
    vm, over = app.host().workers[0].vm, threading.Event()
    most = vm.memory()

    def watch() -> None:
        nonlocal most
        while not over.wait(PAUSE):
            most = max(most, vm.memory())

    watcher = threading.Thread(target=watch)
    watcher.start()
    begun = time.perf_counter()
    try:
        work()
    finally:
        over.set()
        watcher.join()
    return time.perf_counter() - begun, most


def _storm(effort: Effort, **limits: Any) -> tuple[float, int, int]:
    each = effort.of(MESSAGES // SENDERS)
    place = host()
    place["host"].update(limits)
    with application(
        place, unit("process.lua", "collect", COLLECT), unit("process.lua", "sender", SENDER, "time")
    ) as app:
        seconds, most = _peak(app, lambda: app.run("collect", SENDERS, each))
    return SENDERS * each / seconds, most, SENDERS * each


def measure(effort: Effort) -> list[Row]:
    free, most, count = _storm(effort)
    bounded, most_bounded, _ = _storm(effort, max_mailbox=20_000, max_memory="64M")
    ends = effort.of(ENDS)
    with application(
        host(),
        unit("process.lua", "kill", KILL, "time"),
        unit("process.lua", "leaf", LEAF),
        unit("process.lua", "hub", CENTRE),
    ) as app:
        told = app.run("kill", ends)
        left = app.host().figures()["processes"]
        assert left == 0, f"{left} processes are left"
    many = f"{count:,} messages from {SENDERS:,} senders"
    return [
        Row(many, free, "messages/s", note="order kept, none lost"),
        Row(f"{many}: memory", most, "bytes", note="no limit"),
        Row(f"{many}, max_mailbox 20,000", bounded, "messages/s", note="order kept, none lost"),
        Row(f"{many}, max_mailbox 20,000: memory", most_bounded, "bytes", 64 << 20),
        Row(f"{ends:,} linked processes end at once", told, "s", note="until the last EXIT is read"),
    ]

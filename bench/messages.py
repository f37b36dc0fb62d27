"""Messages through the public API: one pair of processes, and a thousand."""

from __future__ import annotations

from functools import cache

from .application import application, host, unit
from .peers import Figures, installed, python
from .peers.beam import beam
from .row import Effort, Row, peer, rate

PONG = """
return function()
  local inbox = process.inbox()
  while true do
    local message = inbox:receive()
    if message:topic() == "stop" then return end
    process.send(message:from(), "pong", message:payload():data() + 1)
  end
end
"""
PING = """
return function(turns)
  local pong = process.spawn("app:pong", "app:processes")
  local inbox = process.inbox()
  for number = 1, turns do
    process.send(pong, "ping", number)
    local answer = inbox:receive():payload():data()
    if answer ~= number + 1 then return nil, "wrong answer" end
  end
  process.send(pong, "stop")
  return turns
end
"""
PAIRS = """
return function(pairs, turns)
  local events = process.events()
  for _ = 1, pairs do assert(process.spawn_monitored("app:ping", "app:processes", turns)) end
  for _ = 1, pairs do
    local event = events:receive()
    if event.result.error then return nil, event.result.error end
  end
  return pairs
end
"""
TURNS, MANY, EACH = 300_000, 1000, 300


def measure(effort: Effort) -> list[Row]:
    turns, each = effort.of(TURNS), effort.of(EACH, 30)
    with application(
        host(),
        unit("process.lua", "pong", PONG),
        unit("process.lua", "ping", PING),
        unit("process.lua", "pairs", PAIRS),
    ) as app:
        app.run("ping", turns // 10)
        one = rate(effort, 2 * turns, lambda: app.run("ping", turns))
        many = rate(effort, 2 * MANY * each, lambda: app.run("pairs", MANY, each))

    @cache
    def asyncio_queue() -> Figures:
        return python("asyncio_queue", effort.rounds, turns, MANY, each)

    @cache
    def pykka() -> Figures:
        installed("pykka")
        return python("pykka_actors", 1, effort.of(30_000), MANY, 30)

    @cache
    def erlang() -> Figures:
        return beam(effort.rounds, turns, MANY, each, 1000, 1000)

    def row(name: str, figure: str, value: float, goal: float, times: float | None) -> Row:
        peers = [
            peer("asyncio.Queue", figure, asyncio_queue, times),
            peer("pykka", figure, pykka),
            peer("BEAM", figure, erlang),
        ]
        return Row(name, value, "messages/s", goal, peers)

    return [
        row("ping-pong, 2 processes", "one", one, 800_000, 4),
        row("ping-pong, 1,000 pairs", "many", many, 400_000, None),
    ]

"""Thousands of processes end at once: everybody who watches is told once, nothing is left behind."""

from __future__ import annotations

import pytest

from application import application, host, process

COUNT = 1500

HUB = """
    return function(count, witness, where)
      for i = 1, count do
        local pid = assert(process.spawn_linked("app:leaf", where, i))
        process.send(witness, "born", pid)
      end
      process.inbox():receive()
      error("the hub is gone")
    end
"""
LEAF = "return function(i) process.registry.register('leaf ' .. i) process.inbox():receive() end"
WITNESS = """
    return function(count, hub_host, leaf_host)
      local born, events = process.listen("born"), process.events()
      local hub = process.spawn("app:hub", hub_host, count, process.pid(), leaf_host)
      local seen = {}
      for i = 1, count do
        local pid = born:receive()
        assert(process.monitor(pid))
        seen[pid] = 0
      end
      process.send(hub, "go")
      local failed = 0
      for i = 1, count do
        local e = events:receive()
        seen[e.from] = seen[e.from] + 1
        if e.result.error:message() == "linked process failed" then failed = failed + 1 end
      end
      local once, dead, free = 0, 0, 0
      for pid, times in pairs(seen) do
        if times == 1 then once = once + 1 end
        local ok, err = process.send(pid, "t")
        if not ok and err:kind() == errors.NOT_FOUND then dead = dead + 1 end
      end
      for i = 1, count do
        if not process.registry.lookup("leaf " .. i) then free = free + 1 end
      end
      return {failed, once, dead, free}
    end
"""


@pytest.fixture
def app():
    with application(
        host("processes", 1),
        host("many", 2),
        process("hub", HUB),
        process("leaf", LEAF),
        process("witness", WITNESS),
        process("idle", "return function(to) process.send(to, 'up') process.inbox():receive() end"),
    ) as app:
        yield app


@pytest.mark.parametrize(
    ("hub", "leaves"), [("app:processes", "app:processes"), ("app:processes", "app:many"), ("app:many", "app:many")]
)
def test_a_hub_takes_its_links_along(app, hub: str, leaves: str) -> None:
    assert app.execute("app:witness", COUNT, hub, leaves) == [COUNT] * 4
    assert app.host("app:many").figures()["processes"] == 0
    assert app.host().figures()["processes"] == 0


def test_a_host_that_is_killed_tells_watchers_elsewhere(app) -> None:
    watching = app.define(
        process(
            "watching",
            """
            return function(count)
              local up, events = process.inbox(), process.events()
              for i = 1, count do
                assert(process.spawn_monitored("app:idle", "app:many", process.pid()))
              end
              for i = 1, count do up:receive() end
              process.registry.register("watching")
              local kinds, seen = {}, {}
              for i = 1, count do
                local e = events:receive()
                seen[e.from] = true
                kinds[e.result.error:kind()] = (kinds[e.result.error:kind()] or 0) + 1
              end
              local pids = 0
              for _ in pairs(seen) do pids = pids + 1 end
              return {kinds.Canceled, pids}
            end
            """,
        )
    )
    assert watching is None
    found = app.begin("app:watching", COUNT)
    while app.app.runtime.router.names.holder(b"watching") is None:
        app.settle()
    app.host("app:many").stop(0)
    assert found.result(30) == [COUNT, COUNT]


def test_the_memory_of_thousands_comes_back(app) -> None:
    app.execute("app:witness", 10, "app:processes", "app:processes")
    vm = app.host().workers[0].vm

    def used() -> int:
        app.settle()
        for _ in range(2):
            app.lua("for i = 1, 1000 do local t = {} end")
            vm.K.raw[b"collectgarbage"]()
        return vm.memory()

    before = used()
    assert app.execute("app:witness", COUNT, "app:processes", "app:processes") == [COUNT] * 4
    assert used() < before + 600 * COUNT // 3

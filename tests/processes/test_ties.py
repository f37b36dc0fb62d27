"""What ties processes together, in the moments that schedules of the simulation found."""

from __future__ import annotations

import pytest

from application import application, function, host, process

BOTH = pytest.mark.parametrize("where", ["app:processes", "app:other"])


@pytest.fixture(scope="module")
def app():
    with application(
        host("processes", 1),
        host("other", 1),
        host("many", 2),
        process("wait", "return function() process.inbox():receive() end"),
        process(
            "suicide",
            """
            return function(to)
              process.terminate(process.pid())
              process.registry.register("undead")
              process.send(to, "undead")
            end
            """,
        ),
        process(
            "linked_suicide",
            """
            return function(to)
              local pid = process.spawn_linked("app:wait", "app:processes")
              process.terminate(pid)
              process.registry.register("undead")
              process.send(to, "undead")
            end
            """,
        ),
        process("named", "return function() process.registry.register('held') process.inbox():receive() end"),
        process(
            "asks_for_held",
            """
            return function(where)
              local b = process.with_options({}):with_name("held")
              local pid = b:spawn_linked_monitored("app:wait", where)
              error("gone")
            end
            """,
        ),
        function("slow", "return function() channel.new():receive() end"),
        process("never", "return function() channel.new():receive() end"),
        process(
            "changes",
            """
            local time, funcs = require("time"), require("funcs")
            return function(to, how, where)
              coroutine.spawn(function()
                for _ = 1, 5 do coroutine.yield() end
                process.upgrade("app:changed", to)
              end)
              if how == "call" then funcs.call("app:slow")
              elseif how == "exec" then process.exec("app:never", where)
              elseif how == "sleep" then time.sleep("1h")
              elseif how == "channel" then channel.new():receive()
              elseif how == "inbox" then process.inbox():receive()
              end
            end
            """,
            ["time", "funcs"],
        ),
        process(
            "changed",
            """
            return function(to)
              local inbox = process.inbox()
              process.send(to, "changed")
              local m, ok = inbox:receive()
              return {ok, m and m:topic()}
            end
            """,
        ),
    ) as app:
        yield app


@pytest.mark.parametrize("name", ["suicide", "linked_suicide"])
def test_a_process_that_ends_itself_does_nothing_more(app, name: str) -> None:
    source = """
        local pid = process.spawn_monitored("app:" .. ..., "app:processes", process.pid())
        local e = process.events():receive()
        local undead = process.listen("undead")
        local r = channel.select({undead:case_receive(), default = true})
        return {e.kind, e.result.error ~= nil, r.default == true, process.registry.lookup("undead") == nil}
    """
    assert app.lua(source, name) == ["pid.exit", True, True, True]


@BOTH
def test_a_name_that_is_held_ties_nobody(app, where: str) -> None:
    source = """
        local held = process.spawn_monitored("app:named", ...)
        while not process.registry.lookup("held") do coroutine.yield() end
        local asks = process.spawn_monitored("app:asks_for_held", "app:processes", ...)
        local first = process.events():receive()
        process.send(held, "end")
        local second = process.events():receive()
        return {first.from == asks, first.result.error ~= nil, second.from == held, second.result.error == nil}
    """
    assert app.lua(source, where) == [True] * 4


@BOTH
@pytest.mark.parametrize("how", ["call", "exec", "sleep", "channel", "inbox"])
def test_new_code_is_not_woken_by_what_the_old_waited_for(app, how: str, where: str) -> None:
    source = """
        local how, where = ...
        local changed = process.listen("changed")
        local pid = process.spawn_monitored("app:changes", "app:processes", process.pid(), how, where)
        changed:receive()
        for _ = 1, 20 do coroutine.yield() end
        process.send(pid, "the first message")
        local e = process.events():receive()
        return e.result.value
    """
    assert app.lua(source, how, where) == [True, "the first message"]


def test_an_upgraded_process_stays_on_its_worker_with_all_it_watches(app) -> None:
    app.define(
        process("again", "return function() local e = process.events():receive() return {e.kind, e.from} end"),
        process(
            "watches",
            """
            return function(pid, to)
              process.monitor(pid)
              process.send(to, "watching")
              for i = 1, 20 do process.spawn("app:never", "app:many") end
              process.upgrade("app:again")
            end
            """,
        ),
    )
    app.run(app.app.supervisor.settled())  # the new host runs
    source = """
        local target, watching = process.spawn("app:wait", "app:other"), process.listen("watching")
        local pid = process.spawn_monitored("app:watches", "app:many", target, process.pid())
        watching:receive()
        process.send(target, "end")
        local v = process.events():receive().result.value
        return {v[1], v[2] == target}
    """
    assert app.lua(source) == ["pid.exit", True]

"""Monitors, links, cancel and terminate, within a worker, across workers and across hosts."""

import pytest

from application import application, function, host, process
from wippy.errors import WippyError

PLACES = ["app:processes", "app:pair", "app:other"]
"""Same worker, several workers, another host than the caller's."""


@pytest.fixture(scope="module")
def app():
    with application(
        host("processes", 1),
        host("pair", 2),
        host("other", 1),
        process("wait", "return function() process.inbox():receive() return 'awake' end"),
        process("deaf", "return function() channel.new():receive() end"),
        process(
            "order",
            """
            return function(how)
              local e = process.events():receive()
              if how == 'fail' then error('failing') end
              return e
            end
            """,
        ),
        process("fails", "return function() process.inbox():receive() error('failing') end"),
        process("linker", "return function(to) process.link(to) process.inbox():receive() end"),
    ) as app:
        yield app


@pytest.mark.parametrize("place", PLACES)
def test_exit_event_has_exactly_these_fields(app, place):
    found = app.lua(
        """
        local place = ...
        local pid = process.spawn_monitored("app:wait", place)
        process.send(pid, "go")
        local e = process.events():receive()
        local keys = {}
        for k in pairs(e) do keys[#keys + 1] = k end
        table.sort(keys)
        return {keys, e.kind == process.event.EXIT, e.kind, e.from == pid, e.result, type(e.at), e.error == nil}
        """,
        place,
    )
    assert found == [
        ["at", "from", "kind", "result"],
        True,
        "pid.exit",
        True,
        {"value": "awake"},
        "number",
        True,
    ]


@pytest.mark.parametrize("place", PLACES)
def test_trapped_link_and_monitor_give_exit_first_then_link_down(app, place):
    found = app.lua(
        """
        local place = ...
        process.set_options({trap_links = true})
        local pid = process.spawn_linked_monitored("app:fails", place)
        process.send(pid, "go")
        local out = {}
        for i = 1, 2 do
          local e = process.events():receive()
          out[i] = {e.kind, e.from == pid, e.result.error:kind(), e.result.error:message(), e.result.value == nil}
        end
        return out
        """,
        place,
    )
    assert [row[0] for row in found] == ["pid.exit", "pid.link.down"]
    for row in found:
        assert row[1]
        assert row[2] == "Internal"
        assert "failing" in row[3]
        assert row[4]


@pytest.mark.parametrize("place", PLACES)
def test_an_untrapped_link_kills_a_process_that_never_opened_events(app, place):
    found = app.lua(
        """
        local place = ...
        local pid = process.spawn("app:wait", place)
        local linker = process.spawn_monitored("app:linker", "app:processes", pid)
        local other = process.spawn_monitored("app:linker", place, pid)
        for i = 1, 3 do process.spawn_monitored("app:wait", "app:processes") end
        process.monitor(pid)
        -- both links stand when a linker answers a message only after the link call
        local time = require("time")
        while true do
          local a, b = process.link(linker), process.link(other)
          if a and b then break end
        end
        process.unlink(linker) process.unlink(other)
        time.sleep("20ms")
        process.terminate(pid)
        local seen = {}
        for i = 1, 3 do
          local e = process.events():receive()
          seen[e.from == pid and "pid" or e.from == linker and "linker" or e.from == other and "other" or "?"] =
            e.result.error:message()
        end
        return seen
        """,
        place,
        modules=["time"],
    )
    assert found == {
        "pid": "process terminated",
        "linker": "linked process failed",
        "other": "linked process failed",
    }


@pytest.mark.parametrize("place", PLACES)
def test_a_normal_end_makes_the_link_vanish(app, place):
    assert app.lua(
        """
        local place = ...
        local pid = process.spawn_linked_monitored("app:wait", place)
        process.send(pid, "go")
        local e = process.events():receive()
        local time = require("time")
        local r = channel.select({process.events():case_receive(), time.after("10ms"):case_receive()})
        return {e.kind, r.channel ~= process.events()}
        """,
        place,
        modules=["time"],
    ) == ["pid.exit", True]


@pytest.mark.parametrize("place", PLACES)
def test_cancel_is_an_event_and_the_process_decides(app, place):
    found = app.lua(
        """
        local place = ...
        local pid = process.spawn_linked_monitored("app:order", place)
        local ok = process.cancel(pid, "enough")
        local e = process.events():receive()
        local c = e.result.value
        local keys = {}
        for k in pairs(c) do keys[#keys + 1] = k end
        table.sort(keys)
        return {ok, c.kind, c.reason, c.from == process.pid(), keys, e.result.error == nil}
        """,
        place,
    )
    assert found == [True, "pid.cancel", "enough", True, ["at", "from", "kind", "reason"], True]


def test_cancel_without_reason_and_with_a_number(app):
    assert app.lua(
        """
        process.cancel(process.pid()) process.cancel(process.pid(), 12)
        local a, b = process.events():receive(), process.events():receive()
        local ok, e = pcall(process.cancel, process.pid(), {})
        return {a.reason, b.reason, ok}
        """
    ) == ["", "12", False]


@pytest.mark.parametrize("place", PLACES)
def test_a_cancelled_process_that_never_listens_goes_on(app, place):
    assert (
        app.lua(
            """
        local pid = process.spawn_monitored("app:wait", ...)
        process.cancel(pid)
        process.send(pid, "go")
        return process.events():receive().result.value
        """,
            place,
        )
        == "awake"
    )


@pytest.mark.parametrize("place", PLACES)
def test_terminate(app, place):
    assert app.lua(
        """
        local pid = process.spawn_monitored("app:deaf", ...)
        local ok = process.terminate(pid)
        local e = process.events():receive()
        local sent, err = process.send(pid, "late")
        return {ok, e.result.error:kind(), e.result.error:message(), e.result.value == nil,
          sent == nil, err:kind(), err:message()}
        """,
        place,
    ) == [True, "Internal", "process terminated", True, True, "NotFound", "process not found"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("action", ["monitor", "link", "cancel", "terminate"])
def test_a_dead_pid_is_an_error_of_the_call(app, place, action):
    none, kind, text, retryable = app.lua(
        """
        local place, action = ...
        local pid = process.spawn_monitored("app:wait", place)
        process.send(pid, "go")
        process.events():receive()
        local ok, err = process[action](pid)
        return {ok == nil, err:kind(), err:message(), err:retryable()}
        """,
        place,
        action,
    )
    assert none
    assert kind == "Internal"
    assert retryable is False
    assert text == ("pid not registered" if action in ("monitor", "link") else text)


@pytest.mark.parametrize("place", PLACES)
def test_unmonitor_and_unlink_are_idempotent_and_a_second_monitor_is_refused(app, place):
    assert app.lua(
        """
        local pid = process.spawn_monitored("app:fails", ...)
        local again, err = process.monitor(pid)
        local out = {again == nil, err:kind(), err:message()}
        out[4], out[5] = process.unmonitor(pid), process.unmonitor(pid)
        out[6], out[7] = process.link(pid), process.link(pid)
        out[8], out[9] = process.unlink(pid), process.unlink(pid)
        process.monitor(pid)
        process.send(pid, "go")
        out[10] = process.events():receive().kind
        out[11], out[12] = process.unmonitor(pid), process.unlink(pid)
        return out
        """,
        place,
    ) == [True, "Internal", "already monitoring pid", True, True, True, True, True, True, "pid.exit", True, True]


@pytest.mark.parametrize("action", ["monitor", "unmonitor", "link", "unlink", "terminate"])
def test_missing_argument(app, action):
    assert app.lua(f"local r, e = process.{action}() return {{r == nil, e:kind(), e:message()}}") == [
        True,
        "Invalid",
        f"{action} requires a destination argument",
    ]


def test_unresolvable_destination(app):
    assert app.lua("local r, e = process.monitor('nobody') return {r == nil, e:kind(), e:message()}") == [
        True,
        "NotFound",
        "could not resolve 'nobody' as PID or registered name",
    ]


@pytest.mark.parametrize("place", PLACES)
def test_a_child_sees_its_parents_failure_through_the_link(app, place):
    app.define(
        process(
            "parent",
            "return function(place, to) local pid = process.spawn_linked('app:trapper', place, to)"
            " process.inbox():receive() error('parent fails') end",
        ),
        process(
            "trapper",
            """
            return function(to)
              process.set_options({trap_links = true})
              process.send(to, "ready")
              local e = process.events():receive()
              process.send(to, "down", e.kind, e.result.error:message())
            end
        """,
        ),
    )
    found = app.lua(
        """
        local place = ...
        local ready, down = process.listen("ready"), process.listen("down")
        local parent = process.spawn("app:parent", "app:processes", place, process.pid())
        ready:receive()
        process.send(parent, "fail")
        return down:receive()
        """,
        place,
    )
    assert found[0] == "pid.link.down"
    assert "parent fails" in found[1]


@pytest.mark.parametrize("place", PLACES)
def test_messages_of_a_child_come_before_its_exit(app, place):
    app.define(process("teller", "return function(to, n) for i = 1, n do process.send(to, 'n', i) end return n end"))
    assert app.lua(
        """
        local place = ...
        local inbox, events = process.inbox(), process.events()
        process.spawn_monitored("app:teller", place, process.pid(), 200)
        local n = 0
        while true do
          local r = channel.select({events:case_receive(), inbox:case_receive()})
          if r.channel == events then return {n, r.value.result.value} end
          n = n + 1
          if r.value:payload():data() ~= n then return "order" end
        end
        """,
        place,
    ) == [200, 200]


@pytest.mark.parametrize("place", PLACES)
def test_after_exit_the_name_is_free_and_the_pid_is_gone(app, place):
    app.define(process("named", "return function(name) process.registry.register(name) process.inbox():receive() end"))
    assert app.lua(
        """
        local place = ...
        local pid = process.spawn_monitored("app:named", place, "the name")
        while not process.registry.lookup("the name") do coroutine.yield() end
        process.send("the name", "go")
        local e = process.events():receive()
        local found, err = process.registry.lookup("the name")
        local r = process.registry
        return {found == nil, err:kind(), r.register("the name"), r.unregister("the name")}
        """,
        place,
    ) == [True, "NotFound", True, True]


def test_options(app):
    assert app.lua(
        """
        local out = {process.get_options().trap_links}
        out[2] = process.set_options({trap_links = true})
        out[3] = process.get_options().trap_links
        local ok, err = process.set_options("x")
        out[4], out[5], out[6] = ok, err:kind(), err:message()
        ok, err = process.set_options({trap_links = 1})
        out[7], out[8] = ok, err:message()
        ok, err = process.set_options({trap_links = false, other = 1})
        out[9], out[10], out[11] = ok, err:message(), process.get_options().trap_links
        return out
        """
    ) == [
        False,
        True,
        True,
        False,
        "Invalid",
        "options parameter must be a table",
        False,
        "trap_links must be a boolean",
        False,
        "option other is not supported",
        False,
    ]


def test_terminate_of_itself(app):
    with pytest.raises(WippyError, match="process terminated"):
        app.lua("process.terminate(process.pid()) channel.new():receive()")


def test_terminate_stops_a_process_that_never_suspends(app):
    app.define(process("endless", "return function(to) process.send(to, 'on') while true do end end"))
    for place in PLACES:
        assert (
            app.lua(
                """
            local on = process.listen("on")
            local pid = process.spawn_monitored("app:endless", ..., process.pid())
            on:receive()
            process.terminate(pid)
            return process.events():receive().result.error:message()
            """,
                place,
            )
            == "process terminated"
        )


def test_a_failing_function_brings_its_links_down(app):
    app.define(
        function("linking", "return function(pid) process.link(pid) error('call fails') end"),
    )
    assert app.lua(
        """
        process.set_options({trap_links = true})
        local funcs = require("funcs")
        local _, err = funcs.call("app:linking", process.pid())
        local e = process.events():receive()
        return {e.kind, e.from ~= process.pid()}
        """,
        modules=["funcs"],
    ) == ["pid.link.down", True]

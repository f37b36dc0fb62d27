"""The event bus."""

import threading

import pytest

from application import application, function, host, process, workflow
from security_module.identity import WORKFLOWS, identity, policy
from wippy.errors import WippyError


@pytest.fixture(scope="module")
def app():
    with application(
        host("processes", 2),
        host("other", 1),
        process(
            "publish",
            "local events = require('events') return function(n)"
            " for i = 1, n do events.send('app', 'made', '/' .. i, {i = i}) end end",
            ["events"],
        ),
    ) as app:
        yield app


def lua(app, body, *args):
    head = "local events, time = require('events'), require('time')\n"
    return app.lua(head + body, *args, modules=["events", "time"])


def test_an_event_has_exactly_these_fields(app):
    assert lua(
        app,
        """
        local sub = events.subscribe("app")
        events.send("app", "made", "a/b", {x = 1})
        events.send("app", "made", "c")
        local ch = sub:channel()
        local a, b = ch:receive(), ch:receive()
        local keys = {}
        for k in pairs(b) do keys[#keys + 1] = k end
        table.sort(keys)
        return {a, keys, b.data == nil, tostring(sub), sub:channel() == ch}
    """,
    ) == [
        {"system": "app", "kind": "made", "path": "a/b", "data": {"x": 1}},
        ["kind", "path", "system"],
        True,
        "events.Subscription{}",
        True,
    ]


@pytest.mark.parametrize(
    ("system", "kind", "seen"),
    [
        ("*", None, ["a.b:made", "a.b.c:made", "ax:gone"]),
        ("a.*", "", ["a.b:made", "a.b.c:made"]),
        ("a*", "*", ["a.b:made", "a.b.c:made", "ax:gone"]),
        ("a.b", None, ["a.b:made"]),
        ("*", "go*", ["ax:gone"]),
        ("*.c", None, []),
    ],
)
def test_patterns(app, system, kind, seen):
    found = lua(
        app,
        """
        local system, kind = ...
        local sub, all = events.subscribe(system, kind), events.subscribe("end")
        events.send("a.b", "made", "x") events.send("a.b.c", "made", "x") events.send("ax", "gone", "x")
        events.send("end", "end", "x")
        all:channel():receive()
        local out = {}
        while true do
          local r = channel.select({sub:channel():case_receive(), default = true})
          if r.default or r.value.system == "end" then break end
          if r.value.system ~= "supervisor" and r.value.system ~= "registry" then
            out[#out + 1] = r.value.system .. ":" .. r.value.kind
          end
        end
        return out
    """,
        system,
        kind,
    )
    assert (found or []) == seen


def test_order_beyond_the_capacity_and_across_hosts(app):
    assert (
        lua(
            app,
            """
        local sub = events.subscribe("app", "made")
        process.exec("app:publish", "app:other", 200)
        local wrong = 0
        for i = 1, 200 do
          local e = sub:channel():receive()
          if e.data.i ~= i or e.path ~= "/" .. i then wrong = wrong + 1 end
        end
        return wrong
    """,
        )
        == 0
    )


def test_close_keeps_what_is_buffered_and_ends_delivery(app):
    assert lua(
        app,
        """
        local sub, other = events.subscribe("app"), events.subscribe("app")
        for i = 1, 70 do events.send("app", "made", tostring(i)) end
        for i = 1, 70 do other:channel():receive() end
        local out = {sub:close(), sub:close()}
        events.send("app", "made", "late")
        local n = 0
        for _ = 1, 100 do
          local v, ok = sub:channel():receive()
          if not ok then break end
          n = n + 1
        end
        out[3] = n
        return out
    """,
    ) == [True, True, 64]


def test_an_event_for_a_closed_subscription_never_reaches_the_inbox(app):
    assert (
        lua(
            app,
            """
        local sub, other = events.subscribe("app"), events.subscribe("app")
        local inbox = process.inbox()
        for i = 1, 5 do events.send("app", "made", "x") end
        sub:close()
        for i = 1, 5 do other:channel():receive() end
        return channel.select({inbox:case_receive(), default = true}).default
    """,
        )
        is True
    )


def test_errors(app):
    assert lua(
        app,
        """
        local out = {}
        local function try(v, e) out[#out + 1] = {v == nil, e:kind(), e:message()} end
        try(events.subscribe("")) try(events.send("", "k", "p"))
        try(events.send("s", "", "p")) try(events.send("s", "k"))
        out[5] = pcall(events.subscribe, {})
        return out
    """,
    ) == [
        [True, "Invalid", "system pattern is required"],
        [True, "Invalid", "system is required"],
        [True, "Invalid", "kind is required"],
        [True, "Invalid", "path is required"],
        False,
    ]


def test_data_becomes_plain(app):
    assert lua(
        app,
        """
        local sub = events.subscribe("app")
        events.send("app", "k", "p", {1, 2, x = 3})
        events.send("app", "k", "p", {[5] = "five", f = print})
        local a, b = sub:channel():receive(), sub:channel():receive()
        return {a.data, b.data["5"], type(b.data.f)}
    """,
    ) == [[1, 2], "five", "string"]


def test_data_that_contains_itself_is_an_error(app):
    assert lua(app, "local t = {} t.t = t local ok, err = events.send('a', 'b', 'c', t) return {ok, err:kind()}") == {
        2: "Internal"
    }


def test_each_subscriber_gets_its_own_copy(app):
    assert lua(
        app,
        """
        local one, two = events.subscribe("app"), events.subscribe("app")
        local sent = {list = {1}, no = false}
        events.send("app", "k", "p", sent)
        sent.list[1] = 2
        local a, b = one:channel():receive(), two:channel():receive()
        a.data.list[1] = 3
        return {b.data.list[1], b.data.no, a.data == b.data}
    """,
    ) == [1, False, False]


def test_closing_wakes_who_waits(app):
    assert lua(
        app,
        """
        local sub = events.subscribe("app")
        coroutine.spawn(function() sub:close() end)
        local v, ok = sub:channel():receive()
        return {v == nil, ok}
    """,
    ) == [True, False]


@pytest.mark.parametrize("end", ["return", "error('bang')", "process.upgrade('app:quiet')"])
def test_the_end_of_a_process_ends_its_subscriptions(app, end):
    bus = app.app.bus
    app.define(
        process("quiet", "return function() end"),
        process("hears", f"return function() require('events').subscribe('app') {end} end", ["events"]),
    )
    before = len(bus._subscriptions)
    lua(app, "process.spawn_monitored('app:hears', 'app:processes') process.events():receive()")
    assert len(bus._subscriptions) == before


def test_a_function_hears_events_while_it_runs(app):
    app.define(
        function(
            "hears_call",
            """
            local events = require("events")
            return function()
              local sub = events.subscribe("call")
              events.send("call", "k", "p", 5)
              return sub:channel():receive().data
            end""",
            ["events"],
        )
    )
    before = len(app.app.bus._subscriptions)
    assert app.call("app:hears_call") == 5
    assert app.call("app:hears_call") == 5
    assert len(app.app.bus._subscriptions) == before


def test_there_is_no_subscription_without_a_process(app):
    """Top-level code runs before the process is one."""
    app.define(
        process(
            "early",
            """
            local sub, err = require("events").subscribe("app")
            local found = {sub == nil, err:kind(), err:message()}
            return function() return found end""",
            ["events"],
        )
    )
    assert app.execute("app:early") == [True, "Internal", "no process PID"]


@pytest.mark.parametrize(
    ("action", "resource", "call", "text"),
    [
        ("events.subscribe", "sys*", "subscribe('system')", "not allowed to subscribe to events from system: system"),
        ("events.send", "other", "send('other', 'k', 'p')", "not allowed to send events to system: other"),
    ],
)
def test_denials_are_of_kind_invalid(app, action, resource, call, text):
    app.define(policy("all", "*"), policy("no_events", action, resource, "deny"))
    body = f"return function() local v, e = require('events').{call} return {{v == nil, e:kind(), e:message()}} end"
    app.define(process("denied", body, ["events"]))
    assert app.execute("app:denied", frame=identity(app, "kim", "all", "no_events")) == [True, "Invalid", text]


def test_an_event_without_a_form_in_lua_arrives_as_nil(app):
    app.define(
        process(
            "hears_odd",
            """
            local events = require("events")
            return function()
              local sub = events.subscribe("odd")
              events.send("ready", "k", "p")
              local v, ok = sub:channel():receive()
              return {v == nil, ok, sub:channel():receive().data}
            end""",
            ["events"],
        )
    )
    ready = threading.Event()
    subscription = app.app.bus.subscribe(lambda event: ready.set(), "ready")
    future = app.begin("app:hears_odd")
    assert ready.wait(10)
    app.app.bus.send("odd", "k", "p", object())
    app.app.bus.send("odd", "k", "p", 1)
    assert future.result(10) == [True, True, 1]
    subscription.close()


def test_a_workflow_cannot_reach_it():
    flow = workflow("flow", "return function() return require('events') end", ["events"])
    with pytest.raises(WippyError, match="a workflow cannot use 'events'"), application(*WORKFLOWS, flow):
        pass

"""The event bus."""

import pytest

from application import application, host, process


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

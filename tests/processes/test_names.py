"""Names, the builder, upgrade."""

import pytest

from application import application, host, process
from wippy.errors import WippyError

PLACES = ["app:processes", "app:pair", "app:other"]


@pytest.fixture(scope="module")
def app():
    with application(
        host("processes", 1),
        host("pair", 2),
        host("other", 1),
        process("wait", "return function() local m = process.inbox():receive() return m:topic() end"),
        process("context", "local ctx = require('ctx') return function() return ctx.all() end", ["ctx"]),
        process(
            "collect",
            """
            return function(n)
              local out = {}
              for i = 1, n do
                local m = process.inbox():receive()
                local p = m:payload()
                out[i] = {m:topic(), m:from(), type(p) == "table" and #p or p and p:data() or "none"}
              end
              return out
            end
        """,
        ),
    ) as app:
        yield app


def test_register_lookup_unregister(app):
    assert app.lua("""
        local r, me = process.registry, process.pid()
        local out = {r.register("n"), r.lookup("n") == me, r.register("n"), r.register("n2")}
        local other = process.spawn("app:wait", "app:processes")
        local no, err = r.register("n", other)
        out[5], out[6], out[7] = no == nil, err:kind(), err:message()
        out[8], out[9] = r.unregister("n"), r.unregister("n")
        no, err = r.lookup("n")
        out[10], out[11], out[12] = no == nil, err:kind(), err:message()
        return out
    """) == [
        True,
        True,
        True,
        True,
        True,
        "AlreadyExists",
        "name already registered",
        True,
        False,
        True,
        "NotFound",
        "name not registered",
    ]


def test_register_errors(app):
    assert app.lua("""
        local r, out = process.registry, {}
        local function try(...)
          local v, e = r.register(...)
          out[#out + 1] = {v == nil, e:kind(), e:message():match("^[^(:]+")}
        end
        try("x", 5) try("x", "{no pipe}") try("x", "no brace") try("x", nil, "y")
        try("x", nil, r.EVENTUAL) try("x", nil, r.STRONG)
        return {out, {r.LOCAL, r.EVENTUAL, r.CONSISTENT, r.STRONG}, (pcall(function() r.LOCAL = 5 end))}
    """) == [
        [
            [True, "Invalid", "pid must be a string"],
            [True, "Invalid", "invalid pid format"],
            [True, "Invalid", "invalid pid format"],
            [True, "Invalid", "scope must be a number "],
            [True, "Internal", "eventual registry not available"],
            [True, "Internal", "global registry not available"],
        ],
        [0, 1, 2, 3],
        False,
    ]


@pytest.mark.parametrize("place", PLACES)
def test_a_foreign_name_is_free_when_its_process_has_ended(app, place):
    assert app.lua(
        """
        local r = process.registry
        local pid = process.spawn_monitored("app:wait", ...)
        local out = {r.register("foreign", pid)}
        process.monitor(pid)
        out[2] = process.send("foreign", "go")
        process.events():receive()
        out[3] = r.lookup("foreign") == nil
        return out
    """,
        place,
    ) == [True, True, True]


@pytest.mark.parametrize("place", PLACES)
def test_with_name_starts_or_signals(app, place):
    assert app.lua(
        """
        local place = ...
        local b = process.with_context({}):with_name("single"):with_message("m", 1)
        local first = b:spawn_monitored("app:collect", place, 3)
        local second = b:with_message("m", 2):spawn_monitored("app:collect", place, 9)
        local e = process.events():receive()
        local free = process.registry.lookup("single") == nil
        return {first == second, e.from == first, e.result.value, free}
    """,
        place,
    ) == [True, True, [["m", "", 1], ["m", "", 1], ["m", "", 2]], True]


@pytest.mark.parametrize("place", PLACES)
def test_the_builder_is_immutable_and_keeps_the_order_of_messages(app, place):
    assert app.lua(
        """
        local base = process.with_context({a = 1})
        local with = base:with_message("x", 1):with_message("y"):with_message("z", 1, 2)
        local plain = base:spawn_monitored("app:context", ...)
        local e = process.events():receive()
        local pid = with:spawn_linked_monitored("app:collect", ..., 3)
        local c = process.events():receive()
        return {base ~= with, e.result.value, c.result.value}
    """,
        place,
    ) == [True, {"a": 1}, [["x", "", 1], ["y", "", "none"], ["z", "", 2]]]


@pytest.mark.parametrize("place", PLACES)
def test_context_is_merged_and_inherited(app, place):
    app.define(process("parent", "return function(place) return process.exec('app:context', place) end"))
    assert app.lua(
        """
        local b = process.with_context({a = 1, b = 1}):with_context({b = 2, t = {1, 2}, f = print})
        b:spawn_monitored("app:parent", "app:processes", ...)
        local v = process.events():receive().result.value
        return {v.a, v.b, v.t, type(v.f), (process.exec("app:context", ...))}
    """,
        place,
    )[:4] == [1, 2, [1, 2], "string"]


def test_builder_argument_errors_raise(app):
    assert app.lua("""
        local b = process.with_context({})
        local out = {}
        for i, f in ipairs({
          function() return process.with_context() end,
          function() return process.with_context({[1] = 2}) end,
          function() return b:with_name("") end,
          function() return b:with_message("@x") end,
          function() return b:with_actor() end,
          function() return b:with_options(5) end,
        }) do out[i] = pcall(f) end
        local v, e = b:spawn("app:wait")
        out[7], out[8] = e:kind(), e:message()
        v, e = b:spawn("app:nothing", "app:processes")
        out[9] = e:kind()
        return out
    """) == [False] * 6 + ["Invalid", "spawn requires at least id and host arguments", "NotFound"]


@pytest.mark.parametrize("place", PLACES)
def test_upgrade_keeps_pid_name_monitors_and_mailbox(app, place):
    app.define(
        process(
            "old",
            """
            local time = require("time")
            return function()
              process.registry.register("service")
              process.set_options({trap_links = true})
              local ch = process.listen("data")
              coroutine.spawn(function() channel.new():receive() end)
              time.after("1h")
              process.listen("go"):receive()
              process.upgrade("app:new", process.pid(), 2)
              return "not reached"
            end
        """,
            ["time"],
        ),
        process(
            "new",
            """
            return function(pid, n)
              local out = {process.pid() == pid, n, process.id(), process.get_options().trap_links,
                process.registry.lookup("service") == pid}
              local data = process.listen("data")
              for i = 1, 3 do out[#out + 1] = data:receive() end
              return out
            end
        """,
        ),
    )
    assert app.lua(
        """
        local pid = process.spawn_monitored("app:old", ...)
        for i = 1, 4 do process.send(pid, "data", i) end
        process.send(pid, "go")
        local e = process.events():receive()
        return {e.from == pid, e.result.value or e.result.error:message()}
    """,
        place,
    )[1][:5] == [True, 2, "app:new", False, True]


def test_upgrade_keeps_what_waits_for_several_channels_in_order(app):
    app.define(
        process(
            "two",
            """
            return function()
              local inbox, t = process.inbox(), process.listen("t")
              process.listen("go"):receive()
              process.upgrade("app:two_new")
            end
        """,
        ),
        process(
            "two_new",
            """
            return function()
              local out = {}
              for i = 1, 5 do
                local m = process.inbox():receive()
                out[i] = m:payload():data()
              end
              return out
            end
        """,
        ),
    )
    assert app.lua("""
        local pid = process.spawn_monitored("app:two", "app:processes")
        for i = 1, 6 do process.send(pid, i % 2 == 0 and "t" or "x", i) end
        process.send(pid, "go")
        return process.events():receive().result.value
    """) == [1, 3, 4, 5, 6]  # 2 was in the buffer of the channel


def test_upgrade_with_nothing_but_an_inbox(app):
    app.define(
        process(
            "one", "return function() process.inbox():receive() coroutine.yield() process.upgrade('app:one_new') end"
        ),
        process(
            "one_new",
            "return function() local e, i = process.events(), process.inbox() local out = {}"
            " for n = 1, 41 do local r = channel.select({e:case_receive(), i:case_receive()})"
            " out[n] = r.channel == e and r.value.reason or r.value:payload():data() end return out end",
        ),
    )
    assert app.lua("""
        local pid = process.spawn_monitored("app:one", "app:processes")
        for i = 1, 40 do process.send(pid, "x", i) end
        process.cancel(pid, "stop")
        process.send(pid, "x", 41)
        return process.events():receive().result.value
    """) == [*range(2, 41), "stop", 41]


def test_a_failed_upgrade_is_a_failed_exit(app):
    app.define(process("broken", "error('broken')"))
    with pytest.raises(WippyError, match="upgrade: create failed: "):
        app.lua("process.upgrade('app:nothing')")
    with pytest.raises(WippyError, match="upgrade: init failed: "):
        app.lua("process.upgrade('app:broken')")


def test_upgrade_to_the_newest_code_of_itself(app):
    app.define(process("self", "return function() process.inbox():receive() process.upgrade(nil, 'again') end"))
    pid = app.spawn("app:self", name="self")
    app.define(process("self", "return function(x) return 'new code ' .. x end"))
    source = "process.monitor(...) process.send(..., 'go') return process.events():receive().result.value"
    assert app.lua(source, pid) == "new code again"

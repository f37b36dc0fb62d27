"""Function calls: futures, options, pools, cancellation."""

import pytest

from application import application, function, host, process
from wippy.errors import WippyError
from wippy.units.clock import VirtualClock

ENTRIES = [
    host("processes", 2),
    host("other", 1),
    function("echo", "return function(...) return {n = select('#', ...), ...} end"),
    function(
        "fails",
        "return function(how) if how == 'text' then return 1, 'text' end"
        " if how == 'raise' then error('raised') end"
        " return nil, errors.new({message = 'm', kind = how, retryable = true, details = {a = 1}}) end",
    ),
    function("slow", "local time = require('time') return function(d, v) time.sleep(d) return v end", ["time"]),
    function(
        "forever",
        "return function(to) process.send(to, 'begun', process.pid()) process.inbox():receive() return 'told' end",
    ),
    function(
        "spins",
        "return function(to) process.send(to, 'begun', process.pid())"
        " while true do pcall(function() while true do end end) end end",
    ),
    function(
        "outer",
        "local funcs = require('funcs') return function(to) return funcs.call('app:forever', to) end",
        ["funcs"],
    ),
    function("counter", "local n = 0 return function() n = n + 1 return n end", pool={"type": "inline", "size": 1}),
    function(
        "pair",
        "return function(to) process.send(to, 'begun', process.pid()) process.inbox():receive() end",
        pool={"type": "static", "size": 2},
    ),
    function(
        "flaky",
        """
        local n = {}
        return function(key, good, kind)
          n[key] = (n[key] or 0) + 1
          if n[key] >= good then return n[key] end
          return nil, errors.new({message = "attempt " .. n[key], kind = kind})
        end
    """,
        pool={"type": "inline", "size": 1},
    ),
    process(
        "served",
        "return function(x) if x == 'wait' then return process.events():receive().reason end return x * 2 end",
        meta={"default_host": "app:other"},
    ),
]


@pytest.fixture(scope="module")
def app():
    with application(*ENTRIES) as app:
        yield app


def lua(app, body, *args):
    return app.lua("local funcs, time = require('funcs'), require('time')\n" + body, *args, modules=["funcs", "time"])


def test_call(app):
    assert lua(
        app,
        """
        local r, err = funcs.call("app:echo", nil, 2, {a = {1}}, nil)
        return {r.n, r[2], r[3].a[1], err == nil}
    """,
    ) == [4, 2, 1, True]
    assert app.call("app:echo", "x", None) == {1: "x", "n": 2} or app.call("app:echo", "x")["n"] == 1


def test_errors_of_a_call(app):
    assert lua(
        app,
        """
        local out = {}
        for _, how in ipairs({"text", "NotFound"}) do
          local v, e = funcs.call("app:fails", how)
          out[#out + 1] = {v == nil, e:kind(), e:message(), e:retryable()}
        end
        local v, e = funcs.call("app:fails", "raise")
        out[3] = {v == nil, e:kind(), e:message():find("raised") ~= nil, e:retryable() == nil}
        return out
    """,
    ) == [[True, "Internal", "text", False], [True, "NotFound", "m", True], [True, "Internal", True, True]]


@pytest.mark.parametrize(
    ("target", "kind", "text"),
    [
        ("", "Invalid", "function ID required"),
        (":x", "Invalid", "namespace required in function ID"),
        ("x", "Invalid", "namespace required in function ID"),
        ("app:", "Invalid", "name required in function ID"),
        ("app:nothing", "NotFound", "no handler registered for target"),
    ],
)
def test_bad_targets(app, target, kind, text):
    found_kind, message = lua(app, "local v, e = funcs.call(...) return {e:kind(), e:message()}", target)
    assert found_kind == kind
    assert text in message


def test_a_future(app):
    assert lua(
        app,
        """
        local f = funcs.async("app:echo", 5)
        local early = {f:is_complete(), f:is_canceled(), f:result() == nil, select(2, f:error())}
        local p, ok = f:channel():receive()
        local again, more = f:response():receive()
        return {early, p:data()[1], ok, again == nil, more, f:is_complete(), f:result() == p,
          f:channel() == f:response()}
    """,
    ) == [[False, False, True, False], 5, True, True, False, True, True, True]


def test_a_failing_future(app):
    assert lua(
        app,
        """
        local f = funcs.async("app:fails", "NotFound")
        local e, ok = f:channel():receive()
        local v, err = f:result()
        local forced, failed = f:error()
        return {e:kind(), ok, v == nil, err:kind(), err:details().a, forced:kind(), forced:message(), failed}
    """,
    ) == ["NotFound", True, True, "NotFound", 1, "Internal", "m", True]


def test_an_unknown_target_fails_through_the_future(app):
    body = "local f = funcs.async('app:nothing') local e = f:channel():receive() return e:kind()"
    assert lua(app, body) == "NotFound"


def test_futures_run_side_by_side_and_select(app):
    assert lua(
        app,
        """
        local a, b = funcs.async("app:slow", "20ms", "slow"), funcs.async("app:slow", "1ms", "fast")
        local r = channel.select({a:channel():case_receive(), b:channel():case_receive()})
        return {r.channel == b:channel(), r.value:data(), (a:channel():receive()):data()}
    """,
    ) == [True, "fast", "slow"]


@pytest.mark.parametrize("callee", ["app:forever", "app:spins", "app:outer"])
def test_cancelling_a_future_ends_the_callee(app, callee):
    assert lua(
        app,
        """
        local begun = process.listen("begun")
        local f = funcs.async(..., process.pid())
        local pid = begun:receive()
        process.monitor(pid)
        local ok = f:cancel()
        local v, open = f:channel():receive()
        local r, err = f:result()
        local e = process.events():receive()
        return {ok, v == nil, open, f:is_canceled(), r == nil, err:kind(), e.from == pid, e.result.error:kind()}
    """,
        callee,
    ) == [True, True, False, True, True, "Canceled", True, "Canceled"]


@pytest.mark.parametrize("place", ["app:processes", "app:other"])
def test_the_end_of_a_caller_ends_its_calls(app, place):
    app.define(
        process(
            "caller",
            "local funcs = require('funcs') return function(to) funcs.async('app:outer', to)"
            " process.inbox():receive() end",
            ["funcs"],
        )
    )
    assert lua(
        app,
        """
        local begun = process.listen("begun")
        local caller = process.spawn("app:caller", ..., process.pid())
        local pid = begun:receive()
        process.monitor(pid)
        process.send(caller, "end")
        local e = process.events():receive()
        return {e.from == pid, e.result.error:kind()}
    """,
        place,
    ) == [True, "Canceled"]


def test_a_function_is_a_destination_while_it_runs(app):
    assert lua(
        app,
        """
        local begun = process.listen("begun")
        local f = funcs.async("app:forever", process.pid())
        local pid = begun:receive()
        process.monitor(pid)
        local stopped, err = process.terminate(pid)
        process.send(pid, "go")
        local v = f:channel():receive():data()
        local e = process.events():receive()
        local sent, gone = process.send(pid, "late")
        return {v, e.result.value, stopped == nil, err:kind(), sent == nil, gone:kind(),
          pid:find("app:forever#lua.", 1, true) ~= nil}
    """,
    ) == ["told", "told", True, "Internal", True, "NotFound", True]


def test_module_state_lives_as_long_as_the_pool(app):
    found = lua(app, "return {(funcs.call('app:counter')), (funcs.call('app:counter')), (funcs.call('app:counter'))}")
    assert found == [found[0], found[0] + 1, found[0] + 2]


def test_a_static_pool_bounds_what_runs(app):
    assert lua(
        app,
        """
        local begun, me = process.listen("begun"), process.pid()
        local fs = {}
        for i = 1, 3 do fs[i] = funcs.async("app:pair", me) end
        local first, second = begun:receive(), begun:receive()
        local r = channel.select({begun:case_receive(), time.after("10ms"):case_receive()})
        local waited = r.channel ~= begun
        process.send(first, "go")
        local third = begun:receive()
        process.send(second, "go") process.send(third, "go")
        for i = 1, 3 do fs[i]:channel():receive() end
        return {waited, first ~= second and third ~= second}
    """,
    ) == [True, True]


def test_a_process_as_a_function(app):
    assert lua(app, "return funcs.call('app:served', 21)") == 42


def test_cancelling_a_process_as_a_function_is_a_cancel_event(app):
    assert (
        lua(
            app,
            """
        local f = funcs.async("app:served", "wait")
        time.sleep("5ms")
        f:cancel()
        local v, err = f:result()
        return err:kind()
    """,
        )
        == "Canceled"
    )


def test_retry(app):
    assert lua(
        app,
        """
        local fast = {initial_delay = 1, max_delay = 1, jitter = 0}
        local function try(key, good, kind, attempts, more)
          local retry = {max_attempts = attempts}
          for k, v in pairs(fast) do retry[k] = v end
          for k, v in pairs(more or {}) do retry[k] = v end
          local v, e = funcs.new():with_options({retry = retry}):call("app:flaky", key, good, kind)
          return v or e:message()
        end
        return {try("a", 3, "Unavailable", 3), try("b", 3, "Unavailable", 2), try("c", 3, "Invalid", 5),
          try("d", 3, "Custom", 5), try("e", 3, "Custom", 5, {skip_kinds = "Custom"}),
          try("f", 3, "Invalid", 5, {retry_kinds = {"Invalid"}})}
    """,
    ) == [3, "attempt 2", "attempt 1", 3, "attempt 1", 3]


def test_timeout_with_a_virtual_clock():
    clock = VirtualClock()
    with application(*ENTRIES, clock=clock) as app:
        app.define(
            process(
                "main",
                """
            local funcs = require("funcs")
            return function()
              local begun = process.listen("begun")
              local f = funcs.new():with_options({timeout = "5s"}):async("app:forever", process.pid())
              local pid = begun:receive()
              process.monitor(pid)
              process.registry.register("ready")
              local err = f:channel():receive()
              return {err:kind(), process.events():receive().result.error:kind()}
            end
        """,
                ["funcs"],
            )
        )
        result = app.begin("app:main")
        while app.app.runtime.router.names.holder(b"ready") is None:
            pass
        clock.advance(4.9)
        app.settle(3)
        assert not result.done()
        clock.advance(0.2)
        assert result.result(10) == ["Timeout", "Timeout"]


def test_cancel_from_python(app):
    future = app.begin_call("app:fails", "NotFound")
    with pytest.raises(WippyError) as caught:
        future.result(10)
    assert caught.value.kind == "NotFound"
    assert caught.value.retryable is True


def test_a_function_with_fixed_workers_is_there_for_the_first_caller():
    with application(function("once", "return function(n) return n + 1 end", pool={"size": 1})) as app:
        assert app.lua("return require('funcs').call('app:once', 3)", modules=["funcs"]) == 4

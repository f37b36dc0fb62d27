"""Channels, select and the coroutines of a process."""

import pytest

from application import application, process
from wippy.errors import WippyError


@pytest.fixture(scope="module")
def app():
    with application() as app:
        yield app


def test_new(app):
    assert app.lua(
        """
        local out = {type(channel.new()), type(channel.new(-3)), pcall(channel.new, "x")}
        return {out[1], out[2], out[3], channel.new() ~= channel.new()}
        """
    ) == ["userdata", "userdata", False, True]


def test_a_send_that_meets_a_receiver_continues_the_sender_first(app):
    assert app.lua(
        """
        local ch, log = channel.new(), {}
        coroutine.spawn(function() local v = ch:receive() log[#log + 1] = "got " .. v end)
        ch:send("x")
        log[#log + 1] = "sent"
        coroutine.yield()
        return log
        """
    ) == ["sent", "got x"]


def test_a_receive_that_meets_a_sender_continues_the_receiver_first(app):
    assert app.lua(
        """
        local ch, log = channel.new(), {}
        coroutine.spawn(function() ch:send("x") log[#log + 1] = "sent" end)
        local v = ch:receive()
        log[#log + 1] = "got " .. v
        coroutine.yield()
        return log
        """
    ) == ["got x", "sent"]


def test_close_resumes_senders_then_receivers_then_the_closer(app):
    assert app.lua(
        """
        local full, empty, log = channel.new(), channel.new(), {}
        coroutine.spawn(function()
          local ok, err = full:send(1)
          log[#log + 1] = {ok == nil, err:message(), err:kind()}
        end)
        coroutine.spawn(function()
          local v, ok = empty:receive()
          log[#log + 1] = {v == nil, ok}
        end)
        full:close() log[#log + 1] = "closed full"
        empty:close() log[#log + 1] = "closed empty"
        return log
        """
    ) == [[True, "send on closed channel", ""], "closed full", [True, False], "closed empty"]


def test_buffered_values_survive_close(app):
    assert app.lua(
        """
        local ch = channel.new(2)
        ch:send(1) ch:send(nil)
        ch:close() ch:close()
        local out = {}
        for i = 1, 3 do
          local v, ok = ch:receive()
          out[i] = {v == nil and "nil" or v, ok}
        end
        local ok, err = pcall(ch.send, ch, 3)
        out[4], out[5] = ok, tostring(err)
        return out
        """
    )[:4] == [[1, True], ["nil", True], ["nil", False], False]


def test_send_on_a_closed_channel_raises(app):
    with pytest.raises(WippyError, match="send on closed channel"):
        app.lua("local ch = channel.new() ch:close() ch:send(1)")


def test_a_suspended_sender_moves_into_the_buffer(app):
    assert app.lua(
        """
        local ch, log = channel.new(1), {}
        ch:send("a")
        coroutine.spawn(function() ch:send("b") log[#log + 1] = "b sent" end)
        local v = ch:receive()
        log[#log + 1] = v
        coroutine.yield()
        local v = ch:receive()
        log[#log + 1] = v
        return log
        """
    ) == ["a", "b sent", "b"]


def test_a_buffered_exchange_does_not_give_up_the_processor(app):
    assert app.lua(
        """
        local ch, log = channel.new(2), {}
        coroutine.spawn(function() coroutine.yield() log[#log + 1] = "other" end)
        ch:send(1) ch:send(2) ch:receive() ch:receive()
        log[#log + 1] = "main"
        return log
        """
    ) == ["main"]


def test_waiters_are_served_in_order(app):
    assert app.lua(
        """
        local ch, log = channel.new(), {}
        for i = 1, 4 do coroutine.spawn(function() local v = ch:receive() log[#log + 1] = i .. v end) end
        for _, v in ipairs({"a", "b", "c", "d"}) do ch:send(v) end
        coroutine.yield()
        for i = 1, 3 do coroutine.spawn(function() ch:send(i) end) end
        for _ = 1, 3 do local v = ch:receive() log[#log + 1] = v end
        return log
        """
    ) == ["1a", "2b", "3c", "4d", 1, 2, 3]


def test_select_first_ready_in_array_order(app):
    assert app.lua(
        """
        local a, b, c = channel.new(1), channel.new(1), channel.new(1)
        b:send("b") c:send("c")
        local r = channel.select({a:case_receive(), b:case_receive(), c:case_receive()})
        local s = channel.select({"not a case", c:case_send("x"), a:case_send("y"), 5})
        return {r.channel == b, r.value, r.ok, r.default == nil, s.channel == a, s.value, s.ok, (a:receive())}
        """
    ) == [True, "b", True, True, True, "y", True, "y"]


def test_select_default(app):
    assert app.lua(
        """
        local ch = channel.new()
        local a = channel.select({ch:case_receive(), default = true})
        local b = channel.select({ch:case_send(1)}, true)
        local c = channel.select({default = true})
        coroutine.spawn(function() ch:send("late") end)
        local d = channel.select({ch:case_receive(), default = "yes"})
        return {a.default, a.ok, a.channel == nil, b.default, c.default, d.value}
        """
    ) == [True, True, True, True, True, "late"]


def test_select_on_closed_channels(app):
    assert app.lua(
        """
        local closed, open = channel.new(), channel.new()
        closed:close()
        local r = channel.select({closed:case_send(1), closed:case_receive()})
        local d = channel.select({closed:case_send(1), default = true})
        coroutine.spawn(function() coroutine.yield() open:close() end)
        local s, err = channel.select({open:case_send(1)})
        return {r.value == nil, r.ok, r.channel == closed, d.default, s == nil, err:message()}
        """
    ) == [True, False, True, True, True, "send on closed channel"]


def test_select_waits_and_exactly_one_case_completes(app):
    assert app.lua(
        """
        local a, b = channel.new(), channel.new()
        local result
        coroutine.spawn(function()
          result = channel.select({a:case_receive(), b:case_receive(), b:case_send("never")})
        end)
        a:send("one")
        coroutine.yield()
        local d = channel.select({a:case_send("two"), b:case_send("two"), b:case_receive(), default = true})
        return {result.channel == a, result.value, result.ok, d.default}
        """
    ) == [True, "one", True, True]


def test_two_selects_meet(app):
    assert app.lua(
        """
        local ch, got = channel.new(), nil
        coroutine.spawn(function() got = channel.select({ch:case_receive()}) end)
        local sent = channel.select({ch:case_send("v")})
        coroutine.yield()
        return {sent.value, sent.ok, got.value, got.ok}
        """
    ) == ["v", True, "v", True]


def test_a_case_may_be_used_again_and_a_channel_may_occur_twice(app):
    assert app.lua(
        """
        local ch, out = channel.new(3), {}
        local case = ch:case_receive()
        for i = 1, 3 do ch:send(i) end
        for i = 1, 3 do out[i] = channel.select({case, case}).value end
        return out
        """
    ) == [1, 2, 3]


def test_a_received_nil(app):
    assert app.lua(
        """
        local ch, out = channel.new(), {}
        coroutine.spawn(function() ch:send(nil) ch:send(nil) end)
        local v, ok = ch:receive()
        local r = channel.select({ch:case_receive()})
        coroutine.spawn(function() local v2, ok2 = ch:receive() out[1] = {v2 == nil, ok2} end)
        ch:send(nil)
        coroutine.yield()
        return {v == nil, ok, r.value == nil, r.ok, out[1]}
        """
    ) == [True, True, True, True, [True, True]]


def test_wrong_arguments(app):
    assert app.lua(
        """
        local ch = channel.new()
        return {(pcall(channel.select)), (pcall(channel.select, 5)), (pcall(ch.send, {}, 1)), (pcall(ch.receive)),
          (pcall(ch.close, "x")), (pcall(ch.case_send)), ch.x == nil, ch.send ~= nil}
        """
    ) == [False, False, False, False, False, False, True, True]


def test_spawn_runs_before_it_returns_and_gives_a_thread(app):
    assert app.lua(
        """
        local log = {}
        local th = coroutine.spawn(function(...) log[1] = select("#", ...) coroutine.yield() log[3] = "end" end, 1, 2)
        log[2] = type(th)
        coroutine.yield()
        return log
        """
    ) == [0, "thread", "end"]


def test_spawn_needs_a_function(app):
    assert app.lua("return {(pcall(coroutine.spawn)), (pcall(coroutine.spawn, 5))}") == [False, False]


def test_coroutines_share_globals_and_upvalues(app):
    assert app.lua(
        """
        local up = 1
        shared = 1
        coroutine.spawn(function() up = up + 1 shared = shared + 1 end)
        return {up, shared}
        """
    ) == [2, 2]


def test_kernel_waits_pass_through_manually_resumed_coroutines(app):
    assert app.lua(
        """
        local time = require("time")
        local ch = channel.new()
        local log = {}
        local co = coroutine.create(function(a)
          log[#log + 1] = a
          local sent = coroutine.yield("y1")
          log[#log + 1] = sent
          time.sleep("1ms")
          local inner = coroutine.wrap(function() local v = ch:receive() log[#log + 1] = v coroutine.yield("inner") end)
          local v = inner()
          log[#log + 1] = v
          return "end"
        end)
        coroutine.spawn(function() time.sleep("2ms") ch:send("through") end)
        local ok, v = coroutine.resume(co, "a")
        log[#log + 1] = v
        ok, v = coroutine.resume(co, "b")
        log[#log + 1] = v
        log[#log + 1] = coroutine.status(co)
        return log
        """,
        modules=["time"],
    ) == ["a", "y1", "b", "through", "inner", "end", "dead"]


def test_a_direct_yield_of_a_scheduled_coroutine_continues_with_no_values(app):
    assert app.lua("return {select('#', coroutine.yield(1, 2))}") == [0]


def test_an_error_inside_a_manual_coroutine_stays_there(app):
    assert app.lua(
        """
        local time = require("time")
        local co = coroutine.create(function() time.sleep("1ms") error("inside") end)
        local ok, err = coroutine.resume(co)
        return {ok, tostring(err):find("inside") ~= nil, coroutine.status(co)}
        """,
        modules=["time"],
    ) == [False, True, "dead"]


def test_deadlock_counts_its_threads(app):
    with pytest.raises(WippyError, match=r"deadlock: .*\(threads=2\)"):
        app.lua("coroutine.spawn(function() channel.select({}) end) channel.select({})")


def test_a_process_that_waits_on_a_channel_is_no_deadlock(app):
    app.define(process("idle", "return function() channel.new():receive() end"))
    pid = app.spawn("app:idle")
    assert app.lua("local ok = process.monitor(...) process.terminate(...) return ok", pid) is True


def test_waits_pass_through_pcall_metamethods_and_iterators(app):
    assert app.lua(
        """
        local time = require("time")
        local out = {}
        out[1] = select(2, pcall(function() time.sleep("1ms") return "pcall" end))
        out[2] = select(2, xpcall(function() time.sleep("1ms") return "xpcall" end, print))
        local t = setmetatable({}, {__index = function(_, k) time.sleep("1ms") return k end,
          __add = function() time.sleep("1ms") return "add" end})
        out[3] = t.index
        out[4] = t + 1
        for v in function(_, i) time.sleep("1ms") if not i then return "iterator" end end do out[5] = v break end
        return out
        """,
        modules=["time"],
    ) == ["pcall", "xpcall", "index", "add", "iterator"]


def test_a_wait_where_none_is_possible_is_an_error(app):
    assert app.lua(
        """
        local time = require("time")
        local ok, err = pcall(table.sort, {3, 2, 1}, function(a, b) time.sleep("1ms") return a < b end)
        return {ok or "refused", tostring(err or "")}
        """,
        modules=["time"],
    )[0] in (True, "refused")

"""Coroutines of user code."""

from __future__ import annotations

from lua_base import error, run, text


def test_values_pass_both_ways() -> None:
    source = """
        local co = coroutine.create(function(a, b)
            local c = coroutine.yield(a + b)
            local d, e = coroutine.yield(c * 2)
            return d, e
        end)
        local function step(...) return select(2, coroutine.resume(co, ...)) end
        return step(1, 2), step(10), select("#", coroutine.resume(co, 3, nil)), coroutine.status(co)
    """
    assert run(source) == (3, 20, 3, b"dead")


def test_states() -> None:
    source = """
        local co, inside
        co = coroutine.create(function()
            inside = coroutine.status(co)
            local outer = co
            local inner = coroutine.create(function() return coroutine.status(outer) end)
            coroutine.yield(select(2, coroutine.resume(inner)))
        end)
        local before = coroutine.status(co)
        local _, normal = coroutine.resume(co)
        return before, inside, normal, coroutine.running()
    """
    assert run(source) == (b"suspended", b"running", b"normal", None)


def test_dead_and_running() -> None:
    assert text("local co = coroutine.create(function() end) coroutine.resume(co) return coroutine.resume(co)") == (
        "false can not resume a dead thread"
    )
    source = "local co co = coroutine.create(function() return coroutine.resume(co) end) return coroutine.resume(co)"
    assert text(source) == "true false can not resume a running thread"
    assert "can not resume a dead thread" in error("local f = coroutine.wrap(function() end) f() f()")


def test_errors() -> None:
    assert text("return coroutine.resume(coroutine.create(function() error('x') end))") == "false test:code:1: x"
    assert text("return coroutine.resume(coroutine.create(function() local t\n t.x = 1 end))") == (
        "false test:code:2: attempt to index a non-table object(nil) with key 'x'"
    )
    assert text("return coroutine.resume(coroutine.create(function() setmetatable(1) end))") == (
        "false test:code:1: bad argument #1 to setmetatable (table expected, got number)"
    )
    assert error("coroutine.wrap(function() error('x') end)()") == "test:code:1: x"
    assert run("local e = errors.new('e') local _, r = pcall(coroutine.wrap(function() error(e) end)) return r == e")
    for call in ("create()", "wrap(5)", "resume({})", "status()"):
        assert f"bad argument #1 to {call.split('(')[0]}" in error(f"coroutine.{call}")


def test_yield_through_protected_calls_and_metamethods() -> None:
    source = """
        local t = setmetatable({}, {__index = function(_, k) return coroutine.yield(k) end})
        local co = coroutine.wrap(function()
            local ok, v = pcall(function() return t.one end)
            local _, w = xpcall(function() return t.two end, print)
            local _, x = pcall(function() coroutine.yield("three") error("late", 0) end)
            return v + w, x
        end)
        return co(), co(1), co(2), co()
    """
    assert run(source) == (b"one", b"two", b"three", 3, b"late")


def test_generators() -> None:
    source = """
        local function items(n) return coroutine.wrap(function() for i = 1, n do coroutine.yield(i) end end) end
        local sum = 0
        for i in items(10) do sum = sum + i end
        return sum
    """
    assert run(source) == 55

"""A coroutine of user code that waits for the kernel belongs to the kernel until it is woken."""

import pytest
from lua_base import make_vm, run

from wippy.lang.compiler import compile_source

TWO_THREADS = b"""
local K, text = ...
local raw, env, rt = K.raw, {}, {}
raw.setmetatable(env, { __index = K.base })
env.park = function() return raw.coyield(K.PARK) end
for name, helper in raw.next, K.rt do rt[name] = helper end
rt.limit, rt.preempt = 4000, function() return 4000 end
local first, second = raw.load(text, "=test:code", "t")(env, rt)()
local one, two = raw.cocreate(first), raw.cocreate(second)
local _, parked = raw.coresume(one)
local _, resumed, message = raw.coresume(two)
local _, woken = raw.coresume(one, "woken")
return parked == K.PARK, resumed, message, woken
"""


@pytest.mark.parametrize(
    "start",
    [
        "co = coroutine.create(body) local _, v = coroutine.resume(co) return v",
        "next_value = coroutine.wrap(body) return next_value()",
    ],
)
def test_another_thread_cannot_continue_it(start):
    vm = make_vm()
    source = f"""local co, next_value
        local function body() return park() end
        return function() {start} end, function()
            if co then return coroutine.resume(co, "forged") end
            return pcall(next_value, "forged")
        end"""
    parked, resumed, message, woken = vm.load_chunk(TWO_THREADS, b"threads")(
        vm.K._table, compile_source(source, "test:code").lua
    )
    assert parked is True
    assert resumed is False
    assert b"can not resume a running thread" in message
    assert woken == b"woken"


def test_version_name():
    assert run("return _VERSION") == b"Lua 5.3 - Wippy Modification"


def test_numbers_leave_operators_to_tables():
    source = """local mt = { __mul = function() return "mul" end, __concat = function() return "cat" end }
        local v = setmetatable({}, mt)
        return 2 * v, v * 2, 1 .. v, 2 * "3", "3" + 1"""
    assert run(source) == (b"mul", b"mul", b"cat", 6, 4)


@pytest.mark.parametrize("code", ["return 1 + {}", "return {} + 1", "return 1 .. {}", "return {} .. {}"])
def test_failed_operators_name_both_sides(code):
    ok, message = run(f"return pcall(function() {code} end)")
    assert ok is False
    assert b"operation between " in message
    assert message.startswith(b"test:code:1: ")

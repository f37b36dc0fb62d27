"""The basic functions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lua_base import error, make_vm, run, text


@pytest.mark.parametrize(
    ("call", "result"),
    [
        ("'10'", "10"),
        ("' \\t10\\n'", "10"),
        ("'0x10'", "16"),
        ("'-7'", "-7"),
        ("'1.5e3'", "1500"),
        ("'.5'", "0.5"),
        ("'1e5'", "nil"),
        ("'0x1p4'", "nil"),
        ("''", "nil"),
        ("'abc'", "nil"),
        ("'99999999999999999999'", "nil"),
        ("'10', 2", "2"),
        ("'ff', 16", "255"),
        ("'1.5', 2", "1.5"),
        ("'9', 8", "nil"),
        ("7", "7"),
        ("nil", "nil"),
        ("true", "nil"),
        ("{}", "nil"),
    ],
)
def test_tonumber(call: str, result: str) -> None:
    assert text(f"return tonumber({call})") == result


def test_number_subtypes_of_tonumber() -> None:
    assert run("return math.type(tonumber('3')), math.type(tonumber('3.0'))") == (b"integer", b"float")
    assert "base out of range" in error("tonumber('1', 99)")


def test_integral_floats_are_the_same_key() -> None:
    source = "local t = {} t[2.0] = 'x' t[2] = 'y' local n = 0 for _ in pairs(t) do n = n + 1 end return t[2.0], n"
    assert run(source) == (b"y", 1)


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-1074, 1023).map(lambda e: 2.0**e))
def test_float_text_reads_back(x: float) -> None:
    shown = run("return tostring(...)", x).decode()
    assert float(shown) == x
    digits = repr(x).split("e")[0].replace("-", "").replace(".", "").strip("0")
    if abs(x) < 2**63 and x == int(x):
        assert shown == str(int(x))
    else:
        assert shown.split("e")[0].replace("-", "").replace(".", "").strip("0") == digits
        exponent = 0 if x == 0 else int(f"{x:e}".split("e")[1])
        assert ("e" in shown) == (exponent < -4 or exponent >= 6)


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        ("type()", "1 to type (value expected)"),
        ("type((function() end)())", "1 to type (value expected)"),
        ("tostring()", "1 to tostring (value expected)"),
        ("tonumber()", "1 to tonumber (value expected)"),
        ("getmetatable()", "1 to getmetatable (value expected)"),
        ("setmetatable()", "1 to setmetatable (table expected, got nil)"),
        ("setmetatable({}, 5)", "2 to setmetatable (nil or table expected)"),
        ("rawequal(1)", "2 to rawequal (value expected)"),
        ("rawget()", "1 to rawget (table expected, got nil)"),
        ("rawget({})", "2 to rawget (value expected)"),
        ("rawset({}, 1)", "3 to rawset (value expected)"),
        ("next()", "1 to next (table expected, got nil)"),
        ("pairs()", "1 to pairs (table expected, got nil)"),
        ("ipairs(5)", "1 to ipairs (table expected, got number)"),
        ("select()", "1 to select (number expected, got nil)"),
        ("select('x')", "1 to select (number expected, got string)"),
        ("unpack()", "1 to unpack (table expected, got nil)"),
        ("unpack({}, 'x')", "2 to unpack (number expected, got string)"),
        ("assert()", "1 to assert (value expected)"),
        ("tonumber('1', {})", "2 to tonumber (number expected, got table)"),
    ],
)
def test_arguments(call: str, complaint: str) -> None:
    assert error(f"local x = 1\nx = {call}") == "test:code:2: bad argument #" + complaint


def test_nil_is_an_argument() -> None:
    assert text("return type(nil), tostring(nil), tonumber(nil), getmetatable(nil), rawget({}, nil)") == (
        "nil nil nil nil nil"
    )


def test_select() -> None:
    assert text("return select(2, 'a', 'b', 'c')") == "b c"
    assert text("return select(-1, 'a', 'b')") == "b"
    assert text("return select('#'), select('#', nil, nil)") == "0 2"
    assert text("return select(1.9, 'a', 'b')") == "a b"
    for n in ("0", "-3"):
        assert "index out of range" in error(f"select({n}, 'a', 'b')")


def test_assert() -> None:
    assert text("return assert(1, 'a', nil)") == "1 a nil"
    assert error("assert(false)") == "test:code:1: assertion failed!"
    assert error("assert(nil, 'why')") == "test:code:1: why"
    assert error("assert(nil, errors.new('why'))") == "test:code:1: why"
    assert "bad argument #2 to assert (string expected, got table)" in error("assert(nil, {})")
    assert "bad argument #1 to assert (value expected)" in error("assert()")


def test_pcall() -> None:
    assert text("return pcall(function(...) return ... end, 1, nil, 3)") == "true 1 nil 3"
    assert run("return select('#', pcall(function() end))") == 1
    assert text("return pcall(nil)") == "false attempt to call a nil value"
    assert text("return pcall(setmetatable({}, {__call = function(self, x) return x end}), 5)") == "true 5"
    assert text("return pcall(error)") == "false nil"
    assert "stack overflow" in text("local function f() return 1 + f() end return pcall(f)")


def test_xpcall() -> None:
    source = "return xpcall(function(...) return select('#', ...) end, print, 1, 2)"
    assert run(source) == (True, 0)
    assert text("return xpcall(function() error('x', 0) end, function(m) return m .. '!', 2 end)") == "false x!"
    assert text("return xpcall(5, function(m) return m end)") == "false attempt to call a number value"
    assert "bad argument #2 to xpcall (function expected, got nil)" in error("xpcall(print)")


def test_setmetatable() -> None:
    assert "cannot change a protected metatable" in error("setmetatable(setmetatable({}, {__metatable = 1}), nil)")
    assert run("return getmetatable(setmetatable({}, {__metatable = 'shut'}))") == b"shut"
    source = "local m = {__lt = function(a, b) return a[1] < b[1] end} local function new(x) return \
        setmetatable({x}, m) end return new(1) <= new(1), new(2) <= new(1), new(1) >= new(2)"
    assert run(source) == (True, False, False)


def test_tables_ignore_metamethods_of_content() -> None:
    source = """
        local t = setmetatable({1, 2}, {__index = function() return 9 end, __len = function() return 7 end})
        local n = 0
        for _ in ipairs(t) do n = n + 1 end
        return n, select("#", unpack(t)), rawget(t, 5), #t
    """
    assert run(source) == (2, 2, None, 7)


def test_pairs_gives_the_sequence_first() -> None:
    source = """
        local t = {}
        t.a = 1 t[3] = 3 t[true] = 2 t[2] = 2 t.b = 5 t[1] = 1 t[4] = 4 t[2.5] = 0
        local out = {}
        for k in pairs(t) do out[#out + 1] = tostring(k) end
        return table.concat(out, " ", 1, 4), #out
    """
    assert run(source) == (b"1 2 3 4", 8)
    assert (
        text(
            "local n, t = 0, {[1] = 1, [2] = 2, [3] = 3, x = 4} for k in pairs(t) do t[k] = nil n = n + 1 end \
        return n, next(t)"
        )
        == "4 nil"
    )


@given(st.lists(st.one_of(st.integers(-3, 12), st.text("abcde", max_size=2), st.floats(-2, 2)), max_size=25))
def test_pairs_visits_every_key_once(keys: list[object]) -> None:
    source = """
        local t, seen, twice = {}, {}, false
        for i = 1, select("#", ...) do t[(select(i, ...))] = i end
        local n, i = 0, 0
        for k, v in pairs(t) do
            if seen[k] or t[k] ~= v then twice = true end
            seen[k] = true
            n = n + 1
        end
        local count = 0
        for _ in next, t do count = count + 1 end
        return n, twice, count
    """
    arguments = [k.encode() if isinstance(k, str) else k for k in keys]
    expected = len({float(k) if isinstance(k, (int, float)) else k for k in arguments})
    assert run(source, *arguments) == (expected, False, expected)


def test_frozen_tables() -> None:
    source = "local t = table.freeze({1, 2, x = 'y'}) local n = 0 for k, v in pairs(t) do n = n + 1 end \
        return #t, t.x, rawget(t, 'x'), n, (next(t)), t[2], table.concat(t, ','), (unpack(t))"
    assert run(source) == (2, b"y", b"y", 3, 1, 2, b"1,2", 1)
    for write in ("t[1] = 2", "t.y = 1", "rawset(t, 1, 2)", "local k t[k] = 1", "setmetatable(t, {})"):
        assert "attempt to modify Immutable table" in error(f"local t = table.freeze({{1}}) {write}")
    source = "local c = {} c.__index = c function c.get(self) return self.v end \
        local o = setmetatable({v = 1}, c) table.freeze(c) return o:get(), setmetatable({v = 2}, c):get()"
    assert run(source) == (1, 2)
    source = "local t = table.freeze(setmetatable({1}, {__index = {z = 3}, __add = function() return 'sum' end})) \
        return t.z, t + 1, t[1]"
    assert run(source) == (3, b"sum", 1)


def test_nil_keys() -> None:
    source = "local k, t = nil, {1} t[k] = 5 local m = {[k] = 1, 2} return #t, t[k], #m, (next(m))"
    assert run(source) == (1, None, 1, 1)
    assert "table index is nil" in error("rawset({}, nil, 1)")
    assert "table index is NaN" in error("rawset({}, 0/0, 1)")
    source = "local k, got local t = setmetatable({}, {__newindex = function(_, _, v) got = v end}) t[k] = 7 return got"
    assert run(source) == 7


def test_integer_operators() -> None:
    assert text("local a, b = 7, -7 return a // 2, b // 2, a // 2.9, 7.9 // 2, b >> 1, 1 << 70, b >> 64, a >> -1") == (
        "3 -4 3 3 -4 0 0 14"
    )
    assert text("local a, z = 5, 0 return a % -3, a % z, 5.5 % z, '7' % 4, a / z") == "-1 NaN NaN 3 +Inf"
    assert text("local a = 5.9 return a & 3, a | 0, ~a, -1.5 | 0, 3 ~ 1.5") == "1 5 -6 -1 2"
    assert text("return '10' + 5, '3' * '4', -'2', 2 .. 3.0, 1e15 .. ''") == "15 12 -2 23 1000000000000000"
    source = "local t = setmetatable({}, {__add = function() return 'add' end, __concat = function() return 'cat' end, \
        __mod = function() return 'mod' end}) return t + nil, nil + t, 'x' + t, 2 + t, 'x' .. t, nil .. t, 5 % t"
    assert run(source) == (b"add",) * 4 + (b"cat",) * 2 + (b"mod",)


def test_tostring_asks_the_metatable() -> None:
    assert run("return tostring(setmetatable({}, {__tostring = function() return 'me' end}))") == b"me"
    source = "return tostring({}):match('^table: 0x') ~= nil, tostring(nil), tostring(print):match('^function: ')"
    assert run(source) == (True, b"nil", b"function: ")


def test_print() -> None:
    lines: list[tuple[object, ...]] = []
    vm = make_vm()
    vm.K.host[b"print"] = lambda *record: lines.append(record)
    assert run("\nprint('a', 1.0, errors.new('e'), nil)\nreturn select('#', print())", vm=vm) == 0
    assert lines == [(b"test:code", b"", 2, b"a 1 e nil"), (b"test:code", b"", 3, b"")]


def test_workflows_iterate_in_order() -> None:
    source = """
        local first, second = {}, {}
        local t = {30, 20, 10, b = 1, a = 2, [true] = 3, [false] = 4, [2.5] = 5, [-1] = 6}
        t[first] = 7
        local out, order = {}, {}
        for k in pairs(t) do out[#out + 1] = type(k) == "table" and "t1" or tostring(k) end
        local k = next(t)
        while k ~= nil do
            order[#order + 1] = type(k) == "table" and "t1" or tostring(k)
            k = next(t, k)
        end
        return table.concat(out, " "), table.concat(order, " "), next({})
    """
    expected = b"1 2 3 -1 2.5 a b false true t1"
    assert run(source, vm=make_vm(workflow=True)) == (expected, expected, None)
    source = "local t, n = {a = 1, b = 2, c = 3, d = 4}, 0 local k, v = next(t) while k do n = n + v t[k] = nil \
        k, v = next(t, k) end return n, next(t)"
    assert run(source, vm=make_vm(workflow=True)) == (10, None)

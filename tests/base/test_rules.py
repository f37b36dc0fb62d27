"""Rules of the language that belong to no library: precedence, numbers, metamethods, loops, varargs, strings."""

from __future__ import annotations

import pytest
from lua_base import error, run, text

RULES = [
    # precedence
    ("return 2 ^ 3 ^ 2, -2 ^ 2, not true and false, 1 .. 2 .. 3", "512 -4 false 123"),
    ("return 1 + 2 < 4, 5 - 3 - 1, 2 * 3 % 4, 'a' < 'b' == true", "true 1 2 true"),
    ("return 1 | 2 ~ 3 & 4 << 1, 1 << 2 + 1, '1' .. 2 + 3, #'ab' + 1, ~1 & 3", "3 8 15 3 2"),
    ("return 1 or error('x'), nil and error('x'), false or nil, nil and 1", "1 nil nil nil"),
    ("return -'2' ^ 2 :: number, #{1, 2} as integer, 1 + 2 :: any, not nil :: any", "-4 2 3 true"),
    ("return 1 .. 2 == '12', 2 * 3 + 4 * 5, (1 + 2) * 3, 7 // 2 * 2, -7 // 2 ^ 1", "true 26 9 6 -4"),
    # literals
    ("return 0xff, 0XA, 3., .5, 1e3, 1E-2, 0x7fffffffffffffff + 1", "255 10 3 0.5 1000 0.01 -9223372036854775808"),
    ("return 9223372036854775807, 9223372036854775808, math.type(9223372036854775808), math.type(1e3)",
     "9223372036854775807 9.223372036854776e+18 float float"),
    (r"return '\65\066\0067', '\x41', 'a\zb', '\'\"\\', #'\u{41}'", "ABC7"[:2] + "\x067 x41 azb '\"\\ 5"),
    ("return [[\nx]], [==[]]]==], #[[\r\n\r\n]], '\\\n' == '\\n'", "x ]] 1 true"),
    ("return 1 --[[ in ]] + --[==[ ]] ]==] 2 -- more\n", "3"),
    # arithmetic
    ("return 2^31 | 0, 1 << 31, 1 << 63, 1 << 64, -1 >> 63, -1 >> 64, 5 >> -2, 2.9 & 3, -1.9 | 0",
     "2147483648 2147483648 -9223372036854775808 0 -1 0 20 2 -1"),
    ("return 10 / 2, 7 % 2.5, -7 % 3, 7 % -3, 5.5 % -2, 2^53 == 2^53 + 1", "5 2 2 -2 -0.5 true"),
    ("return '10' + 1, '3.5' * 2, '0x10' + 0, -'3', '10' / 2, ' 3 ' + 1, '1e1' * 1", "11 7 16 -3 5 4 10"),
    ("return 1 < 1.5, 1 == 1.0, math.maxinteger < 2^63, math.maxinteger + 0.0 == 2^63", "true true true true"),
    ("return 'Z' < 'a', '' < 'a', 'abc' < 'abd', 'a\\0b' < 'a\\0c'", "true true true true"),
    # metamethods
    ("local t = setmetatable({}, {__index = function(_, k) return k .. '!' end}) return t.x, t[1], rawget(t, 'x')",
     "x! 1! nil"),
    ("local t = setmetatable({}, {__newindex = function(t, k, v) rawset(t, k, v * 2) end}) t.x = 5 return t.x", "10"),
    ("local C = {} C.__index = C setmetatable(C, {__call = function(c, v) return setmetatable({v = v}, c) end}) \
return C(5).v", "5"),
    ("local mt = {__eq = function() return true end} local a, b = setmetatable({}, mt), setmetatable({}, mt) \
return a == b, a ~= b, rawequal(a, b), a == 1", "true false false false"),
    ("local mt = {__lt = function(a, b) return a.v < b.v end} local a, b = setmetatable({v = 1}, mt), \
setmetatable({v = 2}, mt) return a < b, a > b, a <= b, a >= b", "true false true false"),
    ("local mt = {__concat = function(a, b) return type(a) .. type(b) end} local t = setmetatable({}, mt) \
return t .. 'x', 1 .. t, t .. t", "tablestring numbertable tabletable"),
    ("local t = setmetatable({}, {__len = function() return 42 end, __unm = function() return 'neg' end}) \
return #t, -t",
     "42 neg"),
    ("local t = setmetatable({a = 1}, {__pairs = function() return function() end end}) local n = 0 \
for _ in pairs(t) do n = n + 1 end return n", "1"),
    ("return ('x'):rep(2):upper(), #('x'):rep(3), ('%d'):format(7), ('a'):byte()", "XX 3 7 97"),
    # functions
    ("local function f(...) return select('#', ...), ... end return f(nil, nil)", "2 nil nil"),
    ("local function f(...) local a, b = ... return b, #{...} end return f(1), f(1, 2, 3)", "nil 2 3"),
    ("local function f() return 1, 2, 3 end return (f()), #{f(), f()}, #{f(), (f())}", "1 4 2"),
    ("local t = {f = function(self, x) return x end} return t:f(5), t.f(t, 6), t['f'](t, 7)", "5 6 7"),
    ("local fs = {} for i = 1, 3 do fs[i] = function() i = i + 1 return i end end return fs[1](), fs[1](), fs[2]()",
     "2 3 3"),
    ("local function f(n) if n == 0 then return 'deep' end return (f(n - 1)) end return f(150)", "deep"),
    # loops
    ("local r = {} for i = 10, 1, -3 do r[#r + 1] = i end return table.concat(r, ' ')", "10 7 4 1"),
    ("local r = {} for i = 1, 2, 0.5 do r[#r + 1] = i end return table.concat(r, ' ')", "1 1.5 2"),
    ("local n = 0 for i = math.maxinteger - 1, math.maxinteger do n = n + 1 end return n", "2"),
    ("local n = 0 for i = 3, 1 do n = n + 1 end for i = 1, math.huge do n = n + 1 if n > 4 then break end end return n",
     "5"),
    ("for i = 1.0, 2 do return math.type(i) end", "float"),
    ("local s = 0 for k, v in next, {1, 2, 3} do s = s + v end return s", "6"),
    ("local i = 1 while true do i = i + 1 if i > 5 then break end end \
repeat local j = i i = i - 1 until j < 3 return i",
     "1"),
    # tables
    ("return #{1, 2, n = 3}, #{nil}, #{n = 1}, #'abc', ({10, 20, [1] = 5})[1]", "2 0 0 3 10"),
    ("local t = {} t[1.0], t[2] = 'a', 'b' return #t, t[1], t[2.0], next({}) ", "2 a b nil"),
    ("local t = {1, 2, 3} for k in pairs(t) do t[k] = nil end return next(t)", "nil"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "result"), RULES, ids=[row[0][:50] for row in RULES])
def test_rule(source: str, result: str) -> None:
    assert text(source) == result


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("for i = 1, 'x' do end", "for statement limit must be a number"),
        ("for i = 1, 2, {} do end", "for statement step must be a number"),
        ("for i = nil, 2 do end", "for statement init must be a number"),
        ("for i = 1, 2, 0 do end", "'for' step is zero"),
        ("for k in 5 do end", "attempt to call a non-function object"),
        ("local a = {} a.b.c()", "attempt to index a non-table object(nil) with key 'c'"),
        ("local a = {} a:b()", "attempt to call a non-function object"),
        ("local t = true t.x = 1", "attempt to index a non-table object(boolean) with key 'x'"),
        ("return (5).x", "attempt to index a non-table object(number) with key 'x'"),
        (
            "local t = setmetatable({}, {__newindex = {}}) \
for i = 1, 2000 do t = setmetatable({}, {__newindex = t}) end t.x = 1",
            "too many recursions in settable",
        ),
        ("local function f(n) return 1 + f(n + 1) end f(1)", "stack overflow"),
    ],
)
def test_failure(source: str, message: str) -> None:
    found = error(source)
    assert message in found
    assert found.startswith("test:code:1: ")


def test_libraries_have_their_functions_and_no_others() -> None:
    expected = {
        "string": "byte char dump find format gfind gmatch gsub len lower match pack packsize rep reverse sub "
        "unpack upper",
        "table": "concat create freeze getn insert isfrozen maxn remove sort unpack",
        "math": "abs acos asin atan atan2 ceil cos cosh deg exp floor fmod frexp huge ldexp log log10 max maxinteger "
        "min mininteger mod modf pi pow rad random randomseed sin sinh sqrt tan tanh tointeger type ult",
        "os": "clock date difftime platform time",
        "coroutine": "create resume running spawn status wrap yield",
        "package": "cpath loadlib path seeall",
    }
    for library, names in expected.items():
        source = (
            f"local t = {{}} for k in pairs({library}) do t[#t + 1] = k end table.sort(t) return table.concat(t, ' ')"
        )
        assert run(source).decode() == names

"""Each rule of emission, run in Lua."""

import math

import pytest
from lang_support import result, results, run

from wippy.lang.compiler import compile_source

VALUES = [
    # erased types keep values and lines
    ("local x: number = 5 return x", 5),
    ("local x: Map<string, Array<number>>= 5 return x", 5),
    ("local a: string, b: {[string]: number}? = 1, 2 return a + b", 3),
    ("local function f<T, U: {a: T}>(a: T, ...: U): (T, U?) return a, ... end return f(4)", 4),
    ("local f = function<T>(x: (T) -> T): T return x end return f(4)", 4),
    ("local M = {} function M:get(a: integer): integer?, string? return a, self end return (M:get(2))", 2),
    ("type X = {a: number} return 7", 7),
    ("interface A : B\nfunction f(a: string): number, string\nend return 7", 7),
    ("local x = 3 :: any return x", 3),
    ("return -2 ^ 2 :: number", -4),
    ("local t = {1, 2} return #t as integer", 2),
    ("local x = 3 return x! + 1", 4),
    ("local x = 3 return x!or 1", 3),
    ("local function f() return 1, 2 end return select('#', f()!)", 1),
    ("local function f() return 1, 2 end return select('#', f() :: T)", 1),
    ("local function f(...) return select('#', ... as T) end return f(1, 2)", 1),
    ("local function f() return 1, 2 end local t = {f() as T} return #t", 1),
    ("local function f() return 1, 2 end local t = {f() as A as B} return #t", 1),
    ("local function f() return 1, 2 end return select('#', (f()) :: T)", 1),
    ("local x = 4 :: any\n(print or 1)('') return x", 4),
    ("local n = 0 local function f() n = n + 1 end local b: any = 1\nlocal c: string\n(f or 1)() return n", 1),
    ("local b = 5 local a = b :: number |\nstring local f = function() end\nlocal c = a!\n(f)() return c", 5),
    ("local x = (3 :: integer) | 4 return x", 7),
    ("local x = 2 return (x as number) < 3", True),
    # names
    ("local f = function(n) if n == 0 then return 1 end return n * f(n - 1) end return f(5)", 120),
    ("local f: (any) -> any = function(n) if n == 0 then return 1 end return n * f(n - 1) end return f(4)", 24),
    ("local f = 5 do local f = f return f end", 5),
    ("return _ENV", None),
    ("_ENV = 5 return _ENV", 5),
    ("local _ENV = {_ENV = 3} return _ENV._ENV", 3),
    ("local t = {_ENV = 3, x = function() _ENV = 4 end} t.x() return t._ENV + _ENV", 7),
    ("local type = 5 return type", 5),
    ("type X = string return type(3)", b"number"),
    ("local t = {type = 1, as = 2, is = 3, readonly = 4} return t.type + t.as + t.is + t.readonly", 10),
    ("local t = {} function t:is(v) return v end function t.as(v) return v end return t:is(1) + t.as(2)", 3),
    ("type User = {name: string} return User", b"type User"),
    ("type User = {name: string} local User = 4 return User", 4),
    ("return User == nil and 1", 1),
    ("local f = function() return Later end type Later = any return f()", b"type Later"),
    ("do type Inner = any end return Inner", None),
    # strings
    (r'return "\x41\q\z\u{41}"', b"x41qzu{41}"),
    (r'return "\65\t\\\"\'"', b"A\t\\\"'"),
    ('return "a\\\nb"', b"a\nb"),
    (r"return [[\x41]]", rb"\x41"),
    ("return [==[\n]]\n]==]", b"]]\n"),
    ("return [[a\r\nb]]", b"a\nb"),
    ("return 'é'", "é".encode()),
    # numbers
    ("return 7 // 2", 3),
    ("return -7 // 2", -4),
    ("return 7.9 // 2", 3),
    ("return 5 % -3", -1),
    ("local z = 0 return 5.5 % 2", 1.5),
    ("return 0xe+1", 15),
    ("return 9223372036854775807 + 1 == math.mininteger", True),
    ("return 3. + .5 + 1e1", 13.5),
    ("return -8 >> 1", -4),
    ("return 1 >> 64", 0),
    ("return 1 >> -3", 8),
    ("local n = -1 return -8 << n", -4),
    ("return 1 << 4", 16),
    ("local a, b, c = 17, 5, 4 return a % b % c // 1", 2),
    ("local a = 3 return a >= 3 and a >> 1 >= 1", True),
    # text of floats
    ("return 'a' .. 3.0", b"a3"),
    ("local x = 1e15 return 'a' .. x .. 'b'", b"a1000000000000000b"),
    ("local x = 0 / 0 return x .. ''", b"NaN"),
    ("local f = function() return 2.0, 3 end return f() .. f()", b"22"),
    ("local x = 2.0 return(x).. 'a' .. 1", b"2a1"),
    ("local t = setmetatable({}, {__concat = function() return 'c' end}) return t .. 'x' .. 1.0", b"c"),
    ("local s = '' for i = 1, 3 do s = s .. i end return s", b"123"),
    ("local s = '' for i = 1.0, 2.0 do s = s .. i end return s", b"12"),
    ("local s = '' for i, v in ipairs({1.0}) do s = s .. i .. v end return s", b"11"),
    ("local x = 1 x = 2.0 return x .. ''", b"2"),
    # keys
    ("local t = {} local k = t.k t[k] = 1 return next(t) == nil", True),
    ("local t, n = {}, 0/0 local function k() return n end t[k()] = 1 return next(t) == nil", True),
    ("local function k() return 'a', 2 end local t = {} t[k()] = 5 :: any\n(print)('') return t.a", 5),
    ("local a, i, j = {1, 2}, 1, 2 local function k(x) return x end a[k(i)], a[k(j)] = a[j], a[i] return a[1]", 2),
    ("local t, k, x = {}, nil, nil k, t[k], t.f, x = 'k', 2, 3, 4 return t.f + x + #k", 8),
    ("local t, a = {}, nil local k = t.x t[k], a = 1, 2 return a", 2),
    ("local t = {} local k = t.x local u = {[k] = 1, [3] = 2, [t] = 3} return u[3] + u[t]", 5),
    ("local function f() return 'a', 'b' end local t\nt={[f()] = 1}\n(print)('') return t.a", 1),
    # statements
    ("local n = 0 local function f() n = n + 1 end (f()) return n", 1),
    ("local n = 0 local function f() n = n + 1 end ((f())) return n", 1),
    ("local i = 0 ::top:: i = i + 1 if i < 5 then goto top end return i", 5),
    ("local n = 0 for i = 1, 5 do if i % 2 == 0 then goto continue end n = n + i ::continue:: end return n", 9),
    (
        "local n = 0 for i = 1, 5 do if i == 2 then goto x end local y = 1 n = n + y ::x:: ; type T = any end return n",
        4,
    ),
    ("while true do break; local x = 1 end return 1", 1),
    (";;; return 1;", 1),
    ("local function f(...) local a, b = ... return b end return f(1, 2)", 2),
    ("local x = 1 -- c\nlocal y: --[[ t\n]] number --[==[ ]] ]==] = 2 return x + y", 3),
    ("#!/usr/bin/env wippy\nreturn 4", 4),
    ("\ufeffreturn 4", 4),
    ("return ({...})[1]", None),
    ("local a = {f = function() return 1 end;} return a.f() -- end", 1),
    ("local W_x, W1_y = 1.5, 2 return W_x .. W1_y", b"1.52"),
]


@pytest.mark.parametrize(("source", "expected"), VALUES, ids=[row[0][:60] for row in VALUES])
def test_value(source, expected):
    assert result(source) == expected


def test_modulo_by_zero_is_nan():
    assert all(math.isnan(value) for value in results("local z = 0 return 5 % z, 5.5 % 0"))


def test_division_by_zero_raises_at_the_line_of_the_user():
    outcome = run("local z = 0\nlocal x\nx = 1 // z", name="app.users:create")
    assert outcome.values == [b"app.users:create:3: attempt to divide by zero"]


def test_lines_are_those_of_the_source():
    source = """type User = {
      name: string,
      age?: number,
    }
    interface Shape
      function area(): number
    end
    local function f<T>(
      a: T,
      b: {
        x: number }
    ): (
      T, string?)
      local s = "a" .. a ..
        b.x
      return s :: {
        string
      }
    end
    local t = {}
    t[
      f
    ] = 5
    t[1], t[f
      ], q = 1,
      2, 3
    while true do repeat for i = 1, 2 do
      error("here")
    end until true end
    """
    outcome = run(source)
    assert outcome.values == [b"app:test:28: here"]


@pytest.mark.parametrize(
    "source",
    [
        "for i = 1, 100000 do end",
        "for k in string.gmatch(string.rep('a', 100000), 'a') do end",
        "local i = 0 while i < 100000 do i = i + 1 end",
        "local i = 0 repeat i = i + 1 until i == 100000",
        "local i = 0 ::top:: i = i + 1 if i < 100000 then goto top end",
        "local function f(n) if n > 0 then return f(n - 1) end end f(100000)",
        "local f = function(n) if n > 0 then return f(n - 1) end end f(100000)",
        "local M = {} function M:f(n) if n > 0 then return self:f(n - 1) end end M:f(100000)",
    ],
)
def test_every_loop_and_recursion_is_counted(source):
    assert 95 <= run(source).stops <= 105


def test_forward_labels_are_not_counted_and_stay_at_the_end_of_their_block():
    source = "for i = 1, 3 do goto continue local x = 1 ::continue:: end return 1"
    assert result(source) == 1


def test_counter_does_not_see_or_touch_names_of_the_user():
    lua = compile_source("local W_c = 5 return W_c", "x").lua
    assert b"local _ENV,W1_w=...;" in lua
    assert result("local W_c, W_p = 5, 6 for i = 1, 3 do end return W_c + W_p") == 11


def test_only_used_helpers_are_fetched():
    assert compile_source("return 1", "x").lua.startswith(
        b"local _ENV,W_w=...;local W_c,W_p=W_w.limit,W_w.preempt;return function(...) "
    )


@pytest.mark.parametrize(
    "expression",
    ["'a'..'b'", "'a'..1", "1 ..#t", "'a'..tostring(x)", "'a'..string.format('%d', x)", "'a'..s:sub(1)", "1 ..(1 + 2)"],
)
def test_proven_text_is_not_wrapped(expression):
    assert b"W_str" not in compile_source(f"return {expression}", "x").lua


@pytest.mark.parametrize(
    "expression",
    ["'a'..x", "'a'..1.5", "'a'..f()", "'a'..x.y", "'a'..(x or 1)", "'a'..x + 1", "'a'..99999999999999999999"],
)
def test_other_operands_are_wrapped(expression):
    assert b"W_str" in compile_source(f"return {expression}", "x").lua


def test_shadowed_tostring_proves_nothing():
    assert b"W_str" in compile_source("local tostring = f return 'a' .. tostring(x)", "x").lua


@pytest.mark.parametrize("key", ["'a'", "1", "i + 1", "'a' .. b", "#t", "true"])
def test_safe_keys_are_plain_assignments(key):
    assert b"W_set" not in compile_source(f"t[{key}] = 1", "x").lua


def test_loop_variables_are_safe_keys():
    assert b"W_set" not in compile_source("for i = 1, 2 do t[i] = 1 end for k, v in pairs(u) do t[k] = v end", "x").lua
    assert b"W_set" in compile_source("for k, v in pairs(u) do t[v] = k end", "x").lua
    assert b"W_set" in compile_source("for k in pairs(u) do k = f(k) t[k] = 1 end", "x").lua


def test_long_concat_chain_runs():
    assert result("local x = 'a' return " + " .. ".join(["x"] * 5000)) == b"a" * 5000


def test_200_locals_and_many_types():
    locals_ = "".join(f"local v{i} = {i} " for i in range(200))
    assert result(locals_ + "return v199") == 199
    types = "".join(f"type T{i} = any " for i in range(150))
    uses = "".join(f"T{i}," for i in range(150))
    assert result(types + "return select('#', " + uses + "1)") == 151


def test_arguments_and_results_of_the_chunk():
    assert results("local a, b = ... return b, a", 1, 2) == [2, 1]

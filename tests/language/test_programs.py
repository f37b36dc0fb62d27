"""Small programs that mix features of the language, as a function, as a process and as a workflow."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from application import Application, application, function, process, workflow

PROVIDER = """
- {name: history, kind: workflow.provider.sqlite, path: workflows.db, lifecycle: {auto_start: true}}
- {name: flows, kind: workflow.worker, provider: history, task_queue: q, lifecycle: {auto_start: true}}
"""
EXECUTE = "return function(id) return workflow.execute(id) end"
PROGRAMS: dict[str, tuple[str, Any]] = {}


def program(name: str, result: Any, source: str) -> None:
    PROGRAMS[name] = (textwrap.dedent(source), result)


program(
    "classes",
    ["Rex says woof", "Tom says meow", "Animal(Rex)", True, False, 2, "no legs: -1"],
    """
    type Named = {name: string}
    local Animal = {count = 0}
    Animal.__index = Animal
    Animal.__tostring = function(self) return "Animal(" .. self.name .. ")" end
    Animal.__eq = function(a, b) return a.name == b.name end
    function Animal.new(class, name: string)
      Animal.count = Animal.count + 1
      return setmetatable({name = name}, class)
    end
    function Animal:speak(): string return self.name .. " says " .. self:sound() end
    local function extend(base)
      local class = {}
      for k, v in pairs(base) do if k:sub(1, 2) == "__" then class[k] = v end end
      class.__index = class
      return setmetatable(class, {__index = base, __call = function(c, ...) return c.new(c, ...) end})
    end
    local Dog, Cat = extend(Animal), extend(Animal)
    function Dog:sound() return "woof" end
    function Cat:sound() return "meow" end
    Cat.__index = function(t, k)
      if k == "legs" then error(errors.new({message = "no legs: " .. -1, kind = "Legs"})) end
      return Cat[k]
    end
    return function()
      local rex, tom = Dog("Rex"), Cat("Tom")
      local ok, err = pcall(function() return tom.legs end)
      return {rex:speak(), tom:speak(), tostring(rex), rex == setmetatable({name = "Rex"}, getmetatable(rex)),
        rex == tom, Animal.count, err:message()}
    end
    """,
)
program(
    "closures",
    [3, 1, "1,4,9", 15, 120],
    """
    local function counter() local n = 0 return function(by) n = n + (by or 1) return n end end
    local function map(list, f) local out = {} for i, v in ipairs(list) do out[i] = f(v, i) end return out end
    local function fold(f, start, ...)
      local sum = start
      for i = 1, select("#", ...) do sum = f(sum, (select(i, ...))) end
      return sum
    end
    local fact = function(n) return n < 2 and 1 or n * fact(n - 1) end
    return function()
      local a, b = counter(), counter()
      a() a()
      return {a(), b(), table.concat(map({1, 2, 3}, function(v) return v * v end), ","),
        fold(function(x, y) return x + y end, 0, 1, 2, 3, 4, 5), fact(5)}
    end
    """,
)
program(
    "flow",
    ["1 3 5", "2,3 2,4 3,4", 10, "a3 b2 c1", 6],
    """
    return function()
      local odd, pairs_, words = {}, {}, {}
      for i = 1, 5 do
        if i % 2 == 0 then goto continue end
        odd[#odd + 1] = i
        ::continue::
      end
      for i = 1, 4 do
        for j = i + 1, 4 do
          if i * j > 12 then goto done end
          if i == 1 then goto next end
          pairs_[#pairs_ + 1] = i .. "," .. j
          ::next::
        end
      end
      ::done::
      local n = 0
      repeat local last = n n = n + 1 until last >= 9
      local left = {a = 3, b = 2, c = 1}
      for _, k in ipairs({"a", "b", "c"}) do words[#words + 1] = k .. left[k] end
      local sum = 0
      for i = 3, 1, -1 do sum = sum + i end
      return {table.concat(odd, " "), table.concat(pairs_, " "), n, table.concat(words, " "), sum}
    end
    """,
)
program(
    "varargs",
    [3, 2, "nil", 0, 5, "1|nil|3", "b c", 1, 4],
    """
    local function count(...) return select("#", ...) end
    local function pass(...) return ... end
    local function pack(...) return {n = select("#", ...), ...} end
    local function show(...)
      local out = {}
      for i = 1, select("#", ...) do out[i] = tostring((select(i, ...))) end
      return table.concat(out, "|")
    end
    return function()
      local t = pack(1, nil, 3)
      return {count(1, nil, nil), count(nil, nil), tostring((pass())), count(pass()),
        count(pass(1, 2), pass(1, 2, 3, 4)), show(unpack(t, 1, t.n)), table.concat({select(-2, "a", "b", "c")}, " "),
        #{pass(1, 2), nil}, #{0, pass(1, 2, 3)}}
    end
    """,
)
program(
    "coroutines in protected calls in iterators",
    ["1 2 3 stop:app:it:5: three!", "ok true done", "dead", "false can not resume a dead thread"],
    """
    local function items()
      return coroutine.wrap(function()
        for i = 1, 3 do coroutine.yield(i) end
        local ok, why = pcall(function() error("three!") end)
        coroutine.yield("stop:" .. why)
      end)
    end
    return function()
      local seen = {}
      local ok, why = pcall(function()
        for v in items() do seen[#seen + 1] = tostring(v) end
        return "done"
      end)
      local co = coroutine.create(function(a) local b = coroutine.yield(a) error({a, b}) end)
      coroutine.resume(co, 1)
      local failed, value = coroutine.resume(co, 2)
      local again, text = coroutine.resume(co)
      assert(not failed and value[1] == 1 and value[2] == 2)
      return {table.concat(seen, " "), "ok " .. tostring(ok) .. " " .. why, coroutine.status(co),
        tostring(again) .. " " .. text}
    end
    """,
)
program(
    "producers and consumers",
    [55, "1:1 2:4 3:9", "closed false"],
    """
    return function()
      local jobs, results = channel.new(), channel.new(10)
      for w = 1, 3 do
        coroutine.spawn(function()
          while true do
            local job, open = jobs:receive()
            if not open then results:send({w, 0}) return end
            results:send({w, job * job})
          end
        end)
      end
      coroutine.spawn(function() for i = 1, 5 do jobs:send(i) end jobs:close() end)
      local sum, ended = 0, 0
      while ended < 3 do
        local r = results:receive()
        if r[2] == 0 then ended = ended + 1 else sum = sum + r[2] end
      end
      local order, log = channel.new(3), {}
      for i = 1, 3 do order:send(i) end
      order:close()
      for i = 1, 3 do log[i] = i .. ":" .. order:receive() ^ 2 end
      local v, open = order:receive()
      return {sum, table.concat(log, " "), v == nil and "closed " .. tostring(open)}
    end
    """,
)
program(
    "patterns",
    ["key=value other=x y", "2024|05|06", "Hello World", "%41%c3%bc%20", "3 words", "a, b & c", "x.y.z", "trim me"],
    r"""
    return function()
      local got = {}
      for k, v in ("key = value\nother=x y\n# none"):gmatch("(%w+)%s*=%s*([^\n]*)") do got[#got + 1] = k .. "=" .. v end
      local y, m, d = ("2024-05-06T07:08"):match("^(%d+)-(%d+)-(%d+)")
      local title = ("hello world"):gsub("(%a)(%w*)", function(a, b) return a:upper() .. b end)
      local coded = ("Aü "):gsub("[^%w_]", function(c) return ("%%%02x"):format(c:byte()) end)
      coded = coded:gsub("^A", "%%41")
      local _, words = ("one  two three"):gsub("%S+", "")
      local list = ("a,b,c"):gsub(",", ", ", 1):gsub(",(%w)", " & %1")
      return {table.concat(got, " "), y .. "|" .. m .. "|" .. d, title, coded, words .. " words", list,
        ("x/y/z"):gsub("/", "."), ("  trim me "):match("^%s*(.-)%s*$")}
    end
    """,
)
program(
    "numbers",
    ["1 1 2.5 -3", "0.1 1e+20 1000000 1.5e-07", "1,234,567.89", "ff 0x1F 017 1.00e+03", "true false integer float",
     "3 -4 -1 1 NaN", "9007199254740993 9007199254740992"],
    """
    local function commas(n)
      local whole, rest = ("%.2f"):format(n):match("^(%-?%d+)(%.%d+)$")
      local out = whole:reverse():gsub("(%d%d%d)", "%1,"):reverse():gsub("^,", "")
      return out .. rest
    end
    return function()
      local zero = 0
      return {
        1 .. " " .. 1.0 .. " " .. 2.5 .. " " .. -3,
        table.concat({0.1, 1e20, 1e6, 1.5e-7}, " "),
        commas(1234567.891),
        ("%x 0x%X %03o %.2e"):format(255, 31, 15, 1000),
        table.concat({tostring(3 == 3.0), tostring(3 == "3"), math.type(3), math.type(3 / 1)}, " "),
        table.concat({7 // 2, -7 // 2, -7 % 3 - 3, 7 % -3 + 3, zero / zero}, " "),
        2^53 // 1 + 1 .. " " .. 2^53,
      }
    end
    """,
)  # fmt: skip
program(
    "errors that cross everything",
    ["Broken", "deep", "deep", True, "outer", "app:it:11: plain", "number 5", "a: b: c"],
    """
    local function raise() error(errors.new({message = "deep", kind = "Broken", details = {n = 1}})) end
    local guard = setmetatable({}, {__index = function(_, k) raise() end, __call = function(_, f) return f() end})
    return function()
      local _, one = pcall(function() return guard.x end)
      local co = coroutine.wrap(function() local ok, e = pcall(guard, raise) coroutine.yield(e) error(e) end)
      local two = co()
      local ok, three = pcall(co)
      local _, outer = pcall(function() local _, e = pcall(raise) error(errors.wrap(e, "outer")) end)
      local _, plain = xpcall(function()
        error("plain") end, function(m) return m end)
      local _, number = pcall(error, 5)
      return {one:kind(), two:message(), three:message(), two == three, outer:stack():match("^%w+"), plain,
        type(number) .. " " .. number, errors.wrap(errors.wrap("c", "b"), "a"):stack():match("^a") .. ": "
          .. errors.wrap(errors.wrap("c", "b"), "a"):message()}
    end
    """,
)
program(
    "types at work",
    [
        "ok",
        "items[2].price: value below minimum",
        "circle 3",
        "expected Point, got string",
        "name: required field missing",
    ],
    """
    type Item = {name: string @min_len(1), price: number @min(0), tags: {string}?}
    type Cart = {id: string, items: {Item}}
    type Shape = {kind: "circle", r: number} | {kind: "rect", w: number, h: number}
    type Point = {x: number, y: number}
    local function why(T, v) local _, err = T:is(v) return err and tostring(err) or "ok" end
    local function area(s: Shape): string
      if s.kind == "circle" then return s.kind .. " " .. s.r end
      return s.kind .. " " .. s.w * s.h
    end
    return function()
      local ok, bad = pcall(Point, "no")
      return {why(Item, {name = "a", price = 1, tags = {"x"}}),
        why(Cart, {id = "c", items = {{name = "a", price = 1}, {name = "b", price = -1}}}),
        area({kind = "circle", r = 3}), (bad:gsub("^.-:%d+: ", "")), why(Item, {price = 1})}
    end
    """,
)
program(
    "tables",
    ["1 2 3 4 5", "5 4 3 2 1", "a=1 b=2", 3, 2, "x", "1 2", "nil 0", "10 20 30 nil"],
    """
    return function()
      local t = {3, 1, 2}
      table.insert(t, 5)
      table.insert(t, 1, 4)
      table.sort(t)
      local down = {unpack(t)}
      table.sort(down, function(a, b) return a > b end)
      local keys = {}
      for k, v in pairs({b = 2, a = 1}) do keys[#keys + 1] = k .. "=" .. v end
      table.sort(keys)
      local n, k = {nil, nil, 3}, nil
      n[k] = 5
      local gone = {1, 2, 3, x = 1}
      for key in pairs(gone) do if key ~= "x" then gone[key] = nil end end
      local weird = setmetatable({"x"}, {__index = function() return "y" end, __len = function() return 9 end})
      local queue = {1, 2, 3}
      table.remove(queue)
      return {table.concat(t, " "), table.concat(down, " "), table.concat(keys, " "), table.maxn(n), #queue,
        (unpack(weird)), table.concat(queue, " "), tostring(gone[1]) .. " " .. #gone,
        table.concat({10, 20, 30}, " ") .. " " .. tostring(({10, 20, 30})[4])}
    end
    """,
)
program(
    "a scanner and an evaluator",
    [7, 2.5, -8, 14, "app:it:24: unexpected )", 512],
    """
    local function tokens(text: string): {string}
      local out = {}
      for space, word in text:gmatch("(%s*)([%d%.]+)()") do out[0] = space end
      local at = 1
      while at <= #text do
        local s, e, t = text:find("^%s*([%d%.]+)", at)
        if not s then s, e, t = text:find("^%s*([-+*/^()])", at) end
        if not s then break end
        out[#out + 1] = t
        at = e + 1
      end
      out[0] = nil
      return out
    end
    local BINARY = {["+"] = {1, 2}, ["-"] = {1, 2}, ["*"] = {3, 4}, ["/"] = {3, 4}, ["^"] = {6, 5}}
    local function evaluate(text)
      local list, i = tokens(text), 1
      local function expression(limit)
        local t = list[i]
        i = i + 1
        local left
        if t == "(" then left = expression(0) i = i + 1 elseif t == "-" then left = -expression(5)
        else left = tonumber(t) or error("unexpected " .. tostring(t)) end
        while true do
          local op = list[i]
          local power = BINARY[op]
          if not power or power[1] <= limit then return left end
          i = i + 1
          local right = expression(power[2])
          if op == "+" then left = left + right elseif op == "-" then left = left - right
          elseif op == "*" then left = left * right elseif op == "/" then left = left / right
          else left = left ^ right end
        end
      end
      return expression(0)
    end
    return function()
      local _, why = pcall(evaluate, "2 * )")
      return {evaluate("1 + 2 * 3"), evaluate("5 / 2"), evaluate("-2 ^ 3"), evaluate("2 * (3 + 4)"), why,
        evaluate("2 ^ 3 ^ 2")}
    end
    """,
)
program(
    "memoised recursion and mutual recursion",
    [832040, True, False, 6765],
    """
    local memo = setmetatable({}, {__index = function(t, n)
      local v = n < 2 and n or t[n - 1] + t[n - 2]
      t[n] = v
      return v
    end})
    local even, odd
    function even(n) if n == 0 then return true end return odd(n - 1) end
    function odd(n) if n == 0 then return false end return even(n - 1) end
    local fib = function(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
    return function() return {memo[30], even(10000), odd(10000), fib(20)} end
    """,
)
program(
    "an immutable value",
    ["(1, 2)", "(4, 6)", "attempt to modify Immutable table", "(1, 2)", 5, True, "(2, 4)", True],
    """
    local V = {}
    V.__index = V
    V.__add = function(a, b) return V.new(a.x + b.x, a.y + b.y) end
    V.__mul = function(a, b)
      if type(a) == "number" then a, b = b, a end
      return V.new(a.x * b, a.y * b)
    end
    V.__eq = function(a, b) return a.x == b.x and a.y == b.y end
    V.__lt = function(a, b) return #a < #b end
    V.__len = function(a) return math.tointeger(math.sqrt(a.x ^ 2 + a.y ^ 2)) or 0 end
    V.__tostring = function(a) return "(" .. a.x .. ", " .. a.y .. ")" end
    V.__concat = function(a, b) return tostring(a) .. tostring(b) end
    function V.new(x, y) return table.freeze(setmetatable({x = x, y = y}, V)) end
    return function()
      local a, b = V.new(1, 2), V.new(3, 4)
      local ok, why = pcall(function() a.x = 5 end)
      return {a .. "", tostring(a + b), why:match("attempt.*"), tostring(a), #b, a < b, tostring(2 * a), a + a == a * 2}
    end
    """,
)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    folder: Path = tmp_path_factory.mktemp("programs")
    with application(PROVIDER, process("execute", EXECUTE, ["workflow"]), folder=folder) as found:
        yield found


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("kind", [function, process, workflow])
def test_program(app: Application, name: str, kind: Any) -> None:
    source, result = PROGRAMS[name]
    app.define(kind("it" if kind is function else f"it_{kind.__name__}", source))
    if kind is function:
        found = app.call("app:it")
    elif kind is process:
        found = app.execute("app:it_process")
    else:
        found = app.execute("app:execute", "app:it_workflow")
    found = [v.replace(f"app:it_{kind.__name__}:", "app:it:") if isinstance(v, str) else v for v in found]
    assert found == result

"""What programs stumble over, item by item; the names of the tests carry the items' numbers."""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterator
from typing import Any

import pytest

from application import Application, application, function, library, process
from wippy.errors import WippyError

SHOW = """
return function(...)
  local t = {}
  for i = 1, select("#", ...) do t[i] = tostring((select(i, ...))) end
  return table.concat(t, " ")
end
"""
MODELS = """
type Id = string @pattern("^[a-z]+$")
type Item = {id: Id, price: number @min(0)}
return {Item = Item, Id = Id}
"""


@pytest.fixture(scope="module")
def app() -> Iterator[Application]:
    with application(library("show", SHOW), library("models", MODELS)) as found:
        yield found


def run(app: Application, source: str, *args: Any, **entry: Any) -> Any:
    """The result of a function whose source this is; it has `show`, `m` and `n`."""
    imports = {"show": "app:show", "m": "app:models", "n": "app:models", **entry.pop("imports", {})}
    app.define(function("it", source, entry.pop("modules", []), imports=imports, **entry))
    return app.call("app:it", *args)


def body(app: Application, text: str, *args: Any, **entry: Any) -> Any:
    return run(app, f"return function(...)\n{text}\nend", *args, **entry)


def test_01_integers_stay_integers_and_wrap(app: Application) -> None:
    text = """
    local max, zero = math.maxinteger, 0
    local ok, why = pcall(function() return 1 // zero end)
    return show(max + 1 == math.mininteger, max * 2, math.type(max + 1), math.type(4 / 2), max / 1, 7 // 2, -7 // 2,
      5 % -3, ok, 1 / zero, -1 / zero, 7.9 // 2) .. " " .. why
    """
    assert body(app, text) == (
        "true -2 integer float 9.223372036854776e+18 3 -4 -1 false +Inf -Inf 3 app:it:4: attempt to divide by zero"
    )


def test_02_integral_floats_print_and_index_like_integers(app: Application) -> None:
    text = """
    local t = {[3] = "three", [2.0] = "two"}
    t[1e0] = "one"
    local n = 0
    for _ in pairs(t) do n = n + 1 end
    return show(3.0, 1e15, -0.0, t[3.0], t[2], t[1], #t, n, 3.0 .. "", ("%s %d"):format(3.0, 3.0), 2^53)
    """
    assert body(app, text) == "3 1000000000000000 0 three two one 3 3 3 3 3 9007199254740992"


def test_03_type_is_a_function_a_name_and_a_statement(app: Application) -> None:
    source = """
    type X = {type: string}
    local record = {type = "field"}
    function record.of(v) return type(v) end
    local function own(type) return type .. "!" end
    return function()
      local a = type(X)
      local type = 5
      return show(a, record.type, record.of({}), own("x"), type, X:is(record) == record)
    end
    """
    assert run(app, source) == "type field table x! 5 true"


def test_04_labels_and_casts_in_one_function(app: Application) -> None:
    text = """
    local n = 0
    ::again::
    n = n + 1 :: integer
    ::behind::
    local x = n :: number
    ::here:: ::there::
    if x < 3 then goto again end
    return n::any
    """
    assert body(app, text) == 3


def test_05_casts_annotations_and_bangs_change_nothing(app: Application) -> None:
    text = """
    local wrong = "text" :: number
    local worse: {a: boolean} = wrong as any
    local function f(x: integer, ...: string): boolean return x, ... end
    local t: string = nil
    return show(wrong, worse, f("a"), select(2, f("a", 2)), t, (wrong!):upper(), rawequal(worse, wrong))
    """
    assert body(app, text) == "text text a 2 nil TEXT true"


def test_06_several_results_without_parentheses(app: Application) -> None:
    source = """
    type Reader = {read: (n: number) -> string?, string?, fail: fun(): nil, string}
    local M = {}
    local function f(): string?, string? return nil, "why" end
    function M:method(): integer, string? return 1, self.name end
    M.name = "m"
    local r: Reader = {read = function(n): string?, string? return "r", nil end, fail = function() return nil, "f" end}
    return function()
      local a, b = f()
      local c, d = M:method()
      local e, g = r.read(1)
      return show(a, b, c, d, e, g, select(2, r.fail()))
    end
    """
    assert run(app, source) == "nil why 1 m r nil f"


def test_07_two_levels_of_arguments_close_together(app: Application) -> None:
    source = """
    type Array<T> = {T}
    type Map<K, V> = {[K]: V}
    local m: Map<string, Array<number>>= {a = {1}}
    type Numbers = Map<string, Array<number>>
    return function() return show(8 >> 1 >= 4, Numbers:is(m) == m, (Numbers:is({a = {"x"}}))) end
    """
    assert run(app, source) == "true true nil"


def test_08_records_and_what_they_say(app: Application) -> None:
    source = """
    type User = {name: string, nick: string?, age?: integer, address: {street: string, tags: {string}}}
    type Many = {string | m.Item}
    type Keyed = {[string]: n.Item}
    type Box<T> = {value: T}
    type Boxed = Box<m.Item>
    local function why(T, v) local _, e = T:is(v) return e and tostring(e) or "ok" end
    return function()
      local good = {name = "a", extra = 1, address = {street = "s", tags = {}}}
      local meta = setmetatable({}, {__index = good})
      return {
        why(User, good),
        why(User, meta),
        why(User, {address = good.address}),
        why(User, {name = 5, address = good.address}),
        why(User, {name = "a", address = {street = "s", tags = {"a", 2}}}),
        why(User, {name = "a", nick = 1, address = good.address}),
        why(Many, {"x", {id = "A", price = 1}}),
        why(Keyed, {k = {id = "a", price = -1}}),
        why(Boxed, {value = {id = "1", price = 1}}),
      }
    end
    """
    assert run(app, source) == [
        "ok",
        "address: required field missing",
        "name: required field missing",
        "name: expected string, got number",
        "address.tags[2]: expected string, got number",
        "nick: expected string, got number",
        "[2]: expected string | {id: string, price: number}, got table",
        "k.price: value below minimum",
        "value.id: pattern mismatch",
    ]


def test_09_integers_and_the_order_of_constraints(app: Application) -> None:
    source = """
    type Age = integer @min(3)
    type Name = string @min_len(3) @max_len(4)
    local function why(T, v) local _, e = T:is(v) return e and tostring(e) or "ok" end
    return function()
      return {why(Age, 3.0), why(Age, 3.5), why(Age, "3"), why(Age, 2), why(Name, "é"), why(Name, "éé"), why(Name, 5),
        why(Name, "ééé")}
    end
    """
    assert run(app, source) == [
        "ok", "expected integer, got number", "expected integer, got string", "value below minimum",
        "length below minimum", "ok", "expected string, got number", "length above maximum",
    ]  # fmt: skip


def test_10_false_is_a_valid_boolean(app: Application) -> None:
    assert run(app, "type Flag = boolean return function() return show(Flag:is(false)) end") == "false nil"


def test_11_types_survive_require(app: Application) -> None:
    source = """
    local one, two = require("m"), require("n")
    return function()
      local good, bad = {id = "a", price = 1}, {id = "a", price = -1}
      local _, e = one.Item:is(bad)
      local _, f = two.Item:is(bad)
      local same = one.Item:is(good) == two.Item:is(good)
      return show(one.Item == two.Item, same, tostring(e) == tostring(f), type(one.Id))
    end
    """
    assert run(app, source) == "true true true type"


def test_12_raised_values_keep_their_identity(app: Application) -> None:
    text = """
    local t, e = {}, errors.new("e")
    local function through(v)
      local _, r = pcall(function() local _, inner = pcall(error, v) error(inner) end)
      return r
    end
    local _, one = pcall(function() local _, m = pcall(function() error("text") end) error(m, 0) end)
    local _, none = pcall(error, "bare", 0)
    return show(rawequal(through(t), t), rawequal(through(e), e), one, none)
    """
    assert body(app, text) == "true true app:it:8: text bare"


def test_13_wrapping(app: Application) -> None:
    source = """
    local inner = errors.new({message = "no row", kind = errors.NOT_FOUND, retryable = false, details = {id = 7}})
    local once = errors.wrap(inner, "load")
    local twice = errors.wrap(once, "page")
    return function()
      if funcs then
        local _, e = funcs.call("app:wraps")
        return show(e:message(), e:kind(), e:retryable(), e:details().id, e:stack():find("page", 1, true))
      end
      return nil, twice
    end
    """
    app.define(function("wraps", source, imports={"show": "app:show"}))
    found = run(app, source, modules=["funcs"])
    assert found == "load: no row NotFound false 7 nil"
    text = """
    local once = errors.wrap(errors.new({message = "no row", kind = "K"}), "load")
    local twice = errors.wrap(once, "page")
    return show(once:message(), once:kind(), twice:message(), once:stack():sub(1, 4), twice:stack():sub(1, 4))
    """
    assert body(app, text) == "no row K load: no row load page"


def test_14_what_an_error_without_parts_gives(app: Application) -> None:
    text = """
    local bare, no = errors.new("x"), errors.new({message = "x", retryable = false, details = {a = 1}})
    no:details().a = 2
    return show(bare:kind() == "", bare:retryable(), no:retryable(), bare:retryable() == no:retryable(), no:details().a,
      no:details() == no:details(), bare:details())
    """
    assert body(app, text) == "true nil false false 1 false nil"


def test_15_errors_as_text(app: Application) -> None:
    text = """
    local e = errors.wrap(errors.new("boom"), "context")
    return show("x: " .. e, e .. "!", 1 .. e, table.concat({e, "y"}, " "), tostring(e), type(e), ("%s"):format(e))
    """
    assert body(app, text) == "x: boom boom! 1boom boom y boom userdata boom"


def test_16_the_second_result_decides(app: Application) -> None:
    for result, failure in {
        "1, 'text'": "text",
        "1, errors.new('object')": "object",
        "1, nil": None,
        "1, {}": None,
        "1, 5": None,
        "1, true": None,
        "1, nil, 'third'": None,
    }.items():
        if failure is None:
            assert body(app, f"return {result}") == 1
        else:
            with pytest.raises(WippyError) as caught:
                body(app, f"return {result}")
            assert caught.value.message == failure


def test_17_xpcall(app: Application) -> None:
    text = """
    local count
    local a, b, c = xpcall(function(...) count = select("#", ...) error("x", 0) end, function(m) return m .. "!", 2 end,
      "extra")
    return show(a, b, c, count, xpcall(function() return 1, 2 end, print, 3))
    """
    assert body(app, text) == "false x! nil 0 true 1 2"


def test_18_waiting_in_odd_places(app: Application) -> None:
    text = """
    local function slow(v) time.sleep("1ms") return v end
    local mt = {}
    mt.__index = function(_, k) return slow(k) end
    mt.__newindex = function(t, k, v) rawset(t, k, slow(v)) end
    mt.__call = function(_, v) return slow(v) end
    mt.__add = function() return slow("add") end
    mt.__eq = function() return slow(true) end
    mt.__lt = function() return slow(true) end
    mt.__concat = function() return slow("cat") end
    mt.__unm = function() return slow("unm") end
    mt.__len = function() return slow(9) end
    mt.__tostring = function() return slow("text") end
    local t, u = setmetatable({}, mt), setmetatable({}, mt)
    t.set = "set"
    local seen = {}
    local function step(_, last) last = (last or 0) + 1 if slow(last) < 4 then return last end end
    for v in step do seen[#seen + 1] = v end
    local co = coroutine.wrap(function() for i = 1, 2 do coroutine.yield(slow(i)) end return slow("end") end)
    local sorted = {3, 1, 2}
    table.sort(sorted, function(a, b) return slow(a < b) end)
    local replaced = ("abc"):gsub("%w", function(c) return slow(c:upper()) end)
    return show(t.get, t.set, t("call"), t + 1, t == u, t < u, t .. "x", -t, #t, tostring(t), table.concat(seen, ","),
      co(), co(), co(), table.concat(sorted), replaced, select(2, pcall(slow, "p")), select(2, xpcall(function()
      return slow("xp") end, print)), select(2, pcall(function() slow() error("late", 0) end)),
      select(2, xpcall(error, function() return slow("handled") end)))
    """
    assert body(app, text, modules=["time"]) == (
        "get set call add true true cat unm 9 text 1,2,3 1 2 end 123 ABC p xp late handled"
    )


def test_19_spawned_coroutines(app: Application) -> None:
    order = """
    local out, ch = {}, channel.new()
    local th = coroutine.spawn(function(...)
      out[#out + 1] = "s" .. select("#", ...)
      ch:receive()
      out[#out + 1] = "r"
    end)
    out[#out + 1] = "m"
    ch:send(1)
    coroutine.spawn(function() time.sleep("1h") out.never = true end)
    return show(type(th), table.concat(out, " "))
    """
    assert body(app, order, modules=["time"]) == "thread s0 m r"
    with pytest.raises(WippyError, match=r"app:it:2: in the child"):
        body(app, "coroutine.spawn(function() error('in the child') end)\nchannel.new():receive()")
    with pytest.raises(WippyError, match="deadlock: all coroutines blocked with no pending operations"):
        body(app, "channel.select({})")


def test_20_names_of_modules_and_libraries(app: Application) -> None:
    """tests/language/test_imports.py and test_registration.py have the whole of it."""
    app.define(
        library("strict", "return function(v) return v or error('strict', 0) end"),
        library("shared", "local n = 0 return function() n = n + 1 return n end"),
        library("one", "return function() return s() end", imports={"s": "app:shared"}),
        library("two", "return function() return s() end", imports={"s": "app:shared"}),
    )
    text = """
    local _, why = pcall(assert, false)
    local ok, missing = pcall(require, "json")
    return show(why, one(), two(), one(), ok, missing)
    """
    imports = {"assert": "app:strict", "one": "app:one", "two": "app:two"}
    assert body(app, text, imports=imports) == (
        "strict 1 2 3 false module 'json' not found: it is in neither modules: nor imports: of app:it"
    )
    for entry, kind, message in (
        (function("no", "return 1", imports={"s": "app:strict", "o": "app:one"}), "Conflict", "alias 's' collision"),
        (library("self", "return 1", imports={"me": "app:self"}), "Invalid", "would create a cycle"),
        (function("no", "return 1", ["jsn"]), "NotFound", "node with ID jsn not found"),
    ):
        with pytest.raises(WippyError) as caught:
            app.define(entry)
        assert caught.value.kind == kind
        assert message in caught.value.message


def test_21_how_the_entry_point_is_found(app: Application) -> None:
    assert run(app, "return function() return 'itself' end", method="elsewhere") == "itself"
    assert run(app, "return {other = function() return 'chosen' end}", method="other") == "chosen"
    indirect = "return setmetatable({}, {__index = {absent = print}})"
    for source in ("return {}", "return {absent = 5}", "return 5", "local x", indirect):
        with pytest.raises(WippyError) as caught:
            run(app, source, method="absent")
        assert (caught.value.kind, caught.value.message) == ("NotFound", 'method "absent" not found in module')


def test_22_libraries_cannot_wait_while_they_load(app: Application) -> None:
    app.define(library("waits", "time.sleep('1ms')\nreturn {}", ["time"]))
    with pytest.raises(WippyError, match="failed to load dependency app:waits: app:waits:1: "):
        body(app, "return 1", imports={"w": "app:waits"})


def test_23_what_state_survives(app: Application) -> None:
    counter = "local n = 0\ncount = 0\nreturn function() n, count = n + 1, count + 1 return n + count end"
    app.define(function("counts", counter, pool={"type": "inline"}), process("fresh", counter))
    assert [app.call("app:counts") for _ in range(3)] == [2, 4, 6]
    assert [app.execute("app:fresh") for _ in range(3)] == [2, 2, 2]


def test_24_libraries_modules_and_frozen_tables_cannot_be_written(app: Application) -> None:
    text = """
    local own = table.freeze({1, inner = {}})
    own.inner.open = true
    local out = {}
    for i, t in ipairs({string, math, table, os, coroutine, errors, package, json, channel, process, payload, own}) do
      local ok, why = pcall(function() t.extra = 1 end)
      local again = pcall(rawset, t, "extra", 1)
      out[i] = show(ok, why:match("attempt to modify Immutable table"), again, t.extra, t.unknown)
    end
    return out
    """
    assert body(app, text, modules=["json"]) == ["false attempt to modify Immutable table false nil nil"] * 12


def test_25_tonumber(app: Application) -> None:
    text = """return show(tonumber(" 12\\n"), tonumber("0x1F"), tonumber("1e5"), tonumber(""), tonumber("abc"),
      tonumber("10", 2), tonumber("1.5e3"), tonumber("zz", 36), tonumber(nil), tonumber({}))"""
    assert body(app, text) == "12 31 nil nil nil 2 1500 1295 nil nil"


def test_26_formats(app: Application) -> None:
    text = """
    local f = string.format
    return {f("%d", 3.7), f("%s %s %s", nil, true, errors.new("e")), f("%s", {}):match("^table: 0x") ~= nil,
      f("%5.2f", 3), f("%x", 255), f("%-10s|", "ab"), f("%q", 'a"b'), f("%05d %+d", 42, 1), f("%g", 2)}
    """
    assert body(app, text) == [
        "3", "nil true e", True, " 3.00", "ff", "ab        |", '"a\\"b"', "00042 +1", "2"
    ]  # fmt: skip


def test_27_replacements(app: Application) -> None:
    text = r"""
    local function change(c) if c == "b" then return nil end return c ~= "c" and c:upper() end
    return {("$a $b $c"):gsub("%$(%w)", {a = 1, b = false}), ("abc"):gsub("%w", change),
      ("aaa"):gsub("^a", "b"), ("aaa"):gsub("a", "b", 2),
      ("k=v"):gsub("(%w)=(%w)", "%2=%1 %0 %%"), ("a.b"):find(".", 1, true), ("a.b"):find(".")}
    """
    assert body(app, text) == ["1 $b $c", "Abc", "baa", "bba", "v=k k=v %", 2, 1, 1]


def test_28_a_date_without_an_hour_is_midnight(app: Application) -> None:
    midnight = time.mktime(datetime.datetime(2024, 5, 17).timetuple())
    assert body(app, "return os.time{year = 2024, month = 5, day = 17}") == midnight


# 29, strict types: tests/language/test_strict.py


def test_30_eval_runner(app: Application) -> None:
    """tests/eval_runner has the rest, the permissions too."""
    text = """
    local er = require("eval_runner")
    local function why(o) local v, e = er.run(o) return e and e:kind() .. ": " .. e:message() or show(v) end
    return {
      why({source = "return 1", modules = {"sql"}}),
      why({source = "return 1", modules = {"none"}}):match("not available") or "",
      why({source = "local x"}),
      why({source = "return nil"}),
      why({source = "return cfg.a + require('cfg').a", custom_modules = {cfg = {a = 2}}}),
    }
    """
    assert body(app, text, modules=["eval_runner"]) == [
        'Internal: compile failed: module "sql" has forbidden class "storage"',
        "not available",
        "Internal: process completed with no result",
        "nil",
        "4",
    ]


def test_31_expr(app: Application) -> None:
    text = """
    local expr = require("expr")
    local _, unknown = expr.eval("a + b", {a = 1})
    local _, compiled = expr.compile("a + b", {a = 1})
    local _, empty = expr.eval("")
    return {math.type(expr.eval("4 / 2")), expr.eval("xs[0]", {xs = {7, 8}}), show(expr.eval("missing")),
      expr.eval("missing ?? 1"), unknown:kind(), compiled:kind(), empty:kind(), empty:message()}
    """
    assert body(app, text, modules=["expr"]) == [
        "float", 7, "nil nil", 1, "Internal", "Internal", "Invalid", "expression cannot be empty"
    ]  # fmt: skip


def test_32_casts_of_calls_and_lines_that_begin_with_parentheses(app: Application) -> None:
    source = """
    local function two() return 1, 2 end
    local function all(...) return select("#", ...), select("#", ... as any), #{... as any} end
    local fact = function(n: integer): integer if n < 2 then return 1 end return n * fact(n - 1) end
    local called = 0
    return function()
      local x = 6 :: integer |
        string
      local f = fact as any
      (print or called)("")
      local g = two()!
      (function() called = called + 1 end)()
      return show(select("#", two() :: any), select("#", two()!), all(1, 2, 3)) .. show(" ", fact(5), x, g, called)
    end
    """
    assert run(app, source) == "1 1 3 1 1  120 6 1 1"

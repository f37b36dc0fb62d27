"""Type values as values: kinds, parts, texts, comparison, names, how they travel."""

from __future__ import annotations

import pytest

TEXTS = [
    ("{a: string?}", "{a: string?}"),
    ("{b?: U, a: {number}}", "{a: number[], b?: U}"),
    ("{[string]: {U}}", "{[string]: U[]}"),
    ("(string | number)[]", "(string | number)[]"),
    ("(number) -> boolean", "fun(number) -> boolean"),
    ("fun(a: number, ...: string): (U, string?)", "fun(number, ...string) -> (U, string?)"),
    ("() -> ()", "fun() -> ()"),
    ("(() -> number)?", "(fun() -> number)?"),
    ("(U & {x: number}) | nil", "(U & {x: number})?"),
    ('"a\\"b" | 5', '"a\\"b" | 5'),
    ("{string, number}", "{string, number}"),
    ("m.Box<string>", "Box<string>"),
    ("{m.Item}", "Item[]"),
    ("number @min(0)", "number"),
    ("bool | int", "boolean | integer"),
]


@pytest.mark.parametrize(("type", "text"), TEXTS, ids=lambda x: x)
def test_text(t, type, text):
    # a field of a named record gives the type without a name of its own
    assert t.show("T.it", f"type U = {{n: number}} type T = {{it: {type}}}") == text


KINDS = [
    *((k, k) for k in ("nil", "boolean", "number", "integer", "string", "any", "unknown", "never")),
    ("string?", "optional"),
    ("string | nil", "optional"),
    ("string | number", "union"),
    ("{a: string} & {b: string}", "intersection"),
    ("{string, number}", "tuple"),
    ("() -> ()", "function"),
    ("{string}", "array"),
    ("{[string]: any}", "map"),
    ("{}", "record"),
    ("m.Box", "generic"),
    ("m.Box<string>", "instantiated"),
    ('"a"', "unknown"),
    ("m.Shape", "unknown"),
    ("number @min(1)", "number"),
    ("m.Id", "string"),
]


@pytest.mark.parametrize(("type", "kind"), KINDS, ids=lambda x: x)
def test_kind(t, type, kind):
    assert t.show("T:kind()", f"type T = {type}") == kind


UNIONS = [
    ("string | string", "string"),
    ("string | (number | (boolean | string))", "string | number | boolean"),
    ("string | any", "any"),
    ("integer | number", "number"),
    ('"a" | string | "b"', "string"),
    ('"a" | "b" | "a"', '"a" | "b"'),
    ("true | boolean", "boolean"),
    ("1 | integer", "integer"),
    ("1.5 | integer", "1.5 | integer"),
    ("nil | string", "string?"),
    ("string?? | nil", "string?"),
    ("string | never", "string"),
    ("string? | number", "(string | number)?"),
]


@pytest.mark.parametrize(("type", "text"), UNIONS, ids=lambda x: x)
def test_unions_are_normalised(t, type, text):
    assert t.show("T.it", f"type T = {{it: {type}}}") == text


def test_parts(t):
    assert t.show("A:elem(), A:key(), A:inner()", "type A = {string}") == "string nil nil"
    assert t.show("A:key(), A:val(), A:elem()", "type A = {[string]: number}") == "string number nil"
    assert t.show("A:inner()", "type A = string?") == "string"
    fn = "type F = (number, string) -> (boolean, string?) type G = () -> number type H = () -> ()"
    assert t.show("F:ret(), F:ret():kind(), G:ret(), H:ret()", fn) == "(boolean, string?) tuple number nil"
    listed = "local out = {} for a, b in %s do out[#out + 1] = show(a, b) end return table.concat(out, ', ')"
    assert t.run(fn, listed % "F:params()") == "number nil, string nil"
    assert t.run("type R = {b: number, a?: string}", listed % "R:fields()") == "a string, b number"
    assert t.run("type U = string | {number}", listed % "U:variants()") == "string nil, number[] nil"
    assert t.run("type P<A, B: string> = {a: A, b: B}", listed % "P:tparams()") == "A nil, B string"
    assert t.show("string:fields(), string:variants(), string:params(), string:tparams()") == "nil nil nil nil"
    assert t.show("string:name(), m.Item:name(), m.Item.id:name(), m.Item.price:name()") == "nil Item Id nil"


def test_fields(t):
    rec = "type R = {kind: string, size: number, deep: {x: integer}}"
    assert t.show("R.size, R.deep.x, R.nope, type(R.kind), R:kind()", rec) == "number integer nil function record"
    assert t.error("R.size = string", rec) == "cannot assign field 'size' of a type"
    assert t.error("R['is'] = string", rec) == "cannot assign field 'is' of a type"
    assert t.error("rawset(R, 'x', 1)", rec) == "bad argument #1 to rawset (table expected, got type)"


def test_comparison(t):
    two = "type A = {x: number, y: string?} type B = {y: nil | string, x: number} type C = {x: number, z: B}"
    assert t.show("A == B, A ~= C, A <= B, A < B, C <= A, rawequal(A, B)", two) == "true true true false true false"
    assert t.show("integer <= number, integer < number, number <= integer, number < number") == "true true false false"
    lits = 'type L = "a" | "b" type S = string type O = string?'
    assert t.show("L <= S, S <= L, S < O, O <= S, L < O, S <= any, never <= S", lits) == (
        "true false true false true true true"
    )
    fn = "type F = (number) -> integer type G = (integer) -> number"
    assert t.show("F <= G, G <= F", fn) == "true false"
    rec = "type N = {next: N?} type M = {next: M?}"
    assert t.show("N == M, N <= M", rec) == "true true"
    assert t.show("m.Box(string) == m.Box(string), m.Box(string) == m.Box(number)") == "true false"
    assert t.show("string == A.s, A.s == string, A == 5", "type A = {s: string}") == "true true false"
    assert t.error("local x = A <= 5", "type A = string") == "attempt to compare type with number"


def test_values_and_identity(t):
    assert t.show("type(A), A, ({[A] = 1})[A], rawequal(A.b, B)", "type A = {b: B} type B = {}") == "type A 1 true"
    assert (
        t.run("type A = {x: string} type B = {x: string}", "local k = {[A] = 1} return k[B] == nil and A == B") is True
    )


def test_through_two_aliases(t):
    assert t.show("m.Item == n.Item, rawequal(m.Item, n.Item)") == "true true"
    both = "local p = require('m') local q = require('n') type A = {i: p.Item} type B = {i: q.Item}"
    assert t.show("A == B, why(A, {i = {}}), why(B, {i = {}})", both) == (
        "true i.id: required field missing i.id: required field missing"
    )
    # a declared type may be named although it is not in the library's table
    assert t.show("m.Hidden, why(A, {h = {}})", "type A = {h: m.Hidden}") == "nil h.a: required field missing"


def test_type_that_a_library_passes_on(t):
    from application import library

    source = "local m = require('m') return {Item = m.Item}"
    t.app.define(library("passing", source, imports={"m": "app:models"}))
    from application import function

    main = "type T = p.Item return function() local _, e = T:is({id = 'a'}) return tostring(e) end"
    t.app.define(function("uses_passing", main, imports={"p": "app:passing"}))
    assert t.app.call("app:uses_passing") == "price: required field missing"


def test_libraries_of_the_same_text_name_types_of_their_own_imports(t):
    from application import function, library

    source = "type T = {v: dep.V} return {T = T}"
    for name, v in (("one", "string"), ("two", "number")):
        t.app.define(library(f"dep_{name}", f"type V = {v} return {{}}"))
        t.app.define(library("shared", source, imports={"dep": f"app:dep_{name}"}))
        main = f"return function() return (s.T:is({{v = 1}})) ~= nil end -- {name}"
        t.app.define(function("uses_shared", main, imports={"s": "app:shared"}))
        assert t.app.call("app:uses_shared") is (name == "two")


def test_primitives_are_globals(t):
    assert t.show("string('x'), integer(3), number(1.5), boolean(false), any(nil), unknown(1)") == "x 3 1.5 false nil 1"
    assert t.error("never(1)") == "expected never, got number"
    assert t.error("string(1)") == "expected string, got number"
    assert t.show("string:is('a')") == "a nil"
    assert t.show("string:kind(), string.upper('a'), type(string), string.nope, ('x').kind") == "string A table nil nil"
    assert t.error("string.x = 1") == "attempt to modify Immutable table"
    assert t.run("", "for k in pairs(string) do assert(k ~= 'kind' and k ~= 'is', k) end return true") is True
    assert t.run("", "local integer = 5 return integer + 1") == 6


def test_names_already_taken(t):
    assert t.show("type(error), type(m)", "type error = {a: string} type m = string") == "function table"
    assert t.show("type(5), type(A)", "type A = string") == "number type"
    assert t.run("type A = string", "local A = 3 return A") == 3
    assert t.why("error", "{a = 1}", "type error = {a: string}") == "a: expected string, got number"


def test_declarations_may_come_later(t):
    assert t.show("a, a:is('x')", "local a = Later type Later = string") == "Later x nil"


def test_values_become_nil_in_messages(t):
    assert t.run("type A = string", "return {a = A, b = 1, [A] = 2}") == {"b": 1}


def test_static_types(t):
    config = "local c = {host = 'x', port = 80, tls = {on = true}} local n: integer = 1 local l = {1, 'a'}"
    assert t.show("A", f"{config} type A = typeof(c)") == "A"
    assert t.why("typeof(c)", "{host = 'h', port = 1.5, tls = {}}", config) == "tls.on: required field missing"
    assert t.why("typeof(n)", "1.5", config) == "expected integer, got number"
    assert t.why("typeof(c.tls.on)", "1", config) == "expected boolean, got number"
    assert t.why("typeof(l)", "{true}", config) == "[1]: expected number | string, got boolean"
    assert t.why("keyof(m.Item)", "'x'") == 'expected "id" | "price", got string'
    assert t.why("m.Item['price']", "-1") == "value below minimum"
    assert t.why("string extends any ? number : boolean", "true") == "expected number, got boolean"


def test_typeof_as_an_expression(t):
    config = "local c = {host = 'x', tls = {on = true}} local n: integer = 1 local i: m.Item = nil"
    assert t.show("typeof(c), typeof(c):kind(), typeof(c):name(), type(typeof(c))", config) == (
        "{host: string, tls: {on: boolean}} record nil type"
    )
    assert t.show("typeof(n):is(1.5)", config).endswith("expected integer, got number")
    assert t.show("(select(2, typeof(c):is({host = 'h', tls = {}})))", config) == "tls.on: required field missing"
    assert t.show("typeof(i), typeof(5), typeof('x' .. 1), typeof(missing), typeof({1}):elem()", config) == (
        "Item number string any number"
    )
    assert t.show("typeof(c) == typeof(c), #{typeof(c)}, 'a' .. tostring(typeof(n))", config) == "true 1 ainteger"
    assert t.error("typeof(n)('x')", config) == "expected integer, got string"
    inner = "local c: string = 'x' local function f(a) return typeof(a) end return show(typeof(c), f(1), typeof(n))"
    assert t.run(config, inner) == "string any integer"
    assert t.run("", "local function typeof(x) return 'mine' .. x end return typeof('!')") == "mine!"
    assert (
        t.run("", "local called = 0 local function f() called = 1 return 1 end local a = typeof(f()) return called")
        == 0
    )

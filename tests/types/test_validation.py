"""Which values a type accepts, and what it says about the others."""

from __future__ import annotations

import pytest

ACCEPTED = [
    ("any", "nil"),
    ("unknown", "print"),
    ("nil", "nil"),
    ("boolean", "false"),
    ("bool", "true"),
    ("number", "1.5"),
    ("integer", "3.0"),
    ("int", "7"),
    ("thread", "coroutine.create(print)"),
    ("function", "print"),
    ("(number) -> string", "print"),
    ("table", "{1}"),
    ("error", 'errors.new("x")'),
    ("userdata", 'errors.new("x")'),
    ("channel.Channel", "channel.new()"),
    ('"a"', '"a"'),
    ("5", "5.0"),
    ("-1.5", "-1.5"),
    ("true", "true"),
    ("string?", "nil"),
    ('"a" | "b" | number', "4"),
    ("{a: string} & {b: number}", '{a = "x", b = 1}'),
    ("{number}", "{1, 2, x = print}"),
    ("{number}", "{}"),
    ("number[][]", "{{1}, {}, {2, 3}}"),
    ("{[string]: number}", "{a = 1, b = 2}"),
    ("{[string]: number}", '{"ignored", a = 1}'),
    ("{[number]: string}", '{"a", "b"}'),
    ("{[number]: string}", '{[0.5] = "a", [-1] = "b"}'),
    ("{[any]: number}", "{1, a = 2, [true] = 3}"),
    ("{string, number}", '{"a", 1, print}'),
    ("{}", "{1, 2, a = print}"),
    ("{a: string, b?: number}", '{a = "", c = 1}'),
    ("{a: string?}", "{}"),
    ("{a: any, b: nil | string, c: unknown}", "{}"),
    ("{f: fun(number): string}", "{f = print}"),
    ("interface {m: (number) -> ()}", "{}"),
    ("readonly {a: string}", '{a = "x"}'),
    ("{a: string}", 'table.freeze({a = "x"})'),
    ("{string}", 'table.freeze({"x"})'),
    ("{a: string}", 'setmetatable({a = "x"}, {__index = error})'),
]


@pytest.mark.parametrize(("type", "value"), ACCEPTED, ids=lambda x: x)
def test_accepted(t, type, value):
    assert (
        t.run(f"type T = {type}", f"local v = {value} local r, e = T:is(v) return rawequal(r, v) and e == nil") is True
    )


REFUSED = [
    ("never", "1", "expected never, got number"),
    ("boolean", "0", "expected boolean, got number"),
    ("string", "nil", "expected string, got nil"),
    ("string", "5", "expected string, got number"),
    ("number", '"3"', "expected number, got string"),
    ("integer", "3.5", "expected integer, got number"),
    ("integer", '"3"', "expected integer, got string"),
    ("integer", "0/0", "expected integer, got number"),
    ("integer", "1/0", "expected integer, got number"),
    ("thread", "print", "expected thread, got function"),
    ("(number) -> string", "{}", "expected function, got table"),
    ("table", 'errors.new("x")', "expected table, got userdata"),
    ("interface {m: (number) -> ()}", "1", "expected table, got number"),
    ("error", '"x"', "expected error, got string"),
    ("channel.Channel", "{}", "expected channel.Channel, got table"),
    ("number", "integer", "expected number, got type"),
    ('"a"', '"b"', 'expected "a", got string'),
    ("true", "false", "expected true, got boolean"),
    ("string?", "1", "expected string, got number"),
    ('"a" | "b"', '"c"', 'expected "a" | "b", got string'),
    ("string | number", "true", "expected string | number, got boolean"),
    ("{a: string} & {b: number}", '{a = "x", b = true}', "b: expected number, got boolean"),
    ("{number}", "5", "expected number[], got number"),
    ("{number}", "{1, 'x'}", "[2]: expected number, got string"),
    ("{{number}}", "{{1}, {1, 2, true}}", "[2][3]: expected number, got boolean"),
    ("{[string]: number}", "{a = 1, b = 'x', c = 'y'}", "b: expected number, got string"),
    ("{m: {[string]: number}}", "{m = {k = 'x'}}", "m.k: expected number, got string"),
    ("{[number]: string}", "{'a', 5}", "[2]: expected string, got number"),
    ("{[number]: string}", "{[true] = 'x'}", "[key]: expected number, got boolean"),
    ("{m: {[number]: string}}", "{m = {[0.5] = 1}}", "m[0.5]: expected string, got number"),
    ('{["a" | "b"]: number}', "{c = 1}", '[key]: expected "a" | "b", got string'),
    ("{string, number}", "{'a'}", "[2]: expected number, got nil"),
    ("{string, number}", "{'a', 'b'}", "[2]: expected number, got string"),
    ("{a: string}", "{}", "a: required field missing"),
    ("{a: string}", "{a = 1}", "a: expected string, got number"),
    ("{a?: string}", "{a = 1}", "a: expected string, got number"),
    ("{b: string, a: string}", "{}", "a: required field missing"),
    ("{o: {items: {{id: string}}}}", "{o = {items = {{id = 'a'}, {}}}}", "o.items[2].id: required field missing"),
    ("{a: string}", "setmetatable({}, {__index = {a = 'x'}})", "a: required field missing"),
    ("{x: number}", "7", "expected {x: number}, got number"),
    ("{}", "7", "expected {}, got number"),
    ("{a: {b?: (string | number)[]}}", "{a = 1}", "a: expected {b?: (string | number)[]}, got number"),
    ("Nope", "1", "unresolved type Nope"),
    ("{a: Nope}", "{}", "unresolved type Nope"),
    ("x.Nope", "1", "unresolved type x.Nope"),
    ("m.Nope", "1", "unresolved type m.Nope"),
]


@pytest.mark.parametrize(("type", "value", "message"), REFUSED, ids=lambda x: x)
def test_refused(t, type, value, message):
    assert t.why(type, value) == message


CONSTRAINED = [
    ("number @min(0)", "0", "ok"),
    ("number @min(0)", "-1", "value below minimum"),
    ("number @max(-9.5)", "-9", "value above maximum"),
    ("number @min(0)", '"x"', "expected number, got string"),
    ("string @min_len(2)", '"a"', "length below minimum"),
    ("string @max_len(2)", '"\u00e4\u00f6"', "length above maximum"),
    ("{number} @min_len(1)", "{}", "length below minimum"),
    ("{number} @max_len(1)", "{1, 2}", "length above maximum"),
    ("string @min_len(1) @pattern('^[a-z]+$')", '""', "length below minimum"),
    ("string @pattern('^[a-z]+$')", '"a1"', "pattern mismatch"),
    (r"string @pattern('\\d')", '"a1"', "ok"),
    ("string @pattern('(')", '"a1"', "invalid regex"),
    ("string @unheard_of(1)", '"a1"', "ok"),
    ("number? @min(3)", "nil", "ok"),
    ("(string | number) @min(3)", '"x"', "ok"),
    ("{a?: number @min(3)}", "{}", "ok"),
    ("{a: number? @min(3)}", "{a = 1}", "a: value below minimum"),
    ("{a: number @min(3)}", "{}", "a: required field missing"),
    ("{number @min(3)}", "{3, 2}", "[2]: value below minimum"),
    ("{[string]: number @max(3)}", "{k = 4}", "k: value above maximum"),
    ("string | number @min(3)", "2", "expected string | number, got number"),
]


@pytest.mark.parametrize(("type", "value", "message"), CONSTRAINED, ids=lambda x: x)
def test_constraints(t, type, value, message):
    assert t.why(type, value) == message


def test_constraints_follow_aliases_modules_and_generics(t):
    more = "type A = number @min(1) type B = A"
    assert t.why("B", "0", more) == "value below minimum"
    assert t.why("{m.Item}", "{{id = 'a', price = -1}}") == "[1].price: value below minimum"
    assert t.why("m.Box<B>", "{value = 0}", more) == "value: value below minimum"
    assert t.why("m.Box<n.Item>", "{value = {id = 'A', price = 1}}") == "value.id: pattern mismatch"
    assert t.why("{[string]: m.Item?}", "{k = {id = 'a', price = -1}}") == "k.price: value below minimum"


def test_details(t):
    assert t.details("{a: {b: string}}", "{a = {}}") == "a.b string nil nil"
    assert t.details("{a: {string}}", "{a = {1}}") == "a[1] string number nil"
    assert t.details("number", "'x'") == "nil number string nil"
    assert t.details("{a: number @min(2)}", "{a = 1.5}") == "a 2 1.5 min"
    assert t.details("string @pattern('^b')", "'abc'") == "nil ^b abc pattern"


def test_is_returns_the_value_and_never_raises(t):
    assert t.show("boolean:is(false)") == "false nil"
    assert t.show("any:is(nil)") == "nil nil"
    assert t.show("integer.is(3.0)") == "3 nil"
    assert t.show("(integer.is('x'))") == "nil"


def test_recursive_types(t):
    node = "type Node = {v: number, next: Node?}"
    build = "local n for i = 1, (...) do n = {v = i, next = n} end return why(Node, n)"
    assert t.run(node, build, 64) == "ok"
    assert t.run(node, build, 65) == "recursion limit exceeded"
    assert t.run(node, build, 3000) == "recursion limit exceeded"
    assert t.run(node, "return why(Node, {v = 1, next = {v = 'x'}})") == "next.v: expected number, got string"
    assert t.run(node, "local n = {v = 1} n.next = n return why(Node, n)") == "recursion limit exceeded"
    assert t.run(node, "local n = {v = 1} n.next = n Node:is(n) return why(Node, {v = 1})") == "ok"
    json = "type J = string | number | {J} | {[string]: J}"
    assert t.run(json, "return why(J, {1, {'a', {k = {2}}}})") == "ok"
    assert t.run(json, "return why(J, {print, k = {print, k = print}})").startswith("expected string | number | ")
    assert t.run("type A = {b: B?} type B = {a: A?}", "return why(A, {b = {a = {b = 5}}})").startswith(
        "b.a.b: expected"
    )
    assert t.why("T", "1") == "recursion limit exceeded"
    assert (
        t.run(
            "type Tree<T> = {v: T, kids: {Tree<T>}} type S = Tree<string>",
            "return why(S, {v = 'a', kids = {{v = 1, kids = {}}}})",
        )
        == "kids[1].v: expected string, got number"
    )
    assert (
        t.run(
            "type G<T> = {v: T, g: G<{T}>?} type S = G<number>",
            "return why(S, {v = 1, g = {v = {1}, g = {v = {{'x'}}}}})",
        )
        == "g.g.v[1][1]: expected number, got string"
    )


def test_generic_without_arguments_accepts_nothing(t):
    assert t.why("m.Box", "{value = 1}") == "expected Box, got table"
    assert t.why("{b: m.Box}", "{}") == "b: required field missing"


def test_call(t):
    user = "type User = {name: string, tags: {string}}"
    ok = "local v = {name = 'a', tags = {}} return rawequal(User(v), v)"
    assert t.run(user, ok) is True
    assert t.error("User({name = 'a', tags = {1}})", user) == "expected User, got table"
    assert t.error("return User(nil)", user) == "expected User, got nil"
    assert t.error("User()", user) == "type User expects at least 1 argument"
    assert t.error("User(1, nil)", user) == "type User validation expects 1 value, got 2"
    assert t.error("User(string)", user) == "type User is not generic"
    assert t.error("User(string, 1)", user) == "type User does not accept mixed type/value arguments"
    assert t.error("m.Box(string, number)") == "generic Box expects 1 type arguments, got 2"
    assert t.error("User.tags('x')", user) == "expected string[], got string"
    assert t.show("m.Box(integer):is({value = 1.5})").endswith("value: expected integer, got number")


def test_error_of_a_call_ends_the_function_with_its_line(t):
    with pytest.raises(Exception, match=r"app:f\d+:\d+: expected integer, got string"):
        t.run("", "local x = integer('a') return x")


@pytest.mark.parametrize(
    "declarations",
    [
        "type T = T",
        "type T = T?",
        "type T = U type U = T",
        "type T = T & {x: number}",
        "type T = T @min(1)",
        "type T = (U & {x: number}) type U = T | string",
        "type T = T | T",
        "type T = keyof(T)",
        "type T = T['x']",
        "type T = T extends string ? T : U type U = T",
    ],
)
def test_types_that_are_nothing_but_themselves(t, declarations):
    """They accept nothing, and everything that is asked of them has an answer."""
    body = "local v, e = T:is({x = 1}) return show(v, e ~= nil, T:kind() ~= nil, T == T, T <= string, T, T:name())"
    assert t.run(declarations, body).startswith("nil true true true ")


def test_types_without_end(t):
    more = "type G<A> = {a: G<{A}>?, b: G<{{A}}>?, v: A} type N = G<number> type M = G<integer> interface I : I, I end"
    body = """
      local ok = why(N, {v = 1, a = {v = {2}, b = {v = {{{3}}}}}})
      local bad = why(N, {v = 1, a = {v = {2}, b = {v = {{{'x'}}}}}})
      return show(ok, bad, #why(N, 5) < 100000, M <= N, N <= M, I == I)"""
    assert t.run(more, body) == "ok a.b.v[1][1][1]: expected number, got string true false false true"


def test_metamethods_of_values_are_not_asked(t):
    value = "setmetatable({a = 'x'}, {__eq = error, __index = error, __len = error, __pairs = error})"
    assert t.run("type R = {a: string, b?: string}", f"return R.is({value}).a") == "x"
    assert t.run("type R = {string} @max_len(1)", f"return why(R, {value})") == "ok"

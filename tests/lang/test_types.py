"""Every form of type syntax, as it is kept with a compiled chunk."""

import msgspec
import pytest

from wippy.errors import SourceError
from wippy.lang.compiler import compile_source


def name(*path, args=()):
    return {"kind": "name", "path": list(path), "args": list(args)}


def func(params, results, vararg=None):
    return {"kind": "function", "params": params, "vararg": vararg, "results": results}


def lit(value):
    return {"kind": "literal", "value": value}


def opt(inner):
    return {"kind": "optional", "inner": inner}


def arr(inner):
    return {"kind": "array", "inner": inner}


def union(*items):
    return {"kind": "union", "items": list(items)}


def rec(*fields):
    return {"kind": "record", "fields": [list(field) for field in fields]}


def constrained(base, constraint, *args):
    return {"kind": "constrained", "base": base, "constraint": constraint, "args": list(args)}


A, B, C, S, N = name("A"), name("B"), name("C"), name("string"), name("number")

FORMS = [
    ("nil", lit(None)),
    ("true | false", union(lit(True), lit(False))),
    (r"'a\65\x' | 42 | 1.5 | -3", union(lit(b"aAx"), lit(42), lit(1.5), lit(-3))),
    ("0xFFFFFFFFFFFFFFFF | 9223372036854775808", union(lit(-1), lit(9223372036854775808.0))),
    ("mod.Name", name("mod", "Name")),
    ("Map<string, Array<number>>", name("Map", args=[S, name("Array", args=[N])])),
    ("A<B<C<A>>>", name("A", args=[name("B", args=[name("C", args=[A])])])),
    ("{A}", arr(A)),
    ("A[]", arr(A)),
    ("A[][]?", opt(arr(arr(A)))),
    ("{[string]: A}", {"kind": "map", "key": S, "value": A}),
    ("{A, B}", {"kind": "tuple", "items": [A, B]}),
    ("{a: A, b?: B,}", rec(("a", False, A), ("b", True, B))),
    (
        "{type: A; is: B, as?: C, readonly: A, fun: B}",
        rec(("type", False, A), ("is", False, B), ("as", True, C), ("readonly", False, A), ("fun", False, B)),
    ),
    ("{}", rec()),
    ("(A, x: B, ...C) -> A", func([[None, A], ["x", B]], [A], C)),
    ("() -> ()", func([], [])),
    ("() -> (A, B)", func([], [A, B])),
    ("(A) -> B | C", func([[None, A]], [union(B, C)])),
    ("(A) -> B?", func([[None, A]], [opt(B)])),
    ("((A) -> B)?", opt(func([[None, A]], [B]))),
    ("() -> (A, B) | C", union(func([], [A, B]), C)),
    ("() -> () & C", {"kind": "intersection", "items": [func([], []), C]}),
    ("(A) -> (B) -> C", func([[None, A]], [func([[None, B]], [C])])),
    ("fun(A, x: B): C", func([[None, A], ["x", B]], [C])),
    ("fun(): (A, B)", func([], [A, B])),
    ("fun(): B?", func([], [opt(B)])),
    ("fun()", func([], [])),
    ("{f: (A) -> B?, C?, g: A}", rec(("f", False, func([[None, A]], [opt(B), opt(C)])), ("g", False, A))),
    ("{f: fun(): A, B, g?: C}", rec(("f", False, func([], [A, B])), ("g", True, C))),
    ("interface {m: (A) -> B}", {"kind": "interface", "bases": [], "fields": [["m", False, func([[None, A]], [B])]]}),
    ("A?", opt(A)),
    ("A | B | C", union(A, B, C)),
    ("A & B", {"kind": "intersection", "items": [A, B]}),
    ("A | B & C", {"kind": "intersection", "items": [union(A, B), C]}),
    ("A\n  | B", union(A, B)),
    ("readonly {A}", {"kind": "readonly", "inner": arr(A)}),
    ("readonly", name("readonly")),
    ("typeof(a.b.c)", {"kind": "typeof", "text": "a.b.c", "path": ["a", "b", "c"]}),
    (
        "typeof({x = 1 .. y})",
        {"kind": "typeof", "text": "{x = 1 .. y}", "path": None, "type": rec(("x", False, name("string")))},
    ),
    ("keyof(A)", {"kind": "keyof", "inner": A}),
    ("A['x']", {"kind": "index", "object": A, "key": lit(b"x")}),
    ("A extends B ? C : A", {"kind": "conditional", "value": A, "base": B, "yes": C, "no": A}),
    ("A extends B? ? C : A", {"kind": "conditional", "value": A, "base": opt(B), "yes": C, "no": A}),
    ("(A) -> asserts x is B", func([[None, A]], [{"kind": "asserts", "name": "x", "inner": B}])),
    ("string @min_len(1) @max_len(20)", constrained(constrained(S, "min_len", 1), "max_len", 20)),
    ("number? @max(-9.5) @unique @one()", constrained(constrained(constrained(opt(N), "max", -9.5), "unique"), "one")),
    ("{age?: number @min(0)}", rec(("age", True, constrained(N, "min", 0)))),
    (r"string @pattern('^\\d+$') ", constrained(S, "pattern", b"^\\d+$")),
    ("((A))", A),
]


@pytest.mark.parametrize(("text", "expected"), FORMS, ids=[row[0][:40] for row in FORMS])
def test_form(text, expected):
    chunk = compile_source(f"\ntype T = {text}\nlocal x: {text} = nil\nreturn T", "x")
    assert chunk.types == [{"name": "T", "line": 2, "params": [], "type": expected}]
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(chunk.types)) == chunk.types


def test_generic_declaration():
    chunk = compile_source("type Box<T, U: {id: string}> = {value: T}", "x")
    assert chunk.types[0]["params"] == [["T", None], ["U", rec(("id", False, S))]]


def test_interface_declaration():
    source = "interface Shape<T> : A, m.B\n  function area(x: N, ...: T): A, B\n  function close()\nend"
    assert compile_source(source, "x").types == [
        {
            "name": "Shape",
            "line": 1,
            "params": [["T", None]],
            "type": {
                "kind": "interface",
                "bases": [A, name("m", "B")],
                "fields": [
                    ["area", False, func([["x", name("N")]], [A, B], name("T"))],
                    ["close", False, func([], [])],
                ],
            },
        }
    ]


def test_only_chunk_level_declarations_are_kept():
    source = "do type A = any end local function f() type B = any end type C = any"
    assert [row["name"] for row in compile_source(source, "x").types] == ["C"]


@pytest.mark.parametrize(
    "source",
    [
        "local function f(): string?, string? return nil end",
        "function M:method(): string?, string? return nil end",
        "local f = function(a: A): (A | B)?, {A} return a end",
        "local f = function(): (A) return a end",
        "local f = function(): (A) -> B return a end",
        "local f = function(): () return end",
        "local f = function(): (a: A) -> (B, C) return a end",
        "local x: A?, y: B[], z = 1, 2, 3",
        "local x = {a = v :: A, [1] = v as B, v!}",
        "f(x :: T, y as {A}, z!)",
        "return v :: A | B",
        "if x :: boolean then end while x as A do break end repeat until x!",
        "for i = a :: integer, b! do end",
        "x = a as A as B",
        "x = a :: A as B",
        "x = a! as B!",
        "x = -a :: A + b :: B",
        "x = y :: A\n::label::\ngoto label",
        "goto continue ::continue:: local x = y::B",
        "local is, fun, keyof = 1, 2, 3 is = fun + keyof",
        "x.type = y:is(1) x.as = y.readonly",
        "function M.type(v) end function M:as() end",
        "local type = 1 type = 2",
        "type = 5",
        "type'x'",
        "type.x = 5",
        "interface = 5 interface.x = 1",
        "local x: A = b\n;(f or g)()",
    ],
)
def test_accepted(source):
    compile_source(source, "x")


@pytest.mark.parametrize(
    "source",
    [
        "local x = y :: A < 3",
        "local x: (A, B)",
        "type X = {[string] A}",
        "type X = {a?: A b: B}",
        "type X = A |",
        "type X = A extends B",
        "function f(x?) end",
        "local x = y as",
    ],
)
def test_refused(source):
    with pytest.raises(SourceError):
        compile_source(source, "x")


def test_requires_are_found_with_their_lines():
    source = (
        "local a = require('a')\nlocal function f()\nreturn require 'b.c', require [[d]] end\nrequire(x) m.require('n')"
    )
    assert compile_source(source, "x").requires == [("a", 1), ("b.c", 3), ("d", 3)]

"""The types of the standard library."""

from __future__ import annotations

from functools import cache

from wippy.lang import tree
from wippy.lang.check.resolve import Resolver
from wippy.lang.check.types import (
    ABSENT,
    ANY,
    ERROR,
    NUMBER,
    QUOTIENT,
    STRING,
    Basic,
    Function,
    Open,
    Record,
    Type,
    force,
    union,
)
from wippy.lang.parser import parse

TEXT = union((STRING, NUMBER, ERROR))
# Results of which only the run decides how many there are.
MANY = Basic("any")
MAYBE_TEXT = union((STRING, ABSENT))
MAYBE_NUMBER = union((QUOTIENT, ABSENT))
_NAMES: dict[str, Type] = {
    "text": TEXT,
    "many": MANY,
    "num": union((NUMBER, STRING)),
    "real": QUOTIENT,
    "maybe_text": MAYBE_TEXT,
    "maybe_number": MAYBE_NUMBER,
    "int": QUOTIENT,
}

_STRING = """
type T = {
  byte: (self: text, i: num?, j: num?) -> many, char: (...number) -> string, len: (self: text) -> integer,
  find: (self: text, pattern: text, init: num?, plain: any) -> many,
  match: (self: text, pattern: text, init: num?) -> many, gmatch: (self: text, pattern: text) -> many,
  gfind: (self: text, pattern: text) -> many,
  gsub: (self: text, pattern: text, replacement: any, n: num?) -> (string, integer),
  format: (self: text, ...any) -> string, rep: (self: text, n: num) -> string,
  sub: (self: text, i: num, j: num?) -> string, reverse: (self: text) -> string,
  lower: (self: text) -> string, upper: (self: text) -> string, pack: (self: text, ...any) -> string,
  unpack: (self: text, data: text, at: num?) -> many, packsize: (self: text) -> integer,
  dump: (f: any) -> many,
}
"""
_TABLE = """
type T = {
  concat: (list: table, separator: text?, i: num?, j: num?) -> string, insert: (list: table, ...any) -> many,
  remove: (list: table, at: num?) -> many, sort: (list: table, less: any) -> many,
  unpack: (list: table, i: num?, j: num?) -> many, getn: (list: table) -> integer, maxn: (list: table) -> integer,
  create: (items: num?, fields: num?) -> many, freeze: (value: any) -> many, isfrozen: (value: any) -> boolean,
}
"""
_MATH = """
type T = {
  abs: (x: num) -> real, ceil: (x: num) -> real, floor: (x: num) -> real, sqrt: (x: num) -> real,
  max: (x: num, ...any) -> real, min: (x: num, ...any) -> real, random: (m: num?, n: num?) -> real,
  fmod: (x: num, y: num) -> real, pow: (x: num, y: num) -> real, exp: (x: num) -> real, log: (x: num, b: any) -> real,
  log10: (x: num) -> real, sin: (x: num) -> real, cos: (x: num) -> real, tan: (x: num) -> real,
  asin: (x: num) -> real, acos: (x: num) -> real, atan: (x: num, y: num?) -> real, atan2: (y: num, x: num) -> real,
  deg: (x: num) -> real, rad: (x: num) -> real, type: (x: any) -> many, tointeger: (x: any) -> maybe_number,
  cosh: (x: num) -> real, sinh: (x: num) -> real, tanh: (x: num) -> real, mod: (x: num, y: num) -> real,
  frexp: (x: num) -> many, modf: (x: num) -> many, ldexp: (x: num, e: num) -> real, randomseed: (seed: any) -> many,
  ult: (a: num, b: num) -> boolean,
  pi: number, huge: number, maxinteger: integer, mininteger: integer,
}
"""
_BASE = """
type T = {
  tostring: (v: any) -> string, tonumber: (v: any, base: num?) -> maybe_number, type: (v: any) -> string,
  rawequal: (a: any, b: any) -> boolean, print: (...any) -> (), ipairs: (t: table) -> many,
  setmetatable: (t: table, meta: any) -> many, getmetatable: (v: any) -> many, next: (t: table, k: any) -> many,
  pairs: (t: table) -> many, rawget: (t: table, k: any) -> any, rawset: (t: table, k: any, v: any) -> any,
  unpack: (t: table, i: num?, j: num?) -> many, pcall: (f: any, ...any) -> many, xpcall: (f: any, h: any) -> many,
}
"""
_ERRORS = """
type T = {
  new: (v: any) -> error, wrap: (parent: any, context: any) -> error, is: (v: any, kind: string) -> boolean,
  call_stack: (v: any) -> any,
  NOT_FOUND: string, ALREADY_EXISTS: string, INVALID: string, PERMISSION_DENIED: string, UNAVAILABLE: string,
  INTERNAL: string, CANCELED: string, CONFLICT: string, TIMEOUT: string, RATE_LIMITED: string, UNKNOWN: string,
}
"""
_OS = """
type T = {
  time: (t: table?) -> real, clock: () -> number, date: (f: text?, t: num?) -> many, difftime: (a: num, b: num) -> real,
  platform: any,
}
"""
_COROUTINE = """
type T = {
  create: (f: any) -> many, resume: (co: any, ...any) -> many, running: () -> many, spawn: (f: any, ...any) -> many,
  status: (co: any) -> string, wrap: (f: any) -> many, yield: (...any) -> many,
}
"""


def fields(source: str, names: dict[str, Type], prefix: str = "") -> dict[str, Type]:
    """The fields of the record type `T` that `source` declares; results of type `many` are not known.

    Args:
        source: a chunk.
        names: further names for types.
        prefix: put in front of the functions' names in messages.
    """
    chunk = parse(source, "prelude")
    declaration = chunk.declarations[0]
    assert isinstance(declaration, tree.TypeDeclaration)
    record = force(Resolver(list(chunk.declarations), {}).type(declaration.type, dict(names)))
    assert isinstance(record, Record)
    for name, field in record.fields.items():
        if isinstance(field, Function):
            field.name = prefix + name
            field.surplus = False
            if field.results == [MANY]:
                field.results = None
    return record.fields


STRING_FUNCTIONS = fields(_STRING, _NAMES, "string.")
TABLE_FUNCTIONS = fields(_TABLE, _NAMES, "table.")
TABLE_INSERT = TABLE_FUNCTIONS["insert"]


@cache
def standard() -> dict[str, Type]:
    """The globals of which something is known."""
    known: dict[str, Type] = dict(fields(_BASE, _NAMES))
    parts = {"math": _MATH, "errors": _ERRORS, "os": _OS, "coroutine": _COROUTINE}
    found = {name: fields(source, _NAMES, f"{name}.") for name, source in parts.items()}
    for name, functions in {"string": STRING_FUNCTIONS, "table": TABLE_FUNCTIONS, **found}.items():
        known[name] = Open(functions, False, frozen=name, whole=True)
    return known


ALWAYS = frozenset(
    [
        "assert",
        "error",
        "getmetatable",
        "ipairs",
        "next",
        "pairs",
        "pcall",
        "print",
        "rawequal",
        "rawget",
        "rawset",
        "select",
        "setmetatable",
        "tonumber",
        "tostring",
        "type",
        "unpack",
        "xpcall",
        "_G",
        "_VERSION",
        "require",
        "package",
        "string",
        "table",
        "math",
        "os",
        "coroutine",
        "errors",
        "channel",
        "process",
        "payload",
        "subscribe",
        "unsubscribe",
        "integer",
        "number",
        "boolean",
        "any",
        "unknown",
        "never",
        "typeof",
    ]
)
REQUIRABLE = frozenset(
    ["string", "table", "math", "os", "coroutine", "errors", "channel", "process", "payload", "package", "_G"]
)

__all__ = ["ALWAYS", "ANY", "REQUIRABLE", "STRING_FUNCTIONS", "TABLE_INSERT", "TEXT", "fields", "standard"]

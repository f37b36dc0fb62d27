"""Random programs against the front end: `python tests/lang/fuzz.py SECONDS [SEED]`.

Every input must compile or give a SourceError, within a second. Prints how many inputs of each kind it tried.
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter

from wippy.errors import SourceError
from wippy.lang.compiler import compile_source

WORDS = [
    "and",
    "break",
    "do",
    "else",
    "elseif",
    "end",
    "false",
    "for",
    "function",
    "goto",
    "if",
    "in",
    "local",
    "nil",
    "not",
    "or",
    "repeat",
    "return",
    "then",
    "true",
    "until",
    "while",
    "fun",
    "interface",
    "as",
    "asserts",
    "readonly",
    "is",
    "typeof",
    "keyof",
    "extends",
    "type",
    "x",
    "y",
    "t",
    "f",
    "self",
    "T",
    "U",
    "string",
    "number",
    "_ENV",
    "_G",
]
SIGNS = [
    "+",
    "-",
    "*",
    "/",
    "%",
    "^",
    "#",
    "==",
    "~=",
    "<=",
    ">=",
    "<",
    ">",
    "=",
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    ";",
    ":",
    ",",
    ".",
    "..",
    "...",
    "::",
    "//",
    "&",
    "|",
    "~",
    "<<",
    ">>",
    "?",
    "!",
    "@",
    "->",
    "@min(",
    "@name",
]
VALUES = [
    "1",
    "0",
    "3.5",
    "0x1F",
    "1e5",
    "9223372036854775807",
    "99999999999999999999",
    "'a'",
    '"b\\n"',
    "[[c]]",
    "[==[d]==]",
    "'\\x41'",
    '"\\300"',
    "nil",
]
PIECES = (
    "local x: {a: string @min_len(1), b?: number[]} = {a = 'x'}\n",
    "type T<U> = {[string]: U} | (a: number, ...string) -> (U, boolean?)\n",
    "interface I: J function m(self: I): number, string end\n",
    "for i = 1, 10 do if i % 2 == 0 then goto continue end ::continue:: end\n",
    "local function f<T>(a: T, ...: any): (T, error?) return a :: T, nil end\n",
    "return f(x as T)!, {[k] = v, ...}\n",
    "repeat local y = x .. 1.5 .. y until y == nil\n",
    "while true do break end\n",
)


def soup(chance: random.Random) -> str:
    out = []
    for _ in range(chance.randrange(1, 120)):
        out.append(chance.choice(chance.choice((WORDS, SIGNS, VALUES))))
        out.append(chance.choice((" ", " ", " ", "\n", "")))
    return "".join(out)


def mangled(chance: random.Random) -> str:
    text = "".join(chance.choice(PIECES) for _ in range(chance.randrange(1, 12)))
    for _ in range(chance.randrange(1, 6)):
        at, to = sorted(chance.randrange(len(text) + 1) for _ in range(2))
        text = chance.choice((text[:at] + text[to:], text[:at] + soup(chance)[:30] + text[at:], text[to:] + text[:at]))
    return text


def nested(chance: random.Random) -> str:
    opening, closing = chance.choice(
        (
            ("(", ")"),
            ("{", "}"),
            ("function() ", " end "),
            ("do ", " end "),
            ("f(", ")"),
            ("x[", "]"),
            ("-", ""),
            ("not ", ""),
        )
    )
    depth = chance.randrange(1, 3000)
    head = chance.choice(("return ", "", "local x: ", "x = "))
    return head + opening * depth + "x" + closing * chance.choice((depth, depth - 1))


def raw_bytes(chance: random.Random) -> bytes:
    return chance.randbytes(chance.randrange(200))


def main() -> int:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(2**32)
    chance = random.Random(seed)
    makers = (soup, soup, mangled, mangled, mangled, nested, raw_bytes)
    tried: Counter[str] = Counter()
    slowest = 0.0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        make = chance.choice(makers)
        source = make(chance)
        begun = time.monotonic()
        try:
            compile_source(source, "fuzz:case")
            tried["compiled"] += 1
        except SourceError:
            tried["refused"] += 1
        except BaseException:
            print(f"seed {seed}: {make.__name__} failed with {source!r}")
            raise
        took = time.monotonic() - begun
        slowest = max(slowest, took)
        if took > 1:
            print(f"seed {seed}: {make.__name__} took {took:.1f} s with {source[:2000]!r}")
            return 1
        tried[make.__name__] += 1
    total = tried["compiled"] + tried["refused"]
    print(f"seed {seed}: {total} inputs, {dict(tried)}, slowest {slowest * 1000:.0f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())

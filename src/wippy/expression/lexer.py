"""Source text → tokens."""

from __future__ import annotations

import re
from typing import NamedTuple

from wippy.expression.fault import Fault

NUMBER, STRING, NAME, OPERATOR, BRACKET, END = "number", "string", "name", "operator", "bracket", "end"

WORDS = frozenset(
    [
        "in",
        "not",
        "and",
        "or",
        "matches",
        "contains",
        "startsWith",
        "endsWith",
        "let",
        "if",
        "else",
        "true",
        "false",
        "nil",
    ]
)

_SPACE = re.compile(r"(?:\s+|//[^\n]*|/\*.*?\*/)+", re.S)
_REST_OF_LINE = re.compile(r"[^\n]*")
_NUMBER = re.compile(
    r"0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+"
    r"|(?:\d[\d_]*(?:\.(?!\.)\d[\d_]*|\.(?![.\w]))?|\.\d[\d_]*)(?:[eE][+-]?\d+)?"
)
_NAME = re.compile(r"[^\W\d]\w*|\$\w*")
_OPERATOR = re.compile(r"\?\?|\?\.|\?:|\*\*|\.\.|==|!=|<=|>=|&&|\|\||::|[-+*/%^<>!?:|.,;=#]")
_SIMPLE = {
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "v": "\v",
    "\\": "\\",
    "'": "'",
    '"': '"',
    "`": "`",
}
_ESCAPE = re.compile(r"x([0-9a-fA-F]{2})|u\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})")

MAX_INTEGER = (1 << 63) - 1


class Token(NamedTuple):
    """One token. `value` is the text of names, operators and brackets, the value of literals."""

    kind: str
    value: object
    at: int


def tokens(source: str) -> list[Token]:
    """All tokens, the last one of kind END. Raises Fault."""
    out: list[Token] = []
    at, end = 0, len(source)
    while True:
        space = _SPACE.match(source, at)
        if space:
            at = space.end()
            continue
        if at >= end:
            out.append(Token(END, "EOF", end))
            return out
        char = source[at]
        if char == "#" and _after_value(out):
            at = _REST_OF_LINE.match(source, at).end()  # type: ignore[union-attr]
            continue
        if char in "\"'":
            value, after = _string(source, at)
            out.append(Token(STRING, value, at))
        elif char == "`":
            value, after = _raw(source, at)
            out.append(Token(STRING, value, at))
        elif char in "()[]{}":
            out.append(Token(BRACKET, char, at))
            after = at + 1
        elif found := _NUMBER.match(source, at) if char.isdigit() or _starts_fraction(source, at, out) else None:
            after = found.end()
            if after < end and (source[after].isalnum() or source[after] == "_"):
                raise Fault(f'bad number syntax: "{source[at : after + 1]}"', at)
            out.append(Token(NUMBER, _number(found[0], at), at))
        elif found := _NAME.match(source, at):
            word = found[0]
            operator = word in WORDS and word not in ("true", "false", "nil") and not _after_dot(out)
            out.append(Token(OPERATOR if operator else NAME, word, at))
            after = found.end()
        elif source.startswith("/*", at):
            raise Fault("unclosed comment", at)
        elif found := _OPERATOR.match(source, at):
            out.append(Token(OPERATOR, found[0], at))
            after = found.end()
        else:
            raise Fault(f"unrecognized character: {char!r}", at)
        at = after


def _after_dot(out: list[Token]) -> bool:
    return bool(out) and out[-1].kind == OPERATOR and out[-1].value in (".", "?.")


def _after_value(out: list[Token]) -> bool:
    """Whether no value can stand here, so that `#` is a comment and not the item of a predicate."""
    if not out:
        return True
    last = out[-1]
    return last.kind in (NAME, NUMBER, STRING) or last.value in (")", "]", "}", "#")


def _starts_fraction(source: str, at: int, out: list[Token]) -> bool:
    if source[at] != "." or not source[at + 1 : at + 2].isdigit():
        return False
    previous = out[-1] if out else None
    return (
        previous is None
        or previous.kind == OPERATOR
        or (previous.kind == BRACKET and previous.value in ("(", "[", "{"))
    )


def _number(text: str, at: int) -> int | float:
    text = text.replace("_", "")
    prefix = text[:2].lower()
    if prefix in ("0x", "0o", "0b"):
        try:
            value = int(text, 0)
        except ValueError:
            raise Fault(f'bad number syntax: "{text}"', at) from None
    elif re.search(r"[.eE]", text):
        return float(text)
    elif len(text) > 20:
        value = MAX_INTEGER + 1
    else:
        value = int(text)
    if value > MAX_INTEGER:
        raise Fault("integer literal is too large", at)
    return value


def _string(source: str, start: int) -> tuple[str, int]:
    quote, at, out = source[start], start + 1, []
    while True:
        if at >= len(source) or source[at] == "\n":
            raise Fault("literal not terminated", start)
        char = source[at]
        if char == quote:
            return "".join(out), at + 1
        if char != "\\":
            out.append(char)
            at += 1
            continue
        following = source[at + 1 : at + 2]
        if following in _SIMPLE and following:
            out.append(_SIMPLE[following])
            at += 2
            continue
        found = _ESCAPE.match(source, at + 1)
        if found is None:
            raise Fault("invalid char escape", at)
        code = int(found[5], 8) if found[5] else int(found[1] or found[2] or found[3] or found[4], 16)
        if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
            raise Fault("escape is no Unicode character", at)
        out.append(chr(code))
        at = found.end()


def _raw(source: str, start: int) -> tuple[str, int]:
    at, out = start + 1, []
    while True:
        close = source.find("`", at)
        if close < 0:
            raise Fault("literal not terminated", start)
        out.append(source[at:close])
        if source[close + 1 : close + 2] != "`":
            return "".join(out), close + 1
        out.append("`")
        at = close + 2

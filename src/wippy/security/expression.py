"""Regular expressions of policies: the RE2 notation on Python's engine."""

from __future__ import annotations

import re

CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": r"\x00-\x7f",
    "blank": r"\t ",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\t\n\v\f\r ",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}

_POSIX = re.compile(r"\[:(\w+):\]")
_MULTILINE = re.compile(r"\(\?[a-zA-Z]*m")


def compile_expression(text: str) -> re.Pattern[str]:
    """A pattern to `search` with. `$` is the end of the text (not the place before a last line break),
    `\\d \\w \\s \\b` are about ASCII, `\\z` and `[[:alpha:]]` are known.

    Raises:
        re.error: the expression is invalid.
    """
    multiline = _MULTILINE.search(text) is not None
    out: list[str] = []
    at, inside = 0, False
    while at < len(text):
        char = text[at]
        if char == "\\":
            pair = text[at : at + 2]
            out.append(r"\Z" if pair == r"\z" and not inside else pair)
            at += 2
            continue
        posix = _POSIX.match(text, at) if inside else None
        if posix and posix[1] in CLASSES:
            out.append(CLASSES[posix[1]])
            at = posix.end()
            continue
        if inside:
            inside = char != "]"
            out.append(r"\[" if char == "[" else char)
        elif char == "[":
            inside = True
            opening = re.compile(r"\[\^?\]?").match(text, at)
            assert opening is not None
            out.append(opening[0].replace("]", r"\]"))
            at = opening.end()
            continue
        else:
            out.append(r"\Z" if char == "$" and not multiline else char)
        at += 1
    return re.compile("".join(out), re.ASCII)

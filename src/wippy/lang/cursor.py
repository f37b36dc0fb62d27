"""The place in the token list where a parser stands, and its errors."""

from __future__ import annotations

from typing import NoReturn

from wippy.errors import SourceError
from wippy.lang.lexer import KEYWORDS, TYPE_WORDS, Tokens, decode

NAMES = frozenset(("name", *TYPE_WORDS))


class Cursor:
    """Base of the parsers: `i` is the index of the next token."""

    def __init__(self, tokens: Tokens, name: str) -> None:
        self.tokens = tokens
        self.kinds = tokens.kinds
        self.texts = tokens.texts
        self.name = name
        self.i = 0

    def fail(self, message: str, token: int | None = None, hint: str | None = None) -> NoReturn:
        """Raises SourceError at a token (default: the next one)."""
        offset = self.tokens.starts[self.i if token is None else token]
        line, column = self.tokens.position(offset)
        raise SourceError(
            message, file=self.name, line=line, column=column, text=self.tokens.line_text(line), hint=hint
        )

    def near(self, token: int) -> str:
        text = decode(self.texts[token].split("\n")[0])
        if self.kinds[token] == "eof":
            return "<eof>"
        return f"'{text[:40]}…'" if len(text) > 40 else f"'{text}'"

    def unexpected(self, expected: str = "", hint: str | None = None) -> NoReturn:
        """Raises SourceError for the next token: a lexical error if it is one, else `X expected near Y`."""
        kind = self.kinds[self.i]
        near = self.near(self.i)
        if kind[0] == "!" and len(kind) > 1:
            self.fail(f"{kind[1:]} near {near}")
        if kind in KEYWORDS and expected == "name":
            hint = f"'{kind}' is a reserved word"
        elif kind in ("=", "==") and self.kinds[self.i - 1] == "!":
            hint = "'not equal' is written ~="
        self.fail(f"{expected} expected near {near}" if expected else f"unexpected symbol near {near}", hint=hint)

    def expect(self, kind: str) -> None:
        if self.kinds[self.i] != kind:
            self.unexpected(f"'{kind}'")
        self.i += 1

    def close(self, kind: str, opener: str, at: int) -> None:
        """Takes the token that closes what began at token `at`."""
        if self.kinds[self.i] != kind:
            line = self.tokens.line(at)
            if line == self.tokens.line(self.i):
                self.unexpected(f"'{kind}'")
            self.unexpected(f"'{kind}' (to close '{opener}' at line {line})")
        self.i += 1

    def take_name(self) -> str:
        i = self.i
        if self.kinds[i] not in NAMES:
            self.unexpected("name")
        self.i = i + 1
        return self.texts[i]

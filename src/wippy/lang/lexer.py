"""Source text → tokens. One regular expression does the work; a token's kind is looked up once per distinct text."""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import accumulate
from operator import add, sub


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


KEYWORDS = _words(
    "and break do else elseif end false for function goto if in local nil not or repeat return then true until while"
)
TYPE_WORDS = _words("type fun interface as asserts readonly is typeof keyof extends")
OPERATORS = _words("... .. == ~= <= << // :: -> + - * / % ^ & | ~ < > = ( ) { } [ ] # ; : , . ? ! @")

_TOKEN = re.compile(
    r"""
    ((?: [ \t\n\f\v]++ | --(?: \[(=*)\[ .*? \]\2\] | (?!\[=*\[) [^\n]*+ ) )*+)
    ( [A-Za-z_][A-Za-z0-9_]*+
    | "[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"?
    | '[^'\\\n]*+(?:\\.[^'\\\n]*+)*+'?
    | \.?[0-9](?:[eE][+-]?|[0-9A-Za-z_.])*
    | \.\.\.?
    | ::[ \t]*[A-Za-z_][A-Za-z0-9_]*[ \t]*::
    | ==|~=|<=|<<|//|::|->
    | \[(=*)\[.*?\]\4\]
    | \[=*\[.*
    | --\[=*\[.*
    | [\x80-\xff]+
    | .
    | \Z )
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_HEX_TOKEN = re.compile(r"0[xX][0-9a-fA-F]")
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_DECIMAL_ESCAPE = re.compile(r"\\(?:([0-9]{1,3})|.)", re.DOTALL)
_NAME_START = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")


class _Kinds(dict[str, str]):
    """Token text → kind. Kinds that begin with `!` and say more are lexical errors."""

    def __missing__(self, text: str) -> str:
        kind = self[text] = _classify(text)
        return kind


_FIXED = {**{word: word for word in KEYWORDS | TYPE_WORDS | OPERATORS}, "": "eof"}


def _classify(text: str) -> str:
    first = text[0]
    if first in _NAME_START:
        return "name"
    if first in "\"'":
        return _classify_string(text, first)
    if first.isdigit() or first == ".":
        return "number" if _NUMBER.fullmatch(text) else "!malformed number"
    if text.startswith("::"):
        return "label"
    if text.startswith("--"):
        return "!unfinished long comment"
    if first == "[":
        level = text.index("[", 1) - 1
        closed = len(text) >= 2 * (level + 2) and text.endswith("]" + "=" * level + "]")
        return "string" if closed else "!unfinished long string"
    return "!unexpected symbol"


def _classify_string(text: str, quote: str) -> str:
    body = text[1:]
    if not body.endswith(quote):
        return "!unfinished string"
    if "\\" in body:
        end = 0
        for match in _DECIMAL_ESCAPE.finditer(body):
            end = match.end()
            if match[1] and int(match[1]) > 255:
                return "!decimal escape too large"
        if end == len(body):
            return "!unfinished string"
    return "string"


class Tokens:
    """The tokens of one chunk, as parallel lists that end with four `eof` tokens.

    Attributes:
        source: the text, one character per byte (latin-1), line ends normalised to `\\n`.
        kinds: the text itself for reserved words and operators, else `name number string label eof` or `!<error>`.
        texts: the text of each token.
        skips: white space and comments in front of each token.
        starts, ends: offsets into source.
    """

    __slots__ = ("_lines", "ends", "kinds", "skips", "source", "starts", "texts")

    def __init__(self, source: str) -> None:
        skips, _, texts, _ = zip(*_TOKEN.findall(source), strict=True)
        if "0x" in source or "0X" in source:
            skips, texts = _split_hex(skips, texts)
        lengths = list(map(len, texts))
        self.source = source
        self.skips = [*skips, "", "", ""]
        self.texts = [*texts, "", "", ""]
        self.ends = list(accumulate(map(add, map(len, skips), lengths)))
        self.starts = list(map(sub, self.ends, lengths))
        for offsets in (self.ends, self.starts):
            offsets.extend([len(source)] * 3)
        self.kinds = list(map(_Kinds(_FIXED).__getitem__, self.texts))
        self._lines: list[int] | None = None

    def position(self, offset: int) -> tuple[int, int]:
        """1-based line and column (in characters of the UTF-8 text) of an offset."""
        if self._lines is None:
            self._lines = [0, *(match.end() for match in re.finditer("\n", self.source))]
        line = bisect_right(self._lines, offset)
        before = self.source[self._lines[line - 1] : offset]
        return line, len(decode(before)) + 1

    def line(self, token: int) -> int:
        """1-based line on which a token begins."""
        return self.position(self.starts[token])[0]

    def line_text(self, line: int) -> str:
        """The text of a line, without its end."""
        self.position(0)
        assert self._lines is not None
        start = self._lines[line - 1]
        end = self.source.find("\n", start)
        return decode(self.source[start : end if end >= 0 else len(self.source)])


def _split_hex(skips: tuple[str, ...], texts: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """`0xe+1` is a sum: an exponent exists in decimal numbers only."""
    new_skips: list[str] = []
    new_texts: list[str] = []
    for skip, text in zip(skips, texts, strict=True):
        if ("+" in text or "-" in text) and _HEX_TOKEN.match(text):
            for piece in re.split("([+-])", text):
                new_skips.append(skip)
                new_texts.append(piece)
                skip = ""
        else:
            new_skips.append(skip)
            new_texts.append(text)
    return new_skips, new_texts


def decode(text: str) -> str:
    """Source characters (one per byte) → the text a reader sees."""
    return text.encode("latin-1").decode("utf-8", "replace")


def normalize(source: bytes | str) -> str:
    """Source as given → one character per byte, `\\n` as the only line end, without mark or `#!` line."""
    raw = source.encode("utf-8", "surrogateescape") if isinstance(source, str) else source
    text = raw.removeprefix(b"\xef\xbb\xbf").decode("latin-1")
    if "\r" in text:
        text = re.sub("\r\n|\n\r|\r", "\n", text)
    if text.startswith("#"):
        text = text[text.find("\n") :] if "\n" in text else ""
    return text


_ESCAPE = re.compile(r"\\([0-9]{1,3}|.)", re.DOTALL)
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def unquote(text: str) -> bytes:
    """A string token → the bytes it stands for."""
    if text[0] == "[":
        level = text.index("[", 1) + 1
        return text[level:-level].removeprefix("\n").encode("latin-1")

    def value(match: re.Match[str]) -> str:
        inner = match[1]
        return chr(int(inner)) if inner.isdigit() else _SIMPLE.get(inner, inner)

    return _ESCAPE.sub(value, text[1:-1]).encode("latin-1")

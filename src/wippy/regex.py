"""Regular expressions in RE2 notation, over bytes that hold UTF-8.

With the package google-re2 (extra `re2`) the time of a match grows with the length of the text only. Without it the
expression is rewritten for Python's engine, see `regex_rewrite`, and searches that would take that engine too long are
done by `regex_machine`.
"""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Iterator
from typing import Any

from wippy.regex_machine import Guarded
from wippy.regex_rewrite import ExpressionError, rewritten

__all__ = ["Expression", "ExpressionError", "Span", "compile_expression"]

Span = tuple[int, int]
"""Byte offsets, the second one behind the last byte; (-1, -1) for a group that took no part."""

_REASONS = {
    "missing )": "missing closing )",
    "missing ]": "missing closing ]",
    "trailing \\": "trailing backslash at end of expression",
    "no argument for repetition operator": "missing argument to repetition operator",
    "bad repetition operator": "invalid nested repetition operator",
    "invalid repetition size": "invalid repeat count",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "invalid named capture group": "invalid named capture",
    "pattern too large - compile failed": "expression too large",
}


class Expression:
    """A compiled expression.

    Attributes:
        source: the expression as it was given.
        groups: how many capturing groups it has.
        names: their names from group 0 on, "" for one without name.
    """

    __slots__ = ("_bytes", "_pattern", "groups", "names", "source")

    def __init__(self, source: bytes, pattern: Any, takes_bytes: bool) -> None:
        self.source = source
        self.groups: int = pattern.groups
        names = [""] * (self.groups + 1)
        for name, index in pattern.groupindex.items():
            names[index] = name.decode() if isinstance(name, bytes) else name
        self.names = tuple(names)
        self._pattern = pattern
        self._bytes = takes_bytes

    def found(self, text: bytes) -> bool:
        """Whether there is a match anywhere in the text."""
        return self._pattern.search(text if self._bytes else _decoded(text)) is not None

    def spans(self, text: bytes) -> Iterator[list[Span]]:
        """The matches from left to right, each as the spans of all its groups. An empty match beside the one before
        it is left out.
        """
        end = -1
        for spans in self._spans(text) if self._bytes else self._rewritten_spans(text):
            first, last = spans[0]
            if first == last and (first == end or (first < len(text) and text[first] & 0xC0 == 0x80)):
                continue
            end = last
            yield spans

    def _spans(self, text: bytes) -> Iterator[list[Span]]:
        for match in self._pattern.finditer(text):
            yield [match.span(group) for group in range(self.groups + 1)]

    def _rewritten_spans(self, data: bytes) -> Iterator[list[Span]]:
        text = _decoded(data)
        offset = (lambda at: at) if len(text) == len(data) else _Offsets(text)
        at = 0
        while at <= len(text):
            match = self._pattern.search(text, at)
            if match is None:
                return
            yield [
                (-1, -1) if first < 0 else (offset(first), offset(last))
                for first, last in (match.span(group) for group in range(self.groups + 1))
            ]
            at = match.end() + (match.start() == match.end())


class _Offsets:
    """Byte offsets of the characters of a text."""

    def __init__(self, text: str) -> None:
        total = 0
        self._starts = [0]
        for char in text:
            total += len(char.encode("utf-8", "surrogateescape"))
            self._starts.append(total)

    def __call__(self, at: int) -> int:
        return self._starts[at]


def _decoded(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")


@functools.cache
def _engine() -> Any:
    try:
        return importlib.import_module("re2")
    except ImportError:
        return None


@functools.lru_cache(maxsize=512)
def compile_expression(source: bytes) -> Expression:
    """The expression, kept for the next time.

    Args:
        source: UTF-8 text.

    Raises:
        ExpressionError: it is invalid; says why and which part.
    """
    engine = _engine()
    if engine is None:
        return _rewrite(source)
    options = engine.Options()
    options.log_errors = False
    try:
        return Expression(source, engine.compile(source, options), True)
    except engine.error as error:
        text = error.args[0] if error.args else b""
        text = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
        reason, _, fragment = text.partition(": ")
        raise ExpressionError(_REASONS.get(reason, reason), fragment) from None


def _rewrite(source: bytes) -> Expression:
    try:
        text = source.decode()
    except UnicodeDecodeError:
        raise ExpressionError("invalid UTF-8", "") from None
    changed = rewritten(text)
    try:
        return Expression(source, Guarded(changed), False)
    except re.error as error:
        reason = "missing closing )" if "unterminated subpattern" in error.msg else error.msg
        raise ExpressionError(reason, text) from None
    except (OverflowError, RecursionError):
        raise ExpressionError("expression too large", text) from None

"""Patterns over actions and resources: `*` stands for any text, also none."""

from __future__ import annotations

from collections.abc import Callable, Iterable


def matcher(patterns: Iterable[str]) -> Callable[[str], bool]:
    """A function that tells whether a text fits one of the patterns, upper and lower case apart.

    `*` matches any text wherever it stands. A pattern that ends in `.*` also matches without that dot:
    `a.*` fits `a`, `a.b` and `ab`.
    """
    exact: set[str] = set()
    prefixes: list[str] = []
    globs: list[list[str]] = []
    for pattern in patterns:
        if pattern.endswith(".*"):
            pattern = pattern[:-2] + "*"
        pieces = pattern.split("*")
        if len(pieces) == 1:
            exact.add(pattern)
        elif len(pieces) == 2 and not pieces[1]:
            prefixes.append(pieces[0])
        else:
            globs.append(pieces)
    starts = tuple(prefixes)

    def fits(text: str) -> bool:
        return text in exact or text.startswith(starts) or any(_fits(pieces, text) for pieces in globs)

    return fits


def _fits(pieces: list[str], text: str) -> bool:
    first, *middle, last = pieces
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    at, end = len(first), len(text) - len(last)
    for piece in middle:
        found = text.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True

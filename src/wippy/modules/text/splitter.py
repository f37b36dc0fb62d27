"""Texts cut into chunks at separators, with an overlap."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

_SLAB = 65536
"""Characters that are cut at once."""

SEPARATORS = ("\n\n", "\n", " ", "")


@dataclass(frozen=True, slots=True)
class RecursiveSplitter:
    """Cuts at the first separator that the text holds, and longer pieces at the next ones.

    Args:
        size: largest length of a chunk (characters).
        overlap: how much of a chunk may be repeated in the next one (characters).
        keep: separators stay, in front of the piece behind them.
        separators: in the order in which they are tried; "" cuts into characters.
    """

    size: int = 512
    overlap: int = 100
    keep: bool = False
    separators: tuple[str, ...] = SEPARATORS

    def split(self, text: str) -> list[str]:
        """The chunks, trimmed; none is empty."""
        return self._split(text, self.separators)

    def _split(self, text: str, separators: Sequence[str]) -> list[str]:
        separator, rest = separators[-1], separators[:0]
        for index, candidate in enumerate(separators):
            if candidate in text:  # the empty one is in every text
                separator, rest = candidate, separators[index + 1 :]
                break
        chunks: list[str] = []
        merger = _Merger(chunks, self.size, self.overlap, "" if self.keep else separator)
        lead = ""
        for piece in _pieces(text, separator):
            if lead:
                piece = lead + piece
            if self.keep:
                lead = separator
            if len(piece) < self.size:
                merger.add(piece)
                continue
            merger.finish()
            if rest:
                chunks.extend(self._split(piece, rest))
            else:
                chunks.append(piece)
        merger.finish()
        return chunks


def _pieces(text: str, separator: str) -> Iterator[str]:
    """As `text.split(separator)`, characters for an empty one; a part of the text at a time, so that other threads
    may run.
    """
    if not separator:
        yield from text
        return
    at, size = 0, _SLAB
    while len(text) - at > size:
        *pieces, last = text[at : at + size].split(separator)
        if pieces:
            yield from pieces
            at, size = at + size - len(last), _SLAB
        else:
            size *= 2
    yield from text[at:].split(separator)


class _Merger:
    """Joins short pieces to chunks; the last pieces of one chunk may begin the next."""

    def __init__(self, chunks: list[str], size: int, overlap: int, joint: str) -> None:
        self._chunks = chunks
        self._size = size
        self._overlap = overlap
        self._joint = joint
        self._held: deque[str] = deque()
        self._total = 0

    def add(self, piece: str) -> None:
        """Takes the next piece."""
        held, joint = self._held, len(self._joint)
        if held and self._total + joint + len(piece) > self._size:
            self._emit()
            while held and (
                self._total > self._overlap or (self._total > 0 and self._total + len(piece) + joint > self._size)
            ):
                self._total -= len(held.popleft()) + (joint if held else 0)
        self._total += len(piece) + (joint if held else 0)
        held.append(piece)

    def finish(self) -> None:
        """Ends the chunk that has begun; none goes on behind it."""
        self._emit()
        self._held.clear()
        self._total = 0

    def _emit(self) -> None:
        text = self._joint.join(self._held).strip()
        if text:
            self._chunks.append(text)


def _number(options: dict[str, Any], name: str, default: int, least: int) -> int:
    value = options.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= 1 << 40:
        return default
    return int(value)


def sizes(options: dict[str, Any]) -> tuple[int, int]:
    """chunk_size and chunk_overlap; what is no proper number counts as absent."""
    return _number(options, "chunk_size", 512, 1), _number(options, "chunk_overlap", 100, 0)


def recursive(options: dict[str, Any]) -> RecursiveSplitter:
    """The splitter of the options chunk_size, chunk_overlap, keep_separator and separators."""
    size, overlap = sizes(options)
    given = options.get("separators")
    separators = tuple(one for one in given if isinstance(one, str)) if isinstance(given, list) else ()
    return RecursiveSplitter(size, overlap, options.get("keep_separator") is True, separators or SEPARATORS)

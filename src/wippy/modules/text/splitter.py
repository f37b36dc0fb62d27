"""Texts cut into chunks at separators, with an overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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
        pieces = text.split(separator) if separator else list(text)
        joint = separator
        if self.keep:
            pieces = pieces[:1] + [separator + piece for piece in pieces[1:]]
            joint = ""
        chunks: list[str] = []
        short: list[str] = []
        for piece in pieces:
            if len(piece) < self.size:
                short.append(piece)
                continue
            chunks.extend(self._merged(short, joint))
            short = []
            if rest:
                chunks.extend(self._split(piece, rest))
            else:
                chunks.append(piece)
        chunks.extend(self._merged(short, joint))
        return chunks

    def _merged(self, pieces: list[str], joint: str) -> list[str]:
        chunks: list[str] = []
        current: list[str] = []
        total = first = 0
        for piece in pieces:
            held = len(current) - first
            if held and total + len(joint) + len(piece) > self.size:
                _add(chunks, joint.join(current[first:]))
                while first < len(current) and (
                    total > self.overlap or (total > 0 and total + len(piece) + len(joint) > self.size)
                ):
                    total -= len(current[first]) + (len(joint) if len(current) - first > 1 else 0)
                    first += 1
            total += len(piece) + (len(joint) if len(current) > first else 0)
            current.append(piece)
        _add(chunks, joint.join(current[first:]))
        return chunks


def _add(chunks: list[str], text: str) -> None:
    text = text.strip()
    if text:
        chunks.append(text)


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

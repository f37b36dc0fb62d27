"""Text tables whose columns fit the width of a terminal."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

GAP = 2
LEAST = 8
"""Characters that a column which may shrink keeps."""


class Column(msgspec.Struct, frozen=True):
    """One column.

    Args:
        title: its head.
        right: numbers stand at the right.
        shrinks: may be cut where there is no room.
        least: characters it keeps while others can still give some.
        middle: is cut in the middle, since its end tells as much as its beginning.
    """

    title: str
    right: bool = False
    shrinks: bool = False
    middle: bool = False
    least: int = LEAST


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int | None) -> list[list[str]]:
    """Cells padded to the widths of their columns, the titles first; the last column has no padding at its right.

    Args:
        width: of the terminal; None for any.
    """
    cells = [[column.title for column in columns], *([plain(text) for text in row] for row in rows)]
    widths = [max(len(row[index]) for row in cells) for index in range(len(columns))]
    if width is not None:
        _fit(columns, widths, width)
    last = len(columns) - 1
    return [
        [
            _pad(_cut(text, widths[index], columns[index].middle), widths[index], columns[index].right, index == last)
            for index, text in enumerate(row)
        ]
        for row in cells
    ]


def _fit(columns: Sequence[Column], widths: list[int], width: int) -> None:
    """Takes room from the widest columns first."""
    over = sum(widths) + GAP * (len(widths) - 1) - width
    while over > 0:
        able = [i for i, column in enumerate(columns) if column.shrinks and widths[i] > column.least]
        able = able or [i for i, column in enumerate(columns) if column.shrinks and widths[i] > LEAST]
        if not able:
            return
        widest = max(able, key=lambda index: widths[index])
        widths[widest] -= 1
        over -= 1


def _cut(text: str, width: int, middle: bool) -> str:
    if len(text) <= width:
        return text
    end = width // 3 if middle else 0
    return f"{text[: width - 1 - end]}…{text[len(text) - end :]}"


def _pad(text: str, width: int, right: bool, last: bool) -> str:
    if right:
        return text.rjust(width)
    return text if last else text.ljust(width)


def line(cells: Sequence[str]) -> str:
    """One row of a table as text."""
    return (" " * GAP).join(cells).rstrip()


def plain(text: str) -> str:
    """The text without what a terminal would act upon."""
    return "".join(char if char.isprintable() else "?" for char in text)


def count(value: float) -> str:
    """A number in at most five characters: `950`, `12.3k`, `4.0M`."""
    return _scaled(value, 1000, ("", "k", "M", "G", "T"))


def size(value: float) -> str:
    """Bytes in at most five characters: `950B`, `1.5K`, `120M`."""
    return _scaled(value, 1024, ("B", "K", "M", "G", "T"))


def _scaled(value: float, step: int, units: Sequence[str]) -> str:
    power = 0
    while value >= step - 0.5 and power < len(units) - 1:
        value /= step
        power += 1
    return f"{value:.0f}{units[power]}" if power == 0 or value >= 99.95 else f"{value:.1f}{units[power]}"


def span(seconds: float) -> str:
    """A time in at most four characters: `0s`, `59s`, `12m`, `47h`, `30d`."""
    seconds = max(seconds, 0)
    for unit, length, most in (("s", 1, 100), ("m", 60, 100), ("h", 3600, 48)):
        if seconds < length * most:
            return f"{int(seconds // length)}{unit}"
    return f"{int(seconds // 86400)}d"

"""Blocks of text beside, above and within each other."""

from __future__ import annotations

from wippy.modules.tty import ansi


def share(free: int, position: float) -> int:
    """How much of free room comes first: none at 0, half in the middle, all at 1."""
    return int(free * min(max(position, 0.0), 1.0))


def fill(line: str, columns: int, position: float) -> str:
    """A line with blanks around it; wider ones stay as they are."""
    free = columns - ansi.line_width(line)
    if free <= 0:
        return line
    left = share(free, position)
    return " " * left + line + " " * (free - left)


def place_horizontal(columns: int, position: float, text: str) -> str:
    """A block at a position in so many columns; its lines keep their places among each other."""
    wide = ansi.width(text)
    if wide >= columns:
        return text
    left = share(columns - wide, position)
    return "\n".join(fill(" " * left + line, columns, 0) for line in text.split("\n"))


def place_vertical(rows: int, position: float, text: str) -> str:
    """A block at a position in so many rows."""
    free = rows - ansi.height(text)
    if free <= 0:
        return text
    above = share(free, position)
    blank = " " * ansi.width(text)
    return "\n".join([*[blank] * above, text, *[blank] * (free - above)])


def join_horizontal(position: float, texts: list[str]) -> str:
    """Blocks side by side; those that are lower stand at `position`."""
    if not texts:
        return ""
    rows = max(ansi.height(text) for text in texts)
    columns = []
    for text in texts:
        wide = ansi.width(text)
        lines = place_vertical(rows, position, text).split("\n")
        columns.append([fill(line, wide, 0) for line in lines])
    return "\n".join("".join(parts) for parts in zip(*columns, strict=True))


def join_vertical(position: float, texts: list[str]) -> str:
    """Blocks one above the other; lines that are shorter stand at `position`."""
    if not texts:
        return ""
    wide = max(ansi.width(text) for text in texts)
    return "\n".join(fill(line, wide, position) for text in texts for line in text.split("\n"))

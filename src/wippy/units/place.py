"""Where in the user's source an error message points."""

from __future__ import annotations

import re

import msgspec

from wippy.units.code import CodeStore

_POSITION = re.compile(r"^([^\s:]+:[^\s:]+):(\d+): ")


class Place(msgspec.Struct, frozen=True):
    """One line of a source.

    Attributes:
        entry: entry ID.
        file: the file as the user knows it, None for code that stands in a definition file.
        line: 1-based.
        text: the line itself.
    """

    entry: str
    file: str | None
    line: int
    text: str

    @property
    def where(self) -> str:
        """`file:line`, or `entry:line`."""
        return f"{self.file or self.entry}:{self.line}"

    def render(self) -> str:
        """The place as it stands below a message."""
        gutter = " " * len(str(self.line))
        return f"  --> {self.where}\n{gutter} |\n{self.line} | {self.text}"


def place_of(message: str, code: CodeStore) -> Place | None:
    """The place that a message begins with (`ns:name:line: …`), or None."""
    found = _POSITION.match(message)
    if found is None:
        return None
    entry = code.get(found[1])
    if entry is None:
        return None
    line = int(found[2])
    lines = entry.source.splitlines()
    if not 1 <= line <= len(lines):
        return None
    return Place(entry.id, entry.file, line, lines[line - 1].expandtabs(4))

"""Definition files as they were read last: those that have not changed are not read again."""

from __future__ import annotations

import os

import msgspec

from .entry import Entry

Stamp = tuple[int, ...] | None
"""What tells two states of a file apart; None where there is no file."""


def stamp_of(path: str) -> Stamp:
    """The stamp of a file now."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


class _Kept(msgspec.Struct):
    entries: list[Entry]
    stamps: dict[str, Stamp]


class FileCache:
    """Entries by definition file, kept while neither it nor a file that it inserts changes.

    Attributes:
        files: definition files with entries and the files they insert, with whether they had content.
    """

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}
        self.files: dict[str, bool] = {}

    def entries(self, path: str) -> list[Entry] | None:
        """What a definition file says; None where it has to be read."""
        kept = self._kept.get(path)
        if kept is None or any(stamp_of(file) != stamp for file, stamp in kept.stamps.items()):
            return None
        return kept.entries

    def keep(self, path: str, entries: list[Entry], stamps: dict[str, Stamp]) -> None:
        """Remembers what was read.

        Args:
            path: of the definition file.
            entries: what it says.
            stamps: of it and of what it inserts, taken before they were read.
        """
        self._kept[path] = _Kept(entries, stamps)
        if entries:
            self.files.update((file, stamp is not None and stamp[2] > 0) for file, stamp in stamps.items())

    def emptied(self, path: str, content: bytes) -> bool:
        """Whether a file that had content has none now: an editor is about to write it."""
        return not content.strip() and self.files.get(path, False)

    def missing(self) -> list[str]:
        """Files that are gone."""
        return [file for kept in self._kept.values() for file in kept.stamps if not os.path.exists(file)]

    def forget_missing(self) -> None:
        """Definition files that are gone define nothing any more."""
        for path in [path for path in self._kept if not os.path.exists(path)]:
            for file in self._kept.pop(path).stamps:
                self.files.pop(file, None)

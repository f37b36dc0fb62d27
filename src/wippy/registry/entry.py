"""Entries, their ids and where they were written."""

from __future__ import annotations

import functools
from typing import Any

import msgspec

from ..errors import INVALID, SourceError, WippyError
from .source import Source


class ID(msgspec.Struct, frozen=True, order=True):
    """`ns:name`; sorts by namespace, then name."""

    ns: str
    name: str

    @classmethod
    @functools.lru_cache(maxsize=8192)
    def parse(cls, text: str, ns: str = "") -> ID:
        """The id that `text` names: up to the first `:` the namespace, `ns` where there is none."""
        left, colon, right = text.partition(":")
        return cls(left, right) if colon else cls(ns, text)

    def __str__(self) -> str:
        return f"{self.ns}:{self.name}" if self.ns else self.name


class Entry(msgspec.Struct, frozen=True, eq=False):
    """One thing that exists. Never change `meta` or `data` in place: entries share them.

    Args:
        id: where it is found.
        kind: which handler it belongs to.
        meta: free metadata with string keys.
        data: configuration for the handler; a dict for every kind that has one, None if absent.
        source: where it was written; None for entries made at run time. Not part of equality.
    """

    id: ID
    kind: str
    meta: dict[str, Any] = {}
    data: Any = None
    source: Source | None = None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Entry):
            return NotImplemented
        return (self.id, self.kind, self.meta, self.data) == (other.id, other.kind, other.meta, other.data)

    def __ne__(self, other: object) -> bool:  # the one of Struct would compare identities
        return not self == other

    def __hash__(self) -> int:
        return hash((self.id, self.kind))

    def with_(self, *, kind: str | None = None, meta: dict[str, Any] | None = None, data: Any = ...) -> Entry:
        """A copy with some parts replaced."""
        return Entry(
            self.id,
            self.kind if kind is None else kind,
            self.meta if meta is None else meta,
            self.data if data is ... else data,
            self.source,
        )

    def file_of(self, *path: str | int) -> str | None:
        """The file whose text a `file://` value at this path of `data` was replaced by, or None."""
        if self.source is None:
            return None
        return self.source.files.get(("data", *path)) or self.source.files.get(path)

    def error(
        self, message: str, *path: str | int, hint: str | None = None, kind: str = INVALID, at_key: bool = True
    ) -> WippyError:
        """An error about this entry.

        Args:
            message: what is wrong.
            path: keys below `data` (a first key `meta` or `kind` that `data` lacks leads outside it).
            hint: what to do.
            kind: error kind.
            at_key: mark the key of the last path part; False marks its value.

        Returns:
            A SourceError at the place the path was written, as near as it is known; for an entry
            made at run time a WippyError that names the entry.
        """
        if self.source is None:
            return WippyError(kind, message if not hint else f"{message} ({hint})")
        full = self.data_path(*path) if path else ()
        line, column = self.source.position(*full, at_key=at_key)
        text = self.source.text_of(line)
        return SourceError(
            message,
            file=self.source.file,
            line=line,
            column=column,
            text=text,
            hint=hint,
            kind=kind,
        )

    def data_path(self, *path: str | int) -> tuple[str | int, ...]:
        """The path from the entry itself of a path that begins in `data`, or at `meta` or `kind`."""
        outside = path and path[0] in ("meta", "kind") and not (isinstance(self.data, dict) and path[0] in self.data)
        return path if outside else ("data", *path)

"""Entries that configuration switches off."""

from __future__ import annotations

from typing import Any

from .entry import Entry
from .pattern import EntryPattern, matches


class Disable:
    """What is left out.

    Args:
        namespaces: patterns.
        entries: `namespace pattern:name pattern`.
        meta: field to values, of which an entry's own is one.

    Raises:
        WippyError: INVALID, malformed entry pattern.
    """

    def __init__(self, namespaces: Any = (), entries: Any = (), meta: Any = None) -> None:
        self.namespaces = _texts(namespaces)
        self.entries = [EntryPattern(text) for text in _texts(entries)]
        self.meta = {field: _texts(values) for field, values in (meta or {}).items()}

    def __bool__(self) -> bool:
        return bool(self.namespaces or self.entries or self.meta)

    def hits(self, entry: Entry) -> bool:
        """Whether the entry is left out."""
        return (
            any(matches(pattern, entry.id.ns) for pattern in self.namespaces)
            or any(pattern.fits(entry.id) for pattern in self.entries)
            or any(entry.meta.get(field) in values for field, values in self.meta.items() if field in entry.meta)
        )


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [item for item in value if isinstance(item, str)] if isinstance(value, list | tuple) else []

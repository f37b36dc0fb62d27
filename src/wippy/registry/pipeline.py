"""From loaded entries to the state of the registry: override, disable, link, override, no doubles."""

from __future__ import annotations

from typing import Any

from .disable import Disable
from .entry import ID, Entry
from .link import link
from .notice import Notice
from .override import apply_overrides


def run_pipeline(
    entries: list[Entry], *, overrides: dict[str, Any] | None = None, disable: Disable | None = None
) -> tuple[list[Entry], list[Notice]]:
    """The entries as they are registered, in load order, each id once, with what is to be told.

    Args:
        entries: in load order.
        overrides: `ns:entry:path` to value.
        disable: what is left out.

    Raises:
        WippyError, SourceError, Problems: INVALID.
    """
    overrides = overrides or {}
    entries = apply_overrides(entries, overrides)
    if disable:
        entries = [entry for entry in entries if not disable.hits(entry)]
    entries, notices = link(entries)
    entries = apply_overrides(entries, overrides)
    last: dict[ID, Entry] = {}
    doubles: dict[ID, list[Entry]] = {}
    for entry in entries:
        if entry.id in last:
            doubles.setdefault(entry.id, [last[entry.id]]).append(entry)
        last[entry.id] = entry
    for id_, found in doubles.items():
        places = [f"{entry.source.file}:{entry.source.line}" for entry in found if entry.source]
        notices.append(
            Notice(
                "warn",
                "duplicate entries detected (will use last definition)",
                {"id": str(id_), "definitions": places},
            )
        )
    return [entry for entry in entries if last[entry.id] is entry], notices

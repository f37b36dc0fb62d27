"""A file of a volume entry that another entry names."""

from __future__ import annotations

from typing import Any

from wippy.errors import NOT_FOUND, WippyError
from wippy.registry.entry import ID, Entry
from wippy.services.site import Site

MAX_FILE = 64 << 20


def volume_of(site: Site, entry: Entry, fs: str, *keys: str | int) -> Any:
    """The volume that `fs` names, in the entry's own namespace where it names none.

    Raises:
        WippyError: NOT_FOUND `filesystem not found: …`.
    """
    id = str(ID.parse(fs if ":" in fs else f"{entry.id.ns}:{fs}"))
    volume = site.resources.get(id)
    if volume is None or not hasattr(volume, "open_file"):
        raise entry.error(f"filesystem not found: {id}", *(keys or ("fs",)), kind=NOT_FOUND)
    return volume


def volume_file(site: Site, entry: Entry, fs: str, path: str) -> bytes:
    """The bytes of a file of at most 64 MiB.

    Raises:
        WippyError: NOT_FOUND for a volume or file that is not there, INVALID for one that is too large.
    """
    from wippy.modules.fs.volume import resolved

    try:
        with volume_of(site, entry, fs).open_file(resolved(path, "/"), "r") as file:
            data = file.read(MAX_FILE + 1)
    except WippyError as error:
        if error.message.startswith("filesystem not found"):
            raise
        raise entry.error(f"failed to open file: {path}: {error.message}", "path", kind=error.kind) from None
    if len(data) > MAX_FILE:
        raise entry.error(f"{path} is larger than {MAX_FILE >> 20} MiB", "path")
    return data

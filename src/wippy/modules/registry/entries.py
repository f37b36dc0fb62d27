"""Entries between Lua tables and the registry."""

from __future__ import annotations

from typing import Any

from wippy.errors import INTERNAL, WippyError
from wippy.registry.entry import ID, Entry
from wippy.registry.order import DELETE, Operation

HUB_KIND = "ns.dependency"


def table(entry: Entry) -> dict[str, Any]:
    """An entry as Lua code sees it."""
    return {"id": str(entry.id), "kind": entry.kind, "meta": dict(entry.meta or {}), "data": entry.data}


def plain(value: Any) -> Any:
    """Data of Lua code as the registry holds it: an empty table is a map."""
    if isinstance(value, list):
        return [plain(item) for item in value] if value else {}
    if isinstance(value, dict):
        return {key if isinstance(key, str) else str(key): plain(item) for key, item in value.items()}
    return value


def entry_of(value: Any) -> Entry | None:
    """The entry that a table describes, None where it describes none."""
    if not isinstance(value, dict):
        return None
    id, kind, meta = value.get("id"), value.get("kind"), value.get("meta")
    if isinstance(id, dict):
        id = f"{id.get('ns', '')}:{id.get('name', '')}"
    if not isinstance(id, str) or not isinstance(kind, str):
        return None
    data = value.get("data")
    named = {key: plain(item) for key, item in meta.items() if isinstance(key, str)} if isinstance(meta, dict) else {}
    return Entry(ID.parse(id), kind, named, None if data is None else plain(data))


def operation_of(value: Any) -> Operation:
    """The operation that a checked table describes.

    Raises:
        WippyError: INTERNAL, it needs the module hub.
    """
    kind = value["kind"]
    entry = Entry(ID.parse(value["entry"]["id"]), "") if kind == DELETE else entry_of(value["entry"])
    assert entry is not None
    if entry.kind == HUB_KIND:
        raise WippyError(
            INTERNAL,
            f"failed to expand changeset: {entry.id}: dependency resolution failed: this build reaches no module hub",
        )
    return Operation(kind, entry)

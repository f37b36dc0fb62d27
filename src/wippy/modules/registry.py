"""The module `registry`: reading entries."""

from __future__ import annotations

from typing import Any

from wippy.errors import NOT_FOUND, WippyError
from wippy.modules.caller import Call
from wippy.modules.module import REFUSE, Module

registry = Module("registry", classes={"storage", "nondeterministic"})


def table(entry: Any) -> dict[str, Any]:
    """An entry as Lua code sees it."""
    return {"id": str(entry.id), "kind": entry.kind, "meta": dict(entry.meta or {}), "data": entry.data}


@registry.function(
    permission="registry.get", resource="id", denied="not allowed to access entry: {resource}", in_workflow=REFUSE
)
def get(call: Call, id: str) -> dict[str, Any]:
    """`{id, kind, meta, data}`. Errors: PERMISSION_DENIED, NOT_FOUND."""
    entry = call.registry.get(id)
    if entry is None:
        raise WippyError(NOT_FOUND, f"entry not found: {id}")
    return table(entry)


@registry.function(in_workflow=REFUSE)
def find(call: Call, criteria: dict[str, Any]) -> list[dict[str, Any]]:
    """Entries that fit a filter and that the caller may read, by ascending id."""
    # An empty Lua table arrives as a list.
    found = call.registry.find(criteria if isinstance(criteria, dict) else {})
    return [table(entry) for entry in found if call.permit("registry.get", str(entry.id))]


@registry.function(single=True, in_workflow=REFUSE)
def parse_id(call: Call, text: str) -> dict[str, str]:
    """`{ns, name}`; a text without a colon is a name."""
    namespace, colon, name = text.partition(":")
    return {"ns": namespace, "name": name} if colon else {"ns": "", "name": text}

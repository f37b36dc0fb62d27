"""The module `registry`: reading entries, changing them, and their versions."""

from __future__ import annotations

from typing import Any

from wippy.errors import INTERNAL, INVALID, NOT_FOUND, PERMISSION_DENIED, WippyError
from wippy.modules.caller import Call
from wippy.modules.module import REFUSE, Module
from wippy.modules.registry.entries import entry_of, operation_of, table
from wippy.registry.entry import ID, Entry
from wippy.registry.finder import Filter
from wippy.registry.order import order_operations
from wippy.registry.version import difference

registry = Module("registry", classes={"storage", "nondeterministic"}, lua="registry.lua")


class Version:
    """One state of the registry, by its number."""

    def __init__(self, number: int) -> None:
        self.number = number


class Snapshot:
    """The entries of one moment; never changes."""

    def __init__(self, entries: dict[ID, Entry], version: int) -> None:
        self.entries = entries
        self.version = version


registry.object("Version", Version)
registry.object("Snapshot", Snapshot)


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
    return _readable(call, found)


@registry.function(single=True, in_workflow=REFUSE)
def parse_id(call: Call, text: str) -> dict[str, str]:
    """`{ns, name}`; a text without a colon is a name."""
    namespace, colon, name = text.partition(":")
    return {"ns": namespace, "name": name} if colon else {"ns": "", "name": text}


def _readable(call: Call, entries: Any) -> list[dict[str, Any]]:
    return [table(entry) for entry in entries if call.permit("registry.get", str(entry.id))]


# Snapshots


@registry.function(in_workflow=REFUSE)
def snapshot(call: Call) -> Snapshot:
    """The entries as they are now."""
    return Snapshot(*_store(call).moment())


@registry.function(in_workflow=REFUSE)
def snapshot_at(call: Call, number: int) -> Snapshot:
    """The entries at a version. Errors: INVALID for 0 and below, NOT_FOUND, INTERNAL where no history is kept."""
    if number <= 0:
        raise WippyError(INVALID, "invalid version ID")
    return _snapshot_of(call, number)


@registry.function(in_workflow=REFUSE)
def _snapshot_at(call: Call, version: Any) -> Snapshot:
    return _snapshot_of(call, _version(version).number)


def _snapshot_of(call: Call, number: int) -> Snapshot:
    store = _history(call)
    entries = store.entries_at(store.history.get(number))
    return Snapshot({entry.id: entry for entry in entries}, number)


@registry.text(Snapshot)
def _snapshot_text(call: Call, self: Snapshot) -> str:
    return f"registry.Snapshot{{version=v{self.version}}}"


@registry.method(Snapshot, in_workflow=REFUSE)
def entries(call: Call, self: Snapshot) -> list[dict[str, Any]]:
    """All entries that the caller may read, by ascending id."""
    return _readable(call, (self.entries[id] for id in sorted(self.entries)))


@registry.method(
    Snapshot,
    name="get",
    permission="registry.get",
    resource="id",
    denied="not allowed to access entry: {resource}",
    in_workflow=REFUSE,
)
def _get(call: Call, self: Snapshot, id: str) -> dict[str, Any]:
    """One entry. Errors: PERMISSION_DENIED, NOT_FOUND."""
    entry = self.entries.get(ID.parse(id))
    if entry is None:
        raise WippyError(NOT_FOUND, f"entry not found: {id}")
    return table(entry)


@registry.method(Snapshot, name="find", single=True, in_workflow=REFUSE)
def _find(call: Call, self: Snapshot, criteria: dict[str, Any]) -> list[dict[str, Any]]:
    """Entries that fit a filter and that the caller may read, by ascending id."""
    wanted = Filter(criteria if isinstance(criteria, dict) else {})
    for notice in wanted.notices:
        call.log(notice.level, "registry", notice.message, notice.fields)
    return _readable(call, (self.entries[id] for id in sorted(self.entries) if wanted(self.entries[id])))


@registry.method(Snapshot, single=True, in_workflow=REFUSE)
def namespace(call: Call, self: Snapshot, ns: str) -> list[dict[str, Any]]:
    """The entries of one namespace that the caller may read, by ascending id."""
    return _readable(call, (self.entries[id] for id in sorted(self.entries) if id.ns == ns))


@registry.method(Snapshot, single=True, in_workflow=REFUSE)
def version(call: Call, self: Snapshot) -> Version:
    """The version it shows."""
    return Version(self.version)


registry.lua_method(Snapshot, "changes()", in_workflow=REFUSE, doc="An empty list of changes.")


# Versions


@registry.function(in_workflow=REFUSE)
def current_version(call: Call) -> Version:
    """The version in force."""
    return Version(_store(call).version.id)


@registry.function(in_workflow=REFUSE)
def _version_numbers(call: Call) -> list[int]:
    return [one.id for one in _history(call).history.versions()]


@registry.function(in_workflow=REFUSE)
def _get_version(call: Call, number: int) -> Version:
    return Version(_history(call).history.get(number).id)


@registry.text(Version)
def _version_text(call: Call, self: Version) -> str:
    return f"registry.Version{{v{self.number}}}"


@registry.method(Version, single=True, in_workflow=REFUSE)
def id(call: Call, self: Version) -> int:
    """Its number, 0 for the state loaded from files."""
    return self.number


@registry.method(Version, single=True, in_workflow=REFUSE)
def string(call: Call, self: Version) -> str:
    """Its number as it is shown, such as `v3`."""
    return f"v{self.number}"


@registry.method(Version, single=True, in_workflow=REFUSE)
def previous(call: Call, self: Version) -> Version | None:
    """The version it was made from, nil for 0."""
    history = _store(call).history
    found = history.previous(history.get(self.number))
    return None if found is None else Version(found.id)


@registry.method(Version, single=True, in_workflow=REFUSE)
def next(call: Call, self: Version) -> Version | None:
    """The youngest version made from it, nil where there is none."""
    history = _store(call).history
    found = history.next(history.get(self.number))
    return None if found is None else Version(found.id)


registry.lua_function("versions()", in_workflow=REFUSE, doc="All versions by ascending number, 0 included.")
registry.lua_function("history()", in_workflow=REFUSE, doc="The versions as an object.")
registry.lua_method("History", "versions()", in_workflow=REFUSE, doc="All versions by ascending number.")
registry.lua_method("History", "get_version(number: integer)", in_workflow=REFUSE, doc="Errors: INVALID, NOT_FOUND.")
registry.lua_method("History", "snapshot_at(version: any)", in_workflow=REFUSE, doc="The entries at a version.")


@registry.function(in_workflow=REFUSE)
async def apply_version(call: Call, version: Any) -> Any:
    """Goes to another version. Errors: PERMISSION_DENIED, INVALID for no version; INTERNAL with false before it."""
    if not call.permit("registry.apply_version", ""):
        raise WippyError(PERMISSION_DENIED, "not allowed to change the version of the registry")
    number = _version(version).number
    try:
        store = _history(call)
        await store.apply_version(store.history.get(number))
    except WippyError as error:
        return False, WippyError(INTERNAL, f"apply version: {error.message}", details={"cause": error.message})
    return True


# Changes

for _signature, _doc in (
    ("create(entry: any)", "Adds an entry; returns the changes, or nil and an error INVALID."),
    ("update(entry: any)", "Replaces an entry; returns the changes, or nil and an error INVALID."),
    ("delete(id: any)", "Removes an entry; returns the changes, or nil and an error INVALID."),
    ("ops()", "The changes in the order of the calls: `{kind, entry}`."),
    ("apply()", "Makes all changes, or none. Returns the new version. Errors: INVALID, PERMISSION_DENIED, INTERNAL."),
):
    registry.lua_method("Changes", _signature, in_workflow=REFUSE, doc=_doc)


@registry.function(in_workflow=REFUSE)
async def _apply(call: Call, operations: list[Any]) -> Version:
    if not operations:
        raise WippyError(INVALID, "no changes to apply")
    if not call.permit("registry.apply", ""):
        raise WippyError(PERMISSION_DENIED, "not allowed to change the registry")
    try:
        return Version((await _store(call).apply([operation_of(each) for each in operations])).id)
    except WippyError as error:
        text = f"apply changes: failed to apply changes: {error.message}"
        raise WippyError(INTERNAL, text, details={"cause": error.message}) from error


@registry.function(in_workflow=REFUSE)
def build_delta(call: Call, old: list[Any], new: list[Any]) -> list[dict[str, Any]]:
    """The changes that lead from one list of entries to another, in the order in which they can be applied."""
    before = {entry.id: entry for each in old if (entry := entry_of(each)) is not None}
    after = {entry.id: entry for each in new if (entry := entry_of(each)) is not None}
    ordered, _ = order_operations(difference(before, after), before.get)
    return [{"kind": operation.kind, "entry": table(operation.entry)} for operation in ordered]


def _store(call: Call) -> Any:
    return call.registry


def _history(call: Call) -> Any:
    store = _store(call)
    if not store.keeps_history:
        raise WippyError(INTERNAL, "no history is kept: registry.enable_history is false or history_type is nil")
    return store


def _version(value: Any) -> Version:
    if not isinstance(value, Version):
        raise WippyError(INVALID, "expected version object")
    return value

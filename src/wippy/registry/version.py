"""Versions of the registry: what each changed, enough to go back and forth."""

from __future__ import annotations

import msgspec

from ..errors import INVALID, NOT_FOUND, WippyError
from .entry import ID, Entry
from .order import CREATE, DELETE, UPDATE, Operation


class Version(msgspec.Struct, frozen=True, eq=False):
    """One state of the registry.

    Args:
        id: from one increasing counter; 0 is the state loaded from files.
        parent: version it was made from, None for 0.
        operations: in the order in which they were applied.
        replaced: for each operation the entry that stood there before, or None.
    """

    id: int
    parent: int | None = None
    operations: tuple[Operation, ...] = ()
    replaced: tuple[Entry | None, ...] = ()

    def __str__(self) -> str:
        return f"v{self.id}"


class History:
    """All versions of this run, in memory."""

    def __init__(self) -> None:
        self._versions: dict[int, Version] = {0: Version(0)}
        self._next = 1
        self.head = 0

    @property
    def current(self) -> Version:
        return self._versions[self.head]

    def append(self, operations: list[Operation], replaced: list[Entry | None], *, from_files: bool = False) -> Version:
        """A new version on top of the current one, which it becomes.

        Args:
            from_files: the operations follow changed files.
        """
        version = Version(self._next, self.head, tuple(operations), tuple(replaced))
        self._next += 1
        self._versions[version.id] = version
        self.head = version.id
        return version

    def move(self, number: int) -> None:
        """Another version becomes the current one."""
        self.head = number

    def restore(self, entries: dict[ID, Entry]) -> dict[ID, Entry]:
        """The entries at the current version, given those of version 0."""
        return entries

    def close(self) -> None:
        """Nothing is remembered any more."""

    def versions(self) -> list[Version]:
        """All versions by ascending id."""
        return [self._versions[number] for number in sorted(self._versions)]

    def get(self, number: int) -> Version:
        """The version of an id.

        Raises:
            WippyError: INVALID for a negative id, NOT_FOUND.
        """
        if number < 0:
            raise WippyError(INVALID, "invalid version ID")
        version = self._versions.get(number)
        if version is None:
            raise WippyError(NOT_FOUND, "version not found")
        return version

    def previous(self, version: Version) -> Version | None:
        """The parent, None for version 0."""
        return None if version.parent is None else self._versions[version.parent]

    def next(self, version: Version) -> Version | None:
        """The youngest child, None where there is none."""
        children = [number for number, other in list(self._versions.items()) if other.parent == version.id]
        return self._versions[max(children)] if children else None

    def state_at(self, target: Version, state: dict[ID, Entry]) -> dict[ID, Entry]:
        """The entries at a version, worked out from `state`, those of the current one."""
        ancestors = set()
        at: Version | None = target
        while at is not None:
            ancestors.add(at.id)
            at = self.previous(at)
        state = dict(state)
        at = self.current
        while at.id not in ancestors:
            for operation, old in zip(reversed(at.operations), reversed(at.replaced), strict=True):
                if old is None:
                    state.pop(operation.entry.id, None)
                else:
                    state[old.id] = old
            parent = self.previous(at)
            assert parent is not None
            at = parent
        common = at.id
        forward: list[Version] = []
        at = target
        while at is not None and at.id != common:
            forward.append(at)
            at = self.previous(at)
        for version in reversed(forward):
            for operation in version.operations:
                advance(state, operation)
        return state


def advance(state: dict[ID, Entry], operation: Operation) -> Entry | None:
    """Carries an operation out on a set of entries; returns the entry that stood there before."""
    old = state.pop(operation.entry.id, None)
    if operation.kind != DELETE:
        state[operation.entry.id] = operation.entry
    return old


def difference(old: dict[ID, Entry], new: dict[ID, Entry]) -> list[Operation]:
    """Operations that lead from one set of entries to another; equal entries give none."""
    operations: list[Operation] = []
    for id_ in sorted(old.keys() | new.keys()):
        before, after = old.get(id_), new.get(id_)
        if after is None:
            assert before is not None
            operations.append(Operation(DELETE, before))
        elif before is None:
            operations.append(Operation(CREATE, after))
        elif before.kind != after.kind:
            operations.append(Operation(DELETE, before))
            operations.append(Operation(CREATE, after))
        elif before != after:
            operations.append(Operation(UPDATE, after))
    return operations

"""Files that have changed under a running application, as operations on its registry."""

from __future__ import annotations

import msgspec

from .entry import ID, Entry
from .order import CREATE, DELETE, UPDATE, Operation
from .store import Registry
from .version import difference


class Reloaded(msgspec.Struct):
    """What a reload did.

    Args:
        created: entries that are new.
        updated: entries that differ now.
        deleted: entries that are gone.
        told: upgradable processes that were told.
    """

    created: list[ID]
    updated: list[ID]
    deleted: list[ID]
    told: int = 0

    def __bool__(self) -> bool:
        return bool(self.created or self.updated or self.deleted)

    @classmethod
    def of(cls, operations: list[Operation]) -> Reloaded:
        """What operations will do."""
        ids: dict[str, list[ID]] = {CREATE: [], UPDATE: [], DELETE: []}
        for operation in operations:
            ids[operation.kind].append(operation.entry.id)
        both = set(ids[CREATE]) & set(ids[DELETE])
        return cls(
            [id for id in ids[CREATE] if id not in both],
            sorted([*ids[UPDATE], *both]),
            [id for id in ids[DELETE] if id not in both],
        )


def reload_operations(old: dict[ID, Entry], new: dict[ID, Entry], registry: Registry) -> list[Operation]:
    """What to apply so that the registry follows the files; what code has changed meanwhile stays.

    Args:
        old: what the files said before.
        new: what they say now.
        registry: the entries that exist.
    """
    operations: list[Operation] = []
    for operation in difference(old, new):
        entry, held = operation.entry, registry.get(operation.entry.id)
        if operation.kind == DELETE:
            if held is not None:
                operations.append(Operation(DELETE, held))
        elif held is None or _deleted(operations, entry.id):
            operations.append(Operation(CREATE, entry))
        elif held.kind != entry.kind:
            operations += [Operation(DELETE, held), Operation(CREATE, entry)]
        elif held != entry:
            operations.append(Operation(UPDATE, entry))
    return operations


def _deleted(operations: list[Operation], id: ID) -> bool:
    return bool(operations) and operations[-1].kind == DELETE and operations[-1].entry.id == id

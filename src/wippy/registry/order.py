"""The order in which the operations of a transaction are applied."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from itertools import pairwise

import msgspec

from .entry import ID, Entry
from .notice import Notice
from .references import References

CREATE = "entry.create"
UPDATE = "entry.update"
DELETE = "entry.delete"


class Operation(msgspec.Struct, frozen=True):
    """One change.

    Args:
        kind: `entry.create`, `entry.update` or `entry.delete`.
        entry: the new entry; for a delete only its id counts.
    """

    kind: str
    entry: Entry


def create(entry: Entry) -> Operation:
    """An operation that adds an entry."""
    return Operation(CREATE, entry)


def update(entry: Entry) -> Operation:
    """An operation that replaces an entry of the same id and kind."""
    return Operation(UPDATE, entry)


def delete(id_: ID) -> Operation:
    """An operation that removes an entry."""
    return Operation(DELETE, Entry(id_, ""))


class _Side:
    """Entries as dependencies can name them: by id, group, namespace, public name of a variable."""

    def __init__(self) -> None:
        self.ids: dict[ID, list[int]] = {}
        self.groups: dict[str, list[int]] = {}
        self.namespaces: dict[str, list[int]] = {}
        self.names: dict[str, list[int]] = {}

    def add(self, number: int, entry: Entry) -> None:
        self.ids.setdefault(entry.id, []).append(number)
        self.namespaces.setdefault(entry.id.ns, []).append(number)
        groups = entry.meta.get("groups")
        for group in [groups] if isinstance(groups, str) else groups if isinstance(groups, list) else ():
            if isinstance(group, str):
                self.groups.setdefault(group, []).append(number)
        if entry.kind == "env.variable" and isinstance(entry.data, dict):
            name = entry.data.get("variable")
            if isinstance(name, str):
                self.names.setdefault(name, []).append(number)

    def named_by(self, entry: Entry) -> set[int]:
        found: set[int] = set()
        references = References(entry)
        for table, keys in (
            (self.ids, references.ids),
            (self.groups, references.groups),
            (self.namespaces, references.namespaces),
            (self.names, references.names),
        ):
            for key in keys:
                found.update(table.get(key, ()))  # type: ignore[call-overload]
        return found


def order_operations(
    operations: Iterable[Operation], current: Callable[[ID], Entry | None] = lambda _: None
) -> tuple[list[Operation], list[Notice]]:
    """The operations so that dependencies come first and deletes go from dependents to dependencies.

    Args:
        operations: in call order, which counts only between operations of one id.
        current: the entry of an id in the present state, for what deletes and updates leave.

    Returns:
        The order, the same for any order of the input (ties go by namespace, then name), and a warning
        for every cycle.
    """
    ops = list(operations)
    after: list[set[int]] = [set() for _ in ops]

    def edge(first: int, then: int) -> None:
        if first != then:
            after[first].add(then)

    coming, going = _Side(), _Side()
    leaving: dict[int, Entry] = {}
    by_id: dict[ID, list[int]] = {}
    for number, op in enumerate(ops):
        by_id.setdefault(op.entry.id, []).append(number)
        if op.kind == DELETE:
            entry = current(op.entry.id) or op.entry
            leaving[number] = entry
            going.add(number, entry)
        else:
            coming.add(number, op.entry)
            old = current(op.entry.id) if op.kind == UPDATE else None
            if old is not None:
                leaving[number] = old
    for number, op in enumerate(ops):
        if op.kind != DELETE:
            for found in coming.named_by(op.entry):
                if ops[found].entry.id != op.entry.id:
                    edge(found, number)
    if going.ids:
        for number, entry in leaving.items():
            for found in going.named_by(entry):
                if ops[found].entry.id != entry.id:
                    edge(number, found)
    for numbers in by_id.values():
        if len(numbers) > 1:
            if any(ops[number].kind == CREATE for number in numbers):
                numbers = sorted(numbers, key=lambda number: ops[number].kind != DELETE)
            for first, then in pairwise(numbers):
                edge(first, then)
    return _sorted(ops, after)


def _sorted(ops: list[Operation], after: list[set[int]]) -> tuple[list[Operation], list[Notice]]:
    waits = [0] * len(ops)
    for followers in after:
        for follower in followers:
            waits[follower] += 1
    keys = [(op.entry.id.ns, op.entry.id.name, op.kind != DELETE, number) for number, op in enumerate(ops)]
    ready: list[tuple[str, str, bool, int]] = []
    for number, count in enumerate(waits):
        if count == 0:
            heappush(ready, keys[number])
    done = [False] * len(ops)
    out: list[Operation] = []
    notices: list[Notice] = []
    while len(out) < len(ops):
        if not ready:
            cycle = _cycle(after, done, keys)
            path = " -> ".join(str(ops[number].entry.id) for number in [*cycle, cycle[0]])
            notices.append(Notice("warn", "circular dependency between entries", {"cycle": path}))
            heappush(ready, min(keys[number] for number in cycle))
        number = heappop(ready)[3]
        if done[number]:
            continue
        done[number] = True
        out.append(ops[number])
        for follower in after[number]:
            waits[follower] -= 1
            if waits[follower] == 0 and not done[follower]:
                heappush(ready, keys[follower])
    return out, notices


def _cycle(after: list[set[int]], done: list[bool], keys: list[tuple[str, str, bool, int]]) -> list[int]:
    """One cycle among what is left, each depending on the next; the same whatever the input order."""
    before: dict[int, list[int]] = {}
    for number, followers in enumerate(after):
        if not done[number]:
            for follower in followers:
                if not done[follower]:
                    before.setdefault(follower, []).append(number)
    number = min((number for number in range(len(after)) if not done[number]), key=keys.__getitem__)
    path: list[int] = []
    seen: dict[int, int] = {}
    while number not in seen:
        seen[number] = len(path)
        path.append(number)
        number = min(before[number], key=keys.__getitem__)
    found = path[seen[number] :]
    start = found.index(min(found, key=keys.__getitem__))
    return found[start:] + found[:start]

"""Functions over lists: those with a predicate, and those without."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

from wippy.expression import values
from wippy.expression.fault import Fault

Body = Callable[[Any], Any]


def _each(
    state: Any, items: list[Any], predicate: Any, body: Body, backwards: bool = False
) -> Iterator[tuple[int, Any, Any]]:
    """Index, item and what the predicate gives for it."""
    item_slot, index_slot, slots = predicate.item, predicate.index, state.slots
    order = range(len(items) - 1, -1, -1) if backwards else range(len(items))
    for index in order:
        state.visit(1)
        slots[item_slot], slots[index_slot] = items[index], index
        yield index, items[index], body(state)


def _truth(value: Any) -> bool:
    if type(value) is not bool:
        raise Fault(f"predicate must give bool, not {values.type_name(value)}")
    return value


def _all(state: Any, items: list[Any], predicate: Any, body: Body, rest: list[Any]) -> bool:
    return all(_truth(found) for _, _, found in _each(state, items, predicate, body))


def _any(state: Any, items: list[Any], predicate: Any, body: Body, rest: list[Any]) -> bool:
    return any(_truth(found) for _, _, found in _each(state, items, predicate, body))


def _count(state: Any, items: list[Any], predicate: Any, body: Body, rest: list[Any]) -> int:
    return sum(_truth(found) for _, _, found in _each(state, items, predicate, body))


def _map(state: Any, items: list[Any], predicate: Any, body: Body, rest: list[Any]) -> list[Any]:
    state.make(len(items))
    return [found for _, _, found in _each(state, items, predicate, body)]


def _filter(state: Any, items: list[Any], predicate: Any, body: Body, rest: list[Any]) -> list[Any]:
    state.make(len(items))
    return [item for _, item, found in _each(state, items, predicate, body) if _truth(found)]


def _group_by(state: Any, items: list[Any], predicate: Any, body: Body, rest: list[Any]) -> dict[str, list[Any]]:
    state.make(len(items))
    out: dict[str, list[Any]] = {}
    for _, item, found in _each(state, items, predicate, body):
        out.setdefault(values.text(found), []).append(item)
    return out


def _finder(backwards: bool, gives_index: bool) -> Callable[..., Any]:
    def find(state: Any, items: list[Any], predicate: Any, body: Body, rest: list[Any]) -> Any:
        for index, item, found in _each(state, items, predicate, body, backwards):
            if _truth(found):
                return index if gives_index else item
        return -1 if gives_index else None

    return find


def _sum_of(state: Any, items: list[Any], predicate: Any, body: Body, rest: list[Any]) -> Any:
    return functools.reduce(values.add, (found for _, _, found in _each(state, items, predicate, body)), 0)


def _sort_by(state: Any, items: list[Any], predicate: Any, body: Body, rest: list[Any]) -> list[Any]:
    state.make(len(items))
    keyed = [(found, item) for _, item, found in _each(state, items, predicate, body)]
    return [item for _, item in _sorted(state, keyed, lambda pair: pair[0], _descending(rest))]


def _reduce(state: Any, items: list[Any], predicate: Any, body: Body, rest: list[Any]) -> Any:
    slots, first = state.slots, 0
    if rest:
        total = rest[0]
    elif not items:
        raise Fault("reduce of empty array with no initial value")
    else:
        total, first = items[0], 1
    for index in range(first, len(items)):
        state.visit(1)
        slots[predicate.item], slots[predicate.index], slots[predicate.accumulator] = items[index], index, total
        total = body(state)
    return total


PREDICATE_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "all": _all,
    "any": _any,
    "none": lambda *given: not _any(*given),
    "one": lambda *given: _count(*given) == 1,
    "map": _map,
    "filter": _filter,
    "groupBy": _group_by,
    "find": _finder(False, False),
    "findIndex": _finder(False, True),
    "findLast": _finder(True, False),
    "findLastIndex": _finder(True, True),
    "count": _count,
    "sum": _sum_of,
    "sortBy": _sort_by,
    "reduce": _reduce,
}


def _descending(rest: list[Any] | tuple[Any, ...]) -> bool:
    if not rest:
        return False
    if rest[0] not in ("asc", "desc"):
        raise Fault(f"invalid order {values.text(rest[0])}, expected asc or desc")
    return rest[0] == "desc"


def _sorted(state: Any, items: list[Any], key: Callable[[Any], Any], descending: bool) -> list[Any]:
    def order(left: Any, right: Any) -> int:
        state.visit(1)
        a, b = key(left), key(right)
        if type(a) is bool and type(b) is bool:
            return int(a) - int(b)
        return -1 if values.less(a, b) else 1 if values.less(b, a) else 0

    return sorted(items, key=functools.cmp_to_key(order), reverse=descending)


def array(value: Any, name: str) -> list[Any]:
    if type(value) is list:
        return value
    if type(value) is dict and not value:  # an empty table
        return []
    raise Fault(f"{name} needs an array, not {values.type_name(value)}")


def sort(state: Any, items: Any, *order: Any) -> list[Any]:
    items = array(items, "sort")
    state.make(len(items))
    return _sorted(state, items, lambda item: item, _descending(order))


def reverse(state: Any, items: Any) -> list[Any]:
    items = array(items, "reverse")
    state.make(len(items))
    return items[::-1]


def first(state: Any, items: Any) -> Any:
    items = array(items, "first")
    return items[0] if items else None


def last(state: Any, items: Any) -> Any:
    items = array(items, "last")
    return items[-1] if items else None


def take(state: Any, items: Any, count: Any) -> list[Any]:
    items = array(items, "take")
    if type(count) is not int:
        raise Fault(f"take needs an integer, not {values.type_name(count)}")
    if count < 0:
        raise Fault("cannot take a negative number of items")
    state.make(min(count, len(items)))
    return items[:count]


def concat(state: Any, *lists: Any) -> list[Any]:
    out: list[Any] = []
    for items in lists:
        part = array(items, "concat")
        state.make(len(part))
        out.extend(part)
    return out


def flatten(state: Any, items: Any) -> list[Any]:
    out: list[Any] = []
    for item in array(items, "flatten"):
        if type(item) is list:
            out.extend(flatten(state, item))
        else:
            state.make(1)
            out.append(item)
    return out


def uniq(state: Any, items: Any) -> list[Any]:
    out: list[Any] = []
    seen: set[Any] = set()
    for item in array(items, "uniq"):
        if type(item) in (list, dict):
            state.visit(len(out))
            if any(values.equal(item, other) for other in out):
                continue
        else:
            key = (type(item) is bool, item)
            if key in seen:
                continue
            seen.add(key)
        state.make(1)
        out.append(item)
    return out


def count(state: Any, items: Any) -> int:
    return sum(_truth(item) for item in array(items, "count"))


def keys(state: Any, held: Any) -> list[str]:
    return list(_map_of(held, "keys", state))


def values_of(state: Any, held: Any) -> list[Any]:
    return list(_map_of(held, "values", state).values())


def to_pairs(state: Any, held: Any) -> list[Any]:
    return [[key, value] for key, value in _map_of(held, "toPairs", state).items()]


def from_pairs(state: Any, pairs: Any) -> dict[str, Any]:
    out: dict[str, Any] = {}
    state.make(len(array(pairs, "fromPairs")))
    for pair in pairs:
        if type(pair) is not list or len(pair) != 2:
            raise Fault("fromPairs needs pairs [key, value]")
        out[values.text(pair[0])] = pair[1]
    return out


def _map_of(held: Any, name: str, state: Any) -> dict[str, Any]:
    if type(held) is list and not held:  # an empty table
        return {}
    if type(held) is not dict:
        raise Fault(f"{name} needs a map, not {values.type_name(held)}")
    state.make(len(held))
    return held


def get(state: Any, held: Any, key: Any) -> Any:
    try:
        return values.fetch(held, key)
    except Fault:
        if type(held) in (dict, list, str) or held is None:
            return None
        raise

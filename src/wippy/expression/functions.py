"""The functions that take plain arguments, by name. Each is called with the state of the run first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wippy.expression import lists, numbers, texts, values
from wippy.expression.fault import Fault


def _length(state: Any, value: Any) -> int:
    if type(value) not in (str, list, dict):
        raise Fault(f"invalid argument for len (type {values.type_name(value)})")
    return len(value)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "len": _length,
    "type": lambda state, value: values.type_name(value),
    "string": lambda state, value: values.text(value),
    "abs": numbers.absolute,
    "ceil": numbers.ceil,
    "floor": numbers.floor,
    "round": numbers.round_,
    "max": numbers.highest,
    "min": numbers.lowest,
    "sum": numbers.total,
    "mean": numbers.mean,
    "median": numbers.median,
    "int": numbers.integer,
    "float": numbers.decimal,
    **numbers.BITS,
    "upper": texts.upper,
    "lower": texts.lower,
    "trim": texts.trim,
    "trimPrefix": texts.trim_prefix,
    "trimSuffix": texts.trim_suffix,
    "split": texts.split,
    "splitAfter": texts.split_after,
    "join": texts.join,
    "replace": texts.replace,
    "repeat": texts.repeat,
    "indexOf": texts.index_of,
    "lastIndexOf": texts.last_index_of,
    "hasPrefix": texts.has_prefix,
    "hasSuffix": texts.has_suffix,
    "toJSON": texts.to_json,
    "fromJSON": texts.from_json,
    "toBase64": texts.to_base64,
    "fromBase64": texts.from_base64,
    "now": texts.now,
    "date": texts.date,
    "duration": texts.duration,
    "sort": lists.sort,
    "reverse": lists.reverse,
    "first": lists.first,
    "last": lists.last,
    "take": lists.take,
    "concat": lists.concat,
    "flatten": lists.flatten,
    "uniq": lists.uniq,
    "count": lists.count,
    "keys": lists.keys,
    "values": lists.values_of,
    "toPairs": lists.to_pairs,
    "fromPairs": lists.from_pairs,
    "get": lists.get,
}

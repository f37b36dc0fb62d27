"""Functions over numbers."""

from __future__ import annotations

import math
import re
from typing import Any

from wippy.expression import values
from wippy.expression.fault import Fault

_INTEGER = re.compile(r"\s*([+-]?\d+)\s*", re.ASCII)
_FLOAT = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?(?:inf|infinity)|nan)\s*", re.ASCII | re.I)
_MASK = 0xFFFFFFFFFFFFFFFF


def number(value: Any, name: str) -> Any:
    if not values.is_number(value):
        raise Fault(f"invalid argument for {name} (type {values.type_name(value)})")
    return value


def absolute(state: Any, value: Any) -> Any:
    number(value, "abs")
    return values.wrap(abs(value)) if type(value) is int else abs(value)


def _whole(name: str, act: Any) -> Any:
    def rounded(state: Any, value: Any) -> float:
        number(value, name)
        if type(value) is int or not math.isfinite(value):
            return float(value)
        return math.copysign(float(act(value)), value)

    return rounded


ceil = _whole("ceil", math.ceil)
floor = _whole("floor", math.floor)


def _away(value: float) -> float:
    whole = math.trunc(value)
    return whole + math.copysign(1, value) if abs(value - whole) >= 0.5 else whole


round_ = _whole("round", _away)


def _numbers(name: str, given: tuple[Any, ...] | list[Any]) -> list[Any]:
    out: list[Any] = []
    for value in given:
        if type(value) is list:
            out.extend(_numbers(name, value))
        elif value != {} or type(value) is not dict:
            out.append(number(value, name))
    return out


def highest(state: Any, *given: Any) -> Any:
    found = _numbers("max", given)
    if not found:
        raise Fault("not enough arguments to call max")
    return max(found)


def lowest(state: Any, *given: Any) -> Any:
    found = _numbers("min", given)
    if not found:
        raise Fault("not enough arguments to call min")
    return min(found)


def total(state: Any, items: Any) -> Any:
    if type(items) is not list and items != {}:
        raise Fault(f"sum needs an array, not {values.type_name(items)}")
    result: Any = 0
    for value in _numbers("sum", (items,)):
        result = values.add(result, value)
    return result


def mean(state: Any, *given: Any) -> float:
    found = _numbers("mean", given)
    return float(math.fsum(found) / len(found)) if found else 0.0


def median(state: Any, *given: Any) -> float:
    found = sorted(_numbers("median", given))
    if not found:
        return 0.0
    middle = len(found) // 2
    return float(found[middle]) if len(found) % 2 else (found[middle - 1] + found[middle]) / 2.0


def integer(state: Any, value: Any) -> int:
    if type(value) is int:
        return value
    if type(value) is float:
        if not -9.3e18 < value < 9.3e18:
            raise Fault(f"{values.number_text(value)} has no integer form")
        return values.wrap(int(value))
    if type(value) is str:
        found = _INTEGER.fullmatch(value)
        if found and len(value) < 40 and values.wrap(int(found[1])) == int(found[1]):
            return int(found[1])
        raise Fault(f"invalid operation: int({value[:40]!r})")
    raise Fault(f"invalid operation: int({values.type_name(value)})")


def decimal(state: Any, value: Any) -> float:
    if values.is_number(value):
        return float(value)
    if type(value) is str:
        if _FLOAT.fullmatch(value):
            return float(value)
        raise Fault(f"invalid operation: float({value[:40]!r})")
    raise Fault(f"invalid operation: float({values.type_name(value)})")


def _bits(name: str, act: Any) -> Any:
    def apply(state: Any, *given: Any) -> int:
        for value in given:
            if type(value) is not int:
                raise Fault(f"{name} needs integers, not {values.type_name(value)}")
        return values.wrap(act(*given))

    return apply


def _shift(act: Any) -> Any:
    def shifted(value: int, count: int) -> int:
        if count < 0:
            raise Fault(f"negative shift count {count}")
        return act(value, min(count, 64))

    return shifted


BITS = {
    "bitand": _bits("bitand", lambda a, b: a & b),
    "bitor": _bits("bitor", lambda a, b: a | b),
    "bitxor": _bits("bitxor", lambda a, b: a ^ b),
    "bitnand": _bits("bitnand", lambda a, b: a & ~b),
    "bitnot": _bits("bitnot", lambda a: ~a),
    "bitshl": _bits("bitshl", _shift(lambda a, n: a << n)),
    "bitshr": _bits("bitshr", _shift(lambda a, n: a >> n)),
    "bitushr": _bits("bitushr", _shift(lambda a, n: (a & _MASK) >> n)),
}

"""What values are and how operators treat them. Integers have 64 bits and wrap; text is `str`."""

from __future__ import annotations

import datetime
import math
import operator
from collections.abc import Callable
from typing import Any

from wippy.expression.fault import Fault

Moment = datetime.datetime
Span = datetime.timedelta

MAX_TEXT = 16 * 1024 * 1024

_NAMES = {bool: "bool", int: "int", float: "float", str: "string", list: "array", dict: "map"}


def type_name(value: Any) -> str:
    """nil, bool, int, float, string, array, map, time or duration."""
    if value is None:
        return "nil"
    found = _NAMES.get(type(value))
    if found:
        return found
    return "duration" if isinstance(value, Span) else "time" if isinstance(value, Moment) else type(value).__name__


def is_number(value: Any) -> bool:
    return type(value) is int or type(value) is float


def wrap(value: int) -> int:
    """An integer cut to 64 bits."""
    if -0x8000000000000000 <= value <= 0x7FFFFFFFFFFFFFFF:
        return value
    return (value + 0x8000000000000000 & 0xFFFFFFFFFFFFFFFF) - 0x8000000000000000


def invalid(name: str, left: Any, right: Any) -> Fault:
    return Fault(f"invalid operation: {type_name(left)} {name} {type_name(right)}")


def joined(parts: list[str], separator: str = "") -> str:
    """Text of parts. Raises Fault when it would be too long."""
    if sum(map(len, parts)) + len(separator) * len(parts) > MAX_TEXT:
        raise Fault(f"memory budget exceeded: text of more than {MAX_TEXT} characters")
    return separator.join(parts)


def add(left: Any, right: Any) -> Any:
    a, b = type(left), type(right)
    if a is int and b is int:
        return wrap(left + right)
    if a is str and b is str:
        return joined([left, right])
    if is_number(left) and is_number(right):
        return left + right
    if isinstance(left, Moment | Span) and isinstance(right, Moment | Span):
        return _moments(operator.add, "+", left, right)
    raise invalid("+", left, right)


def subtract(left: Any, right: Any) -> Any:
    if type(left) is int and type(right) is int:
        return wrap(left - right)
    if is_number(left) and is_number(right):
        return left - right
    if isinstance(left, Moment | Span) and isinstance(right, Moment | Span):
        return _moments(operator.sub, "-", left, right)
    raise invalid("-", left, right)


def _moments(act: Callable[[Any, Any], Any], name: str, left: Any, right: Any) -> Any:
    try:
        return act(left, right)
    except OverflowError:
        raise Fault("time out of range") from None
    except TypeError:
        raise invalid(name, left, right) from None


def multiply(left: Any, right: Any) -> Any:
    if type(left) is int and type(right) is int:
        return wrap(left * right)
    if is_number(left) and is_number(right):
        return left * right
    if (isinstance(left, Span) and is_number(right)) or (isinstance(right, Span) and is_number(left)):
        return _moments(operator.mul, "*", left, right)
    raise invalid("*", left, right)


def divide(left: Any, right: Any) -> float:
    if not is_number(left) or not is_number(right):
        raise invalid("/", left, right)
    a, b = float(left), float(right)
    if b == 0.0:
        if a == 0.0 or math.isnan(a):
            return math.nan
        return math.copysign(math.inf, a) * math.copysign(1.0, b)
    return a / b


def remainder(left: Any, right: Any) -> int:
    if type(left) is not int or type(right) is not int:
        raise invalid("%", left, right)
    if right == 0:
        raise Fault("integer divide by zero")
    found = abs(left) % abs(right)
    return -found if left < 0 else found


def power(left: Any, right: Any) -> float:
    if not is_number(left) or not is_number(right):
        raise invalid("**", left, right)
    a, b = float(left), float(right)
    try:
        return math.pow(a, b)
    except OverflowError:
        return -math.inf if a < 0 and b % 2 == 1 else math.inf
    except ValueError:
        if a == 0.0:
            return math.copysign(math.inf, a) if b % 2 == 1 else math.inf
        return math.nan


def negate(value: Any) -> Any:
    if type(value) is int:
        return wrap(-value)
    if type(value) is float or isinstance(value, Span):
        return -value
    raise Fault(f"invalid operation: - {type_name(value)}")


def plus(value: Any) -> Any:
    if is_number(value):
        return value
    raise Fault(f"invalid operation: + {type_name(value)}")


def equal(left: Any, right: Any) -> bool:
    """Numbers by value, true and false are none; lists and maps by content."""
    a, b = type(left), type(right)
    if a is list and b is list:
        return len(left) == len(right) and all(map(equal, left, right))
    if a is dict and b is dict:
        return len(left) == len(right) and all(key in right and equal(item, right[key]) for key, item in left.items())
    if (a is bool) != (b is bool):
        return False
    return left == right


def _ordered(name: str, compare: Any) -> Any:
    def holds(left: Any, right: Any) -> bool:
        if (is_number(left) and is_number(right)) or (type(left) is str and type(right) is str):
            return compare(left, right)
        if type_name(left) == type_name(right) and isinstance(left, Moment | Span):
            return compare(left, right)
        raise invalid(name, left, right)

    return holds


less = _ordered("<", lambda a, b: a < b)
less_equal = _ordered("<=", lambda a, b: a <= b)
greater = _ordered(">", lambda a, b: a > b)
greater_equal = _ordered(">=", lambda a, b: a >= b)


def inside(left: Any, right: Any) -> bool:
    if right is None:
        return False
    if type(right) is list:
        return any(equal(left, item) for item in right)
    if type(right) is dict:
        if type(left) is not str:
            raise Fault(f"cannot use {type_name(left)} as a key of a map, which are strings")
        return left in right
    raise Fault(f'operator "in" not defined on {type_name(right)}')


def texts(name: str, left: Any, right: Any) -> None:
    if type(left) is not str or type(right) is not str:
        raise invalid(name, left, right)


def fetch(value: Any, key: Any) -> Any:
    """`value[key]`: nil for a key that a map does not have. Raises Fault."""
    if type(value) is dict:
        if type(key) is str:
            return value.get(key)
        if type(key) is int:
            return value.get(str(key))
    elif type(value) in (list, str) and is_number(key) and key == int(key):
        index, length = int(key), len(value)
        if index < 0:
            index += length
        if not 0 <= index < length:
            raise Fault(f"index out of range: {int(key)} (array length is {length})")
        return value[index]
    elif isinstance(value, Moment | Span) and type(key) is str:
        raise Fault(f"{type_name(value)} has no field {key}")
    shown = key if type(key) is str else key if is_number(key) else type_name(key)
    raise Fault(f"cannot fetch {shown} from {type_name(value)}")


def cut(value: Any, first: Any, last: Any) -> Any:
    """`value[first:last]`, offsets clamped to the length."""
    if type(value) not in (list, str):
        raise Fault(f"cannot slice {type_name(value)}")
    length = len(value)

    def offset(at: Any, absent: int) -> int:
        if at is None:
            return absent
        if type(at) is not int:
            raise Fault(f"cannot slice with {type_name(at)}")
        return min(max(at + length if at < 0 else at, 0), length)

    start, end = offset(first, 0), offset(last, length)
    return value[start:end] if start < end else value[:0]


def text(value: Any) -> str:
    """How `string` and `join` write a value."""
    if type(value) is str:
        return value
    if value is None:
        return "nil"
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is float:
        return number_text(value)
    if type(value) is list:
        return "[" + joined([text(item) for item in value], " ") + "]"
    if type(value) is dict:
        return "map[" + joined([f"{key}:{text(value[key])}" for key in sorted(value)], " ") + "]"
    if isinstance(value, Moment):
        return value.isoformat()
    if isinstance(value, Span):
        return f"{number_text(value.total_seconds())}s"
    return str(value)


def number_text(value: float) -> str:
    """The shortest text of a float, whole numbers without a fraction."""
    if value != value:
        return "NaN"
    if value in (math.inf, -math.inf):
        return "+Inf" if value > 0 else "-Inf"
    if value == int(value) and abs(value) < 1e21:
        return str(int(value))
    return repr(value)

"""Conditions of policies: one field compared with a value."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from .actor import Actor

if TYPE_CHECKING:  # loaded only for the conditions that match: each start loads this file
    from wippy.regex import Expression

ABSENT: Any = object()

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)


class Request(msgspec.Struct, frozen=True):
    """What is asked: may this actor do `action` to `resource`?"""

    actor: Actor
    action: str
    resource: str
    meta: Mapping[str, Any]


class ConditionError(Exception):
    """A condition that can be answered with neither yes nor no."""


class Condition:
    """One condition.

    Args:
        field: `actor.id`, `actor.meta.k…`, `action`, `resource`, `meta.k…`, or a key of the metadata.
        operator: one of `OPERATORS`.
        value: what to compare with; None means `value_from`.
        value_from: a field, as above.

    Raises:
        ValueError: unknown operator, nothing to compare with, or an invalid regular expression; the text
            says which.
    """

    __slots__ = ("_expression", "_left", "_right", "field", "operator", "value", "value_from")

    def __init__(self, field: str, operator: str, value: Any = None, value_from: str | None = None) -> None:
        if operator not in OPERATORS:
            raise ValueError(f'unknown operator "{operator}"; known: {", ".join(OPERATORS)}')
        if value is None and not value_from:
            raise ValueError("value or value_from is required")
        self.field = field
        self.operator = operator
        self.value = value
        self.value_from = value_from
        self._left = _getter(field)
        self._right = _getter(value_from) if value is None and value_from else None
        self._expression: Expression | None = None
        if operator in ("matches", "nmatches") and self._right is None:
            from wippy.regex import ExpressionError, compile_expression

            try:
                self._expression = compile_expression(_bytes(value))
            except ExpressionError as error:
                raise ValueError(f'invalid regular expression "{_text(value)}": {error}') from None

    def holds(self, request: Request) -> bool:
        """Whether the condition is true.

        Raises:
            ConditionError: it cannot be answered; says why.
        """
        left = self._left(request)
        right = self.value if self._right is None else self._right(request)
        if self.operator in ("exists", "nexists"):
            wanted = right if isinstance(right, bool) else True
            return ((left is not ABSENT) == wanted) == (self.operator == "exists")
        if left is ABSENT:
            return False
        if right is ABSENT:
            raise ConditionError(f"{self.value_from} is absent")
        if self.operator in ("matches", "nmatches"):
            if self._expression is None:
                raise ConditionError(f"{self.operator} takes its expression from value, not from value_from")
            from wippy.regex import ExpressionError

            try:
                return self._expression.found(_bytes(left)) == (self.operator == "matches")
            except ExpressionError as error:
                raise ConditionError(str(error)) from None
        return OPERATORS[self.operator](left, right)

    def __str__(self) -> str:
        right = f"value_from {self.value_from}" if self._right else repr(self.value)
        return f"{self.field} {self.operator} {right}"


def _getter(field: str) -> Callable[[Request], Any]:
    """A function that reads a field; ABSENT where there is none."""
    if field == "action":
        return lambda request: request.action
    if field == "resource":
        return lambda request: request.resource
    if field == "actor.id":
        return lambda request: _known(request.actor, field).id
    if field.startswith("actor.meta."):
        keys = field.split(".")[2:]
        return lambda request: _walk(_known(request.actor, field).meta, keys)
    if field.startswith("actor."):

        def other(request: Request) -> Any:
            _known(request.actor, field)
            return _present(request.meta.get(field))

        return other
    if field.startswith("meta."):
        path = field.split(".")[1:]
        return lambda request: _walk(request.meta, path)
    return lambda request: _present(request.meta.get(field))


def _known(actor: Actor, field: str) -> Actor:
    if actor.empty:
        raise ConditionError(f"{field} is asked of an actor without identity")
    return actor


def _walk(value: Any, keys: list[str]) -> Any:
    for key in keys:
        if not isinstance(value, Mapping):
            return ABSENT
        value = value.get(key)
    return _present(value)


def _present(value: Any) -> Any:
    return ABSENT if value is None else value


def _number(value: Any) -> int | float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    if isinstance(value, bytes):
        value = _text(value)
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        try:
            return int(value)
        except ValueError:
            return float(value)
    return None


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping | list | tuple):
        return msgspec.json.encode(value, order="deterministic").decode()
    return str(value)


def _bytes(value: Any) -> bytes:
    return _text(value).encode("utf-8", "surrogateescape")


def _equal(left: Any, right: Any) -> bool:
    a, b = _number(left), _number(right)
    if a is not None and b is not None:
        return a == b
    return _text(left) == _text(right)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def holds(left: Any, right: Any) -> bool:
        a, b = _number(left), _number(right)
        if a is None or b is None:
            raise ConditionError(f"{_text(left if a is None else right)!r} is no number")
        return compare(a, b)

    return holds


def _in(left: Any, right: Any) -> bool:
    if isinstance(right, list | tuple):
        return any(_equal(left, item) for item in right)
    if isinstance(right, str | bytes):
        return _equal(left, right)
    if isinstance(right, Mapping) and not right:  # an empty Lua table is a list as well
        return False
    raise ConditionError(f"in needs a list or a string to look in, not {_text(right)}")


def _contains(left: Any, right: Any) -> bool:
    if isinstance(left, list | tuple):
        return any(_equal(item, right) for item in left)
    if isinstance(left, Mapping):
        if not left:
            return False
        raise ConditionError("contains cannot look in a mapping")
    return _text(right) in _text(left)


def _never(left: Any, right: Any) -> bool:
    raise ConditionError("not a comparison")


OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "exists": _never,
    "nexists": _never,
    "eq": _equal,
    "ne": lambda left, right: not _equal(left, right),
    "lt": _ordered(lambda a, b: a < b),
    "lte": _ordered(lambda a, b: a <= b),
    "gt": _ordered(lambda a, b: a > b),
    "gte": _ordered(lambda a, b: a >= b),
    "in": _in,
    "nin": lambda left, right: not _in(left, right),
    "contains": _contains,
    "ncontains": lambda left, right: not _contains(left, right),
    "matches": _never,
    "nmatches": _never,
}

"""Operands and what operators make of them."""

from __future__ import annotations

from wippy.lang.check.types import (
    ABSENT,
    ANY,
    BOOLEAN,
    ERROR,
    FUNCTION,
    INTEGER,
    NIL,
    NUMBER,
    NUMBERS,
    QUOTIENT,
    STRING,
    THREAD,
    UNKNOWN,
    Function,
    Literal,
    Type,
    Union,
    force,
    members,
    widened,
    without_nil,
)


def calculable(type: Type) -> bool:
    """Whether arithmetic may be done with values of the type."""
    if type in NUMBERS or type is ANY or type is ABSENT:
        return True
    if isinstance(type, Literal):
        return type.base in NUMBERS
    return not (type in (STRING, BOOLEAN, NIL, FUNCTION, THREAD, ERROR, UNKNOWN) or isinstance(type, Function))


def joinable(type: Type) -> bool:
    """Whether values of the type may be joined to a text."""
    if isinstance(type, Literal):
        return type.base is not BOOLEAN
    return not (type in (BOOLEAN, NIL, FUNCTION, THREAD, UNKNOWN) or isinstance(type, Function))


def measurable(type: Type) -> bool:
    """Whether values of the type may have a length."""
    if isinstance(type, Literal):
        return type.base is STRING
    return not (
        type in NUMBERS or type in (BOOLEAN, NIL, FUNCTION, THREAD, ERROR, UNKNOWN) or isinstance(type, Function)
    )


_EVERY = frozenset(("number", "string", "other"))
_NUMBER = frozenset(("number",))
_STRING = frozenset(("string",))
_NOTHING: frozenset[str] = frozenset()


def order(type: Type) -> frozenset[str]:
    """What a value can be compared with by `<`."""
    found: frozenset[str] = _NOTHING
    for item in members(type):
        forced = force(item)
        if isinstance(forced, Literal):
            forced = forced.base
        if forced in NUMBERS:
            found |= _NUMBER
        elif forced is STRING:
            found |= _STRING
        elif forced in (NIL, BOOLEAN, FUNCTION, THREAD, UNKNOWN) or isinstance(forced, Function):
            continue
        else:
            return _EVERY
    return found


def total(type: Type) -> Type:
    """What an operand counts as in arithmetic; it is not nil where there is a result."""
    forced = force(widened(without_nil(type)))
    if isinstance(forced, Union):
        return NUMBER if all(force(item) in NUMBERS for item in forced.items) else ANY
    return forced if forced in NUMBERS else ANY


def result(op: str, left: Type, right: Type) -> Type:
    """What arithmetic gives."""
    first, second = total(left), total(right)
    if op in ("//", "%"):
        return INTEGER if first in NUMBERS and second in NUMBERS else ANY
    if first is ANY or second is ANY:
        return ANY
    if op in ("/", "^"):
        return NUMBER if first is NUMBER or second is NUMBER else QUOTIENT
    if first is INTEGER and second is INTEGER:
        return INTEGER
    return NUMBER if first is NUMBER or second is NUMBER else QUOTIENT

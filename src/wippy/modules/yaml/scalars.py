"""What plain YAML scalars mean: the core schema of YAML 1.2, timestamps, octal numbers with a leading 0 and `_`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

_LARGEST, _SMALLEST = (1 << 63) - 1, -(1 << 63)
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_INTEGER = re.compile(r"([+-]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))")
_FLOAT = re.compile(r"[+-]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][+-]?[0-9]+)?")
_NUMERIC = frozenset("0123456789+-.")
_MOMENT = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
    r"(?:(?:[Tt]([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2}))"
    r"|(?: ([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(\.[0-9]+)?))?"
)


class OutOfRange(ValueError):
    """An integer that 64 bits cannot hold."""


def moment(text: str) -> float | None:
    """Unix seconds of `2001-12-14`, `2001-12-14 21:59:43.1` or `2001-12-14T21:59:43Z`; None for other texts."""
    found = _MOMENT.fullmatch(text)
    if found is None:
        return None
    year, month, day = (int(part) for part in found.groups()[:3])
    hours, minutes, seconds, fraction = found.groups()[3:7] if found[4] else found.groups()[8:12]
    zone = UTC
    if found[8] and found[8] != "Z":
        sign = -1 if found[8][0] == "-" else 1
        zone = timezone(sign * timedelta(hours=int(found[8][1:3]), minutes=int(found[8][4:])))
    try:
        whole = datetime(year, month, day, int(hours or 0), int(minutes or 0), int(seconds or 0), tzinfo=zone)
    except ValueError:
        return None
    return (whole - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() + float(fraction or 0)


def integer(text: str) -> int | None:
    """The number of an integer in any notation; None for other texts. Raises OutOfRange."""
    found = _INTEGER.fullmatch(text.replace("_", ""))
    if found is None:
        return None
    sign, hexadecimal, binary, octal, decimal = found.groups()
    digits, base = next((d, b) for d, b in ((hexadecimal, 16), (binary, 2), (octal, 8), (decimal, 10)) if d)
    if len(digits) > 70:
        raise OutOfRange(text)
    number = int(digits, base)
    number = -number if sign == "-" else number
    if not _SMALLEST <= number <= _LARGEST:
        raise OutOfRange(text)
    return number


def plain(text: str) -> Any:
    """The value of an unquoted scalar: None, bool, int, float (also for timestamps) or str. Raises OutOfRange."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMERIC:
        return text
    number = integer(text)
    if number is not None:
        return number
    digits = text.replace("_", "")
    if _FLOAT.fullmatch(digits):
        return float(digits)
    found = moment(text)
    return text if found is None else found


def is_text(text: str) -> bool:
    """Whether the unquoted text reads back as itself."""
    try:
        return isinstance(plain(text), str)
    except OutOfRange:
        return False

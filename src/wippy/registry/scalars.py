"""What a plain YAML scalar means. Only `true` and `false` are booleans, `0755` is octal, `12:30` is text."""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta, timezone
from typing import Any

WORDS: dict[str, Any] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
    ".inf": math.inf,
    ".Inf": math.inf,
    ".INF": math.inf,
    "+.inf": math.inf,
    "+.Inf": math.inf,
    "+.INF": math.inf,
    "-.inf": -math.inf,
    "-.Inf": -math.inf,
    "-.INF": -math.inf,
    ".nan": math.nan,
    ".NaN": math.nan,
    ".NAN": math.nan,
}

NUMERIC_START = frozenset("+-.0123456789")

_INTEGER = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_TIME = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})"
    r"(?:(?:[Tt]|[ \t]+)(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.\d*)?(?:[ \t]*(?:(Z)|([-+])(\d{1,2})(?::?(\d{2}))?))?)?\Z"
)

STRING_TAG = "tag:yaml.org,2002:str"
TAG_PREFIX = "tag:yaml.org,2002:"


def plain(text: str) -> Any:
    """The value of an unquoted scalar: None, bool, int, float, or str. A timestamp is Unix seconds.

    Integers beyond 64 bits become floats, since Lua has no others.
    """
    if text in WORDS:
        return WORDS[text]
    if text[0] not in NUMERIC_START:
        return text
    bare = text.replace("_", "")
    match = _INTEGER.match(bare)
    if match:
        sign, hexadecimal, binary, octal, decimal = match.groups()
        if hexadecimal:
            number = int(hexadecimal, 16)
        elif binary:
            number = int(binary, 2)
        elif octal:
            number = int(octal, 8)
        else:
            number = int(decimal)
        if sign == "-":
            number = -number
        return number if -(2**63) <= number < 2**63 else float(number)
    if _FLOAT.match(bare):
        return float(bare)
    if len(text) >= 8 and text[4:5] == "-":
        return _timestamp(text)
    return text


def _timestamp(text: str) -> Any:
    match = _TIME.match(text)
    if not match:
        return text
    year, month, day, hour, minute, second, _, sign, zone_hours, zone_minutes = match.groups()
    zone = timedelta(hours=int(zone_hours or 0), minutes=int(zone_minutes or 0))
    try:
        moment = datetime(
            int(year),
            int(month),
            int(day),
            int(hour or 0),
            int(minute or 0),
            int(second or 0),
            tzinfo=timezone(-zone if sign == "-" else zone),
        )
    except ValueError:
        return text
    return int(moment.timestamp())


def tagged(tag: str, text: str) -> Any:
    """The value of a scalar with a tag; a tag of the application's own means nothing.

    Raises:
        ValueError: the text is not of the type that a standard tag names.
    """
    if not tag.startswith(TAG_PREFIX):
        return plain(text)
    name = tag[len(TAG_PREFIX) :]
    if name in ("str", "binary"):
        return text
    value = plain(text)
    fits = {
        "null": value is None,
        "bool": isinstance(value, bool),
        "int": isinstance(value, int) and not isinstance(value, bool),
        "float": isinstance(value, int | float) and not isinstance(value, bool),
        "timestamp": isinstance(value, int),
    }.get(name, True)
    if not fits:
        raise ValueError(f'"{text}" is not a valid {name}')
    return float(value) if name == "float" else value

"""Plain values from Lua as payloads of a history."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from wippy.errors import INTERNAL, WippyError
from wippy.kernel.codec import Constant, ErrorValue, Handle
from wippy.workflows.payload import BINARY, JSON, NIL, Payload

_MAX_DEPTH = 128


def payload_of(value: Any) -> Payload:
    """A value as it goes into a history.

    Raises:
        WippyError: INTERNAL `error transcoding value: …` for tables that JSON cannot hold.
    """
    if value is None:
        return NIL
    if isinstance(value, bytes):
        return Payload(BINARY, value)
    return Payload(JSON, msgspec.json.encode(_plain(value, 0)))


def payloads_of(values: list[Any]) -> list[Payload]:
    """Several values."""
    return [payload_of(value) for value in values]


def _bad(text: str) -> WippyError:
    return WippyError(INTERNAL, f"error transcoding value: encode failed: {text}")


def _plain(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return int(value) if depth and value.is_integer() and abs(value) < 2**63 else value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if depth > _MAX_DEPTH:
        raise _bad("exceeded maximum nesting depth for JSON encoding")
    if isinstance(value, list):
        return [_plain(item, depth + 1) for item in value]
    if isinstance(value, dict):
        numeric = sum(1 for key in value if isinstance(key, int) and not isinstance(key, bool) and key > 0)
        if numeric == len(value) and value:
            raise _bad("cannot encode sparse array: non-contiguous numeric keys found")
        if numeric:
            raise _bad("cannot encode mixed-key table: table has both numeric and non-numeric keys")
        return {_key(key): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, ErrorValue):
        return value.message
    if isinstance(value, (Handle, Constant)):
        return None
    raise _bad(f"a {type(value).__name__} has no JSON form")


def _key(key: Any) -> str:
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, bytes):
        return key.decode("utf-8", "replace")
    if isinstance(key, float) and key.is_integer():
        return str(int(key))
    return str(key)

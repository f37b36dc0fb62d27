"""Values of Lua code as values of expressions and back."""

from __future__ import annotations

import datetime
from typing import Any

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MICROSECOND = datetime.timedelta(microseconds=1)


def from_lua(value: Any) -> Any:
    """Plain data as expressions take it: text is `str`, bytes that are no UTF-8 stay as escapes in it.

    Raises:
        ValueError: an integer does not fit into 64 bits.
    """
    kind = type(value)
    if kind is bytes:
        return value.decode("utf-8", "surrogateescape")
    if kind is list:
        return [from_lua(item) for item in value]
    if kind is dict:
        return {from_lua(key): from_lua(item) for key, item in value.items()}
    return value


def to_lua(value: Any) -> Any:
    """A result as Lua code gets it: times are Unix seconds, durations nanoseconds."""
    kind = type(value)
    if kind is str:
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode("utf-8", "surrogateescape")
        return value
    if kind is list:
        return [to_lua(item) for item in value]
    if kind is dict:
        return {to_lua(key): to_lua(item) for key, item in value.items()}
    if isinstance(value, datetime.datetime):
        return (value - _EPOCH) // datetime.timedelta(seconds=1)
    if isinstance(value, datetime.timedelta):
        return value // _MICROSECOND * 1000
    return value

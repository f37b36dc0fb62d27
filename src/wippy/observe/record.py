"""One line of the log before it has a form."""

from __future__ import annotations

from typing import Any

import msgspec


class Record(msgspec.Struct, frozen=True):
    """What was logged.

    Args:
        level: DEBUG, INFO, WARN or ERROR of `observe.level`.
        logger: dotted name; empty for the root.
        message: the text.
        fields: plain data with string keys; a unit's records carry `pid` and `location`.
        time_ns: wall clock, nanoseconds since 1970.
        stack: a traceback, or empty.
    """

    level: int
    logger: str
    message: str
    fields: dict[str, Any]
    time_ns: int
    stack: str = ""

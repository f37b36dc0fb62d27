"""Host functions of the base library: letters, local time, the kernel's own failures.

They take and give bytes and numbers, and never raise.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

log = logging.getLogger("wippy.kernel")

_STARTED = time.time_ns()


def complain(what: bytes, reason: bytes) -> None:
    """A failure of the kernel itself that nobody else can be told of."""
    log.error("%s: %s", what.decode("utf-8", "replace"), reason.decode("utf-8", "replace"))


def upper(text: bytes) -> bytes:
    """Upper case by Unicode's simple rules; bytes that are no UTF-8 stay as they are."""
    return text.decode("utf-8", "surrogateescape").upper().encode("utf-8", "surrogateescape")


def lower(text: bytes) -> bytes:
    """Lower case, as `upper`."""
    return text.decode("utf-8", "surrogateescape").lower().encode("utf-8", "surrogateescape")


def local_time(seconds: int) -> tuple[int, int, int, int, int, int, int, int, int, bytes]:
    """Year, month, day, hour, minute, second, weekday (1 = Sunday), day of year, offset in seconds, zone name."""
    try:
        t = time.localtime(seconds)
    except (OverflowError, ValueError, OSError):
        t = time.gmtime(0)
    zone = (t.tm_zone or "UTC").encode()
    weekday = (t.tm_wday + 1) % 7 + 1
    return t.tm_year, t.tm_mon, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec, weekday, t.tm_yday, t.tm_gmtoff or 0, zone


def local_epoch(year: int, month: int, day: int, hour: int, minute: int, second: int) -> int:
    """Unix seconds of a local date; fields out of range carry over."""
    try:
        return int(time.mktime((int(year), int(month), int(day), int(hour), int(minute), int(second), 0, 0, -1)))
    except (OverflowError, ValueError):
        return 0


def make_base_host() -> dict[str, Callable[..., Any]]:
    """The functions by the name under which `K.host` holds them."""
    return {
        "upper": upper,
        "lower": lower,
        "local_time": local_time,
        "local_epoch": local_epoch,
        "started_ns": lambda: _STARTED,
        "complain": complain,
    }

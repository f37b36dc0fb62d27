"""Durations: text such as `1h30m` to nanoseconds and back."""

from __future__ import annotations

import re

from .errors import INVALID, WippyError

NANOSECOND = 1
MICROSECOND = 1_000
MILLISECOND = 1_000_000
SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE

MAX = 2**63 - 1
MIN = -(2**63)

UNITS = {
    "ns": NANOSECOND,
    "us": MICROSECOND,
    "µs": MICROSECOND,  # micro sign
    "μs": MICROSECOND,  # Greek mu
    "ms": MILLISECOND,
    "s": SECOND,
    "m": MINUTE,
    "h": HOUR,
}

_PART = re.compile(r"([0-9]*)(?:(\.)([0-9]*))?([^0-9.]*)")


def parse_duration(text: str) -> int:
    """Nanoseconds of a duration such as `1h30m`, `-1.5s`, `.5s`, `250ms` or `0`.

    Raises:
        WippyError: INVALID, for anything else or beyond 64 bits.
    """
    rest = text
    negative = False
    if rest[:1] in ("+", "-"):
        negative = rest[0] == "-"
        rest = rest[1:]
    if rest == "0":
        return 0
    if not rest:
        raise _invalid(text)
    total = 0
    at = 0
    while at < len(rest):
        part = _PART.match(rest, at)
        assert part is not None
        whole, _, fraction, unit = part.groups()
        if not whole and not fraction:
            raise _invalid(text)
        if not unit:
            raise WippyError(INVALID, f'time: missing unit in duration "{text}"')
        factor = UNITS.get(unit)
        if factor is None:
            raise WippyError(INVALID, f'time: unknown unit "{unit}" in duration "{text}"')
        total += int(whole or 0) * factor
        if fraction:
            total += int(fraction) * factor // 10 ** len(fraction)
        if total > -MIN:
            raise _invalid(text)
        at = part.end()
    if negative:
        total = -total
    if not MIN <= total <= MAX:
        raise _invalid(text)
    return total


def format_duration(ns: int) -> str:
    """The shortest exact text: `1h30m0s`, `1.5s`, `150ms`, `2µs`, `0s`."""
    if ns == 0:
        return "0s"
    sign = "-" if ns < 0 else ""
    ns = abs(ns)
    if ns < MICROSECOND:
        return f"{sign}{ns}ns"
    if ns < MILLISECOND:
        return f"{sign}{_decimal(ns, MICROSECOND)}µs"
    if ns < SECOND:
        return f"{sign}{_decimal(ns, MILLISECOND)}ms"
    minutes, ns = divmod(ns, MINUTE)
    hours, minutes = divmod(minutes, 60)
    out = sign
    if hours:
        out += f"{hours}h"
    if hours or minutes:
        out += f"{minutes}m"
    return f"{out}{_decimal(ns, SECOND)}s"


def _decimal(ns: int, unit: int) -> str:
    whole, rest = divmod(ns, unit)
    if rest == 0:
        return str(whole)
    width = len(str(unit)) - 1
    return f"{whole}.{rest:0{width}d}".rstrip("0")


def _invalid(text: str) -> WippyError:
    return WippyError(INVALID, f'time: invalid duration "{text}"')

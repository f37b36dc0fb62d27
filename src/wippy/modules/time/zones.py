"""Offsets of time zones: the host functions behind `time` and `os.time`.

A zone is named as Lua names it, in bytes: `UTC`, `Local` (the machine's zone) or an IANA name.
None of these functions raises; an unknown zone counts as UTC.
"""

from __future__ import annotations

import time as _clock
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

DAY = 86_400
# 400 years are a whole number of weeks, so rules repeat exactly.
CYCLE = 146_097 * DAY
FIRST = -62_135_596_800 + DAY  # second day of year 1: leaves room for the offset
LAST = 253_402_300_799 - DAY
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SAMPLE_FROM, SAMPLE_TO, SAMPLE_STEP = -2_208_988_800, 2_145_916_800, 28 * DAY  # 1900 to 2038


def zone_exists(name: bytes) -> bool:
    """True for `UTC`, `Local` and every IANA name the machine knows."""
    return name in (b"UTC", b"Local") or _zone(name) is not None


def zone_offset(name: bytes, unix_seconds: int) -> tuple[int, bytes]:
    """Seconds east of UTC in this zone at this moment, and the abbreviation in use (`CET`, `-03`)."""
    if name == b"UTC":
        return 0, b"UTC"
    seconds = int(unix_seconds)
    if name == b"Local":
        return _local_offset(seconds)
    zone = _zone(name)
    if zone is None:
        return 0, b"UTC"
    return _describe(zone, _within(seconds))


def zone_local(name: bytes, year: int, month: int, day: int, hour: int, minute: int, second: int) -> int:
    """Unix seconds of a wall-clock reading in this zone.

    Parts out of range carry over (month 13 is January of the next year). Of the two moments a
    reading has when clocks are set back, the first is taken; a reading skipped when they are set
    forward gets the offset of one side of the gap.
    """
    year, month = int(year) + (int(month) - 1) // 12, (int(month) - 1) % 12 + 1
    wall = (days_from_civil(year, month, 1) + int(day) - 1) * DAY + int(hour) * 3600 + int(minute) * 60 + int(second)
    offset, _ = zone_offset(name, wall)
    there, _ = zone_offset(name, wall - offset)
    return wall - there if there != offset else _first_of_two(name, wall, offset)


def zone_named(name: bytes, abbreviation: bytes, wall_seconds: int) -> int | None:
    """The offset that this abbreviation stands for in the zone, or None where the zone never used it.

    Args:
        name: the zone.
        abbreviation: such as `CEST`.
        wall_seconds: the wall-clock reading as if it were UTC; the offset in use then is preferred.
    """
    offsets = _abbreviations(name).get(abbreviation)
    if not offsets:
        return None
    for offset in offsets:
        if zone_offset(name, int(wall_seconds) - offset) == (offset, abbreviation):
            return offset
    return offsets[0]


def make_time_host() -> dict[str, Callable[..., object]]:
    """The host functions of the `time` module, by name."""
    return {
        "zone_exists": zone_exists,
        "zone_offset": zone_offset,
        "zone_local": zone_local,
        "zone_named": zone_named,
    }


def days_from_civil(year: int, month: int, day: int) -> int:
    """Days from 1970-01-01 to a date of the Gregorian calendar, any year."""
    year -= month <= 2
    era = year // 400
    year_of_era = year - era * 400
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * 146_097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719_468


def _first_of_two(name: bytes, wall: int, offset: int) -> int:
    # An overlap is at most a day wide: where the offset was larger shortly before, the reading may
    # have come round already.
    before, _ = zone_offset(name, wall - offset - DAY)
    if before > offset and zone_offset(name, wall - before)[0] == before:
        return wall - before
    return wall - offset


def _within(seconds: int) -> int:
    if seconds < FIRST:
        return seconds + -(-(FIRST - seconds) // CYCLE) * CYCLE
    if seconds > LAST:
        return seconds - -(-(seconds - LAST) // CYCLE) * CYCLE
    return seconds


@lru_cache(maxsize=256)
def _zone(name: bytes) -> ZoneInfo | None:
    try:
        return ZoneInfo(name.decode())
    except (ValueError, OSError, KeyError):
        return None


def _describe(zone: tzinfo, seconds: int) -> tuple[int, bytes]:
    moment = (EPOCH + timedelta(seconds=seconds)).astimezone(zone)
    offset = moment.utcoffset() or timedelta()
    return offset.days * DAY + offset.seconds, (moment.tzname() or "").encode()


def _local_offset(seconds: int) -> tuple[int, bytes]:
    try:
        local = _clock.localtime(_within(seconds))
    except (ValueError, OverflowError, OSError):  # platforms whose C library knows no years before 1970
        return -_clock.timezone, _clock.tzname[0].encode()
    return local.tm_gmtoff, local.tm_zone.encode()


@lru_cache(maxsize=64)
def _abbreviations(name: bytes) -> dict[bytes, list[int]]:
    found: dict[bytes, list[int]] = {}
    for seconds in range(SAMPLE_TO, SAMPLE_FROM, -SAMPLE_STEP):
        offset, abbreviation = zone_offset(name, seconds)
        offsets = found.setdefault(abbreviation, [])
        if offset not in offsets:
            offsets.append(offset)
    return found

"""Cron schedules: five fields, `@every d`, `@hourly` and the like, an optional `CRON_TZ=zone` in front."""

from __future__ import annotations

import calendar
import datetime as dt
import re
from functools import lru_cache
from zoneinfo import ZoneInfo

from wippy import errors

_SECOND = 1_000_000_000
_NAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7))
_MONTHS = {name.lower(): n for n, name in enumerate(calendar.month_abbr) if name}
_DAYS = {name: n for n, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))}
_UNITS = {"ns": 1, "us": 1000, "µs": 1000, "ms": 1_000_000, "s": _SECOND, "m": 60 * _SECOND, "h": 3600 * _SECOND}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")


def _bad(text: str, why: str) -> errors.WippyError:
    return errors.WippyError(errors.INVALID, f"invalid CronSchedule {text!r}: {why}")


def _every(text: str, duration: str) -> int:
    parts = _PART.findall(duration)
    if not parts or "".join(number + unit for number, unit in parts) != duration:
        raise _bad(text, f"{duration!r} is no duration")
    return max(int(sum(float(number) * _UNITS[unit] for number, unit in parts)) // _SECOND, 1) * _SECOND


def _number(text: str, token: str, names: dict[str, int]) -> int:
    if token.lower() in names:
        return names[token.lower()]
    if not token.isdigit():
        raise _bad(text, f"{token!r} is no number")
    return int(token)


def _field(text: str, field: str, index: int) -> frozenset[int]:
    name, low, high = _FIELDS[index]
    names = _MONTHS if name == "month" else _DAYS if name == "weekday" else {}
    out: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        if step and (not step.isdigit() or int(step) == 0):
            raise _bad(text, f"step {step!r} of the {name} must be a number above 0")
        if span in ("*", "?"):
            first, last = low, 6 if name == "weekday" else high
        else:
            begin, dash, end = span.partition("-")
            first = _number(text, begin, names)
            last = _number(text, end, names) if dash else high if step else first
        if not low <= first <= last <= high:
            raise _bad(text, f"{name} {part!r} is not within {low}-{high}")
        out.update(range(first, last + 1, int(step) if step else 1))
    if name == "weekday":
        out = {day % 7 for day in out}
    return frozenset(out)


@lru_cache(256)
def _parse(schedule: str) -> tuple[int, tuple[frozenset[int], ...], bool, bool, dt.tzinfo]:
    text = schedule.strip()
    zone: dt.tzinfo = dt.UTC
    if text.startswith(("CRON_TZ=", "TZ=")):
        name, _, text = text.partition(" ")
        name = name.split("=", 1)[1]
        try:
            zone = ZoneInfo(name)
        except (KeyError, ValueError, OSError) as error:
            raise _bad(schedule, f"unknown time zone {name!r}") from error
        text = text.strip()
    if text.startswith("@every "):
        return _every(schedule, text[7:].split("/")[0].strip()), (), False, False, zone
    text = _NAMES.get(text, text)
    fields = text.split()
    if len(fields) != 5:
        raise _bad(schedule, "five fields are needed: minute hour day month weekday")
    sets = tuple(_field(schedule, field, index) for index, field in enumerate(fields))
    return 0, sets, fields[2][0] in "*?", fields[4][0] in "*?", zone


def check_schedule(schedule: str) -> None:
    """Raises WippyError (INVALID) for an unreadable schedule."""
    _parse(schedule)


def next_after(schedule: str, now_ns: int, since_ns: int | None = None) -> int:
    """The first slot after `now_ns`, both nanoseconds since the epoch.

    Args:
        since_ns: a slot from which `@every` counts, `now_ns` unless given.

    Raises WippyError (INVALID) for an unreadable schedule or one that never comes.
    """
    every, sets, any_day, any_weekday, zone = _parse(schedule)
    if every:
        since = now_ns if since_ns is None else since_ns
        return since + ((now_ns - since) // every + 1) * every
    minutes, hours, days, months, weekdays = sets
    seconds = now_ns // _SECOND
    local = dt.datetime.fromtimestamp(seconds - seconds % 60 + 60, zone)
    end = local.year + 5
    while local.year <= end:
        if local.month not in months:
            year, month = (local.year, local.month + 1) if local.month < 12 else (local.year + 1, 1)
            local = dt.datetime(year, month, 1, tzinfo=zone)
            continue
        day_fits, weekday_fits = local.day in days, local.isoweekday() % 7 in weekdays
        fits = day_fits and weekday_fits if any_day or any_weekday else day_fits or weekday_fits
        if not fits:
            local = dt.datetime(local.year, local.month, local.day, tzinfo=zone) + dt.timedelta(days=1)
            continue
        if local.hour not in hours:
            local = (local.replace(minute=0).astimezone(dt.UTC) + dt.timedelta(hours=1)).astimezone(zone)
            continue
        if local.minute not in minutes:
            local = (local.astimezone(dt.UTC) + dt.timedelta(minutes=1)).astimezone(zone)
            continue
        return int(local.timestamp()) * _SECOND
    raise _bad(schedule, "it never comes")

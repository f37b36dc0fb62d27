"""How column values of SQLite look in Lua."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

_TIME = re.compile(
    r"^(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d)(?:\.\d*)?)?)?\s*(?:([+-])(\d\d):(\d\d))?$",
)
_ZERO = "0001-01-01T00:00:00Z"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def boolean(value: Any) -> Any:
    """A column declared `boolean`."""
    return value > 0 if isinstance(value, int) else value


def moment(value: Any) -> Any:
    """A column declared `timestamp`, `datetime` or `date`, as `YYYY-MM-DDTHH:MM:SSZ` in UTC."""
    try:
        if isinstance(value, int):
            seconds = value / 1000 if abs(value) > 1_000_000_000_000 else value
            return _text(_EPOCH + timedelta(seconds=int(seconds // 1)))
        if isinstance(value, str):
            match = _TIME.match(value.removesuffix("Z"))
            if match is None:
                return _ZERO
            year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
            sign, hours, minutes = match.groups()[6:]
            zone = UTC
            if sign:
                offset = timedelta(hours=int(hours), minutes=int(minutes))
                zone = timezone(-offset if sign == "-" else offset)
            return _text(datetime(year, month, day, hour, minute, second, tzinfo=zone).astimezone(UTC))
    except (ValueError, OverflowError):
        return _ZERO
    return value


def _text(at: datetime) -> str:
    return f"{at.year:04}-{at.month:02}-{at.day:02}T{at.hour:02}:{at.minute:02}:{at.second:02}Z"


_BY_DECLARED_TYPE: dict[str, Callable[[Any], Any]] = {
    "boolean": boolean,
    "timestamp": moment,
    "datetime": moment,
    "date": moment,
}


def rows(description: tuple[tuple[str, str | None], ...], found: list[tuple[Any, ...]]) -> list[dict[str, Any]]:
    """Result rows as tables by column name; columns that are NULL are absent."""
    names = [name for name, _ in description]
    special = [
        (index, _BY_DECLARED_TYPE[declared.lower()])
        for index, (_, declared) in enumerate(description)
        if declared and declared.lower() in _BY_DECLARED_TYPE
    ]
    if special:
        changed = []
        for row in found:
            values = list(row)
            for index, convert in special:
                values[index] = convert(values[index])
            changed.append(tuple(values))
        found = changed
    return [dict(zip(names, row, strict=True)) for row in found]

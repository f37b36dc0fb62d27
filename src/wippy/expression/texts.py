"""Functions over text, and its other forms: JSON, Base64, dates."""

from __future__ import annotations

import base64
import binascii
import datetime
import json
import math
import re
import time
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from wippy.expression import values
from wippy.expression.fault import Fault

_UNITS = {"ns": 1e-3, "us": 1.0, "µs": 1.0, "μs": 1.0, "ms": 1e3, "s": 1e6, "m": 6e7, "h": 3.6e9}
_SPAN = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_LAYOUT = {
    "2006": "%Y", "01": "%m", "02": "%d", "15": "%H", "03": "%I", "04": "%M", "05": "%S", "PM": "%p", "MST": "%Z",
    "-0700": "%z", "Z07:00": "%z", "-07:00": "%z", "January": "%B", "Jan": "%b", "Monday": "%A", "Mon": "%a",
}  # fmt: skip
_LAYOUT_PART = re.compile("|".join(sorted(map(re.escape, _LAYOUT), key=len, reverse=True)))


def text(value: Any, name: str) -> str:
    if type(value) is not str:
        raise Fault(f"invalid argument for {name} (type {values.type_name(value)})")
    return value


def count(value: Any, name: str) -> int:
    if type(value) is not int:
        raise Fault(f"{name} needs an integer, not {values.type_name(value)}")
    return value


def upper(state: Any, value: Any) -> str:
    return text(value, "upper").upper()


def lower(state: Any, value: Any) -> str:
    return text(value, "lower").lower()


def trim(state: Any, value: Any, chars: Any = None) -> str:
    return text(value, "trim").strip(None if chars is None else text(chars, "trim"))


def trim_prefix(state: Any, value: Any, prefix: Any = " ") -> str:
    return text(value, "trimPrefix").removeprefix(text(prefix, "trimPrefix"))


def trim_suffix(state: Any, value: Any, suffix: Any = " ") -> str:
    return text(value, "trimSuffix").removesuffix(text(suffix, "trimSuffix"))


def _split(value: str, separator: str, limit: Any, name: str) -> list[str]:
    most = -1 if limit is None else count(limit, name)
    if most == 0:
        return []
    if separator == "":
        parts = list(value)
        return parts if most < 0 or len(parts) <= most else [*parts[: most - 1], "".join(parts[most - 1 :])]
    return value.split(separator, most - 1 if most > 0 else -1)


def split(state: Any, value: Any, separator: Any, limit: Any = None) -> list[str]:
    parts = _split(text(value, "split"), text(separator, "split"), limit, "split")
    state.make(len(parts))
    return parts


def split_after(state: Any, value: Any, separator: Any, limit: Any = None) -> list[str]:
    parts = _split(text(value, "splitAfter"), text(separator, "splitAfter"), limit, "splitAfter")
    state.make(len(parts))
    return [part + separator for part in parts[:-1]] + parts[-1:]


def join(state: Any, items: Any, separator: Any = "") -> str:
    if type(items) is not list and items != {}:
        raise Fault(f"join needs an array, not {values.type_name(items)}")
    return values.joined([values.text(item) for item in items], text(separator, "join"))


def replace(state: Any, value: Any, old: Any, new: Any, limit: Any = -1) -> str:
    value, old, new = text(value, "replace"), text(old, "replace"), text(new, "replace")
    limit = count(limit, "replace")
    if len(value) + (value.count(old) if old else len(value) + 1) * len(new) > values.MAX_TEXT:
        raise Fault("memory budget exceeded")
    return value.replace(old, new, limit)


def repeat(state: Any, value: Any, times: Any) -> str:
    value = text(value, "repeat")
    times = count(times, "repeat")
    if times < 0:
        raise Fault("invalid argument for repeat: negative count")
    if times > 1_000_000 or len(value) * times > values.MAX_TEXT:
        raise Fault("memory budget exceeded")
    return value * times


def index_of(state: Any, value: Any, part: Any) -> int:
    return text(value, "indexOf").find(text(part, "indexOf"))


def last_index_of(state: Any, value: Any, part: Any) -> int:
    return text(value, "lastIndexOf").rfind(text(part, "lastIndexOf"))


def has_prefix(state: Any, value: Any, prefix: Any) -> bool:
    return text(value, "hasPrefix").startswith(text(prefix, "hasPrefix"))


def has_suffix(state: Any, value: Any, suffix: Any) -> bool:
    return text(value, "hasSuffix").endswith(text(suffix, "hasSuffix"))


def to_json(state: Any, value: Any) -> str:
    def plain(item: Any) -> Any:
        if type(item) is float and not math.isfinite(item):
            raise Fault(f"cannot write {values.number_text(item)} as JSON")
        if type(item) is list:
            return [plain(one) for one in item]
        if type(item) is dict:
            return {key: plain(item[key]) for key in sorted(item)}
        if type(item) is float and item == int(item) and abs(item) < 1e21:
            return int(item)
        return item if type(item) in (str, int, float, bool) or item is None else values.text(item)

    return json.dumps(plain(value), indent=2, ensure_ascii=False)


def from_json(state: Any, value: Any) -> Any:
    try:
        found = msgspec.json.decode(text(value, "fromJSON"))
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise Fault(f"fromJSON: {error}") from None
    return _fitted(state, found)


def _fitted(state: Any, value: Any) -> Any:
    state.make(1)
    if type(value) is int and values.wrap(value) != value:
        return float(value)
    if type(value) is list:
        return [_fitted(state, item) for item in value]
    if type(value) is dict:
        return {key: _fitted(state, item) for key, item in value.items()}
    return value


def to_base64(state: Any, value: Any) -> str:
    return base64.b64encode(text(value, "toBase64").encode("utf-8", "surrogateescape")).decode()


def from_base64(state: Any, value: Any) -> str:
    try:
        return base64.b64decode(text(value, "fromBase64"), validate=True).decode("utf-8", "surrogateescape")
    except (binascii.Error, ValueError) as error:
        raise Fault(f"fromBase64: {error}") from None


def now(state: Any) -> datetime.datetime:
    ns = state.now_ns() if state.now_ns else time.time_ns()
    return datetime.datetime.fromtimestamp(ns // 1_000_000_000, datetime.UTC) + datetime.timedelta(
        microseconds=ns % 1_000_000_000 // 1000
    )


def duration(state: Any, value: Any) -> datetime.timedelta:
    whole = text(value, "duration")
    sign, rest = (-1, whole[1:]) if whole[:1] == "-" else (1, whole.removeprefix("+"))
    if rest == "0":
        return datetime.timedelta(0)
    parts = _SPAN.findall(rest)
    if not parts or "".join(a + b for a, b in parts) != rest:
        raise Fault(f'invalid duration "{whole[:40]}"; write for example "1h30m"')
    try:
        return datetime.timedelta(microseconds=sign * sum(float(amount) * _UNITS[unit] for amount, unit in parts))
    except OverflowError:
        raise Fault(f'duration "{whole[:40]}" is too long') from None


def date(state: Any, value: Any, layout: Any = None, zone: Any = None) -> datetime.datetime:
    whole = text(value, "date")
    try:
        if layout is None:
            found = datetime.datetime.fromisoformat(whole)
        else:
            pattern = text(layout, "date").replace("%", "%%")
            found = datetime.datetime.strptime(whole, _LAYOUT_PART.sub(lambda part: _LAYOUT[part[0]], pattern))
        place = datetime.UTC if zone is None else ZoneInfo(text(zone, "date"))
    except (ValueError, KeyError, OSError) as error:
        raise Fault(f'invalid date "{whole[:60]}": {error}') from None
    return found if found.tzinfo else found.replace(tzinfo=place)

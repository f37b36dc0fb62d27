"""The forms a record can be written in."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec

from .level import DEBUG, ERROR, INFO, NAMES, WARN
from .record import Record

Form = Callable[[Record], str]

MAX_DEPTH = 32

_RESET = "\x1b[0m"
_DIM = "\x1b[2m"
_BOLD = "\x1b[1m"
_COLOURS = {DEBUG: "\x1b[35m", INFO: "\x1b[34m", WARN: "\x1b[33m", ERROR: "\x1b[31m"}
_NAME_COLOUR = "\x1b[36m"

_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}
_LINE = {**_CONTROL, 9: "\\t", 10: "\\n", 13: "\\r"}
_SCREEN = {code: text for code, text in _CONTROL.items() if code not in (9, 10)}


def plain_value(value: Any, depth: int = 0) -> Any:
    """`value` as something JSON can hold: bytes as text, foreign objects as their text, keys as strings.

    What lies deeper than `MAX_DEPTH` is left out, so that a value which contains itself comes to an end.
    """
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf-8", "replace")
    if isinstance(value, dict | list | tuple | set | frozenset):
        if depth >= MAX_DEPTH:
            return "…"
        if isinstance(value, dict):
            return {str(plain_value(key)): plain_value(each, depth + 1) for key, each in value.items()}
        return [plain_value(each, depth + 1) for each in value]
    return str(value)


def spaced_json(value: Any) -> str:
    """JSON on one line with a space after each `:` and `,`."""
    import json

    try:
        return json.dumps(value, ensure_ascii=False, default=plain_value)
    except (TypeError, ValueError, RecursionError):
        return json.dumps(plain_value(value), ensure_ascii=False)


def _fields(record: Record) -> dict[str, Any]:
    return {**record.fields, "stack": record.stack} if record.stack else record.fields


class TabForm:
    """`2026-01-31 10:00:00⇥INFO⇥logger⇥message⇥{"k": "v"}`; an empty name and empty fields are left out."""

    def __init__(self) -> None:
        self._second = -1
        self._stamp = ""

    def __call__(self, record: Record) -> str:
        second = record.time_ns // 1_000_000_000
        if second != self._second:
            self._stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
            self._second = second
        parts = [self._stamp, NAMES[record.level]]
        if record.logger:
            parts.append(record.logger)
        parts.append(record.message.translate(_LINE))
        fields = _fields(record)
        if fields:
            parts.append(spaced_json(fields))
        return "\t".join(parts) + "\n"


class ConsoleForm:
    """`  0.12s⇥INFO ⇥name        ⇥message⇥{…}` with the seconds since `start_ns`."""

    def __init__(self, start_ns: int, colour: bool = True) -> None:
        self._start_ns = start_ns
        self._colour = colour

    def __call__(self, record: Record) -> str:
        seconds = f"{(record.time_ns - self._start_ns) / 1e9:6.2f}s"
        level = f"{NAMES[record.level]:<5}"
        name = f"{record.logger:<12}"
        message = record.message.translate(_LINE)
        fields = _fields(record)
        data = spaced_json(fields) if fields else ""
        if self._colour:
            seconds = f"{_DIM}{seconds}{_RESET}"
            level = f"{_COLOURS[record.level]}{level}{_RESET}"
            name = f"{_NAME_COLOUR}{name}{_RESET}"
            data = f"{_DIM}{data}{_RESET}" if data else ""
        return "\t".join([seconds, level, name, message, *([data] if data else [])]) + "\n"


class ScreenForm:
    """For people: `10:00:00 INFO  run  message  key=value`, coloured; warnings and errors stand out."""

    def __init__(self, colour: bool = True) -> None:
        self._colour = colour

    def __call__(self, record: Record) -> str:
        stamp = time.strftime("%H:%M:%S", time.localtime(record.time_ns // 1_000_000_000))
        level = f"{NAMES[record.level]:<5}"
        name = f"{record.logger}  " if record.logger else ""
        message = record.message.translate(_SCREEN)
        pairs = [self._pair(key, value) for key, value in record.fields.items()]
        if self._colour:
            stamp = f"{_DIM}{stamp}{_RESET}"
            message = f"{_BOLD}{message}{_RESET}" if record.level >= WARN else message
            level = f"{_COLOURS[record.level]}{level}{_RESET}"
            name = f"{_NAME_COLOUR}{name}{_RESET}" if name else ""
        tail = f"  {' '.join(pairs)}" if pairs else ""
        stack = f"\n{record.stack.rstrip()}" if record.stack else ""
        return f"{stamp} {level} {name}{message}{tail}{stack}\n"

    def _pair(self, key: str, value: Any) -> str:
        value = plain_value(value)
        bare = isinstance(value, str) and value != "" and value.isprintable() and " " not in value and '"' not in value
        if isinstance(value, str) and "\n" in value:
            # A multi-line text, such as an error with its source line, is worth its own lines.
            shown = "\n" + "\n".join(f"    {line}" for line in value.translate(_SCREEN).rstrip().split("\n"))
        else:
            shown = value if bare else spaced_json(value)
        return f"{_DIM}{key}={_RESET}{shown}" if self._colour else f"{key}={shown}"


class JsonForm:
    """`{"level":"info","ts":"2026-01-31T10:00:00.000Z","logger":"run","msg":"…",…fields}`."""

    _own = frozenset(("level", "ts", "logger", "msg", "stack"))

    def __call__(self, record: Record) -> str:
        seconds, rest = divmod(record.time_ns, 1_000_000_000)
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
        line: dict[str, Any] = {"level": NAMES[record.level].lower(), "ts": f"{stamp}.{rest // 1_000_000:03d}Z"}
        if record.logger:
            line["logger"] = record.logger
        line["msg"] = record.message
        for key, value in record.fields.items():
            line[f"field_{key}" if key in self._own else key] = value
        if record.stack:
            line["stack"] = record.stack
        try:
            return msgspec.json.encode(line, enc_hook=plain_value).decode("utf-8", "replace") + "\n"
        except (TypeError, ValueError, RecursionError):
            return spaced_json(line) + "\n"

"""The module `logger`."""

from __future__ import annotations

from typing import Any

from wippy.modules.caller import Call
from wippy.modules.module import Module

logger = Module("logger", classes={"io"}, lua="logger.lua")


@logger.function(name="_log")
def write(call: Call, level: str, name: str, message: str, fields: Any, line: Any = None, chunk: Any = None) -> None:
    """One record; `location` is `<entry id>:<line>`, of a library where the line is in one."""
    record = dict(fields) if isinstance(fields, dict) else {}
    record["location"] = f"{chunk or call.entry}:{line}" if line else call.entry
    call.log(level, name, message, record)


for _level in ("debug", "info", "warn", "error"):
    logger.lua_method("Logger", f"{_level}(message: string, fields?: table)", doc=f"A record at level {_level}.")
logger.lua_method("Logger", "with(fields: table)", doc="A Logger with these fields in every record.")
logger.lua_method("Logger", "named(name: string)", doc="A Logger whose name has one more part, joined with a dot.")

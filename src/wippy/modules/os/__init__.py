"""The module `os`: time and dates. Every unit has it; code may declare it all the same."""

from __future__ import annotations

from wippy.modules.module import Module

os = Module("os", classes={"time", "workflow"}, lua="os.lua")
os.lua_function("time(t?: table)", doc="Unix seconds, now or of a local date {year, month, day, hour, min, sec}.")
os.lua_function("clock()", doc="Seconds since the runtime started.")
os.lua_function("date(layout?: string, seconds?: number)", doc="A date as text, or as a table for `*t`; `!` means UTC.")
os.lua_function("difftime(t2: number, t1?: number)", doc="t2 - t1.")

"""The module `ctx`: the values that travel with a call."""

from __future__ import annotations

from wippy.modules.module import Module

ctx = Module("ctx", classes={"workflow", "nondeterministic"}, lua="ctx.lua")
ctx.lua_function("get(key: string)", doc="One value of the call's context. Errors: INVALID, NOT_FOUND.")
ctx.lua_function("all()", doc="A table of all values of the call's context.")

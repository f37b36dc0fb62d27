"""The module `channel`: channels between the coroutines of a unit."""

from __future__ import annotations

from wippy.modules.module import Module

channel = Module("channel", classes={"process", "workflow"}, lua="channel.lua")
channel.lua_function("new(size: integer?)", doc="A channel; size 0 (default) hands values over directly.")
channel.lua_function("select(cases: table, default: boolean?)", doc="Waits until the first case can go on.")

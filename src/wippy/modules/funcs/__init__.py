"""The module `funcs`: calls of functions."""

from __future__ import annotations

from wippy.modules.module import ACTIVITY, Module

funcs = Module("funcs", classes={"workflow", "nondeterministic"}, lua="funcs.lua")
funcs.lua_function("call(target: string, ...)", in_workflow=ACTIVITY, doc="Calls a function and waits for its result.")
funcs.lua_function("async(target: string, ...)", in_workflow=ACTIVITY, doc="Starts a call; gives a Future.")
funcs.lua_function("new()", doc="An executor: calls with context, actor, scope and options.")

"""The module `json`."""

from __future__ import annotations

from wippy.modules.module import Module

json = Module("json", classes={"encoding", "deterministic"}, lua="json.lua")

json.lua_function("encode(value: any)", doc="Compact JSON text of a value. Errors: INTERNAL with the reason.")
json.lua_function(
    "decode(text: string)", doc="The first value of a JSON text. Errors: INVALID for no text, INTERNAL for bad JSON."
)

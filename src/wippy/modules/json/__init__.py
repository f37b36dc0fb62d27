"""The module `json`."""

from __future__ import annotations

import msgspec

from wippy.modules.caller import Call
from wippy.modules.json import schema as schemas
from wippy.modules.module import Module

__all__ = ["json"]

json = Module(
    "json",
    classes={"encoding", "deterministic"},
    lua=("../lua/plain.lua", "text.lua", "shapes.lua", "encode.lua", "templates.lua", "decode.lua", "validate.lua"),
)

json.lua_function("encode(value: any)", doc="Compact JSON text of a value. Errors: INTERNAL with the reason.")
json.lua_function(
    "decode(text: string)", doc="The first value of a JSON text. Errors: INVALID for no text, INTERNAL for bad JSON."
)
json.lua_function(
    "validate(schema: any, data: any)",
    doc="Whether data fit a JSON Schema (table or JSON text): true, or false and an error INVALID.",
)
json.lua_function(
    "validate_string(schema: any, text: string)",
    doc="Whether a JSON text fits a JSON Schema (table or JSON text): true, or false and an error INVALID.",
)


@json.function(name="_validate_packed", failure=False, single=True, large=50_000)
def validate_packed(call: Call, schema: bytes, data: bytes) -> bool:
    schemas.check(schema, msgspec.msgpack.decode(data, strict=False))
    return True


@json.function(name="_validate_text", failure=False, single=True, large=50_000)
def validate_text(call: Call, schema: bytes, text: bytes) -> bool:
    schemas.compiled(schema)
    try:
        value = schemas.parsed(text)
    except (ValueError, RecursionError) as error:
        raise schemas.failed(error) from None
    schemas.check(schema, value)
    return True

"""The module `yaml`."""

from __future__ import annotations

from typing import Any

import msgspec
from yaml import YAMLError

from wippy.errors import INTERNAL, INVALID, WippyError
from wippy.modules.caller import Call
from wippy.modules.module import Module
from wippy.modules.yaml.reader import ReadError, read
from wippy.modules.yaml.writer import write

__all__ = ["yaml"]

yaml = Module("yaml", classes={"encoding", "deterministic"}, lua=("../lua/plain.lua", "yaml.lua"))
yaml.lua_function(
    "encode(value: any, options?: any)",
    doc="YAML text of a table; options: field_order (list of keys), sort_unordered (boolean). Errors: INVALID.",
)


@yaml.function(name="_write", large=10_000)
def encoded(call: Call, data: bytes, options: Any = None) -> str:
    try:
        return write(msgspec.msgpack.decode(data, strict=False), options)
    except (YAMLError, RecursionError, msgspec.DecodeError) as error:
        raise WippyError(INTERNAL, f"encode failed: {error}") from None


@yaml.function(large=10_000)
def decode(call: Call, text: Any) -> Any:
    """The first document of a YAML text. Errors: INVALID for no text, INTERNAL for what is no YAML."""
    if isinstance(text, bytes):
        raise WippyError(INTERNAL, "decode failed: yaml: invalid UTF-8 text")
    if not isinstance(text, str):
        raise WippyError(INVALID, "string expected")
    if not text:
        raise WippyError(INVALID, "input cannot be empty")
    try:
        return read(text)
    except ReadError as error:
        raise WippyError(INTERNAL, f"decode failed: yaml: {error}") from None

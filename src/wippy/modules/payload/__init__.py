"""The module `payload`."""

from __future__ import annotations

from typing import Any

import msgspec

from wippy.errors import INTERNAL, WippyError
from wippy.modules.caller import Call
from wippy.modules.module import Module

__all__ = ["payload"]

payload = Module("payload", classes={"encoding", "deterministic"}, lua=("../lua/plain.lua", "payload.lua"))
payload.constant(
    "format",
    {
        "JSON": "json/plain",
        "YAML": "yaml/plain",
        "STRING": "text/plain",
        "BYTES": "application/octet-stream",
        "MSGPACK": "application/msgpack",
        "LUA": "lua/any",
        "GOLANG": "golang/any",
        "ERROR": "golang/error",
    },
)
# Every application has this module: what the formats need is imported when they are used.
payload.lua_function("new(value: any)", doc="A Payload that holds the value itself.")


@payload.function(name="_yaml_encode", large=10_000)
def yaml_encode(call: Call, data: bytes) -> str:
    from yaml import YAMLError

    from wippy.modules.yaml.writer import write

    try:
        return write(msgspec.msgpack.decode(data, strict=False))
    except (YAMLError, RecursionError, msgspec.DecodeError) as error:
        raise WippyError(INTERNAL, str(error)) from None


@payload.function(name="_yaml_decode", large=10_000)
def yaml_decode(call: Call, text: Any) -> Any:
    from wippy.modules.yaml.reader import ReadError, read

    if not isinstance(text, str):
        raise WippyError(INTERNAL, "yaml: valid UTF-8 text expected")
    try:
        return read(text)
    except ReadError as error:
        raise WippyError(INTERNAL, f"yaml: {error}") from None


@payload.function(name="_msgpack_encode", large=50_000)
def msgpack_encode(call: Call, data: bytes) -> bytes:
    from wippy.modules.payload import msgpack

    try:
        return msgpack.encode(msgspec.msgpack.decode(data, strict=False))
    except (RecursionError, msgspec.DecodeError) as error:
        raise WippyError(INTERNAL, str(error)) from None


@payload.function(name="_msgpack_decode", large=50_000)
def msgpack_decode(call: Call, data: bytes) -> Any:
    from wippy.modules.payload import msgpack

    try:
        return msgpack.Decoder(data).read()
    except ValueError as error:
        raise WippyError(INTERNAL, str(error)) from None

"""The module `payload`."""

from __future__ import annotations

from typing import Any

import msgspec
import yaml

from wippy.errors import INTERNAL, WippyError
from wippy.modules.caller import Call
from wippy.modules.module import Module

payload = Module("payload", classes={"encoding", "deterministic"}, lua="payload.lua")
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
payload.lua_function("new(value: any)", doc="A Payload that holds the value itself.")


@payload.function(name="_yaml_encode")
def yaml_encode(call: Call, value: Any) -> str:
    try:
        return yaml.safe_dump(value, indent=4, allow_unicode=True, sort_keys=True, default_flow_style=False)
    except yaml.YAMLError as error:
        raise WippyError(INTERNAL, str(error)) from None


@payload.function(name="_yaml_decode")
def yaml_decode(call: Call, text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise WippyError(INTERNAL, str(error)) from None


@payload.function(name="_msgpack_encode")
def msgpack_encode(call: Call, value: Any) -> bytes:
    return old_msgpack(value)


@payload.function(name="_msgpack_decode")
def msgpack_decode(call: Call, data: bytes) -> Any:
    try:
        return msgspec.msgpack.decode(data, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WippyError(INTERNAL, str(error)) from None


def old_msgpack(value: Any) -> bytes:
    """MessagePack whose strings are all of the old raw family (no str8, no bin)."""
    if isinstance(value, str):
        value = value.encode("utf-8", "surrogateescape")
    if isinstance(value, bytes):
        size = len(value)
        if size < 32:
            return bytes([0xA0 | size]) + value
        head = b"\xda" + size.to_bytes(2, "big") if size < 0x10000 else b"\xdb" + size.to_bytes(4, "big")
        return head + value
    if isinstance(value, list):
        return _head(len(value), 0x90, 0xDC) + b"".join(map(old_msgpack, value))
    if isinstance(value, dict):
        items = sorted(value.items(), key=lambda item: str(item[0]))
        return _head(len(items), 0x80, 0xDE) + b"".join(old_msgpack(k) + old_msgpack(v) for k, v in items)
    return msgspec.msgpack.encode(value)


def _head(size: int, fixed: int, wide: int) -> bytes:
    if size < 16:
        return bytes([fixed | size])
    return bytes([wide]) + size.to_bytes(2, "big") if size < 0x10000 else bytes([wide + 1]) + size.to_bytes(4, "big")

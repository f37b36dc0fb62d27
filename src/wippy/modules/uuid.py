"""The module `uuid`."""

from __future__ import annotations

import hashlib
import re
from typing import Any
from uuid import UUID

from wippy.errors import INVALID, WippyError
from wippy.modules.caller import Call
from wippy.modules.module import RECORD, Module

uuid = Module("uuid", classes={"workflow", "nondeterministic"})

_HEX = re.compile(r"^[0-9a-fA-F]{32}$")
_GREGORIAN = 0x01B21DD213814000  # 100 ns steps from 1582-10-15 to 1970-01-01


def parsed(value: Any) -> UUID:
    """The UUID in one of its four forms: 36 characters, 32 hex digits, `urn:uuid:…`, enclosed in a pair of brackets.

    Raises:
        WippyError: INVALID.
    """
    if isinstance(value, bytes):  # a string that is no UTF-8
        raise WippyError(INVALID, "invalid UUID format")
    if not isinstance(value, str):
        raise WippyError(INVALID, "input must be a string")
    text = value
    if len(text) == 45 and text[:9].lower() == "urn:uuid:":
        text = text[9:]
    elif len(text) == 38:
        text = text[1:-1]
    if len(text) == 36:
        if [text[i] for i in (8, 13, 18, 23)] != ["-"] * 4:
            raise WippyError(INVALID, "invalid UUID format")
        text = text[:8] + text[9:13] + text[14:18] + text[19:23] + text[24:]
    elif len(value) != 32:
        raise WippyError(INVALID, "invalid UUID format")
    if not _HEX.match(text):
        raise WippyError(INVALID, "invalid UUID format")
    return UUID(hex=text)


def _named(version: int, hashed: Any, namespace: Any, name: Any) -> str:
    if not isinstance(namespace, (str, bytes)) or not isinstance(name, (str, bytes)):
        raise WippyError(INVALID, "namespace and name must be strings")
    try:
        base = parsed(namespace)
    except WippyError:
        raise WippyError(INVALID, "invalid namespace UUID") from None
    digest = hashed(base.bytes + (name.encode() if isinstance(name, str) else name), usedforsecurity=False).digest()
    return str(UUID(bytes=digest[:16], version=version))


@uuid.function(in_workflow=RECORD)
def v1(call: Call) -> str:
    """A UUID of time and a random node."""
    ticks = call.now_ns() // 100 + _GREGORIAN
    noise = call.entropy(8)
    sequence = int.from_bytes(noise[:2], "big") & 0x3FFF
    node = (int.from_bytes(noise[2:], "big")) | 1 << 40
    fields = (
        ticks & 0xFFFFFFFF,
        ticks >> 32 & 0xFFFF,
        ticks >> 48 & 0x0FFF | 0x1000,
        sequence >> 8 | 0x80,
        sequence & 0xFF,
    )
    return str(UUID(fields=(*fields, node)))


@uuid.function(in_workflow=RECORD)
def v4(call: Call) -> str:
    """A random UUID."""
    return str(UUID(bytes=call.entropy(16), version=4))


@uuid.function(in_workflow=RECORD)
def v7(call: Call) -> str:
    """A UUID that sorts by time: milliseconds, then random bits."""
    milliseconds = call.now_ns() // 1_000_000
    noise = int.from_bytes(call.entropy(10), "big")
    value = (
        (milliseconds & (1 << 48) - 1) << 80
        | 7 << 76
        | (noise >> 64 & 0xFFF) << 64
        | 0b10 << 62
        | noise & (1 << 62) - 1
    )
    return str(UUID(int=value))


@uuid.function()
def v3(call: Call, namespace: Any, name: Any) -> str:
    """The UUID of a name (MD5). Errors: INVALID."""
    return _named(3, hashlib.md5, namespace, name)


@uuid.function()
def v5(call: Call, namespace: Any, name: Any) -> str:
    """The UUID of a name (SHA-1). Errors: INVALID."""
    return _named(5, hashlib.sha1, namespace, name)


@uuid.function()
def validate(call: Call, value: Any) -> bool:
    """Whether the value is a UUID."""
    try:
        parsed(value)
    except WippyError:
        return False
    return True


def _variant(value: UUID) -> str:
    octet = value.bytes[8]
    if octet & 0xC0 == 0x80:
        return "RFC4122"
    if octet & 0xE0 == 0xC0:
        return "Microsoft"
    return "Future" if octet & 0xE0 == 0xE0 else "Reserved"


@uuid.function()
def version(call: Call, value: Any) -> float:
    """The version number. Errors: INVALID."""
    return float(parsed(value).bytes[6] >> 4)


@uuid.function()
def variant(call: Call, value: Any) -> str:
    """RFC4122, Reserved, Microsoft or Future. Errors: INVALID."""
    return _variant(parsed(value))


@uuid.function()
def parse(call: Call, value: Any) -> dict[str, Any]:
    """`{version, variant, timestamp?, node?}`: Unix seconds for v1 and v7, six raw bytes for v1. Errors: INVALID."""
    found = parsed(value)
    number = found.bytes[6] >> 4
    parts: dict[str, Any] = {"version": float(number), "variant": _variant(found)}
    if number == 1:
        parts["timestamp"] = (found.time - _GREGORIAN) // 10_000_000
        parts["node"] = found.node.to_bytes(6, "big")
    elif number == 7:
        parts["timestamp"] = (found.int >> 80) // 1000
    return parts


@uuid.function()
def format(call: Call, value: Any, style: Any = None) -> str:
    """`standard`, `simple` (32 hex digits) or `urn`. Errors: INVALID."""
    found = parsed(value)
    if not isinstance(style, str) or style == "standard":
        return str(found)
    if style == "simple":
        return found.hex
    if style == "urn":
        return found.urn
    raise WippyError(INVALID, f"unsupported format: {style}; use standard, simple or urn")

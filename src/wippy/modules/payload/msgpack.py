"""MessagePack of the old kind: strings of the raw family only, integers of the least width."""

from __future__ import annotations

import struct
from typing import Any

import msgspec

MAX_DEPTH = 200
_NUMBERS = {
    0xCA: ">f",
    0xCB: ">d",
    0xCC: ">B",
    0xCD: ">H",
    0xCE: ">I",
    0xCF: ">Q",
    0xD0: ">b",
    0xD1: ">h",
    0xD2: ">i",
    0xD3: ">q",
}
_SINGLE = {0xC0: None, 0xC2: False, 0xC3: True}
_WIDTHS = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4, 0xDC: 2, 0xDD: 4, 0xDE: 2, 0xDF: 4}


def encode(value: Any) -> bytes:
    """`value`: None, bool, int, float, str, bytes, list or dict; keys are written in order."""
    if isinstance(value, str):
        value = value.encode("utf-8", "surrogateescape")
    if isinstance(value, bytes):
        size = len(value)
        if size < 32:
            return bytes([0xA0 | size]) + value
        head = b"\xda" + size.to_bytes(2, "big") if size < 0x10000 else b"\xdb" + size.to_bytes(4, "big")
        return head + value
    if isinstance(value, list):
        return _head(len(value), 0x90, 0xDC) + b"".join(map(encode, value))
    if isinstance(value, dict):
        items = sorted(((_bytes(key), item) for key, item in value.items()), key=lambda item: item[0])
        return _head(len(items), 0x80, 0xDE) + b"".join(encode(k) + encode(v) for k, v in items)
    return msgspec.msgpack.encode(value)


def _bytes(key: Any) -> bytes:
    return key if isinstance(key, bytes) else str(key).encode("utf-8", "surrogateescape")


def _head(size: int, fixed: int, wide: int) -> bytes:
    if size < 16:
        return bytes([fixed | size])
    return bytes([wide]) + size.to_bytes(2, "big") if size < 0x10000 else bytes([wide + 1]) + size.to_bytes(4, "big")


class Decoder:
    """Reads one value; raw and binary strings alike."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def read(self) -> Any:
        """None, bool, int, float, bytes, list, or dict with bytes keys.

        Raises:
            ValueError: the data end too early, go on behind the value, nest too deep or hold an unknown type.
        """
        value = self._value(0)
        if self._at != len(self._data):
            raise ValueError(f"MessagePack: {len(self._data) - self._at} bytes behind the value")
        return value

    def _take(self, size: int) -> bytes:
        end = self._at + size
        if end > len(self._data):
            raise ValueError("MessagePack: unexpected end of data")
        out = self._data[self._at : end]
        self._at = end
        return out

    def _value(self, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise ValueError("MessagePack: exceeded maximum nesting depth")
        first = self._take(1)[0]
        if first < 0x80:
            return first
        if first >= 0xE0:
            return first - 0x100
        if first < 0x90:
            return self._map(first & 0x0F, depth)
        if first < 0xA0:
            return self._list(first & 0x0F, depth)
        if first < 0xC0:
            return self._take(first & 0x1F)
        if first in _SINGLE:
            return _SINGLE[first]
        if first in _NUMBERS:
            form = _NUMBERS[first]
            number = struct.unpack(form, self._take(struct.calcsize(form)))[0]
            if first == 0xCF and number >= 1 << 63:
                raise ValueError(f"MessagePack: integer {number} does not fit into 64 bits with a sign")
            return number
        width = _WIDTHS.get(first)
        if width is None:
            raise ValueError(f"MessagePack: type 0x{first:02x} has no form as a value")
        size = int.from_bytes(self._take(width), "big")
        if first in (0xDC, 0xDD):
            return self._list(size, depth)
        if first in (0xDE, 0xDF):
            return self._map(size, depth)
        return self._take(size)

    def _list(self, size: int, depth: int) -> list[Any]:
        if size > len(self._data) - self._at:
            raise ValueError("MessagePack: unexpected end of data")
        return [self._value(depth + 1) for _ in range(size)]

    def _map(self, size: int, depth: int) -> dict[bytes, Any]:
        if size > len(self._data) - self._at:
            raise ValueError("MessagePack: unexpected end of data")
        out: dict[bytes, Any] = {}
        for _ in range(size):
            key = self._value(depth + 1)
            if isinstance(key, (list, dict)):
                raise ValueError("MessagePack: a list or map cannot be a key")
            out[_key(key)] = self._value(depth + 1)
        return out


def _key(key: Any) -> bytes:
    if isinstance(key, bytes):
        return key
    if isinstance(key, bool):
        return b"true" if key else b"false"
    return b"null" if key is None else str(key).encode()

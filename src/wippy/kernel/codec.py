"""The Python side of the wire form: MessagePack with extension types for what plain data cannot hold."""

from __future__ import annotations

from typing import Any

import msgspec

from wippy.errors import INTERNAL, WippyError

EXT_ERROR = 1
EXT_HANDLE = 2
EXT_CONSTANT = 4
EXT_REFERENCE = 5


class _Value:
    """A value with fields and equality that MessagePack does not know by itself."""

    __slots__ = ()

    def _fields(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self.__slots__)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other._fields() == self._fields()  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash((type(self), str(self._fields())))

    def __repr__(self) -> str:
        return f"{type(self).__name__}{self._fields()!r}"


class ErrorValue(_Value):
    """A Lua error object as data."""

    __slots__ = ("context", "details", "kind", "message", "retryable")

    def __init__(
        self,
        kind: str,
        message: str,
        retryable: bool | None = None,
        details: dict[str, Any] | None = None,
        context: str | None = None,
    ) -> None:
        self.kind = kind
        self.message = message
        self.retryable = retryable
        self.details = details
        self.context = context

    @classmethod
    def of(cls, error: BaseException) -> ErrorValue:
        """The error object that Lua code sees for a Python exception."""
        if isinstance(error, WippyError):
            return cls(error.kind, error.message, error.retryable, error.details, error.context)
        return cls(INTERNAL, f"{type(error).__name__}: {error}", False)

    def exception(self) -> WippyError:
        """The same error as a Python exception."""
        return WippyError(
            _text(self.kind) or INTERNAL,
            _text(self.message),
            retryable=self.retryable,
            details=self.details,
            context=self.context,
        )

    def __str__(self) -> str:
        return self.message


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


class Handle(_Value):
    """An object that lives in Python and is known to Lua by class and number."""

    __slots__ = ("class_id", "number")

    def __init__(self, class_id: int, number: int) -> None:
        self.class_id = class_id
        self.number = number


class Constant(_Value):
    """A named opaque value such as `sql.NULL`."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


_decoder: msgspec.msgpack.Decoder[Any]


def _encode_extension(value: Any) -> Any:
    if isinstance(value, ErrorValue):
        parts = [value.kind, value.message, value.retryable, value.details, value.context]
        return msgspec.msgpack.Ext(EXT_ERROR, _encoder.encode(parts))
    if isinstance(value, Handle):
        return msgspec.msgpack.Ext(EXT_HANDLE, _encoder.encode([value.class_id, value.number]))
    if isinstance(value, Constant):
        return msgspec.msgpack.Ext(EXT_CONSTANT, value.name.encode())
    if isinstance(value, WippyError):
        return _encode_extension(ErrorValue.of(value))
    raise TypeError(f"a {type(value).__name__} cannot travel to Lua")


def _decode_extension(code: int, data: memoryview) -> Any:
    if code == EXT_ERROR:
        return ErrorValue(*_decoder.decode(data))
    if code == EXT_HANDLE:
        class_id, number, *_ = _decoder.decode(data)  # on the way to Lua also the module that declares the class
        return Handle(class_id, number)
    if code == EXT_CONSTANT:
        return Constant(bytes(data).decode())
    if code == EXT_REFERENCE:
        raise _SharedReference
    return None


class _SharedReference(Exception):
    """The data holds a table twice; the fast decoder cannot follow."""


class _Encoder:
    """A MessagePack encoder that may call itself from its own hook."""

    def encode(self, value: Any) -> bytes:
        return msgspec.msgpack.Encoder(enc_hook=_encode_extension).encode(value)


_encoder = _Encoder()
_fast = msgspec.msgpack.Encoder(enc_hook=_encode_extension)
_decoder = msgspec.msgpack.Decoder(ext_hook=_decode_extension, strict=False)


def pack(values: list[Any] | tuple[Any, ...]) -> bytes:
    """Values as one MessagePack array, as `K.unpack` reads it.

    Raises:
        TypeError: for a value that has no wire form.
    """
    return _fast.encode(values)


def unpack(data: bytes) -> list[Any]:
    """The values of `K.pack` and `K.pack_shared`: str for valid UTF-8, else bytes; list and dict for tables.

    Raises:
        WippyError: INTERNAL for a table that contains itself.
    """
    try:
        return _decoder.decode(data)
    except _SharedReference:
        return SharedReader(data).values()
    except msgspec.DecodeError as error:
        if isinstance(error.__cause__, _SharedReference):
            return SharedReader(data).values()
        raise


class SharedReader:
    """Reads values in which tables are shared: numbered in the order in which they begin, per value."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._tables: list[Any] = []
        self._open: set[int] = set()

    def values(self) -> list[Any]:
        """All values."""
        out = []
        for _ in range(self._head(0x90, 0xDC)):
            self._tables.clear()
            out.append(self._value())
        return out

    def _take(self, size: int) -> bytes:
        out = self._data[self._at : self._at + size]
        self._at += size
        return out

    def _number(self, size: int) -> int:
        return int.from_bytes(self._take(size), "big")

    def _head(self, fix: int, wide: int) -> int:
        first = self._number(1)
        return first - fix if first < fix + 16 else self._number(2 if first == wide else 4)

    def _value(self) -> Any:
        first = self._data[self._at]
        if 0x90 <= first <= 0x9F or first in (0xDC, 0xDD):
            count, items = self._head(0x90, 0xDC), []
            number = self._begin(items)
            items.extend(self._value() for _ in range(count))
            self._open.discard(number)
            return items
        if 0x80 <= first <= 0x8F or first in (0xDE, 0xDF):
            count = self._head(0x80, 0xDE)
            table: dict[Any, Any] = {}
            number = self._begin(table)
            for _ in range(count):
                key = self._value()
                table[key if isinstance(key, (str, bytes, int, float, bool)) else str(key)] = self._value()
            self._open.discard(number)
            return table
        if first in (0xC7, 0xC8, 0xC9):
            self._at += 1
            size = self._number(1 << (first - 0xC7))
            code = self._number(1)
            body = self._take(size)
            if code == EXT_REFERENCE:
                number = int.from_bytes(body, "big") - 1
                if number in self._open:
                    raise WippyError(INTERNAL, "table contains itself")
                return self._tables[number]
            return _decode_extension(code, memoryview(body))
        start = self._at
        self._at += _plain_size(self._data, start)
        return _decoder.decode(self._data[start : self._at])

    def _begin(self, table: Any) -> int:
        self._tables.append(table)
        number = len(self._tables) - 1
        self._open.add(number)
        return number


def _plain_size(data: bytes, at: int) -> int:
    """Bytes of the scalar that begins at `at`."""
    first = data[at]
    if first < 0x80 or first >= 0xE0 or first in (0xC0, 0xC2, 0xC3):
        return 1
    if 0xA0 <= first <= 0xBF:
        return 1 + first - 0xA0
    fixed = {0xCA: 5, 0xCB: 9, 0xCC: 2, 0xCD: 3, 0xCE: 5, 0xCF: 9, 0xD0: 2, 0xD1: 3, 0xD2: 5, 0xD3: 9}
    if first in fixed:
        return fixed[first]
    width = {0xD9: 1, 0xDA: 2, 0xDB: 4, 0xC4: 1, 0xC5: 2, 0xC6: 4}[first]
    return 1 + width + int.from_bytes(data[at + 1 : at + 1 + width], "big")

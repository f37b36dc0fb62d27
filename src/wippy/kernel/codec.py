"""The Python side of the wire form: MessagePack with extension types for what plain data cannot hold."""

from __future__ import annotations

from typing import Any

import msgspec

from wippy.errors import INTERNAL, WippyError

EXT_ERROR = 1
EXT_HANDLE = 2
EXT_CONSTANT = 4


class ErrorValue(msgspec.Struct, frozen=True):
    """A Lua error object as data."""

    kind: str
    message: str
    retryable: bool | None = None
    details: dict[str, Any] | None = None
    context: str | None = None

    @classmethod
    def of(cls, error: BaseException) -> ErrorValue:
        """The error object that Lua code sees for a Python exception."""
        if isinstance(error, WippyError):
            return cls(error.kind, error.message, error.retryable, error.details, error.context)
        return cls(INTERNAL, f"{type(error).__name__}: {error}", False)

    def exception(self) -> WippyError:
        """The same error as a Python exception."""
        return WippyError(
            self.kind or INTERNAL, self.message, retryable=self.retryable, details=self.details, context=self.context
        )

    def __str__(self) -> str:
        return self.message


class Handle(msgspec.Struct, frozen=True):
    """An object that lives in Python and is known to Lua by class and number."""

    class_id: int
    number: int


class Constant(msgspec.Struct, frozen=True):
    """A named opaque value such as `sql.NULL`."""

    name: str


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
        return Handle(*_decoder.decode(data))
    if code == EXT_CONSTANT:
        return Constant(bytes(data).decode())
    return None


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
    """The values of `K.pack`: str for valid UTF-8, else bytes; list and dict for tables; `ErrorValue`, `Handle`."""
    return _decoder.decode(data)

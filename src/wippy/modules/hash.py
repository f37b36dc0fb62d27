"""The module `hash`."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import Any

from wippy.errors import INVALID, WippyError
from wippy.modules.caller import Call
from wippy.modules.module import Module

hash = Module("hash", classes={"encoding", "security", "deterministic"}, lua="hash.lua")

ALGORITHMS = ("md5", "sha1", "sha256", "sha512")


def _bytes(value: Any, what: str) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes):
        return value
    raise WippyError(INVALID, f"{what} must be a string")


def _shown(digest: bytes, raw: Any) -> bytes | str:
    return digest.hex() if raw is None or raw is False else digest


def _plain(name: str) -> Callable[..., Any]:
    def digest(call: Call, data: Any, raw: Any = None) -> bytes | str:
        made = hashlib.new(name, _bytes(data, "data"), usedforsecurity=False)
        return _shown(made.digest(), raw)

    digest.__doc__ = f"{name.upper()} of a string: lower-case hex, or raw bytes. Errors: INVALID."
    return digest


def _keyed(name: str) -> Callable[..., Any]:
    def digest(call: Call, data: Any, secret: Any, raw: Any = None) -> bytes | str:
        text, key = _bytes(data, "data"), _bytes(secret, "secret")
        return _shown(hmac.digest(key, text, name), raw)

    digest.__doc__ = f"HMAC with {name.upper()} of a string: lower-case hex, or raw bytes. Errors: INVALID."
    return digest


for _name in ALGORITHMS:
    hash.function(name=_name)(_plain(_name))
    hash.function(name=f"hmac_{_name}")(_keyed(_name))


class Digest:
    """A digest of a long text that comes in pieces."""

    def __init__(self, made: Any) -> None:
        self.made = made


hash.object("Digest", Digest)


@hash.function(name="_begin", single=True)
def begin(call: Call, name: str, secret: bytes | None = None) -> Digest:
    if secret is None:
        return Digest(hashlib.new(name, usedforsecurity=False))
    return Digest(hmac.new(secret, digestmod=name))


@hash.function(name="_take", single=True)
def take(call: Call, digest: Digest, piece: bytes) -> bool:
    digest.made.update(piece)
    return True


@hash.function(name="_end")
def end(call: Call, digest: Digest, raw: Any = None) -> bytes | str:
    call.drop(digest)
    return _shown(digest.made.digest(), raw)


hash.lua_function("fnv32(data: any)", doc="FNV-1 of 32 bits, as a float. Errors: INVALID.")
hash.lua_function("fnv64(data: any)", doc="FNV-1 of 64 bits, as the nearest float. Errors: INVALID.")

"""The module `crypto`."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from typing import Any
from uuid import UUID

from wippy.errors import INTERNAL, INVALID, WippyError
from wippy.modules.caller import Call
from wippy.modules.crypto import ciphers, tokens
from wippy.modules.module import RECORD, Module

__all__ = ["crypto"]

crypto = Module("crypto", classes={"security", "nondeterministic", "workflow"}, lua=("../lua/plain.lua", "crypto.lua"))

LARGEST = 1 << 20
MAX_ITERATIONS = 10_000_000
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def _size(length: int) -> int:
    if length <= 0:
        raise WippyError(INVALID, "length must be a positive integer")
    if length > LARGEST:
        raise WippyError(INVALID, "length exceeds maximum allowed size (1MB)")
    return length


@crypto.function(name="random.bytes", in_workflow=RECORD)
def random_bytes(call: Call, length: int) -> bytes:
    """Random bytes, at most 1 MiB. Errors: INVALID."""
    return call.entropy(_size(length))


@crypto.function(name="random.string", in_workflow=RECORD)
def random_string(call: Call, length: int, charset: Any = None) -> bytes:
    """Random characters: of `charset` (its bytes), by default letters and digits. Errors: INVALID."""
    size = _size(length)
    chars = _LETTERS
    if isinstance(charset, (str, bytes)):
        chars = charset.encode() if isinstance(charset, str) else charset
        if not chars:
            raise WippyError(INVALID, "charset cannot be empty")
    return drawn(call, size, chars)


def drawn(call: Call, size: int, chars: bytes) -> bytes:
    """`size` of the characters, each place as probable as any other."""
    out = bytearray()
    if len(chars) <= 256:
        usable = 256 // len(chars) * len(chars)
        table = bytes(chars[number % len(chars)] for number in range(256))
        unusable = bytes(range(usable, 256))
        while len(out) < size:
            out += call.entropy(size - len(out) + 8).translate(table, unusable)
        return bytes(out[:size])
    limit = (1 << 64) // len(chars) * len(chars)
    while len(out) < size:
        number = int.from_bytes(call.entropy(8), "big")
        if number < limit:
            out.append(chars[number % len(chars)])
    return bytes(out)


@crypto.function(name="random.uuid", in_workflow=RECORD)
def random_uuid(call: Call) -> str:
    """A random UUID."""
    return str(UUID(bytes=call.entropy(16), version=4))


def _hmac(key: bytes, data: bytes, name: str) -> str:
    if not key:
        raise WippyError(INVALID, "key cannot be empty")
    return hmac.digest(key, data, name).hex()


@crypto.function(name="hmac.sha256")
def hmac_sha256(call: Call, key: bytes, data: bytes) -> str:
    """Lower-case hex. Errors: INVALID for an empty key."""
    return _hmac(key, data, "sha256")


@crypto.function(name="hmac.sha512")
def hmac_sha512(call: Call, key: bytes, data: bytes) -> str:
    """Lower-case hex. Errors: INVALID for an empty key."""
    return _hmac(key, data, "sha512")


def _encrypt(call: Call, name: str, data: bytes, key: bytes, aad: bytes | None) -> bytes:
    ciphers.check_key(name, key)
    extra = aad or b""
    nonce = ciphers.derived_nonce(call.entropy(32), key, data, extra)
    return ciphers.encrypt(name, nonce, data, key, extra)


@crypto.function(name="encrypt.aes", in_workflow=RECORD)
def encrypt_aes(call: Call, data: bytes, key: bytes, aad: bytes | None = None) -> bytes:
    """AES-GCM: nonce, ciphertext, tag. Errors: INVALID for a key that has not 16, 24 or 32 bytes."""
    return _encrypt(call, "aes", data, key, aad)


@crypto.function(name="encrypt.chacha20", in_workflow=RECORD)
def encrypt_chacha20(call: Call, data: bytes, key: bytes, aad: bytes | None = None) -> bytes:
    """ChaCha20-Poly1305: nonce, ciphertext, tag. Errors: INVALID for a key that has not 32 bytes."""
    return _encrypt(call, "chacha20", data, key, aad)


@crypto.function(name="decrypt.aes")
def decrypt_aes(call: Call, data: bytes, key: bytes, aad: bytes | None = None) -> bytes:
    """What `encrypt.aes` was given. Errors: INVALID, INTERNAL when key, data or aad do not belong together."""
    return ciphers.decrypt("aes", data, key, aad or b"")


@crypto.function(name="decrypt.chacha20")
def decrypt_chacha20(call: Call, data: bytes, key: bytes, aad: bytes | None = None) -> bytes:
    """What `encrypt.chacha20` was given. Errors: INVALID, INTERNAL when key, data or aad do not belong together."""
    return ciphers.decrypt("chacha20", data, key, aad or b"")


crypto.lua_function(
    "jwt.encode(claims: table, key: string, algorithm?: string)",
    doc="A token: HS256 (default), HS384, HS512, RS256 (key: PEM private key). Errors: INVALID.",
)


@crypto.function(name="_jwt_sign")
def jwt_sign(call: Call, header: bytes, claims: bytes, key: bytes, name: str) -> str:
    return tokens.sign(header, claims, key, name)


@crypto.function(name="jwt.verify", large=50_000)
def jwt_verify(call: Call, token: str, key: bytes, algorithm: str = "HS256", require_exp: bool = True) -> Any:
    """The claims of a token that can be trusted. Errors: INTERNAL, whatever is wrong with it."""
    try:
        return tokens.verify(token, key, algorithm, require_exp, call.now_ns() / 1e9)
    except tokens.TokenError as error:
        raise WippyError(INTERNAL, f"verify token: {error}") from None


def _derived(password: bytes, salt: bytes, iterations: int, key_length: int, name: Any) -> bytes:
    return hashlib.pbkdf2_hmac(name, password, salt, iterations, key_length)


def _checked(password: bytes, salt: bytes, iterations: int, key_length: int, name: Any) -> str:
    if not password:
        raise WippyError(INVALID, "password cannot be empty")
    if not salt:
        raise WippyError(INVALID, "salt cannot be empty")
    if iterations <= 0:
        raise WippyError(INVALID, "iterations must be a positive integer")
    if iterations > MAX_ITERATIONS:
        raise WippyError(INVALID, f"iterations exceeds maximum allowed value ({MAX_ITERATIONS})")
    if key_length <= 0:
        raise WippyError(INVALID, "key length must be a positive integer")
    if key_length > LARGEST:
        raise WippyError(INVALID, "key length exceeds maximum allowed size (1MB)")
    hash_name = "sha256" if name is None else name
    if hash_name not in ("sha256", "sha512"):
        raise WippyError(INVALID, f"unsupported hash function: {hash_name}; use sha256 or sha512")
    return hash_name


crypto.lua_function(
    "pbkdf2(password: string, salt: string, iterations: integer, key_length: integer, hash?: string)",
    doc="A key of a password, raw bytes; hash is sha256 (default) or sha512. Errors: INVALID.",
)


@crypto.function(name="_pbkdf2")
def pbkdf2(
    call: Call, password: bytes, salt: bytes, iterations: int, key_length: int, hash: str | None = None
) -> bytes:
    return _derived(password, salt, iterations, key_length, _checked(password, salt, iterations, key_length, hash))


@crypto.function(name="_pbkdf2_apart")
async def pbkdf2_apart(
    call: Call, password: bytes, salt: bytes, iterations: int, key_length: int, hash: str | None = None
) -> bytes:
    name = _checked(password, salt, iterations, key_length, hash)
    return await asyncio.to_thread(_derived, password, salt, iterations, key_length, name)


@crypto.function(single=True)
def constant_time_compare(call: Call, a: bytes, b: bytes) -> bool:
    """Whether two strings are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(a, b)

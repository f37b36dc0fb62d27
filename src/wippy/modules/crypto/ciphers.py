"""AES-GCM and ChaCha20-Poly1305: 12 bytes nonce, ciphertext, 16 bytes tag."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from wippy.errors import INTERNAL, INVALID, WippyError
from wippy.modules.extras import optional

NONCE = 12
_CIPHERS = {
    "aes": ("AESGCM", (16, 24, 32), "key must be 16, 24, or 32 bytes"),
    "chacha20": ("ChaCha20Poly1305", (32,), "key must be 32 bytes"),
}


def _cipher(name: str, key: bytes) -> Any:
    class_name, sizes, complaint = _CIPHERS[name]
    if len(key) not in sizes:
        raise WippyError(INVALID, complaint)
    room = optional("cryptography.hazmat.primitives.ciphers.aead", "crypto", f"crypto.encrypt.{name}")
    return getattr(room, class_name)(key)


def derived_nonce(seed: bytes, key: bytes, data: bytes, aad: bytes) -> bytes:
    """A nonce that differs with the text as well: a workflow step that is run again with the same seed and other data
    does not use one nonce twice.

    Args:
        seed: 32 random bytes.
    """
    text = b"".join(len(part).to_bytes(8, "big") + part for part in (key, data, aad))
    return hmac.digest(seed, hashlib.sha256(text).digest(), "sha256")[:NONCE]


def check_key(name: str, key: bytes) -> None:
    """Raises WippyError: INVALID for a key of the wrong size."""
    _cipher(name, key)


def encrypt(name: str, nonce: bytes, data: bytes, key: bytes, aad: bytes) -> bytes:
    """`name`: aes or chacha20. Raises WippyError: INVALID for a key of the wrong size."""
    return nonce + _cipher(name, key).encrypt(nonce, data, aad)


def decrypt(name: str, data: bytes, key: bytes, aad: bytes) -> bytes:
    """Raises WippyError: INVALID for a key of the wrong size or too little data, INTERNAL when it was tampered with."""
    cipher = _cipher(name, key)
    if len(data) < NONCE:
        raise WippyError(INVALID, "encrypted data too short")
    try:
        return cipher.decrypt(data[:NONCE], data[NONCE:], aad)
    except Exception as error:  # cryptography raises InvalidTag, and ValueError for a text shorter than a tag
        text = str(error) or "message authentication failed"
        raise WippyError(INTERNAL, f"decrypt: {text}") from None

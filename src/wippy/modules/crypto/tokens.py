"""JSON web tokens: HS256, HS384, HS512 and RS256."""

from __future__ import annotations

import base64
import hmac
import json
import math
import re
from typing import Any

from wippy.errors import INVALID, WippyError
from wippy.modules.extras import optional

_HMAC = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}
_SEGMENT = re.compile(r"[A-Za-z0-9_-]*")
_CRYPTOGRAPHY = "cryptography.hazmat.primitives"


class TokenError(ValueError):
    """A token that must not be trusted; says why."""


def algorithm(name: str) -> str:
    """The algorithm a token is signed with: unknown names stand for HS256."""
    return name if name in _HMAC or name == "RS256" else "HS256"


def _primitives(name: str) -> Any:
    return optional(f"{_CRYPTOGRAPHY}.{name}", "crypto", "RS256")


def _segment(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(segment: str) -> bytes:
    if not _SEGMENT.fullmatch(segment) or len(segment) % 4 == 1:
        raise TokenError("token is malformed: illegal base64 data")
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


def _private_key(pem: bytes) -> Any:
    rsa = _primitives("asymmetric.rsa")
    try:
        key = _primitives("serialization").load_pem_private_key(pem, None)
    except Exception as error:  # its errors have no common class
        raise WippyError(INVALID, f"invalid RSA private key: {error}") from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise WippyError(INVALID, "invalid RSA private key: the key is of another kind")
    return key


def _public_key(pem: bytes) -> Any:
    rsa = _primitives("asymmetric.rsa")
    try:
        if b"CERTIFICATE" in pem:
            key = optional("cryptography.x509", "crypto", "RS256").load_pem_x509_certificate(pem).public_key()
        else:
            key = _primitives("serialization").load_pem_public_key(pem)
    except WippyError:
        raise
    except Exception as error:
        raise TokenError(f"invalid RSA public key: {error}") from None
    if not isinstance(key, rsa.RSAPublicKey):
        raise TokenError("invalid RSA public key: the key is of another kind")
    return key


def sign(header: bytes, claims: bytes, key: bytes, name: str) -> str:
    """The token of two JSON texts. Raises WippyError: INVALID for a bad RSA key, UNAVAILABLE without cryptography."""
    signed = f"{_segment(header)}.{_segment(claims)}"
    if name == "RS256":
        padding = _primitives("asymmetric.padding").PKCS1v15()
        signature = _private_key(key).sign(signed.encode(), padding, _primitives("hashes").SHA256())
    else:
        signature = hmac.digest(key, signed.encode(), _HMAC[name])
    return f"{signed}.{_segment(signature)}"


def _check_signature(signed: bytes, signature: bytes, key: bytes, name: str) -> None:
    if name != "RS256":
        if not hmac.compare_digest(hmac.digest(key, signed, _HMAC[name]), signature):
            raise TokenError("token signature is invalid")
        return
    public = _public_key(key)
    padding = _primitives("asymmetric.padding").PKCS1v15()
    try:
        public.verify(signature, signed, padding, _primitives("hashes").SHA256())
    except Exception:
        raise TokenError("token signature is invalid: verification error") from None


def _constant(text: str) -> float:
    raise ValueError(f"invalid number {text}")


def _json(segment: str, what: str) -> dict[str, Any]:
    try:
        found = json.loads(_bytes(segment).decode(), parse_int=float, parse_constant=_constant)
    except (ValueError, RecursionError) as error:
        raise TokenError(f"token is malformed: {what}: {error}") from None
    if not isinstance(found, dict):
        raise TokenError(f"token is malformed: {what} is no JSON object")
    return found


def _moment(claims: dict[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, float) or not math.isfinite(value):
        raise TokenError(f"token has invalid claims: {name} is no number")
    return value


def verify(token: str, key: bytes, name: str, require_expiry: bool, now: float) -> dict[str, Any]:
    """The claims; every number is a float.

    Args:
        name: the only algorithm that is accepted.
        now: Unix seconds.

    Raises:
        TokenError: malformed, another algorithm, bad signature, expired, not valid yet, or without `exp`.
        WippyError: UNAVAILABLE without cryptography.
    """
    parts = token.split(".")
    if len(parts) != 3:
        raise TokenError("token is malformed: token contains an invalid number of segments")
    header = _json(parts[0], "header")
    claims = _json(parts[1], "claims")
    if header.get("alg") != name or algorithm(name) != name:
        raise TokenError(f"token signature is invalid: signing method {header.get('alg')} is invalid, expected {name}")
    _check_signature(f"{parts[0]}.{parts[1]}".encode(), _bytes(parts[2]), key, name)
    expiry, begin = _moment(claims, "exp"), _moment(claims, "nbf")
    if expiry is None and require_expiry:
        raise TokenError("token has invalid claims: token is missing required claim: exp claim is required")
    if expiry is not None and now >= expiry:
        raise TokenError("token has invalid claims: token is expired")
    if begin is not None and now < begin:
        raise TokenError("token has invalid claims: token is not valid yet")
    return claims

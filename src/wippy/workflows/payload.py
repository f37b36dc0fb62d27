"""Values as workflows carry them: opaque bytes with the name of their encoding."""

from __future__ import annotations

import msgspec

JSON = "json/plain"
BINARY = "binary/plain"
NULL = "binary/null"


class Payload(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One encoded value.

    Attributes:
        encoding: `json/plain`, `binary/plain` or `binary/null`.
        data: the encoded bytes; empty for `binary/null`.
    """

    encoding: str = NULL
    data: bytes = b""


NIL = Payload()


def total_size(payloads: list[Payload]) -> int:
    """Bytes that the payloads hold together."""
    if len(payloads) == 1:
        return len(payloads[0].data)
    return sum(len(payload.data) for payload in payloads)

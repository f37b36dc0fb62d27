"""A compiled chunk and the key under which it is kept. Apart from the compiler, which a warm cache spares loading."""

from __future__ import annotations

from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from msgspec import Struct

_VERSION = 1


class Chunk(Struct):
    """A compiled chunk.

    Attributes:
        name: chunk name, an entry ID; errors are reported under it.
        lua: Lua 5.4 text of a factory (`emitter.py`), line for line the source.
        types: declared types as plain data (`describe.py`).
        requires: constant `require` calls in source order, (name, line).
        hash: `chunk_hash` of the source.
        aliases: chunk-level locals that hold a required module, `local m = require("models")`: local -> required name.
    """

    name: str
    lua: bytes
    types: list[dict[str, Any]]
    requires: list[tuple[str, int]]
    hash: str
    aliases: dict[str, str] = {}


@cache
def version() -> str:
    """Changes whenever this front end does."""
    digest = blake2b(str(_VERSION).encode(), digest_size=16)
    for path in sorted(Path(__file__).parent.glob("*.py")):
        try:
            digest.update(path.read_bytes())
        except OSError:
            continue
    return digest.hexdigest()


def chunk_hash(source: bytes | str, name: str) -> str:
    """32 hex digits for source, name and front end."""
    raw = source.encode("utf-8", "surrogateescape") if isinstance(source, str) else source
    return blake2b(b"\0".join((version().encode(), name.encode(), raw)), digest_size=16).hexdigest()

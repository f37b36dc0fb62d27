"""Packed sources: the content of the files that `*.lua.bc` entries name.

    python -m wippy.lang.packed prices.lua prices.bc

writes such a file and prints the `hash:` of its entry.
"""

from __future__ import annotations

import hashlib
import sys
import zlib
from pathlib import Path

from wippy.errors import INVALID, SourceError, WippyError

_MAGIC = b"wippy.lua\x01"
_MAX_SOURCE = 64 << 20


def pack(source: bytes | str, name: str = "source") -> bytes:
    """The packed form of a source.

    Args:
        source: the text; `str` is taken as UTF-8.
        name: for error messages.

    Raises:
        SourceError: a mistake in the source.
    """
    from wippy.lang.compiler import compile_source

    compile_source(source, name)
    raw = source.encode() if isinstance(source, str) else source
    return _MAGIC + zlib.compress(raw, 9)


def unpack(data: bytes) -> str:
    """The source of a packed form. Raises WippyError: INVALID, the data is none."""
    if not data.startswith(_MAGIC):
        raise WippyError(INVALID, "not a packed source, or made for another version")
    reader = zlib.decompressobj()
    try:
        raw = reader.decompress(data[len(_MAGIC) :], _MAX_SOURCE)
    except zlib.error as error:
        raise WippyError(INVALID, f"packed source is damaged: {error}") from None
    if not reader.eof:
        raise WippyError(INVALID, "packed source is damaged or too large")
    return raw.decode("utf-8", "surrogateescape")


def digest(data: bytes) -> str:
    """The `hash` of a file's content: `sha256:<hex>`."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def main(arguments: list[str]) -> int:
    """Packs one file into another; the exit code."""
    if len(arguments) != 2:
        print("usage: python -m wippy.lang.packed SOURCE.lua TARGET.bc", file=sys.stderr)
        return 2
    source, target = arguments
    try:
        data = pack(Path(source).read_bytes(), source)
        Path(target).write_bytes(data)
    except (OSError, SourceError) as error:
        print(error, file=sys.stderr)
        return 1
    print(digest(data))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

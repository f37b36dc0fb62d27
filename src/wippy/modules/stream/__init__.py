"""The module `stream`: the class of byte streams that other modules give to Lua code; its own table is empty.

from wippy.modules.stream import FileSource, Stream

@module.function()
async def open(call: Call, path: str) -> Stream:
    return Stream(FileSource(open(path, "rb")))
"""

from __future__ import annotations

from typing import Any

from wippy.errors import INTERNAL, ArgumentError, WippyError
from wippy.modules.caller import Call
from wippy.modules.module import Module
from wippy.modules.stream.source import BlockSource, BytesSource, FileSource, PipeSource, Source
from wippy.modules.stream.stream import NOT_FOUND, WHENCE, Scanner, Stream

__all__ = ["BlockSource", "BytesSource", "FileSource", "PipeSource", "Source", "Stream", "stream"]

stream = Module("stream", classes={"io", "nondeterministic"}, lua="stream.lua")
stream.object("Stream", Stream, gone=NOT_FOUND)
stream.object("Tokens", Scanner, gone=NOT_FOUND)


@stream.method(Stream)
async def read(call: Call, stream: Stream, size: int = 0) -> tuple[bytes | None, None]:
    """At most `size` bytes (32 KiB, never more than 64 KiB) as soon as some are there; nil, nil at the end."""
    return await stream.read(size or 0) or None, None


@stream.method(Stream, failure=0)
async def write(call: Call, stream: Stream, data: bytes) -> int:
    """Writes a string; the number of bytes."""
    return await stream.write(data)


@stream.method(Stream, failure=-1)
async def seek(call: Call, stream: Stream, whence: str = "set", offset: int = 0) -> int:
    """Moves the position, counted from `set`, `cur` or `end`; the new one."""
    whence = "set" if whence is None else whence
    if whence not in WHENCE:
        raise ArgumentError(2, f"invalid whence {whence!r}; use set, cur or end")
    return await stream.seek(whence, offset or 0)


@stream.method(Stream, failure=False)
async def flush(call: Call, stream: Stream) -> bool:
    """Passes on what is held back."""
    await stream.flush()
    return True


@stream.method(Stream)
async def stat(call: Call, stream: Stream) -> dict[str, Any]:
    """`{size, position, readable, writable, seekable}`; numbers are -1 where unknown."""
    return stream.stat()


@stream.method(Stream, name="_close", failure=False)
async def close(call: Call, stream: Stream) -> bool:
    call.drop(stream)
    for scanner in stream.scanners:
        call.drop(scanner)
    try:
        stream.close()
    except Exception as error:
        raise WippyError(INTERNAL, str(error)) from None
    return True


@stream.method(Stream, name="_scanner")
def scanner(call: Call, stream: Stream, split: str) -> Scanner:
    made = Scanner(stream, split)
    stream.scanners.append(made)
    return made


@stream.method(Scanner, name="_batch")
async def batch(call: Call, scanner: Scanner) -> tuple[list[bytes], Any]:
    return await scanner.batch()


stream.lua_method(Stream, "close()", doc="Closes it; a second time is an error.")
stream.lua_method(Stream, "scanner(split: string?)", doc="A Scanner over lines, words, bytes or runes.")
stream.lua_method("Scanner", "scan()", doc="Moves to the next token: true, or false at the end and after an error.")
stream.lua_method("Scanner", "text()", doc="The token; empty before the first and after the last.")
stream.lua_method("Scanner", "err()", doc="What went wrong, or nil.")

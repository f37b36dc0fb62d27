"""A stream of bytes in the hands of a process, and a scanner over it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any

from wippy.errors import INTERNAL, WippyError
from wippy.modules.stream.source import Source
from wippy.modules.tokens import Tokens

DEFAULT_SIZE = 32 * 1024
LARGEST_SIZE = 64 * 1024
NOT_FOUND = "stream not found"
WHENCE = {"set": os.SEEK_SET, "cur": os.SEEK_CUR, "end": os.SEEK_END}


class Stream:
    """A source as Lua code holds it: return one from a module function, and it belongs to the caller until it ends.

    Every method raises WippyError, kind INTERNAL, with the text of what went wrong.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.closed = False
        self.scanners: list[Scanner] = []
        self._reading = asyncio.Lock()
        self._writing = asyncio.Lock()

    async def read(self, size: int = DEFAULT_SIZE) -> bytes:
        """What one read of the source gives, at most `size` bytes and never more than 64 KiB; empty at the end."""
        self._check("readable")
        async with self._reading:
            return await self._done(self.source.read(min(size, LARGEST_SIZE) if size > 0 else DEFAULT_SIZE))

    async def write(self, data: bytes) -> int:
        """Writes all of `data`; how many bytes."""
        self._check("writable")
        async with self._writing:
            return await self._done(self.source.write(data))

    async def seek(self, whence: str, offset: int) -> int:
        """Moves the position, counted from `set`, `cur` or `end`; the new one."""
        self._check("seekable")
        async with self._reading, self._writing:
            return await self._done(self.source.seek(offset, WHENCE[whence]))

    async def flush(self) -> None:
        """Passes on what is held back; nothing where nothing can be written."""
        self._check()
        if self.source.writable:
            async with self._writing:
                await self._done(self.source.flush())

    def stat(self) -> dict[str, Any]:
        """`{size, position, readable, writable, seekable}`; numbers are -1 where unknown."""
        self._check()
        source = self.source
        return {
            "size": source.size(),
            "position": source.position(),
            "readable": source.readable,
            "writable": source.writable,
            "seekable": source.seekable,
        }

    async def blocks(self) -> AsyncIterator[bytes]:
        """The rest, block by block."""
        while block := await self.read(LARGEST_SIZE):
            yield block

    def close(self) -> None:
        """Gives the source back; any number of times, from any thread."""
        if not self.closed:
            self.closed = True
            self.source.close()

    def _check(self, ability: str = "") -> None:
        if self.closed:
            raise WippyError(INTERNAL, NOT_FOUND)
        if ability and not getattr(self.source, ability):
            raise WippyError(INTERNAL, f"stream is not {ability}")

    async def _done(self, operation: Any) -> Any:
        try:
            return await operation
        except asyncio.CancelledError:
            raise
        except Exception as error:
            if self.closed:
                raise WippyError(INTERNAL, NOT_FOUND) from None
            raise WippyError(INTERNAL, str(error) or type(error).__name__) from None


class Scanner:
    """Tokens of what a stream still holds, in batches."""

    def __init__(self, stream: Stream, split: str) -> None:
        self._stream = stream
        self._tokens = Tokens(split)

    async def batch(self) -> tuple[list[bytes], WippyError | str | None]:
        """The next tokens, none at the end, and what went wrong."""
        tokens: list[bytes] = []
        while not tokens and not self._tokens.ended:
            try:
                block = await self._stream.read()
            except WippyError as error:
                self._tokens.ended = True
                return [], error
            tokens, problem = self._tokens.feed(block)
            if problem:
                return tokens, problem
        return tokens, None

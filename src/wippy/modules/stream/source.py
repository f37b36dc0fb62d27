"""What a stream reads from and writes to: files, bytes, asyncio streams, blocks that come one by one."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
from collections.abc import AsyncIterator, Callable
from typing import BinaryIO

UNKNOWN = -1


class Source:
    """Base of all sources. One operation of each direction at a time; the stream sees to that.

    Attributes:
        readable, writable, seekable: which operations there are.
    """

    readable = False
    writable = False
    seekable = False

    async def read(self, size: int) -> bytes:
        """At most `size` bytes, as soon as some are there; empty at the end. Raises what the source raises."""
        raise NotImplementedError

    async def write(self, data: bytes) -> int:
        """Writes all of `data`; how many bytes that were."""
        raise NotImplementedError

    async def seek(self, offset: int, whence: int) -> int:
        """Moves the position, `whence` as for files; the new one."""
        raise NotImplementedError

    async def flush(self) -> None:
        """Passes on what has been written and is held back."""

    def size(self) -> int:
        """Bytes in all, -1 where unknown."""
        return UNKNOWN

    def position(self) -> int:
        """Where the next operation takes place, -1 where unknown."""
        return UNKNOWN

    def close(self) -> None:
        """Gives everything back. From any thread, does not wait."""


class FileSource(Source):
    """A binary file that may block; its operations run in threads.

    Args:
        file: open file object; closed with the stream.
        readable, writable: by default what the file says.
    """

    def __init__(self, file: BinaryIO, *, readable: bool | None = None, writable: bool | None = None) -> None:
        self._file = file
        self.readable = file.readable() if readable is None else readable
        self.writable = file.writable() if writable is None else writable
        self.seekable = file.seekable()
        self._read = getattr(file, "read1", file.read)

    async def read(self, size: int) -> bytes:
        return await asyncio.to_thread(self._read, size) or b""

    async def write(self, data: bytes) -> int:
        def write_all() -> int:
            rest = memoryview(data)
            while rest:
                rest = rest[self._file.write(rest) or 0 :]
            return len(data)

        return await asyncio.to_thread(write_all)

    async def seek(self, offset: int, whence: int) -> int:
        return await asyncio.to_thread(self._file.seek, offset, whence)

    async def flush(self) -> None:
        await asyncio.to_thread(self._file.flush)

    def size(self) -> int:
        try:
            return os.fstat(self._file.fileno()).st_size if self.seekable else UNKNOWN
        except OSError:
            return UNKNOWN

    def position(self) -> int:
        return self._file.tell() if self.seekable else UNKNOWN

    def close(self) -> None:
        self._file.close()


class BytesSource(Source):
    """Bytes in memory.

    Args:
        data: the content at the start.
        writable: whether it can be written over and grows.
    """

    readable = True
    seekable = True

    def __init__(self, data: bytes = b"", *, writable: bool = False) -> None:
        self._buffer = io.BytesIO(data)
        self.writable = writable

    async def read(self, size: int) -> bytes:
        return self._buffer.read(size)

    async def write(self, data: bytes) -> int:
        return self._buffer.write(data)

    async def seek(self, offset: int, whence: int) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._buffer.tell(), os.SEEK_END: self.size()}[whence]
        if base + offset < 0:
            raise ValueError("negative position")
        return self._buffer.seek(base + offset)

    def size(self) -> int:
        return self._buffer.getbuffer().nbytes

    def position(self) -> int:
        return self._buffer.tell()

    def close(self) -> None:
        self._buffer = io.BytesIO()


class PipeSource(Source):
    """Asyncio streams: a connection, or one end of a process. Made on the event loop that they belong to.

    Args:
        reader, writer: None where that direction is missing.
        size: length of what can be read, where it is known.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader | None = None,
        writer: asyncio.StreamWriter | None = None,
        size: int = UNKNOWN,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._reader = reader
        self._writer = writer
        self._size = size
        self.readable = reader is not None
        self.writable = writer is not None

    async def read(self, size: int) -> bytes:
        assert self._reader is not None
        return await self._reader.read(size)

    async def write(self, data: bytes) -> int:
        assert self._writer is not None
        self._writer.write(data)
        await self._writer.drain()
        return len(data)

    async def flush(self) -> None:
        if self._writer is not None:
            await self._writer.drain()

    def size(self) -> int:
        return self._size

    def close(self) -> None:
        writer = self._writer
        if writer is not None:
            with contextlib.suppress(RuntimeError):  # the loop has closed
                self._loop.call_soon_threadsafe(writer.close)


class BlockSource(Source):
    """Blocks of bytes as they come, such as the body of a request.

    Args:
        blocks: asynchronous iterator; empty blocks do not count.
        size: length of all, where it is known.
        closed: called once when the stream is closed, in any thread.
    """

    readable = True

    def __init__(
        self, blocks: AsyncIterator[bytes], *, size: int = UNKNOWN, closed: Callable[[], None] = lambda: None
    ) -> None:
        self._blocks = blocks
        self._size = size
        self._closed = closed
        self._rest = b""

    async def read(self, size: int) -> bytes:
        while not self._rest:
            try:
                self._rest = await anext(self._blocks)
            except StopAsyncIteration:
                return b""
        out, self._rest = self._rest[:size], self._rest[size:]
        return out

    def size(self) -> int:
        return self._size

    def close(self) -> None:
        closed, self._closed = self._closed, lambda: None
        closed()

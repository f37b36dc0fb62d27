"""The module `fs`."""

from __future__ import annotations

import asyncio
import os
from typing import Any, BinaryIO

from wippy.errors import INTERNAL, INVALID, NOT_FOUND, WippyError
from wippy.modules.caller import Call
from wippy.modules.fs.volume import DirectoryVolume, failed, info_of, resolved
from wippy.modules.module import REFUSE, Module
from wippy.modules.stream import Stream
from wippy.modules.tokens import LONGEST, SPLITS, Tokens

__all__ = ["DirectoryVolume", "File", "Volume", "fs"]

fs = Module("fs", classes={"storage", "io", "nondeterministic"}, lua="fs.lua")
fs.constant("type", {"FILE": "file", "DIR": "directory"})
fs.constant("seek", {"SET": "set", "CUR": "cur", "END": "end"})

_WHENCE = {"set": os.SEEK_SET, "cur": os.SEEK_CUR, "end": os.SEEK_END}
BLOCK = 65536


class Volume:
    """One caller's view of a volume: with a working directory of its own."""

    def __init__(self, volume: DirectoryVolume) -> None:
        self.volume = volume
        self.folder = "/"

    def path(self, path: str, *, may_be_empty: bool = False) -> str:
        """The clean path from the root. Raises WippyError: INVALID."""
        if not path and not may_be_empty:
            raise WippyError(INVALID, "path required")
        return resolved(path, self.folder)


class File:
    """An open file."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.file = file
        self.name = name

    def close(self) -> None:
        """Closes it; any number of times."""
        self.file.close()

    def usable(self, what: str) -> BinaryIO:
        """The file. Raises WippyError: INTERNAL when closed."""
        if self.file.closed:
            raise WippyError(INTERNAL, f"{what}: file already closed")
        return self.file


class Scanner:
    """Tokens of the rest of a file, in batches."""

    def __init__(self, file: BinaryIO, split: str) -> None:
        self._file = file
        self._tokens = Tokens(split)

    def batch(self) -> tuple[list[bytes], str | None]:
        """Tokens of the next block, none at the end, and an error text or None."""
        tokens: list[bytes] = []
        while not tokens and not self._tokens.ended:
            try:
                block = self._file.read(LONGEST)
            except (OSError, ValueError) as error:
                self._tokens.ended = True
                return [], str(error)
            tokens, problem = self._tokens.feed(block)
            if problem:
                return tokens, problem
        return tokens, None


fs.object("FS", Volume)
fs.object("File", File)
fs.object("Scanner", Scanner)


@fs.function(
    permission="fs.get", resource="name", denied="not allowed to access filesystem: {resource}", in_workflow=REFUSE
)
def get(call: Call, name: str) -> Volume:
    """The volume entry `name`. Errors: INVALID, PERMISSION_DENIED, NOT_FOUND."""
    if not name:
        raise WippyError(INVALID, "filesystem name required")
    try:
        found = call.resource(name)
    except WippyError as error:
        if error.kind != NOT_FOUND:
            raise
        found = None
    if not isinstance(found, DirectoryVolume):
        raise WippyError(NOT_FOUND, f"filesystem not found: {name}")
    return Volume(found)


@fs.text(Volume)
def volume_text(call: Call, vol: Volume) -> str:
    return f"fs.FS{{cwd={vol.folder.strip('/') or '.'}}}"


@fs.method(Volume, failure=False)
def chdir(call: Call, vol: Volume, path: str) -> bool:
    """Changes the working directory. Errors: NOT_FOUND, INVALID."""
    target = vol.path(path)
    if not vol.volume.is_directory(target):
        raise failed(INVALID, f"not a directory: {path}")
    vol.folder = target
    return True


@fs.method(Volume)
def pwd(call: Call, vol: Volume) -> str:
    """The working directory."""
    return vol.folder


@fs.method(Volume, name="open")
def open_(call: Call, vol: Volume, path: str, mode: str) -> File:
    """A file; mode r, w (create, empty), wx (must not exist) or a. Errors: INVALID, NOT_FOUND."""
    target = vol.path(path)
    return File(vol.volume.open_file(target, mode), target.rsplit("/", 1)[-1])


@fs.method(Volume)
def stat(call: Call, vol: Volume, path: str) -> dict[str, Any]:
    """`{name, size, mode, modified, is_dir, type}`. Errors: NOT_FOUND."""
    return vol.volume.stat(vol.path(path))


@fs.method(Volume, failure=False)
def exists(call: Call, vol: Volume, path: str) -> bool:
    """Whether there is something. Errors: INVALID for a bad path."""
    return vol.volume.exists(vol.path(path, may_be_empty=True))


@fs.method(Volume, failure=False)
def isdir(call: Call, vol: Volume, path: str) -> bool:
    """Whether it is a folder. Errors: NOT_FOUND."""
    return vol.volume.is_directory(vol.path(path, may_be_empty=True))


@fs.method(Volume, failure=False)
def mkdir(call: Call, vol: Volume, path: str) -> bool:
    """Makes one folder. Errors: ALREADY_EXISTS, INTERNAL."""
    vol.volume.make_directory(vol.path(path))
    return True


@fs.method(Volume, failure=False)
def remove(call: Call, vol: Volume, path: str) -> bool:
    """Removes a file or an empty folder. Errors: INVALID, INTERNAL."""
    vol.volume.remove(vol.path(path))
    return True


@fs.method(Volume, name="_list")
def list_(call: Call, vol: Volume, path: str) -> list[dict[str, str]]:
    return vol.volume.list(vol.path(path))


def readfile(call: Call, vol: Volume, path: str) -> bytes:
    """All bytes of a file. Errors: NOT_FOUND, INTERNAL."""
    with vol.volume.open_file(vol.path(path), "r") as file:
        try:
            return file.read()
        except OSError as error:
            raise failed(INTERNAL, f"failed to read file: {path}", error) from None


def _write_mode(mode: Any) -> str:
    mode = "w" if mode is None else mode
    if mode not in ("w", "wx", "a"):
        raise WippyError(INVALID, f"invalid file mode: {mode!r}; use w, wx or a", retryable=None)
    return mode


def writefile(call: Call, vol: Volume, path: str, data: Any, mode: Any = None) -> bool:
    """Writes a string or what is left of a File or Stream; mode w, wx or a. Errors: INVALID, NOT_FOUND, INTERNAL."""
    target, mode = vol.path(path), _write_mode(mode)
    if data is None:
        raise WippyError(INVALID, "data argument required", retryable=None)
    if isinstance(data, bool) or not isinstance(data, str | bytes | int | float | File):
        raise WippyError(INVALID, "data must be a string or a readable object", retryable=None)
    source = data.usable("write") if isinstance(data, File) else None
    with vol.volume.open_file(target, mode) as file:
        try:
            if source is not None:
                while block := source.read(BLOCK):
                    file.write(block)
            else:
                file.write(data if isinstance(data, bytes) else str(data).encode("utf-8", "surrogateescape"))
        except (OSError, ValueError) as error:
            raise failed(INTERNAL, f"failed to write file: {path}: {error}") from None
    return True


@fs.method(Volume, name="_write_stream", failure=False)
async def write_stream(call: Call, vol: Volume, path: str, stream: Stream, mode: Any = None) -> bool:
    target, mode = vol.path(path), _write_mode(mode)
    with await asyncio.to_thread(vol.volume.open_file, target, mode) as file:
        async for block in stream.blocks():
            try:
                await asyncio.to_thread(file.write, block)
            except (OSError, ValueError) as error:
                raise failed(INTERNAL, f"failed to write file: {path}: {error}") from None
    return True


for _name in ("readfile", "read_file"):
    fs.method(Volume, name=_name)(readfile)
for _name in ("writefile", "write_file"):
    fs.method(Volume, name=_name, failure=False)(writefile)


@fs.text(File)
def file_text(call: Call, file: File) -> str:
    return "fs.File{closed}" if file.file.closed else "fs.File{}"


@fs.method(File)
def read(call: Call, file: File, size: int = 4096) -> bytes:
    """Up to `size` bytes. Errors: INVALID, NOT_FOUND `EOF` at the end, INTERNAL."""
    if size is None:
        size = 4096
    if size <= 0:
        raise WippyError(INVALID, "size must be greater than 0", retryable=None)
    opened = file.usable("read")
    try:
        block = opened.read(size)
    except (OSError, ValueError) as error:
        raise failed(INTERNAL, f"read {file.name}: {error}") from None
    if not block:
        raise WippyError(NOT_FOUND, "EOF", retryable=None)
    return block


@fs.method(File, failure=False)
def write(call: Call, file: File, data: bytes) -> bool:
    """Writes bytes. Errors: INVALID for none, INTERNAL."""
    if not data:
        raise WippyError(INVALID, "data required", retryable=None)
    opened = file.usable("write")
    try:
        opened.write(data)
        opened.flush()
    except (OSError, ValueError) as error:
        raise failed(INTERNAL, f"write {file.name}: {error}") from None
    return True


@fs.method(File)
def seek(call: Call, file: File, whence: str, offset: int) -> int:
    """Moves the position, counted from `fs.seek.SET`, `CUR` or `END`; the new one. Errors: INVALID, INTERNAL."""
    if whence not in _WHENCE:
        raise WippyError(INVALID, f"invalid whence: {whence}; use set, cur or end", retryable=None)
    opened = file.usable("seek")
    try:
        return opened.seek(offset, _WHENCE[whence])
    except (OSError, ValueError) as error:
        raise failed(INTERNAL, f"seek {file.name}: {error}") from None


@fs.method(File, name="stat")
def file_stat(call: Call, file: File) -> dict[str, Any]:
    """As `vol:stat`."""
    return info_of(os.fstat(file.usable("stat").fileno()), file.name)


@fs.method(File, failure=False)
def sync(call: Call, file: File) -> bool:
    """Waits until the bytes are on disk. Errors: INTERNAL."""
    opened = file.usable("sync")
    try:
        opened.flush()
        os.fsync(opened.fileno())
    except (OSError, ValueError) as error:
        raise failed(INTERNAL, f"sync {file.name}: {error}") from None
    return True


@fs.method(File)
def close(call: Call, file: File) -> bool:
    """Closes the file; any number of times."""
    file.close()
    return True


@fs.method(File, name="_scanner")
def scanner(call: Call, file: File, split: Any = None) -> Scanner:
    if file.file.closed:
        raise WippyError(INVALID, "file is closed")
    split = "lines" if split is None else split
    if split not in SPLITS:
        raise WippyError(INVALID, f"invalid split: {split}; use {', '.join(SPLITS)}", retryable=None)
    return Scanner(file.file, split)


@fs.method(Scanner, name="_batch")
def batch(call: Call, scanner: Scanner) -> tuple[list[bytes], str | None]:
    """The next tokens, none at the end, and what went wrong."""
    return scanner.batch()


fs.lua_method(
    Volume, "readdir(path: string)", doc="An iterator over {name, type}. Errors: NOT_FOUND, INVALID, INTERNAL."
)
fs.lua_method(File, "scanner(split?: string)", doc="A Scanner over lines, words, bytes or runes. Errors: INVALID.")

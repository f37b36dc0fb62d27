"""Compiled chunks on disk. Only text is kept, never bytecode: a file from elsewhere can at worst be wrong Lua."""

from __future__ import annotations

import os
import tempfile
from hashlib import blake2b
from pathlib import Path
from typing import Literal

import msgspec

from wippy.lang.chunk import Chunk, chunk_hash

Mode = Literal["readwrite", "readonly", "off"]

_MAGIC = b"wippy-chunk\n"
_DIGEST = 16
_HEAD = len(_MAGIC) + _DIGEST
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Chunk)


class CompileCache:
    """A folder of compiled chunks, shared by any number of threads and processes.

    Args:
        folder: made on the first write. One that cannot be read or written only costs time.
        mode: `readwrite`, `readonly`, or `off` (always compile).
    """

    def __init__(self, folder: str | os.PathLike[str], mode: Mode = "readwrite") -> None:
        if mode not in ("readwrite", "readonly", "off"):
            raise ValueError(f"cache mode {mode!r}: use 'readwrite', 'readonly' or 'off'")
        self.folder = Path(folder)
        self.mode: Mode = mode

    def compile(self, source: bytes | str, name: str) -> Chunk:
        """The chunk from the folder, or compiled now and kept.

        Raises:
            SourceError: a mistake in the source.
        """
        chunk = None if self.mode == "off" else self.get(chunk_hash(source, name), name)
        if chunk is None:
            from wippy.lang.compiler import compile_source  # only now: it is most of the front end

            chunk = compile_source(source, name)
            if self.mode != "off":
                self.put(chunk)
        return chunk

    def get(self, key: str, name: str) -> Chunk | None:
        """The chunk kept under a hash; None if there is none or its file is damaged."""
        try:
            with open(self._path(key), "rb") as file:
                data = file.read()
        except OSError:
            return None
        payload = data[_HEAD:]
        if not data.startswith(_MAGIC) or data[len(_MAGIC) : _HEAD] != _digest(payload):
            return None
        try:
            chunk = _decoder.decode(payload)
        except (msgspec.DecodeError, msgspec.ValidationError):
            return None
        if chunk.hash != key or chunk.name != name or not chunk.lua.startswith(b"local _ENV,"):
            return None
        return chunk

    def put(self, chunk: Chunk) -> bool:
        """Keeps a chunk; False where the folder does not let us."""
        if self.mode != "readwrite":
            return False
        payload = _encoder.encode(chunk)
        path = self._path(chunk.hash)
        temporary = None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(prefix=".new-", dir=self.folder)
            with open(handle, "wb") as file:
                file.write(_MAGIC + _digest(payload) + payload)
            os.replace(temporary, path)
        except OSError:
            if temporary is not None:
                try:
                    os.unlink(temporary)
                except OSError:
                    return False
            return False
        return True

    def clear(self) -> None:
        """Removes every kept chunk."""
        try:
            paths = list(self.folder.glob("*.chunk"))
        except OSError:
            return
        for path in paths:
            try:
                path.unlink(missing_ok=True)
            except OSError:
                continue

    def _path(self, key: str) -> str:
        return os.path.join(self.folder, key + ".chunk")


def _digest(payload: bytes) -> bytes:
    return blake2b(payload, digest_size=_DIGEST).digest()

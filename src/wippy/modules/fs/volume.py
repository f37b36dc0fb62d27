"""A directory as a volume: every path stays under its root, also through symbolic links."""

from __future__ import annotations

import os
import stat as stat_bits
from pathlib import Path
from typing import Any, BinaryIO, cast

from wippy.errors import ALREADY_EXISTS, INTERNAL, INVALID, NOT_FOUND, PERMISSION_DENIED, WippyError

READ, WRITE, EXECUTE = 0o400, 0o200, 0o100
_FLAGS = {
    "r": os.O_RDONLY,
    "w": os.O_WRONLY | os.O_CREAT | os.O_TRUNC,
    "wx": os.O_WRONLY | os.O_CREAT | os.O_EXCL,
    "a": os.O_WRONLY | os.O_CREAT | os.O_APPEND,
}
DIRECTORY_BIT = 1 << 31


def failed(kind: str, text: str, error: BaseException | None = None) -> WippyError:
    """An error of an operation; nothing is known about another try."""
    return WippyError(
        kind, f"{text}: {error.strerror or error}" if isinstance(error, OSError) else text, retryable=None
    )


def resolved(path: str, folder: str) -> str:
    """`path`, seen from `folder`, as a clean path from the volume root (`/a/b`).

    Raises:
        WippyError: INVALID for a NUL byte or a path above the root.
    """
    if "\0" in path:
        raise WippyError(INVALID, "invalid path: path contains null byte")
    parts: list[str] = [] if path.startswith("/") else [part for part in folder.split("/") if part]
    for part in path.split("/"):
        if part == "..":
            if not parts:
                raise WippyError(INVALID, "invalid path: path traversal not allowed")
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)


class DirectoryVolume:
    """Files under one directory.

    Args:
        root: the directory; must exist.
        mode: permission mask of the owner bits; it gates operations and masks the mode of what is created.
    """

    def __init__(self, root: str | Path, mode: int = 0o755) -> None:
        self.root = os.path.realpath(root)
        # A mask that lets everyone read and nobody enter is meant for folders.
        self.mode = mode | 0o111 if mode & 0o444 == 0o444 and not mode & 0o111 else mode

    @classmethod
    def open(
        cls, directory: str, *, base: str | Path = ".", auto_init: bool = False, mode: str = "0755"
    ) -> DirectoryVolume:
        """The volume of an `fs.directory` entry.

        Args:
            directory: absolute, or relative to `base`.
            auto_init: create it with its parents when missing.
            mode: octal text.

        Raises:
            WippyError: INVALID for a missing or empty directory or a bad mode, NOT_FOUND when it is not there.
        """
        if not directory:
            raise WippyError(INVALID, "directory path is required")
        try:
            bits = int(mode, 8)
        except (TypeError, ValueError):
            raise WippyError(INVALID, f'mode must be octal text such as "0755", got {mode!r}') from None
        root = Path(base, directory)
        volume = cls(root, bits)
        if not root.is_dir():
            if not auto_init or root.exists():
                raise WippyError(
                    NOT_FOUND, f"directory {root} does not exist; create it, or set auto_init: true to have it created"
                )
            root.mkdir(parents=True, mode=volume.mode)
            volume.root = os.path.realpath(root)
        return volume

    def real(self, path: str, *, follow: bool = True) -> str:
        """The path on disk of a volume path. Raises WippyError: INVALID when a link leads out of the volume."""
        plain = self.root + path if path != "/" else self.root
        if follow:
            found = os.path.realpath(plain)
        else:
            found = os.path.join(os.path.realpath(os.path.dirname(plain)), os.path.basename(plain))
        if found != self.root and not found.startswith(self.root.rstrip("/") + "/"):
            raise WippyError(INVALID, "invalid path: path traversal not allowed")
        return found

    def allow(self, bits: int, what: str) -> None:
        """Raises WippyError: PERMISSION_DENIED unless the volume's mode has all `bits`."""
        if self.mode & bits != bits:
            raise failed(PERMISSION_DENIED, f"{what}: permission denied by the mode of the volume")

    def open_file(self, path: str, mode: str) -> BinaryIO:
        """A binary file. Raises WippyError: INVALID for a mode, NOT_FOUND for any failure to open."""
        if mode not in _FLAGS:
            raise WippyError(INVALID, f"invalid file mode: {mode!r}; use r, w, wx or a", retryable=None)
        try:
            self.allow(READ if mode == "r" else WRITE, path)
            real = self.real(path)
            flags = _FLAGS[mode]
            descriptor = os.open(real, flags | getattr(os, "O_BINARY", 0), 0o644 & self.mode)
            if mode == "r" and stat_bits.S_ISDIR(os.fstat(descriptor).st_mode):
                os.close(descriptor)
                raise failed(NOT_FOUND, f"failed to open file: {path}: is a directory")
            return cast(BinaryIO, os.fdopen(descriptor, {"r": "rb", "a": "ab"}.get(mode, "wb")))
        except OSError as error:
            raise failed(NOT_FOUND, f"failed to open file: {path}", error) from None
        except WippyError as error:
            if error.kind == PERMISSION_DENIED:
                raise failed(NOT_FOUND, f"failed to open file: {error.message}") from None
            raise

    def stat(self, path: str) -> dict[str, Any]:
        """What `info_of` tells. Raises WippyError: NOT_FOUND."""
        self.allow(READ, path)
        try:
            return info_of(os.stat(self.real(path)), path.rsplit("/", 1)[-1] or ".")
        except OSError as error:
            raise failed(NOT_FOUND, f"stat {path}", error) from None

    def exists(self, path: str) -> bool:
        return os.path.exists(self.real(path))

    def is_directory(self, path: str) -> bool:
        """Raises WippyError: NOT_FOUND."""
        real = self.real(path)
        if not os.path.exists(real):
            raise failed(NOT_FOUND, f"path not found: {path}")
        return os.path.isdir(real)

    def make_directory(self, path: str) -> None:
        """Raises WippyError: ALREADY_EXISTS, INTERNAL (also without its parent), PERMISSION_DENIED."""
        self.allow(WRITE | EXECUTE, path)
        real = self.real(path)
        if os.path.lexists(real):
            raise failed(ALREADY_EXISTS, f"path already exists: {path}")
        try:
            os.mkdir(real, 0o755 & self.mode)
        except OSError as error:
            raise failed(INTERNAL, f"mkdir {path}", error) from None

    def remove(self, path: str) -> None:
        """Removes a file, a link or an empty folder. Raises WippyError: INVALID when not empty, INTERNAL."""
        self.allow(WRITE, path)
        real = self.real(path, follow=False)
        if real == self.root:
            raise failed(INVALID, "the root of a volume cannot be removed")
        try:
            if os.path.isdir(real) and not os.path.islink(real):
                if os.listdir(real):
                    raise failed(INVALID, f"directory not empty: {path}")
                os.rmdir(real)
            else:
                os.remove(real)
        except OSError as error:
            raise failed(INTERNAL, f"remove {path}", error) from None

    def list(self, path: str) -> list[dict[str, str]]:
        """`{name, type}` of what is in a folder, by name. Raises WippyError: NOT_FOUND, INVALID, INTERNAL."""
        self.allow(READ | EXECUTE, path)
        real = self.real(path)
        if not os.path.exists(real):
            raise failed(NOT_FOUND, f"path not found: {path}")
        if not os.path.isdir(real):
            raise failed(INVALID, f"not a directory: {path}")
        try:
            with os.scandir(real) as found:
                items = [
                    {"name": e.name, "type": "directory" if e.is_dir(follow_symlinks=False) else "file"} for e in found
                ]
        except OSError as error:
            raise failed(INTERNAL, f"readdir {path}", error) from None
        return sorted(items, key=lambda item: item["name"])


def info_of(found: os.stat_result, name: str) -> dict[str, Any]:
    """name, size (bytes), mode (permission bits; folders add 2^31), modified (Unix seconds), is_dir, type."""
    folder = stat_bits.S_ISDIR(found.st_mode)
    return {
        "name": name,
        "size": found.st_size,
        "mode": stat_bits.S_IMODE(found.st_mode) & 0o777 | (DIRECTORY_BIT if folder else 0),
        "modified": int(found.st_mtime),
        "is_dir": folder,
        "type": "directory" if folder else "file",
    }

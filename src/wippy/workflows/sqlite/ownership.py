"""One owner per store: a lock that the operating system drops when its process dies."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import IO

from wippy import errors

try:
    import fcntl
except ImportError:  # not POSIX
    fcntl = None


def _lock(handle: IO[bytes]) -> None:
    if fcntl is not None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return
    import msvcrt

    handle.seek(0)
    msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)  # pyright: ignore[reportAttributeAccessIssue]


class Ownership:
    """Holds `<path>.lock` until `release` or the end of the process. It says who holds it and which file is meant.

    Raises WippyError (CONFLICT) if another engine owns the store.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.with_name(path.name + ".lock")
        self._store = path
        self._handle: IO[bytes] | None = open(self.path, "a+b", buffering=0)  # noqa: SIM115
        try:
            _lock(self._handle)
        except OSError as error:
            self._handle.seek(0)
            owner, _ = self._said()
            self._handle.close()
            self._handle = None
            raise errors.WippyError(
                errors.CONFLICT,
                f"the workflow store {path} is in use by another process{f' (pid {owner})' if owner else ''}; "
                "stop it, or give each application a store of its own",
            ) from error
        self._handle.seek(0)
        _, self._before = self._said()
        self._write(self._before)

    def _said(self) -> tuple[str, str]:
        assert self._handle is not None
        words = self._handle.read(64).decode("ascii", "replace").split()
        return (words[0] if words else "", words[1] if len(words) > 1 else "")

    def _write(self, file: str) -> None:
        assert self._handle is not None
        with contextlib.suppress(OSError):  # a full disk: nobody is told who owns the store
            self._handle.truncate(0)
            self._handle.write(f"{os.getpid()} {file}".encode())

    def same_file(self) -> bool:
        """Whether the file is the one that the owner before had, and no copy of it."""
        return self._before == self._number()

    def note(self) -> None:
        """Remembers the file for the next owner."""
        self._write(self._number())

    def _number(self) -> str:
        return str(self._store.stat().st_ino)

    def release(self) -> None:
        if self._handle is not None:
            self._handle.close()
            self._handle = None

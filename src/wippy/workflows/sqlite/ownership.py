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
    """Holds `<path>.lock` until `release` or the end of the process.

    Raises WippyError (CONFLICT) if another engine owns the store.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.with_name(path.name + ".lock")
        self._handle: IO[bytes] | None = open(self.path, "a+b", buffering=0)  # noqa: SIM115
        try:
            _lock(self._handle)
        except OSError as error:
            self._handle.seek(0)
            owner = self._handle.read(32).decode("ascii", "replace").strip()
            self._handle.close()
            self._handle = None
            raise errors.WippyError(
                errors.CONFLICT,
                f"the workflow store {path} is in use by another process{f' (pid {owner})' if owner else ''}; "
                "stop it, or give each application a store of its own",
            ) from error
        with contextlib.suppress(OSError):  # a full disk: nobody is told who owns the store
            self._handle.truncate(0)
            self._handle.write(str(os.getpid()).encode())

    def release(self) -> None:
        if self._handle is not None:
            self._handle.close()
            self._handle = None

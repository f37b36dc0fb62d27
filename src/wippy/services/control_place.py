"""Where the control sockets of running applications stand: one file `<process id>.sock` for each."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from pathlib import Path
from typing import Any

from wippy.errors import PERMISSION_DENIED, WippyError
from wippy.registry.config import Config

PROTOCOL = 1
LONGEST = 100
"""Bytes of a socket's address that every system allows."""


def place(config: Config) -> Path:
    """The folder of the sockets."""
    return Path(config.path("control.dir", ".wippy/run"))


def address_of(file: Path) -> str | None:
    """The address of a socket file in its shorter form, None where both are too long.

    A file may be a link to where there is room for the address.
    """
    with contextlib.suppress(OSError):
        file = Path(os.readlink(file))
    found = [str(file)]
    with contextlib.suppress(ValueError, OSError):
        found.append(os.path.relpath(file))
    shortest = min(found, key=len)
    return shortest if len(os.fsencode(shortest)) <= LONGEST else None


def own_folder(folder: Path) -> None:
    """Makes a folder that only this user may enter.

    Raises:
        OSError: it cannot be made.
        WippyError: PERMISSION_DENIED, it is there and belongs to somebody else, or is no folder.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = os.lstat(folder)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise WippyError(PERMISSION_DENIED, f"{folder} is not a folder of this user")
    if found.st_mode & 0o077:
        os.chmod(folder, 0o700)


def connect(file: Path, wait: float) -> socket.socket | None:
    """A connection to the application behind a socket file; None where nobody listens or it is not this user's.

    Raises:
        TimeoutError: it does not take the connection.
    """
    address = address_of(file)
    try:
        if address is None or os.stat(address).st_uid != os.geteuid():
            return None
        found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    except OSError:
        return None
    try:
        found.settimeout(wait)
        found.connect(address)
    except TimeoutError:
        found.close()
        raise
    except OSError:
        found.close()
        return None
    return found


def sockets(folder: Path) -> list[Path]:
    """Socket files, dead ones too, by process id."""
    found = [file for file in folder.glob("*.sock") if file.stem.isdigit()]
    return sorted(found, key=lambda file: int(file.stem))


def remove(file: Path) -> None:
    """Removes a socket file, and what it links to."""
    target = None
    with contextlib.suppress(OSError):
        target = os.readlink(file)
    with contextlib.suppress(OSError):
        file.unlink()
    if target is not None:
        with contextlib.suppress(OSError):
            os.unlink(target)
        with contextlib.suppress(OSError):
            os.rmdir(os.path.dirname(target))


def sweep(folder: Path) -> None:
    """Removes the sockets of applications that are no more."""
    for file in sockets(folder):
        try:
            found = connect(file, 0.2)
        except TimeoutError:
            continue
        if found is None:
            remove(file)
        else:
            found.close()


def peer_user(connection: socket.socket) -> int | None:
    """The user at the other end; None where the system does not tell."""
    import struct

    credentials: Any = getattr(socket, "SO_PEERCRED", None)
    if credentials is not None:
        _, user, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, credentials, struct.calcsize("3i")))
        return user
    local: Any = getattr(socket, "LOCAL_PEERCRED", None)
    if local is not None:
        return struct.unpack_from("2I", connection.getsockopt(0, local, 128))[1]
    return None

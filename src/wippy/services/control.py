"""The control socket of a running application: local, for its owner alone.

A request and its answer are one line of JSON each. It works in threads of its own, so an application whose event loop
is stuck still answers.
"""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from wippy.errors import INTERNAL, INVALID, WippyError
from wippy.services import control_place as places

LINE = 65536
"""Bytes of a request."""
CALLERS = 8
"""Connections served at a time."""
IDLE = 60.0
"""Seconds after which a silent caller is let go."""

Answer = Callable[[dict[str, Any]], Any]
"""Plain data for a request. Raises WippyError."""


class Control:
    """Serves a control socket.

    Args:
        folder: where the socket file stands.
        answer: called in the caller's thread.
    """

    def __init__(self, folder: Path, answer: Answer) -> None:
        self._answer = answer
        self.file = folder.absolute() / f"{os.getpid()}.sock"
        self._socket: socket.socket | None = None
        self._callers = threading.BoundedSemaphore(CALLERS)
        self._closed = False

    def open(self) -> None:
        """Begins to listen.

        Raises:
            OSError: the file cannot be made.
            WippyError: PERMISSION_DENIED, the folder is not this user's.
        """
        places.own_folder(self.file.parent)
        places.sweep(self.file.parent)
        places.remove(self.file)  # of an earlier process with this number
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listening.bind(self._address())
            os.chmod(self.file, 0o600)
            listening.listen(CALLERS)
        except BaseException:
            listening.close()
            places.remove(self.file)
            raise
        self._socket = listening
        threading.Thread(target=self._listen, args=(listening,), name="control", daemon=True).start()

    def _address(self) -> str:
        address = places.address_of(self.file)
        if address is None:  # the folder is too deep: the file becomes a link
            address = f"{tempfile.mkdtemp(prefix='wippy-')}/control.sock"
            os.symlink(address, self.file)
        return address

    def close(self) -> None:
        """Stops listening and removes the file. Idempotent."""
        self._closed = True
        listening, self._socket = self._socket, None
        if listening is None:
            return
        places.remove(self.file)
        with contextlib.suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()

    def _listen(self, listening: socket.socket) -> None:
        while not self._closed:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            if places.peer_user(connection) not in (None, os.geteuid()) or not self._callers.acquire(blocking=False):
                connection.close()
                continue
            threading.Thread(target=self._serve, args=(connection,), name="control", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            connection.settimeout(IDLE)
            with connection, connection.makefile("rb") as lines:
                while line := lines.readline(LINE):
                    connection.sendall(self._reply(line) + b"\n")
        except OSError:
            pass  # the caller has gone
        finally:
            self._callers.release()

    def _reply(self, line: bytes) -> bytes:
        try:
            request = msgspec.json.decode(line)
            if not isinstance(request, dict) or not line.endswith(b"\n"):
                raise WippyError(INVALID, "a request is a JSON object on one line")
            if request.get("protocol") != places.PROTOCOL:
                raise WippyError(INVALID, f"this application speaks protocol {places.PROTOCOL}")
            answer = {"ok": True, "result": self._answer(request)}
            return msgspec.json.encode(answer, enc_hook=_text)
        except msgspec.DecodeError as error:
            failure = WippyError(INVALID, f"not JSON: {error}")
        except WippyError as error:
            failure = error
        except Exception as error:
            failure = WippyError(INTERNAL, f"{type(error).__name__}: {error}")
        return msgspec.json.encode({"ok": False, "error": {"kind": failure.kind, "message": failure.message}})


def _text(value: Any) -> str:
    return repr(value)

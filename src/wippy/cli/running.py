"""Talks to an application that runs in this folder."""

from __future__ import annotations

import os
import socket
from types import TracebackType
from typing import Any

import msgspec

from ..errors import INVALID, NOT_FOUND, UNAVAILABLE, WippyError
from ..registry.config import Config
from ..services import control_place as places
from .arguments import Arguments
from .settings import load_config

WAIT = 10.0
"""Seconds to wait for an answer."""


class Running:
    """A connection to a running application.

    Attributes:
        os_pid: process id of the application.
    """

    def __init__(self, os_pid: int, connection: socket.socket) -> None:
        self.os_pid = os_pid
        self._connection = connection
        self._lines = connection.makefile("rb")

    def __enter__(self) -> Running:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._lines.close()
        self._connection.close()

    def ask(self, request: str, **values: Any) -> Any:
        """The answer to a request, as plain data.

        Raises:
            WippyError: the application's own; UNAVAILABLE when it has ended or does not answer.
        """
        try:
            line = msgspec.json.encode({"protocol": places.PROTOCOL, "request": request, **values})
            self._connection.sendall(line + b"\n")
            answer = self._lines.readline()
        except TimeoutError:
            raise WippyError(UNAVAILABLE, f"the application {self.os_pid} does not answer") from None
        except OSError:
            answer = b""
        if not answer:
            raise WippyError(UNAVAILABLE, f"the application {self.os_pid} has ended")
        found = msgspec.json.decode(answer)
        if not found["ok"]:
            raise WippyError(found["error"]["kind"], found["error"]["message"])
        return found["result"]


def connect(arguments: Arguments) -> Running:
    """The application that runs in the working directory; `--app` chooses among several.

    Raises:
        WippyError: NOT_FOUND, there is none; INVALID, there are several.
    """
    config = load_config(arguments)
    wanted = arguments.text("app")
    if wanted and not wanted.isdigit():
        raise WippyError(INVALID, f"flag --app takes a process id, not {wanted}")
    found: list[Running] = []
    for file in places.sockets(places.place(config)):
        try:
            connection = places.connect(file, 1.0)
        except TimeoutError:
            continue
        if connection is None:
            places.remove(file)
            continue
        connection.settimeout(WAIT)
        found.append(Running(int(file.stem), connection))
    chosen = [each for each in found if not wanted or each.os_pid == int(wanted)]
    if len(chosen) == 1:
        for each in found:
            if each is not chosen[0]:
                each.close()
        return chosen[0]
    try:
        raise _none(config, wanted, found) if not chosen else _several(chosen)
    finally:
        for each in found:
            each.close()


def _none(config: Config, wanted: str, found: list[Running]) -> WippyError:
    if found:
        running = ", ".join(str(each.os_pid) for each in found)
        return WippyError(NOT_FOUND, f"no application with process id {wanted} runs in this folder; there is {running}")
    if not config.get("control.enabled", True):
        return WippyError(
            NOT_FOUND, "applications of this folder cannot be looked at: control.enabled is false in the configuration"
        )
    return WippyError(
        NOT_FOUND,
        f"no running application found in {os.getcwd()}: start one with `wippy run`, or go to the folder it runs in",
    )


def _several(found: list[Running]) -> WippyError:
    lines = []
    for each in found:
        try:
            lines.append(f"  {each.os_pid}  wippy {' '.join(each.ask('hello')['arguments'])}")
        except WippyError as error:
            lines.append(f"  {each.os_pid}  {error}")
    return WippyError(
        INVALID, "several applications run in this folder, choose one with --app PID:\n" + "\n".join(lines)
    )

"""Ctrl-C and SIGTERM: the first asks for an orderly stop, the second ends the process at once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

from ..observe.level import INFO
from ..observe.log import Log

NAMES = {signal.SIGINT: "interrupt", signal.SIGTERM: "terminated"}
FLUSH_SECONDS = 0.5
PATIENCE = 1.0
"""Seconds of an orderly stop after which somebody at a terminal is told what is waited for."""


class Signals:
    """Handles the signals while it is entered; must be entered in the main thread with a loop running.

    Args:
        log: where the lines go.
        request_shutdown: called in the loop at the first signal.
    """

    def __init__(self, log: Log, request_shutdown: Callable[[], None]) -> None:
        self._logger = log.named("run")
        self._request_shutdown = request_shutdown
        self.seen = False
        self._before: dict[signal.Signals, Any] = {}
        self._later: asyncio.TimerHandle | None = None

    def __enter__(self) -> Signals:
        self._loop = asyncio.get_running_loop()
        for number in NAMES:
            self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._later is not None:
            self._later.cancel()

    # Handlers are set with `signal` and not on the loop: the second signal must end the process even while the
    # loop is busy. They run between any two instructions of the main thread and so must take no lock.
    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.seen:
            self._force_exit()
        self.seen = True
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._begin, signal.Signals(number))

    def _begin(self, number: signal.Signals) -> None:
        self._logger.info("received shutdown signal", {"signal": NAMES[number]})
        self._logger.info("shutting down (press Ctrl+C again to force exit)")
        if not self._logger.log.enabled(INFO) and sys.stderr.isatty():
            self._later = self._loop.call_later(PATIENCE, self._ask_for_patience)
        self._request_shutdown()

    def _ask_for_patience(self) -> None:
        print("\rwaiting for the program to end (press Ctrl+C again to force exit)\r", file=sys.stderr, flush=True)

    def _force_exit(self) -> None:
        def last_words() -> None:
            self._logger.warn("force exit")
            with contextlib.suppress(OSError, ValueError):
                sys.stdout.flush()

        teller = threading.Thread(target=last_words, daemon=True)
        teller.start()
        teller.join(FLUSH_SECONDS)
        restore_terminal()
        os._exit(1)


def restore_terminal() -> None:
    """Puts the terminal back where a program has changed it; before an exit that spares the usual steps."""
    module = sys.modules.get("wippy.modules.io.terminal")
    if module is not None:
        module.restore()

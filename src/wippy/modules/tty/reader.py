"""The reader of terminal input: a thread that turns what comes into events of one process."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

from wippy.errors import ALREADY_EXISTS, UNAVAILABLE, WippyError
from wippy.modules.io.terminal import Input, Terminal, Waker
from wippy.modules.tty.keys import Event, Parser

ESCAPE_SECONDS = 0.05
"""After this long without more bytes, an escape is the key and not the beginning of a sequence."""
POLL_SECONDS = 0.25
"""How often the size is looked at where no signal tells of a change."""

FOCUS, PASTE, MOUSE = "focus", "paste", "mouse"
_MODES = {
    FOCUS: ("\x1b[?1004h", "\x1b[?1004l"),
    PASTE: ("\x1b[?2004h", "\x1b[?2004l"),
    MOUSE: ("\x1b[?1000h\x1b[?1002h\x1b[?1003h\x1b[?1006h", "\x1b[?1006l\x1b[?1003l\x1b[?1002l\x1b[?1000l"),
}

_active: Reader | None = None
_latest: Reader | None = None
_known: dict[str, Reader] = {}
_active_lock = threading.Lock()


class Reader:
    """Reads until it is closed. One at a time in an OS process.

    Args:
        pid: whose it is.
        tell: gets the events, one after the other, in the reader's thread.
    """

    def __init__(self, pid: str, terminal: Terminal, source: Input, tell: Callable[[Event], None]) -> None:
        self.pid = pid
        self._terminal = terminal
        self._source = source
        self._tell = tell
        self._parser = Parser()
        self._waker = Waker()
        self._size: tuple[int, int] | None = None
        self._signals = False
        self._open = False
        self._wants_mouse = False
        _known[pid] = self
        self._thread = threading.Thread(target=self._run, daemon=True, name="tty-reader")

    def start(self) -> None:
        """Raw mode on, and the first event.

        Raises:
            WippyError: ALREADY_EXISTS when a reader runs, UNAVAILABLE while `io` waits for input, INTERNAL when there
                is no terminal.
        """
        global _active, _latest
        with _active_lock:
            if _active is not None:
                raise WippyError(ALREADY_EXISTS, "input reader already started")
            if not self._source.turn.acquire(blocking=False):
                raise WippyError(UNAVAILABLE, "input reader cannot start while a read of the io module waits")
            try:
                self._terminal.hold_raw()
            except BaseException:
                self._source.turn.release()
                raise
            self._source.claimed = True
            _active = _latest = self
        self._open = True
        for name in (FOCUS, PASTE):
            self._terminal.switch(name, *_MODES[name])
        self.mouse(self._wants_mouse)
        self._watch_size()
        self._size = self._look()
        if self._size is not None:
            self._tell({"type": "start", "width": self._size[0], "height": self._size[1]})
        self._thread.start()

    def mouse(self, on: bool) -> None:
        """Mouse events on or off, at once or from the start on."""
        self._wants_mouse = on
        if not self._open:
            return
        if on:
            self._terminal.switch(MOUSE, *_MODES[MOUSE])
        else:
            self._terminal.switch_off(MOUSE)

    def close(self) -> None:
        """Ends it and puts the terminal back; any number of times, from any thread."""
        global _active
        with _active_lock:
            if _known.get(self.pid) is self:
                del _known[self.pid]
            if not self._open:
                if self._thread.ident is None:
                    self._waker.close()
                return
            self._open = False
            _active = None
        for name in (MOUSE, PASTE, FOCUS):
            self._terminal.switch_off(name)
        self._waker.stop()
        self._terminal.drop_raw()

    def _run(self) -> None:
        try:
            self._emit(self._parser.feed(self._source.take()))
            while not self._waker.stopped:
                block = self._source.wait(self._waker, self._patience())
                if block == b"":
                    break
                if block:
                    self._emit(self._parser.feed(block))
                elif self._waker.woken:
                    self._waker.woken = False
                    self._resized()
                else:
                    self._emit(self._parser.flush())
                    if not self._signals:
                        self._resized()
        except (OSError, ValueError):
            pass  # the terminal has gone
        finally:
            self._source.claimed = False
            self._source.turn.release()
            self._waker.close()

    def _patience(self) -> float | None:
        if self._parser.waiting:
            return ESCAPE_SECONDS
        return None if self._signals else POLL_SECONDS

    def _emit(self, events: list[Event]) -> None:
        for event in events:
            if not self._waker.stopped:
                self._tell(event)

    def _look(self) -> tuple[int, int] | None:
        try:
            return self._terminal.size()
        except WippyError:
            return None

    def _resized(self) -> None:
        size = self._look()
        if size is not None and size != self._size:
            self._size = size
            self._emit([{"type": "resize", "width": size[0], "height": size[1]}])

    def _watch_size(self) -> None:
        """By signal where this is the main thread; the handler stays, it does nothing without a reader."""
        with contextlib.suppress(ValueError, AttributeError):
            signal.signal(signal.SIGWINCH, _changed)
            self._signals = True


def _changed(number: int, frame: Any) -> None:
    reader = _active
    if reader is not None:
        reader._waker.wake()


def reader_of(pid: str) -> Reader | None:
    """The reader of a process, running or not yet."""
    return _known.get(pid)


def join_latest(seconds: float) -> None:
    """Waits until the thread of the last reader that was closed has let go of the input."""
    reader = _latest
    if reader is not None and not reader._open and reader._thread.is_alive():
        reader._thread.join(seconds)


def available() -> bool:
    """Whether this system can give input in raw mode."""
    return sys.platform != "win32"

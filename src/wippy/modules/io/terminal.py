"""The terminal of this OS process: raw mode, what is read from it, and its state put back however the program ends."""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import sys
import threading
from typing import Any

from wippy.errors import INTERNAL, UNAVAILABLE, WippyError

LARGEST_READ = 1 << 20
NO_END = "EOF"

_MODES = re.compile(rb"\x1b\[\?([0-9;]+)([hl])")
_USUALLY_ON = frozenset({7, 25})  # lines wrap, the cursor is seen
_NOTED = "noted "
_USUALLY_OFF = frozenset({1, 9, 47, 1000, 1002, 1003, 1004, 1005, 1006, 1015, 1047, 1049, 2004, 2026})


class Terminal:
    """Standard input and output as a terminal. Thread-safe.

    Raw mode lasts while anybody holds it; modes switched on by escape sequences are switched off at the end.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._holders = 0
        self._saved: list[Any] | None = None
        self._undo: dict[str, str] = {}
        self._registered = False

    def hold_raw(self) -> None:
        """Raw mode, save that a line feed written still begins a new line. Each call wants one `drop_raw`.

        Raises:
            WippyError: INTERNAL when standard input is no terminal, UNAVAILABLE when this system has no such mode.
        """
        try:
            import termios
        except ImportError:
            raise WippyError(UNAVAILABLE, "raw terminal control unavailable") from None
        with self._lock:
            if not _is_terminal(sys.stdin):
                raise WippyError(INTERNAL, "stdin is not a terminal")
            if self._holders == 0:
                fd = sys.stdin.fileno()
                try:
                    saved = termios.tcgetattr(fd)
                    termios.tcsetattr(fd, termios.TCSANOW, _raw(saved, termios))
                except (OSError, termios.error) as error:
                    raise WippyError(INTERNAL, f"raw mode failed: {error}") from None
                self._saved = saved
                self._at_exit()
            self._holders += 1

    def drop_raw(self) -> None:
        """Gives raw mode back; the last one ends it."""
        with self._lock:
            if self._holders > 0:
                self._holders -= 1
                if self._holders == 0:
                    self._cook()

    def switch(self, name: str, on: str, off: str) -> None:
        """Writes the sequence that switches a mode on, and remembers the one that ends it."""
        with self._lock:
            self._at_exit()
            if name not in self._undo:
                self._undo[name] = off
                _write(on)

    def switch_off(self, name: str) -> None:
        """Ends a mode; nothing if it is not on."""
        with self._lock:
            off = self._undo.pop(name, None)
            if off is not None:
                _write(off)

    def note(self, data: bytes) -> bool:
        """Takes note of modes that a program switches by itself, such as the other screen.

        Args:
            data: what it has written.

        Returns:
            Whether something has to be put back at its end.
        """
        with self._lock:
            for match in _MODES.finditer(data):
                for number in (int(text) for text in match[1].split(b";") if text):
                    if number not in _USUALLY_ON | _USUALLY_OFF:
                        continue
                    if (match[2] == b"h") == (number in _USUALLY_ON):
                        self._undo.pop(f"{_NOTED}{number}", None)
                    else:
                        end = "h" if number in _USUALLY_ON else "l"
                        self._undo[f"{_NOTED}{number}"] = f"\x1b[?{number}{end}"
                        self._at_exit()
            return any(name.startswith(_NOTED) for name in self._undo)

    def forget(self) -> None:
        """Puts back what has been noted, the last first."""
        with self._lock:
            for name in [name for name in reversed(self._undo) if name.startswith(_NOTED)]:
                self.switch_off(name)

    def restore(self) -> None:
        """Puts everything back as it was; any number of times, also from a signal handler."""
        taken = self._lock.acquire(timeout=0.2)  # whoever holds it may be the one that is stuck
        try:
            undo, self._undo = self._undo, {}
            if undo:
                _write("".join(reversed(undo.values())))
            self._holders = 0
            self._cook()
        finally:
            if taken:
                self._lock.release()

    def size(self) -> tuple[int, int]:
        """Columns and rows. Raises WippyError: INTERNAL when there is no terminal."""
        for stream in (sys.stdout, sys.stdin):
            with contextlib.suppress(OSError, ValueError, AttributeError):
                found = os.get_terminal_size(stream.fileno())
                return found.columns, found.lines
        raise WippyError(INTERNAL, "the size is unknown: neither stdout nor stdin is a terminal")

    def _cook(self) -> None:
        saved, self._saved = self._saved, None
        if saved is not None:
            import termios

            with contextlib.suppress(OSError, ValueError, termios.error):
                termios.tcsetattr(sys.stdin.fileno(), termios.TCSANOW, saved)

    def _at_exit(self) -> None:
        if not self._registered:
            self._registered = True
            atexit.register(self.restore)


def _is_terminal(stream: Any) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        return False


def _raw(mode: list[Any], termios: Any) -> list[Any]:
    iflag, oflag, cflag, lflag, ispeed, ospeed, chars = mode
    t = termios
    iflag &= ~(t.BRKINT | t.ICRNL | t.INLCR | t.IGNCR | t.INPCK | t.ISTRIP | t.IXON)
    oflag |= t.OPOST | t.ONLCR
    cflag = cflag & ~(t.CSIZE | t.PARENB) | t.CS8
    lflag &= ~(t.ECHO | t.ECHONL | t.ICANON | t.IEXTEN | t.ISIG)
    chars = list(chars)
    chars[t.VMIN], chars[t.VTIME] = 1, 0
    return [iflag, oflag, cflag, lflag, ispeed, ospeed, chars]


def write(data: bytes, *, error: bool = False) -> None:
    """Writes to standard output or standard error at once. Raises OSError, ValueError."""
    stream = sys.stderr if error else sys.stdout
    buffer = getattr(stream, "buffer", None)
    if buffer is None:
        stream.write(data.decode("utf-8", "replace"))
    else:
        stream.flush()
        buffer.write(data)
    stream.flush()


def _write(sequence: str) -> None:
    if _is_terminal(sys.stdout):
        with contextlib.suppress(OSError, ValueError):
            write(sequence.encode())


class Waker:
    """Ends a wait of `Input`; from any thread."""

    def __init__(self) -> None:
        self.read_end, self._write_end = os.pipe()
        os.set_blocking(self._write_end, False)
        self._lock = threading.RLock()  # a signal handler may come in while its thread is in here
        self._open = True
        self.stopped = False
        self.woken = False

    def wake(self) -> None:
        """The wait returns."""
        with self._lock:
            if self._open:
                with contextlib.suppress(OSError):
                    os.write(self._write_end, b".")

    def stop(self) -> None:
        """The wait returns, and every further one at once."""
        self.stopped = True
        self.wake()

    def drain(self) -> None:
        """Takes note that it was woken."""
        os.read(self.read_end, 4096)
        self.woken = True

    def close(self) -> None:
        with self._lock:
            if self._open:
                self._open = False
                os.close(self.read_end)
                os.close(self._write_end)


class Input:
    """Standard input in bytes. One reads at a time; a wait that is given up takes nothing away.

    Attributes:
        turn: held by the one who reads.
        claimed: whether it is held for good, so that nobody else need wait for it.
    """

    def __init__(self) -> None:
        self.turn = threading.Lock()
        self.claimed = False
        self._rest = b""

    def take(self) -> bytes:
        """What has been read and nobody has got; for the one whose turn it is."""
        rest, self._rest = self._rest, b""
        return rest

    def wait(self, waker: Waker, timeout: float | None = None) -> bytes | None:
        """Waits for more: some bytes, empty at the end, None when it was woken or the time is over. Raises OSError."""
        import select

        fd = sys.stdin.fileno()
        if not waker.stopped:
            if sys.platform == "win32":
                return os.read(fd, 65536)  # no wait for input can be given up there
            ready, _, _ = select.select([fd, waker.read_end], [], [], timeout)
            if waker.read_end in ready:
                waker.drain()
            elif fd in ready:
                return os.read(fd, 65536)
        return None

    def read(self, size: int, waker: Waker) -> bytes | None:
        """Up to `size` bytes as soon as some are there, empty at the end, None when stopped. Raises OSError."""
        with self.turn:
            while not self._rest:
                block = self._more(waker)
                if not block:
                    return block
            out, self._rest = self._rest[:size], self._rest[size:]
            return out

    def read_line(self, waker: Waker) -> bytes | None:
        """The next line with its end, if it has one, empty at the end, None when stopped. Raises OSError."""
        with self.turn:
            seen = 0
            while (at := self._rest.find(b"\n", seen)) < 0:
                seen = len(self._rest)
                block = self._more(waker)
                if block is None:
                    return None
                if not block:
                    return self.take()
            out, self._rest = self._rest[: at + 1], self._rest[at + 1 :]
            return out

    def _more(self, waker: Waker) -> bytes | None:
        while not waker.stopped:
            block = self.wait(waker)
            if block is not None:
                self._rest += block
                return block
        return None


class RawHold:
    """How often one process has switched raw mode on; given back when it ends."""

    def __init__(self, pid: str) -> None:
        self.pid = pid
        self.count = 0

    def close(self) -> None:
        """Gives all of it back."""
        holds.pop(self.pid, None)
        while self.count:
            self.count -= 1
            terminal.drop_raw()


class ScreenHold:
    """Modes that the program of one process has switched; put back when it ends."""

    survives_upgrade = True

    def __init__(self, pid: str) -> None:
        self._pid = pid

    def close(self) -> None:
        """Puts them back."""
        screens.discard(self._pid)
        terminal.forget()


terminal = Terminal()
input = Input()
holds: dict[str, RawHold] = {}
"""By PID."""
screens: set[str] = set()
"""PIDs that hold a ScreenHold."""


def restore() -> None:
    """Puts the terminal back as it was; before this OS process ends without the usual steps."""
    terminal.restore()

"""`wippy run` on a terminal of its own, for tests."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any

import yaml

LONGEST = 20.0
"""Seconds after which a test that waits for something gives up; no outcome depends on it."""
COOKED = termios.ECHO | termios.ICANON | termios.ISIG


def project(folder: Path, *entries: dict[str, Any], stop_timeout: str = "100ms") -> Path:
    """A project with a terminal host, a process host and these entries of namespace `app`.

    Programs that ignore CANCEL are ended after `stop_timeout`.
    """
    lifecycle = {"auto_start": True, "stop_timeout": stop_timeout}
    hosts = [
        {"name": "terminal", "kind": "terminal.host", "lifecycle": lifecycle},
        {"name": "processes", "kind": "process.host", "host": {"workers": 1}, "lifecycle": {"auto_start": True}},
    ]
    source = folder / "src"
    source.mkdir(parents=True, exist_ok=True)
    document = {"version": "1.0", "namespace": "app", "entries": [*hosts, *entries]}
    (source / "_index.yaml").write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))
    (folder / "wippy.lock").write_text("directories:\n  modules: .wippy\n  src: ./src\n")
    return folder


def program(name: str, source: str, modules: str = "io tty time", kind: str = "process.lua") -> dict[str, Any]:
    """A process entry that can be run; `source` is the body of a function with the arguments `...`."""
    return {
        "name": name,
        "kind": kind,
        "method": "main",
        "modules": modules.split(),
        "source": f"local io, tty, time = require('io'), require('tty'), require('time')\n"
        f"return function(...)\n{source}\nend",
    }


def command(folder: Path, name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "wippy", "run", "-x", f"app:{name}", *arguments]


def piped(folder: Path, name: str, *arguments: str, text: bytes | None = b"") -> subprocess.CompletedProcess[bytes]:
    """Runs a program with pipes instead of a terminal."""
    return subprocess.run(
        command(folder, name, *arguments), cwd=folder, input=text, capture_output=True, timeout=LONGEST, check=False
    )


class Screen:
    """A program on a terminal. What it has written stands in `seen`."""

    def __init__(
        self,
        folder: Path,
        name: str,
        *arguments: str,
        columns: int = 80,
        rows: int = 24,
        words: list[str] | None = None,
    ) -> None:
        self.master, self.slave = pty.openpty()
        self.resize(columns, rows)
        self.seen = b""
        self._at = 0
        self.before = termios.tcgetattr(self.slave)
        self.process = subprocess.Popen(
            words or command(folder, name, *arguments),
            cwd=folder,
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color"},
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )

    def __enter__(self) -> Screen:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)

    def send(self, data: bytes) -> None:
        """Types."""
        os.write(self.master, data)

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def until(self, text: str) -> str:
        """Waits for a text behind the one that was waited for last; what stands from there up to its end."""
        wanted, deadline = text.encode(), time.monotonic() + LONGEST
        while (found := self.seen.find(wanted, self._at)) < 0:
            if time.monotonic() > deadline:
                raise AssertionError(f"{text!r} does not come; there is {self.seen[self._at :]!r}")
            if not self._more(0.1) and self.process.poll() is not None and not self._more(0.1):
                raise AssertionError(f"{text!r} did not come; there was {self.seen[self._at :]!r}")
        out = self.seen[self._at : found + len(wanted)]
        self._at = found + len(wanted)
        return out.decode("utf-8", "replace")

    def _more(self, seconds: float) -> bool:
        ready, _, _ = select.select([self.master], [], [], seconds)
        if not ready:
            return False
        with contextlib.suppress(OSError):
            block = os.read(self.master, 65536)
            self.seen += block
            return bool(block)
        return False

    def end(self) -> int:
        """Waits for the end; the exit code."""
        deadline = time.monotonic() + LONGEST
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it goes on; there is {self.seen!r}"
            self._more(0.05)
        while self._more(0.05):
            pass
        return self.process.returncode

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    @property
    def running(self) -> bool:
        """Whether it still runs; what it has written meanwhile is read."""
        self._more(0.02)
        return self.process.poll() is None

    @property
    def raw(self) -> bool:
        """Whether the terminal is in raw mode now."""
        return not termios.tcgetattr(self.slave)[3] & COOKED

    @property
    def as_before(self) -> bool:
        """Whether the terminal is as it was, and every mode that was switched on is off."""
        modes = (1000, 1002, 1003, 1004, 1006, 1049, 2004)
        off = all(self.seen.rfind(b"\x1b[?%dl" % name) >= self.seen.rfind(b"\x1b[?%dh" % name) for name in modes)
        cursor = self.seen.rfind(b"\x1b[?25h") >= self.seen.rfind(b"\x1b[?25l")
        return off and cursor and termios.tcgetattr(self.slave) == self.before

"""`wippy run --watch` in a process of its own, with real files; waits for what it prints."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

WAIT = 60.0
"""Seconds after which a test that hangs is given up."""


class Watched:
    """A running application.

    Attributes:
        src: its folder of definition files.
        lines: everything printed so far.
    """

    def __init__(self, folder: Path, process: subprocess.Popen[str]) -> None:
        self.src = folder / "src"
        self.lines: list[str] = []
        self.mark = 0
        self.process = process
        self._new: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._new.put(line.rstrip("\n"))
        self._new.put(None)

    def wait(self, *texts: str) -> str:
        """A line that has all of these texts, printed since the last change of a file, now or later."""
        at = self.mark
        while True:
            for line in self.lines[at:]:
                if all(text in line for text in texts):
                    return line
            at = len(self.lines)
            try:
                line = self._new.get(timeout=WAIT)
            except queue.Empty:
                line = None
            assert line is not None, f"{texts} did not come:\n" + "\n".join(self.lines)
            self.lines.append(line)

    def changes(self) -> None:
        """A file is about to be changed: from here on lines count."""
        while not self._new.empty():
            self.lines.append(self._new.get() or "")
        self.mark = len(self.lines)

    def write(self, name: str, text: str) -> None:
        """Saves a file as most editors do: under another name first."""
        self.changes()
        path = self.src / name
        part = path.with_name(f".{path.name}.swp")
        part.write_text(text)
        os.replace(part, path)

    def printed(self) -> str:
        """What was printed since the last change of a file, as far as it was waited for."""
        return "\n".join(self.lines[self.mark :])


@contextlib.contextmanager
def watched(folder: Path, *flags: str, files: dict[str, str]) -> Iterator[Watched]:
    """Starts an application of these files and waits until it watches them."""
    (folder / "src").mkdir()
    (folder / "wippy.lock").write_text("directories:\n  src: ./src\n")
    for name, text in files.items():
        path = folder / "src" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    process = subprocess.Popen(
        [sys.executable, "-m", "wippy", "run", "--watch", *flags],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    app = Watched(folder, process)
    try:
        app.wait("watching src")
        yield app
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()

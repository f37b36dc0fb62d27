"""The dev server of Temporal for tests: one for all of them, each test in a namespace of its own."""

from __future__ import annotations

import itertools
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

NAMESPACES = 300


class TemporalServer:
    """A running dev server that keeps everything in memory.

    Attributes:
        address: host:port.
    """

    def __init__(self, binary: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self._numbers = itertools.count(1)
        names = [part for number in range(1, NAMESPACES + 1) for part in ("--namespace", f"test-{number}")]
        self._process = subprocess.Popen(
            [binary, "server", "start-dev", "--headless", "--port", str(self.port), "--log-level", "never", *names],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._wait()

    def _wait(self) -> None:
        for _ in range(600):
            if self._process.poll() is not None:
                raise RuntimeError(f"the dev server ended with exit code {self._process.returncode}")
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("the dev server did not answer within 30 s")

    def namespace(self) -> str:
        """One that no test has used yet."""
        return f"test-{next(self._numbers)}"

    def stop(self) -> None:
        """Ends it."""
        self._process.terminate()
        self._process.wait(20)


def binary() -> str | None:
    """The `temporal` program, or None where there is none."""
    beside = Path(sys.executable).parent / "temporal"
    return shutil.which("temporal") or (str(beside) if beside.exists() else None)

"""The dev server of Temporal for tests: one for all of them, each test in a namespace of its own."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

NAMESPACES = 60
"""Of one server: it needs some megabytes for each, and more the longer it runs."""
ROOM = 8
"""What one test may take."""


class TemporalServer:
    """A running dev server, which knows the search attributes `counted` and `moment`.

    Args:
        file: where it keeps what it must not forget when it is killed; in memory if there is none.

    Attributes:
        address: host:port, the same after a restart.
    """

    def __init__(self, binary: str, file: Path | None = None, namespaces: int = NAMESPACES) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self._namespaces = namespaces
        self._taken = 0
        names = [part for number in range(1, namespaces + 1) for part in ("--namespace", f"test-{number}")]
        attributes = ["--search-attribute", "counted=Int", "--search-attribute", "moment=Datetime"]
        kept = ["--db-filename", str(file)] if file is not None else []
        start = [binary, "server", "start-dev", "--headless", "--port", str(self.port)]
        self._command = [*start, *kept, *names, *attributes]
        self.start()

    def start(self) -> None:
        """Begins, and waits until it answers."""
        self._process = subprocess.Popen(
            [*self._command, "--log-level", "never"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._wait()

    def kill(self) -> None:
        """Ends it as abruptly as a crash."""
        self._process.kill()
        self._process.wait()

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
        self._taken += 1
        assert self._taken <= self._namespaces, "a test takes more namespaces than there are"
        return f"test-{self._taken}"

    def renew(self) -> None:
        """Begins anew, with nothing in it, where few namespaces are left for the next test."""
        if self._taken > self._namespaces - ROOM:
            self.kill()
            self._taken = 0
            self.start()

    def stop(self) -> None:
        """Ends it."""
        self._process.terminate()
        self._process.wait(20)


def binary() -> str | None:
    """The `temporal` program, or None where there is none."""
    beside = Path(sys.executable).parent / "temporal"
    return shutil.which("temporal") or (str(beside) if beside.exists() else None)

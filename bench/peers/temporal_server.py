"""The dev server of Temporal on an SQLite file."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from . import Absent, installed


@contextlib.contextmanager
def dev_server() -> Iterator[str]:
    """Its address. Raises Absent."""
    beside = Path(sys.executable).parent / "temporal"
    binary = shutil.which("temporal") or (str(beside) if beside.exists() else None)
    if binary is None:
        raise Absent("the temporal binary is not installed")
    installed("temporalio")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        options = ["--headless", "--port", str(port), "--log-level", "never", "--db-filename", f"{folder}/temporal.db"]
        server = subprocess.Popen(
            [binary, "server", "start-dev", *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            _wait(port)
            yield f"127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(10)


def _wait(port: int) -> None:
    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise Absent("the dev server did not answer within 30 s")

"""`wippy run hello` from the shell to the prompt."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from .application import unit, write
from .row import Effort, Peer, Row

HELLO = """
local io = require("io")
return function() io.print("hello") end
"""


def _times(command: list[str], folder: str, count: int) -> float:
    """Median seconds after two runs that warm caches."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    times = []
    for _ in range(count + 2):
        begin = perf_counter()
        done = subprocess.run(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        times.append(perf_counter() - begin)
        assert done.returncode == 0, done.stderr
        assert done.stdout == "hello\n", done.stdout
    return statistics.median(times[2:])


def measure(effort: Effort) -> list[Row]:
    program = unit("process.lua", "hello", HELLO, "io")
    program["meta"] = {"command": {"name": "hello"}}
    terminal = {"name": "terminal", "kind": "terminal.host", "lifecycle": {"auto_start": True}}
    count = 10 if effort.rounds > 1 else 3
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), [terminal, program])
        ours = _times([sys.executable, "-m", "wippy", "run", "hello"], folder, count)
        bare = _times([sys.executable, "-c", "print('hello')"], folder, count)
        loop = _times(
            [sys.executable, "-c", "import asyncio; asyncio.run(asyncio.sleep(0)); print('hello')"], folder, 3
        )
    peers = [Peer("python -c print", bare), Peer("python with asyncio.run", loop)]
    return [Row("hello-world start-up", ours, "s", 0.3, peers)]

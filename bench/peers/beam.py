"""BEAM: compiles `processes.erl` and runs it."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from . import Absent, Figures, figures

SOURCE = Path(__file__).with_name("processes.erl")


def beam(rounds: int, turns: int, pairs: int, each: int, spawns: int, idle: int) -> Figures:
    """Figures `one` and `many` (messages/s), `spawn` (processes/s), `idle` (bytes of a process). Raises Absent."""
    erl, erlc = shutil.which("erl"), shutil.which("erlc")
    if erl is None or erlc is None:
        raise Absent("erl and erlc are not installed")
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([erlc, "-o", folder, str(SOURCE)], capture_output=True, text=True, check=False)
        if done.returncode:
            raise Absent(f"erlc failed: {(done.stdout or done.stderr).strip()[:200]}")
        numbers = [str(number) for number in (rounds, turns, pairs, each, spawns, idle)]
        return figures([erl, "-noshell", "+P", "1000000", "-pa", folder, "-run", "processes", "main", *numbers])

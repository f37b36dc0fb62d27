"""BEAM: compiles the programs beside this file and runs them."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from . import Absent, Figures, figures


def beam(rounds: int, turns: int, pairs: int, each: int, spawns: int, idle: int) -> Figures:
    """Figures `one` and `many` (messages/s), `spawn` (processes/s), `idle` (bytes of a process). Raises Absent."""
    return _program("processes", rounds, turns, pairs, each, spawns, idle)


def actors(rounds: int, senders: int, each: int, many: int) -> Figures:
    """Figures `fan_in` (messages/s), `million_seconds`, `million_bytes` (of a process). Raises Absent."""
    return _program("actors", rounds, senders, each, many)


def _program(name: str, *numbers: int) -> Figures:
    erl, erlc = shutil.which("erl"), shutil.which("erlc")
    if erl is None or erlc is None:
        raise Absent("erl and erlc are not installed")
    source = Path(__file__).with_name(f"{name}.erl")
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([erlc, "-o", folder, str(source)], capture_output=True, text=True, check=False)
        if done.returncode:
            raise Absent(f"erlc failed: {(done.stdout or done.stderr).strip()[:200]}")
        limits = ["-noshell", "+P", "2000000", "-pa", folder]
        return figures([erl, *limits, "-run", name, "main", *map(str, numbers)])

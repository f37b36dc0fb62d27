"""What wippy is measured against. Each peer runs in a process of its own and prints its figures as JSON."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys

Figures = dict[str, float | str]
LIMIT = 300.0
"""Seconds after which a peer is given up."""


class Absent(Exception):
    """A peer that cannot run here; the text says why."""


def installed(*packages: str) -> None:
    """Raises Absent unless all packages can be imported."""
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise Absent(f"not installed: {', '.join(missing)}")


def figures(command: list[str], folder: str | None = None) -> Figures:
    """Runs a command and reads the JSON object in its last line. Raises Absent."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, cwd=folder, check=False)
    except subprocess.TimeoutExpired:
        raise Absent(f"gave no figures within {LIMIT:g} s") from None
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        tail = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise Absent(f"failed: {' '.join(tail) or f'exit code {done.returncode}'}"[:200])
    return json.loads(lines[-1])


def python(peer: str, *arguments: object) -> Figures:
    """Runs the module `bench.peers.<peer>`. Raises Absent."""
    return figures([sys.executable, "-m", f"bench.peers.{peer}", *map(str, arguments)])

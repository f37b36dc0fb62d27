"""Workflows whose application is killed a thousand times: nothing is lost, changed or done twice."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from .row import Effort, Row

PROGRAM = Path(__file__).parents[1] / "tests" / "workflows_crash" / "episode.py"
KILLS = 1000


def measure(effort: Effort) -> list[Row]:
    kills = effort.of(KILLS)
    done = subprocess.run(
        [sys.executable, str(PROGRAM), "--kills", str(kills)], stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"what must hold after a crash did not:\n{done.stdout}")
    found = json.loads(done.stdout)
    note = f"{found['runs']:,} runs in {found['episodes']} applications, all ended right"
    return [Row(f"{found['kills']:,} kills of an application", found["seconds"], "s", note=note)]

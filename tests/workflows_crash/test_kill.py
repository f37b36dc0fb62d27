"""Workflows of all sorts in an application that is killed at random moments, while it boots and while it works."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

KILLS = 50


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the application is forked, so that it starts fast enough")
@pytest.mark.timeout(400)
def test_killed_fifty_times_no_run_token_or_effect_is_lost_or_doubled() -> None:
    program = Path(__file__).with_name("episode.py")
    done = subprocess.run(
        [sys.executable, str(program), "--kills", str(KILLS)], capture_output=True, text=True, check=False
    )
    print(done.stderr)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["kills"] == KILLS
    assert found["runs"] >= 20 * found["episodes"]

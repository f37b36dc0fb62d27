"""The terminal program among the examples."""

import shutil
import sys
from pathlib import Path

from terminal.screen import Screen

EXAMPLE = Path(__file__).parents[2] / "examples" / "counters"


def test_counters(tmp_path):
    folder = tmp_path / "counters"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns(".wippy"))
    with Screen(folder, "", words=[sys.executable, "-m", "wippy", "run", "counters"]) as screen:
        screen.until("3 counters")
        screen.send(b"+")
        screen.until("4 counters")
        screen.send(b" ")
        screen.until("\x1b[1;38;2;245;159;0m1\x1b[0m")
        screen.send(b"x")
        screen.until("3 counters")
        screen.send(b"-")
        screen.until("2 counters")
        screen.send(b"\x03")
        assert screen.end() == 0
        assert screen.as_before

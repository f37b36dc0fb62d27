from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "orders"
LOG = Path("data", "CDNOW_sample.txt")
OF_THE_RUN = ("seconds", "steps/second")


class Orders:
    """A copy of the example with the first customers of its data."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / LOG
        self._running: list[subprocess.Popen[str]] = []

    def keep_customers(self, count: int) -> None:
        """Cuts the purchase log to its first customers."""
        lines = self.log.read_text().splitlines(keepends=True)
        wanted = set(list(dict.fromkeys(line.split()[0] for line in lines))[:count])
        self.log.write_text("".join(line for line in lines if line.split()[0] in wanted))

    def start(self) -> subprocess.Popen[str]:
        """`wippy run orders` in a process of its own."""
        process = subprocess.Popen(
            [sys.executable, "-m", "wippy", "run", "orders"],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"NO_COLOR": "1"},
        )
        self._running.append(process)
        return process

    def run(self, timeout: float = 100) -> str:
        """Runs to the end; what it has printed."""
        process = self.start()
        out, errors = process.communicate(timeout=timeout)
        assert process.returncode == 0, errors + out
        return out

    def kill(self) -> None:
        for process in self._running:
            process.kill()
            process.communicate()


def summary(out: str) -> dict[str, str]:
    """The numbers of the summary, those of this run alone left out."""
    rows = [line.split() for line in out.splitlines() if not line.startswith(" ")]
    return {row[0]: row[1] for row in rows if row[0] not in OF_THE_RUN}


@pytest.fixture
def orders(tmp_path: Path) -> Iterator[Orders]:
    folder = tmp_path / "orders"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("var", ".wippy"))
    orders = Orders(folder)
    yield orders
    orders.kill()

"""A worker whose thread ends takes the application down with a message, instead of leaving everybody waiting."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import wippy.kernel.worker as worker
sound = worker.Worker._slice
def failing(self, items):
    if self.steps > 3:
        raise RuntimeError("broken on purpose")
    return sound(self, items)
worker.Worker._slice = failing
from wippy.cli.main import main
main()
"""

INDEX = """
namespace: app
entries:
  - {name: terminal, kind: terminal.host, lifecycle: {auto_start: true}}
  - name: waits
    kind: process.lua
    source: |
      return function()
        while true do coroutine.yield() end
      end
"""


def test_a_dead_worker_ends_the_application(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "_index.yaml").write_text(INDEX)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "run", "-x", "app:waits"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 1
    assert "Error: worker app:terminal/0 ended: RuntimeError: broken on purpose" in done.stderr

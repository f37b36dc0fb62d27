"""A worker whose thread ends by a fault of ours: the application says why and ends, and waits for nobody."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import threading
import wippy.kernel.worker as worker
sound = worker.Worker._slice
def failing(self, items):
    if self.name == "app:broken/0" and any(item[0] == "send" for item in items):
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
  - {name: broken, kind: process.host, host: {workers: 1}, lifecycle: {auto_start: true, stop_timeout: 10m}}
  - {name: sound, kind: process.host, host: {workers: 2}, lifecycle: {auto_start: true, stop_timeout: 10m}}
  - {name: deaf, kind: process.lua, source: "return function() channel.new():receive() end"}
  - {name: service, kind: process.service, process: "app:deaf", host: "app:broken",
     lifecycle: {auto_start: true, stop_timeout: 10m}}
  - name: main
    kind: process.lua
    modules: [io]
    source: |
      local io = require("io")
      return function()
        process.spawn("app:deaf", "app:sound")
        local pid = process.spawn_monitored("app:deaf", "app:broken")
        coroutine.spawn(function() process.send(pid, "break") end)
        local e
        repeat e = process.events():receive() until e.kind == process.event.EXIT -- the application cancels, too
        io.print(e.result.error:kind(), e.result.error:message())
        channel.new():receive()
      end
"""


def test_a_dead_worker_ends_its_processes_and_the_application(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "_index.yaml").write_text(INDEX)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "run", "-x", "app:main"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    text = "worker app:broken/0 ended: RuntimeError: broken on purpose"
    assert f"Error: {text}" in done.stderr
    assert done.stdout.split("\n")[0] == f"Internal\t{text}"

"""What a crash costs: open runs that sleep, histories that are replayed; and signals into one run."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from .application import Application, application, host, unit
from .row import Effort, Row
from .workflows import ADD, PROVIDER, WORKER

SLEEP = 'local time = require("time") return function() time.sleep("24h") end'
STEPS = """
local funcs, workflow = require("funcs"), require("workflow")
return function(count)
  local total = 0
  for i = 1, count do total = funcs.call("app:add", total, i) end
  return total
end
"""
COUNT = """
return function(count)
  local inbox, sum = process.inbox(), 0
  for _ = 1, count do sum = sum + inbox:receive():payload():data() end
  return sum
end
"""
BEGIN = """
return function(count)
  for _ = 1, count do assert(process.spawn("app:sleep", "app:worker")) end
end
"""
FOLLOW = """
return function(steps)
  local events = process.events()
  assert(process.with_options({["workflow.id"] = "followed"}):spawn_monitored("app:steps", "app:worker", steps))
  local event = events:receive()
  if event.result.error then return nil, event.result.error end
end
"""
SIGNAL = """
return function(count)
  local events = process.events()
  local pid = assert(process.spawn_monitored("app:count", "app:worker", count))
  local done = channel.new(count)
  for _ = 1, 100 do
    coroutine.spawn(function()
      for _ = 1, count // 100 do assert(process.send(pid, "n", 1)) end
      done:send(true)
    end)
  end
  for _ = 1, 100 do done:receive() end
  local event = events:receive()
  if event.result.error then return nil, event.result.error end
  if event.result.value ~= count then return nil, "signals are lost" end
end
"""
ENTRIES: list[dict[str, Any]] = [
    host(),
    WORKER,
    unit("function.lua", "add", ADD),
    unit("workflow.lua", "sleep", SLEEP, "time"),
    unit("workflow.lua", "steps", STEPS, "funcs", "workflow"),
    unit("workflow.lua", "count", COUNT),
    unit("process.lua", "begin", BEGIN),
    unit("process.lua", "follow", FOLLOW),
    unit("process.lua", "signal", SIGNAL),
]
RUNS, EVENTS, SIGNALS, PER_STEP = 10_000, 10_000, 10_000, 6
"""A step leaves six events: task scheduled, started, completed; activity scheduled, started, completed."""


def _memory() -> int:
    """Bytes that this process holds."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmRSS"))


def _node(app: Application) -> Any:
    return app.app.site.workflow_nodes["app:provider"]


def _open_runs(path: str, count: int) -> None:
    """Takes over a store in a process of its own; prints seconds and bytes that the open runs cost."""
    from wippy.workflows.sqlite.engine import Engine

    def nothing(*_: Any) -> None:
        raise AssertionError("all runs sleep")

    Engine(Path(path).with_name("empty.db"), nothing, nothing).stop()  # type: ignore[arg-type]
    gc.collect()
    before, begun = _memory(), time.perf_counter()
    engine = Engine(path, nothing, nothing)  # type: ignore[arg-type]
    engine.describe("none").exception()
    seconds = time.perf_counter() - begun
    figures = {"seconds": seconds, "bytes": _memory() - before, "open": len(engine._core.runs)}
    engine.stop()
    assert figures["open"] == count, figures
    print(json.dumps(figures))


def measure(effort: Effort) -> list[Row]:
    from wippy.workflows.replay import replay

    runs, steps, signals = effort.of(RUNS), effort.of(EVENTS) // PER_STEP, effort.of(SIGNALS) // 100 * 100
    with tempfile.TemporaryDirectory() as folder:
        provider = {**PROVIDER, "path": str(Path(folder) / "flows.db")}
        with application(*ENTRIES, provider) as app:
            app.run("begin", 10)
            before = _memory()
            app.run("begin", runs - 10)
            engine = _node(app).engine()
            slept = (engine.list(type="app:sleep", limit=1).result()[0])[0]
            while engine.describe(slept.workflow_id).result().history_length < 5:
                time.sleep(0.001)
            live = _memory() - before
            app.run("follow", steps)
            history = engine.history("followed").result()
            best = 0.0
            for _ in range(effort.rounds):
                begun = time.perf_counter()
                replay(history, _node(app).machine)
                best = max(best, len(history) / (time.perf_counter() - begun))
            begun = time.perf_counter()
            app.run("signal", signals)
            told = signals / (time.perf_counter() - begun)
            for one in Path(folder).glob("flows.db*"):  # as a kill leaves it
                one.with_name("k" + one.name).write_bytes(one.read_bytes())
        Path(folder, "kflows.db-shm").unlink(missing_ok=True)
        command = [sys.executable, "-m", "bench.recovery", str(Path(folder) / "kflows.db"), str(runs)]
        found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return [
        Row(f"{runs:,} open sleeping runs: ready after a crash", found["seconds"], "s", 5),
        Row(
            f"{runs:,} open sleeping runs: memory after a crash", found["bytes"], "bytes", note="before their code runs"
        ),
        Row(f"{runs:,} open sleeping runs: memory as they start", live, "bytes", note="1,000 instances kept"),
        Row(f"replay of a history of {len(history):,} events", best, "events/s", 50_000),
        Row("signals into one run, each stored before it is answered", told, "signals/s"),
    ]


if __name__ == "__main__":
    _open_runs(sys.argv[1], int(sys.argv[2]))

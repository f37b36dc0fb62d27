"""A program of its own for the crash test: scripted runs that write each step into a ledger.

`python ledger_app.py <folder> <runs> <steps>`: starts the runs that are missing, works until all are closed, prints
`done`. May be killed at any moment and started again.
"""

from __future__ import annotations

import sqlite3
import sys
import threading
from pathlib import Path
from queue import SimpleQueue

from wippy.workflows import commands as cmd
from wippy.workflows import jobs
from wippy.workflows.machine_api import RunInfo
from wippy.workflows.options import ReusePolicy, WorkflowOptions
from wippy.workflows.payload import JSON, Payload
from wippy.workflows.provider import StartRequest
from wippy.workflows.sqlite.engine import Engine


class Steps:
    """Activities with a short sleep between them; the result is the number of answers."""

    def __init__(self, info: RunInfo, steps: int) -> None:
        self.info = info
        self.total = steps
        self.step = 0
        self.id = 0

    def activate(self, activation: jobs.Activation) -> list[cmd.Command]:
        if len(activation.jobs) != 1:
            raise RuntimeError(f"one job expected, not {activation.jobs}")
        self.id += 1
        if isinstance(activation.jobs[0], (jobs.Start, jobs.TimerFired)):
            if self.step == self.total:
                return [cmd.Complete(Payload(JSON, str(self.step).encode()))]
            self.step += 1
            name = f"{self.info.workflow_id}/{self.step}".encode()
            return [cmd.ScheduleActivity(self.id, "ledger", [Payload(JSON, name)])]
        return [cmd.StartTimer(self.id, 1_000_000)]

    def close(self) -> None:
        pass


def main(folder: Path, runs: int, steps: int) -> None:
    tasks: SimpleQueue = SimpleQueue()
    engine = Engine(folder / "runs.db", lambda info: Steps(info, steps), tasks.put)

    def work() -> None:
        ledger = sqlite3.connect(folder / "ledger.db", isolation_level=None)
        ledger.execute("PRAGMA journal_mode=WAL")
        ledger.execute("CREATE TABLE IF NOT EXISTS step (key TEXT PRIMARY KEY, name TEXT, times INTEGER)")
        while (task := tasks.get()) is not None:
            ledger.execute(
                "INSERT INTO step VALUES (?,?,1) ON CONFLICT (key) DO UPDATE SET times=times+1",
                (task.key, task.args[0].data.decode()),
            )
            engine.activity_done(task.token)

    threading.Thread(target=work, daemon=True).start()
    ended = threading.Semaphore(0)
    for n in range(runs):
        engine.start(
            StartRequest("steps", "q", options=WorkflowOptions(id=f"r{n}", reuse=ReusePolicy.REJECT_DUPLICATE))
        ).result()
        engine.watch(f"r{n}", None, lambda result: ended.release())
    print("started", flush=True)
    for _ in range(runs):
        ended.acquire()
    engine.stop()
    print("done", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))

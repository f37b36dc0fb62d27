"""Durable steps per second of the embedded provider: `python tests/workflows/steps_per_second.py [steps] [runs]`.

The machine is a trivial one; activities are answered at once from another thread.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from pathlib import Path
from queue import SimpleQueue

from wippy.workflows import commands as cmd
from wippy.workflows import jobs
from wippy.workflows.options import WorkflowOptions
from wippy.workflows.payload import JSON, Payload
from wippy.workflows.provider import StartRequest
from wippy.workflows.sqlite.engine import Engine

VALUE = Payload(JSON, b'{"sku":"a-1","count":3}')


class Steps:
    """Calls one activity after another."""

    def __init__(self, steps: int) -> None:
        self.left = steps
        self.id = 0

    def activate(self, activation: jobs.Activation) -> list[cmd.Command]:
        if self.left == 0:
            return [cmd.Complete(VALUE)]
        self.left -= 1
        self.id += 1
        return [cmd.ScheduleActivity(self.id, "app:step", [VALUE])]

    def close(self) -> None:
        pass


def measure(steps: int, runs: int) -> float:
    tasks: SimpleQueue = SimpleQueue()
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(Path(folder) / "s.db", lambda info: Steps(steps), tasks.put)

        def work() -> None:
            while (task := tasks.get()) is not None:
                engine.activity_done(task.token, VALUE)

        worker = threading.Thread(target=work)
        worker.start()
        done = threading.Semaphore(0)
        begin = time.perf_counter()
        for n in range(runs):
            engine.watch(f"w{n}", None, lambda result: None)
            engine.start(StartRequest("app:w", "q", [VALUE], WorkflowOptions(id=f"w{n}"))).result()
            engine.watch(f"w{n}", None, lambda result: done.release())
        for _ in range(runs):
            done.acquire()
        seconds = time.perf_counter() - begin
        tasks.put(None)
        worker.join()
        engine.stop()
    return steps * runs / seconds


if __name__ == "__main__":
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 100
    sys.setswitchinterval(0.0005)
    print(f"1 run: {measure(steps, 1):,.0f} steps/s")
    print(f"{runs} runs: {measure(max(steps // 20, 1), runs):,.0f} steps/s")

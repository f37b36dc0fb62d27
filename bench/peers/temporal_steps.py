"""The dev server of Temporal on an SQLite file. Arguments: rounds, steps of one run, runs, steps of each run."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from time import perf_counter

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import Worker

QUEUE = "bench"


@activity.defn
async def add(a: int, b: int) -> int:
    return a + b


@workflow.defn
class Count:
    @workflow.run
    async def run(self, steps: int) -> int:
        total = 0
        for number in range(steps):
            total = await workflow.execute_activity(
                add, args=[total, number], start_to_close_timeout=timedelta(seconds=30)
            )
        return total


async def _client(port: int) -> Client:
    for _ in range(300):
        try:
            return await Client.connect(f"127.0.0.1:{port}")
        except RuntimeError:
            await asyncio.sleep(0.1)
    raise SystemExit("the dev server did not answer within 30 s")


async def _measure(port: int, rounds: int, steps: int, runs: int, each: int) -> dict[str, float]:
    client = await _client(port)
    numbers = iter(range(10**9))

    async def count(steps: int) -> None:
        await client.execute_workflow(Count.run, steps, id=f"count-{next(numbers)}", task_queue=QUEUE)

    async def many(runs: int, steps: int) -> float:
        begin = perf_counter()
        await asyncio.gather(*(count(steps) for _ in range(runs)))
        return runs * steps / (perf_counter() - begin)

    async with Worker(client, task_queue=QUEUE, workflows=[Count], activities=[add]):
        await many(1, 10)
        return {
            "one": max([await many(1, steps) for _ in range(rounds)]),
            "many": max([await many(runs, each) for _ in range(rounds)]),
        }


def main(rounds: int, steps: int, runs: int, each: int) -> None:
    binary = shutil.which("temporal") or str(Path(sys.executable).parent / "temporal")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        options = ["--headless", "--port", str(port), "--log-level", "never", "--db-filename", f"{folder}/temporal.db"]
        server = subprocess.Popen(
            [binary, "server", "start-dev", *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            print(json.dumps(asyncio.run(_measure(port, rounds, steps, runs, each))), flush=True)
        finally:
            server.terminate()
            server.wait(10)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

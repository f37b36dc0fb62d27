"""Temporal's SDK for Python. Arguments: address of a server, rounds, steps of one run, runs, steps of each run."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import timedelta
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


async def _measure(address: str, rounds: int, steps: int, runs: int, each: int) -> dict[str, float]:
    client = await Client.connect(address)
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


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_measure(sys.argv[1], *map(int, sys.argv[2:])))), flush=True)

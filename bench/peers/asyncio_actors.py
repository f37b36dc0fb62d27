"""asyncio and threads. Arguments: rounds, senders, messages of each, selects, turns, pending timers, probes."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from queue import SimpleQueue
from time import perf_counter


async def _fan_in(senders: int, each: int) -> float:
    inbox: asyncio.Queue = asyncio.Queue()

    async def send() -> None:
        for number in range(each):
            await inbox.put(number)

    begin = perf_counter()
    tasks = [asyncio.create_task(send()) for _ in range(senders)]
    for _ in range(senders * each):
        await inbox.get()
    took = perf_counter() - begin
    await asyncio.gather(*tasks)
    return senders * each / took


async def _select(turns: int) -> float:
    queues: list[asyncio.Queue] = [asyncio.Queue(1) for _ in range(10)]

    async def send(queue: asyncio.Queue) -> None:
        for number in range(turns // 10):
            await queue.put(number)

    senders = [asyncio.create_task(send(queue)) for queue in queues]
    begin = perf_counter()
    waiting = {asyncio.ensure_future(queue.get()): queue for queue in queues}
    left = turns // 10 * 10
    while left:
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for one in done:
            queue = waiting.pop(one)
            left -= 1
            waiting[asyncio.ensure_future(queue.get())] = queue
    took = perf_counter() - begin
    for one in waiting:
        one.cancel()
    await asyncio.gather(*senders)
    return turns / took


def _threads(turns: int) -> float:
    there: SimpleQueue = SimpleQueue()
    back: SimpleQueue = SimpleQueue()

    def pong() -> None:
        while (number := there.get()) is not None:
            back.put(number + 1)

    thread = threading.Thread(target=pong)
    thread.start()
    begin = perf_counter()
    for number in range(turns):
        there.put(number)
        back.get()
    took = perf_counter() - begin
    there.put(None)
    thread.join()
    return 2 * turns / took


async def _late(pending: int, probes: int) -> float:
    """Seconds by which timers fire too late, the 99th of a hundred."""
    loop = asyncio.get_running_loop()
    kept = [loop.call_later(3600, print) for _ in range(pending)]
    late: list[float] = []

    async def probe(ms: int) -> None:
        begin = perf_counter()
        await asyncio.sleep(ms / 1000)
        late.append(perf_counter() - begin - ms / 1000)

    await asyncio.gather(*(probe(number % 50 + 1) for number in range(1, probes + 1)))
    for one in kept:
        one.cancel()
    return sorted(late)[probes * 99 // 100 - 1]


def main(rounds: int, senders: int, each: int, selects: int, turns: int, pending: int, probes: int) -> None:
    asyncio.run(_fan_in(senders, 10))
    print(
        json.dumps(
            {
                "fan_in": max(asyncio.run(_fan_in(senders, each)) for _ in range(rounds)),
                "select": max(asyncio.run(_select(selects)) for _ in range(rounds)),
                "threads": max(_threads(turns) for _ in range(rounds)),
                "late": min(asyncio.run(_late(pending, probes)) for _ in range(rounds)),
            }
        )
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

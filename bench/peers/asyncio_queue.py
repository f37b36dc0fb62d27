"""asyncio: two tasks and two queues for each pair. Arguments: rounds, turns of one pair, pairs, turns of each."""

from __future__ import annotations

import asyncio
import json
import sys
from time import perf_counter


async def _pong(inbox: asyncio.Queue, out: asyncio.Queue) -> None:
    while (number := await inbox.get()) is not None:
        await out.put(number + 1)


async def _ping(turns: int) -> None:
    there: asyncio.Queue = asyncio.Queue()
    back: asyncio.Queue = asyncio.Queue()
    pong = asyncio.create_task(_pong(there, back))
    for number in range(turns):
        await there.put(number)
        await back.get()
    await there.put(None)
    await pong


async def _pairs(pairs: int, turns: int) -> float:
    begin = perf_counter()
    await asyncio.gather(*(_ping(turns) for _ in range(pairs)))
    return 2 * pairs * turns / (perf_counter() - begin)


def main(rounds: int, turns: int, pairs: int, each: int) -> None:
    asyncio.run(_pairs(1, turns // 10))
    print(
        json.dumps(
            {
                "one": max(asyncio.run(_pairs(1, turns)) for _ in range(rounds)),
                "many": max(asyncio.run(_pairs(pairs, each)) for _ in range(rounds)),
            }
        )
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

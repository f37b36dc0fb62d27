"""pykka: two threading actors for each pair. Arguments: rounds, turns of one pair, pairs, turns of each."""

from __future__ import annotations

import json
import sys
import threading
from time import perf_counter
from typing import Any

import pykka


class Pong(pykka.ThreadingActor):
    def on_receive(self, message: Any) -> None:
        sender, number = message
        sender.tell((self.actor_ref, number + 1))


class Ping(pykka.ThreadingActor):
    def __init__(self, turns: int, done: threading.Semaphore) -> None:
        super().__init__()
        self.turns = turns
        self.done = done

    def on_receive(self, message: Any) -> None:
        other, _ = message
        if self.turns == 0:
            self.done.release()
            return
        self.turns -= 1
        other.tell((self.actor_ref, self.turns))


def _pairs(pairs: int, turns: int) -> float:
    done = threading.Semaphore(0)
    begin = perf_counter()
    for _ in range(pairs):
        Ping.start(turns, done).tell((Pong.start(), 0))
    for _ in range(pairs):
        done.acquire()
    seconds = perf_counter() - begin
    pykka.ActorRegistry.stop_all()
    return 2 * pairs * turns / seconds


def main(rounds: int, turns: int, pairs: int, each: int) -> None:
    threading.stack_size(256 * 1024)
    _pairs(1, turns // 10)
    print(
        json.dumps(
            {
                "one": max(_pairs(1, turns) for _ in range(rounds)),
                "many": max(_pairs(pairs, each) for _ in range(rounds)),
            }
        )
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

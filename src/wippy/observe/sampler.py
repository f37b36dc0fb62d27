"""Thinning of repeated log lines."""

from __future__ import annotations

from .record import Record

FIRST = 100
THEN_EVERY = 100
SECOND = 1_000_000_000


class Sampler:
    """Lets the first 100 identical lines (level and message) of a second pass, then every 100th.

    Not thread-safe: the log calls it under its own lock.
    """

    def __init__(self) -> None:
        self._second = -1
        self._seen: dict[tuple[int, str], int] = {}

    def passes(self, record: Record) -> bool:
        second = record.time_ns // SECOND
        if second != self._second:
            self._second = second
            self._seen.clear()
        key = (record.level, record.message)
        count = self._seen.get(key, 0) + 1
        self._seen[key] = count
        return count <= FIRST or (count - FIRST) % THEN_EVERY == 0

"""Everything that becomes due: one heap, one due time per key."""

from __future__ import annotations

import heapq
from typing import Any

Key = tuple[str, Any, int]


class Deadlines:
    """Keys with their due times, in nanoseconds. Setting a key again moves it.

    Of keys due at the same time the smaller comes first, so that the order is the same after a restart.
    """

    __slots__ = ("_due", "_heap")

    def __init__(self) -> None:
        self._due: dict[Key, int] = {}
        self._heap: list[tuple[int, Key]] = []

    def set(self, key: Key, due: int) -> None:
        self._due[key] = due
        heapq.heappush(self._heap, (due, key))
        if len(self._heap) > 2 * len(self._due) + 256:
            self._heap = sorted((due, key) for key, due in self._due.items())

    def drop(self, key: Key) -> None:
        self._due.pop(key, None)

    def forget(self, runs: set[int]) -> None:
        """Drop all keys of these runs."""
        for key in [key for key in self._due if key[1] in runs]:
            del self._due[key]

    def next(self) -> int | None:
        """When the first key is due, or None."""
        heap, due = self._heap, self._due
        while heap:
            when, key = heap[0]
            if due.get(key) == when:
                return when
            heapq.heappop(heap)
        return None

    def pop(self, now: int) -> Key | None:
        """Take a key that is due at `now`, the earliest first."""
        when = self.next()
        if when is None or when > now:
            return None
        key = heapq.heappop(self._heap)[1]
        del self._due[key]
        return key

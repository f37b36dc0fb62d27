"""Compiled programs by their source."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

CAPACITY = 256

Compiled = tuple[bytes, bytes]
"""Text for the VM, packed types."""


class CompiledCache:
    """The programs used last. Thread-safe.

    Args:
        capacity: how many are kept; 0 keeps none.
        ttl: seconds after which one is compiled anew; 0 for never.
        clock: gives seconds.
    """

    def __init__(self, capacity: int = CAPACITY, ttl: float = 0, clock: Callable[[], float] = time.monotonic) -> None:
        self._capacity = capacity
        self._ttl = ttl
        self._clock = clock
        self._kept: OrderedDict[bytes, tuple[float, Compiled]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def compiled(self, source: bytes, compile_: Callable[[bytes], Compiled]) -> Compiled:
        """The compiled form of a source; `compile_` makes it where there is none. Raises what that raises."""
        with self._lock:
            found = self._kept.get(source)
            if found is not None and (not self._ttl or self._clock() - found[0] < self._ttl):
                self._kept.move_to_end(source)
                return found[1]
        made = compile_(source)
        with self._lock:
            self._kept[source] = (self._clock(), made)
            self._kept.move_to_end(source)
            while len(self._kept) > self._capacity:
                self._kept.popitem(last=False)
        return made

"""Objects that Python holds for Lua code: by number, with an owner, closed in reverse order when the owner ends."""

from __future__ import annotations

import itertools
import threading
from typing import Any


class Handles:
    """A thread-safe table of objects, each owned by the unit (PID) that acquired it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._objects: dict[int, tuple[str, Any]] = {}
        self._owned: dict[str, dict[int, None]] = {}

    def add(self, owner: str, held: Any) -> int:
        """Keeps `held` until its owner ends or `drop`; returns its number."""
        number = next(self._numbers)
        with self._lock:
            self._objects[number] = (owner, held)
            self._owned.setdefault(owner, {})[number] = None
        return number

    def get(self, number: int) -> Any:
        """The object, or None when its owner has ended."""
        found = self._objects.get(number)
        return found and found[1]

    def drop(self, owner: str, held: Any) -> None:
        """Forgets an object that its owner has closed."""
        with self._lock:
            for number in [n for n in self._owned.get(owner, ()) if self._objects[n][1] is held]:
                self._take(number)

    def close(self, number: int) -> None:
        """Closes one object before its owner ends; nothing for an unknown number. Raises what its `close` raises."""
        with self._lock:
            held = self._take(number)
        close = getattr(held, "close", None)
        if close is not None:
            close()

    def release(self, owner: str, *, upgrade: bool = False) -> list[BaseException]:
        """Closes what the owner still holds, the last acquired first. Returns what went wrong; never raises.

        Args:
            upgrade: the owner goes on with new code and keeps objects with a true attribute `survives_upgrade`.
        """
        if owner not in self._owned:
            return []
        with self._lock:
            numbers = [
                number
                for number in reversed(self._owned.get(owner, {}))
                if not (upgrade and getattr(self._objects[number][1], "survives_upgrade", False))
            ]
            held = [self._take(number) for number in numbers]
        failures: list[BaseException] = []
        for one in held:
            close = getattr(one, "close", None)
            if close is None:
                continue
            try:
                close()
            except Exception as error:
                failures.append(error)
        return failures

    def count(self, owner: str | None = None) -> int:
        """How many objects are held, by one owner or at all."""
        with self._lock:
            return len(self._objects) if owner is None else len(self._owned.get(owner, ()))

    def _take(self, number: int) -> Any:
        owner, held = self._objects.pop(number, (None, None))
        if owner is not None:
            numbers = self._owned[owner]
            del numbers[number]
            if not numbers:
                del self._owned[owner]
        return held

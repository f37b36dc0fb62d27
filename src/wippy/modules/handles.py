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
        self._objects: dict[int, Any] = {}
        self._owned: dict[str, dict[int, None]] = {}

    def add(self, owner: str, held: Any) -> int:
        """Keeps `held` until its owner ends or `drop`; returns its number."""
        number = next(self._numbers)
        with self._lock:
            self._objects[number] = held
            self._owned.setdefault(owner, {})[number] = None
        return number

    def get(self, number: int) -> Any:
        """The object, or None when its owner has ended."""
        return self._objects.get(number)

    def drop(self, owner: str, held: Any) -> None:
        """Forgets an object that its owner has closed."""
        with self._lock:
            numbers = self._owned.get(owner, {})
            for number in [number for number in numbers if self._objects[number] is held]:
                del numbers[number], self._objects[number]

    def release(self, owner: str, *, upgrade: bool = False) -> list[BaseException]:
        """Closes what the owner still holds, the last acquired first. Returns what went wrong; never raises.

        Args:
            upgrade: the owner goes on with new code and keeps objects with a true attribute `survives_upgrade`.
        """
        if owner not in self._owned:
            return []
        with self._lock:
            numbers = self._owned.pop(owner, {})
            if upgrade:
                kept = {n: None for n in numbers if getattr(self._objects[n], "survives_upgrade", False)}
                if kept:
                    self._owned[owner] = kept
                    numbers = {n: None for n in numbers if n not in kept}
            held = [self._objects.pop(number) for number in reversed(numbers)]
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

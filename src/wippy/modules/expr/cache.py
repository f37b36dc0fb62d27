"""Compiled expressions by their text."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

from wippy.expression import Program, compile_program

CAPACITY = 1000


class ProgramCache:
    """The programs used last. Thread-safe.

    Args:
        capacity: how many are kept; 0 keeps none.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.capacity = capacity
        self._programs: OrderedDict[str, Program] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._programs)

    def program(self, text: str, variables: dict[str, Any] | None = None) -> Program:
        """The program of a text; with `variables` it is checked against them, which takes a compilation.

        Raises:
            Fault: as `compile_program`.
        """
        if variables is None:
            with self._lock:
                found = self._programs.get(text)
                if found is not None:
                    self._programs.move_to_end(text)
                    return found
        made = compile_program(text, variables)
        with self._lock:
            self._programs[text] = made
            self._programs.move_to_end(text)
            while len(self._programs) > self.capacity:
                self._programs.popitem(last=False)
        return made

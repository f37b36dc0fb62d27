"""Room for what enters a VM that has a memory limit.

Values come in where Lua has nobody to raise an error to: where one does not fit, Lua aborts the program or leaves the
thread hanging. So the limit is lifted as far as the value needs, and comes back when the call into the VM is over.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from wippy.errors import LIMIT_EXCEEDED
from wippy.kernel import codec

UNLIMITED = 1 << 60
SLACK = 8192
"""Bytes that a call itself needs: its stack, the headers of its values."""
TEXT = "memory limit of the host exceeded: not enough memory"


class Room:
    """The memory limit of one VM.

    Args:
        runtime: the Lua runtime.
        limit: bytes; UNLIMITED while the kernel is loaded.
    """

    __slots__ = ("_lifted", "_runtime", "limit")

    def __init__(self, runtime: Any, limit: int) -> None:
        self._runtime = runtime
        self._lifted = False
        self.limit = limit

    def make(self, size: int) -> None:
        """Lifts the limit where `size` bytes would not fit."""
        need = self._runtime.get_memory_used() + size + SLACK
        if need > self.limit:
            self._runtime.set_max_memory(need)
            self._lifted = True

    def restore(self) -> None:
        """The limit is what it was: until memory is given back, whatever wants more fails in Lua."""
        if self._lifted:
            self._runtime.set_max_memory(self.limit)
            self._lifted = False

    def change(self, limit: int) -> None:
        self.limit = limit
        self._lifted = False
        self._runtime.set_max_memory(limit)

    def entry(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A Lua function as Python calls it."""

        def call(*args: Any) -> Any:
            self.make(size_of(args))
            try:
                return function(*args)
            finally:
                self.restore()

        return call

    def exit(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """A host function as Lua calls it. A result that is far too large is refused."""

        def call(*args: Any) -> Any:
            result = function(*args)
            size = size_of(result)
            if self._runtime.get_memory_used() + size > self.limit * 5 // 4:
                result = refusal() if name == "module_call" else None
                size = size_of(result)
            self.make(size)
            return result

        return call


def size_of(value: Any) -> int:
    """Bytes of the texts in a value or a tuple of values."""
    if isinstance(value, bytes):
        return len(value)
    if isinstance(value, tuple):
        return sum(len(one) for one in value if isinstance(one, bytes))
    return 0


@functools.cache
def refusal() -> tuple[int, bytes]:
    """The answer of a module function whose result does not fit."""
    return 1, codec.pack([codec.ErrorValue(LIMIT_EXCEEDED, TEXT, None)])

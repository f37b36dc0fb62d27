"""What travels with a call: actor, scope and values."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

import msgspec

from wippy.kernel import codec


class Frame(msgspec.Struct, frozen=True):
    """The context of a unit.

    Attributes:
        actor: `{"id": ..., "meta": {...}}` or None.
        scope: number of a scope in `Scopes`, or None.
        values: context values by name.
    """

    actor: dict[str, Any] | None = None
    scope: int | None = None
    values: dict[str, Any] | None = None

    def blob(self) -> bytes:
        """The form in which Lua code carries it."""
        if self.actor is None and self.scope is None and not self.values:
            return b""
        return codec.pack([self.actor, self.scope, self.values])


NO_FRAME = Frame()


@functools.lru_cache(maxsize=4096)
def _decode(blob: bytes) -> Frame:
    return Frame(*codec.unpack(blob))


def frame_of(blob: bytes | str | None) -> Frame:
    """The frame of `Frame.blob`."""
    if not blob:
        return NO_FRAME
    return _decode(blob.encode() if isinstance(blob, str) else blob)


class Scopes:
    """Scopes by number, so that VMs can carry them as an integer; equal scopes get one number. Thread-safe.

    Args:
        build: the scope of those of the policies (IDs) that exist, None if none does.
    """

    def __init__(self, build: Callable[[list[str]], Any] = lambda policies: None) -> None:
        self._lock = threading.Lock()
        self._numbers: dict[Any, int] = {}
        self._scopes: list[Any] = []
        self._build = build

    def number(self, scope: Any) -> int:
        """The number of a scope (hashable)."""
        with self._lock:
            found = self._numbers.get(scope)
            if found is None:
                found = len(self._scopes)
                self._scopes.append(scope)
                self._numbers[scope] = found
            return found

    def rebuild(self, policies: list[str]) -> int | None:
        """The number of the scope of those policies that exist here; None if none does."""
        scope = self._build(policies) if policies else None
        return None if scope is None else self.number(scope)

    def get(self, number: int) -> Any:
        """The scope of a number."""
        return self._scopes[number]

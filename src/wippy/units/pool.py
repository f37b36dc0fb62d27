"""How many calls of a function run at a time, and where."""

from __future__ import annotations

import msgspec

from wippy.errors import INVALID, WippyError

TYPES = ("inline", "static", "lazy", "adaptive")


class Pool(msgspec.Struct, frozen=True):
    """The pool of a function.

    Attributes:
        limit: calls that run at a time.
        pinned: all calls run in one VM, so that the limit holds for the whole application; else it holds for each VM
            and a call runs in the VM of its caller.
    """

    limit: int = 100
    pinned: bool = False


class PoolConfig(msgspec.Struct):
    """The `pool` block of a function entry."""

    type: str = ""
    size: int = 0
    workers: int = 0
    buffer: int = 0
    max_size: int = 0
    warm_start: bool = False

    def pool(self) -> Pool:
        """The pool that the block asks for. Raises WippyError: INVALID."""
        if self.type and self.type not in TYPES:
            raise WippyError(INVALID, f"unknown pool type: {self.type} (known: {', '.join(TYPES)})")
        if self.size < 0:
            raise WippyError(INVALID, "pool.size must be greater than 0 for non-flex pools")
        if self.type == "inline":
            return Pool(1, True)
        if self.type == "static":
            return Pool(self.workers or self.size or 8, True)
        if self.type in ("lazy", "adaptive"):
            return Pool(self.max_size or 16)
        if self.workers > 0:
            return Pool(self.workers, True)
        if self.size > 0 and not self.max_size:
            return Pool(1, True)
        return Pool(self.max_size or 100)

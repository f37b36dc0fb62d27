"""What can be supervised."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from ..registry.entry import ID

Ended = Callable[[BaseException | None], None]
"""Tells the supervisor that the service has ended by itself: None for a normal exit, else the error."""


class Service(Protocol):
    """Something that runs until it is stopped, ends or fails. All calls come on the supervisor's event loop."""

    async def start(self, ended: Ended) -> str | None:
        """Returns once the service runs, with details to show or None.

        Cancelled when it takes longer than `start_timeout` or when a stop is asked for; it then leaves
        nothing behind.

        Args:
            ended: to be called once if this run ends without being stopped, from any thread, also before
                `start` has returned. Whether an error is retried follows `is_terminal`.

        Raises:
            Exception: the start failed.
        """
        ...

    async def stop(self) -> None:
        """Ends the run gracefully; returns when it has ended. Cancelled after `stop_timeout`."""
        ...


class RestartBlock(Protocol):
    """`lifecycle.restart`; delays in nanoseconds."""

    @property
    def initial_delay(self) -> int: ...
    @property
    def max_delay(self) -> int: ...
    @property
    def backoff_factor(self) -> float: ...
    @property
    def jitter(self) -> float: ...
    @property
    def max_attempts(self) -> int: ...


class LifecycleBlock(Protocol):
    """`lifecycle` of an entry; durations in nanoseconds."""

    @property
    def auto_start(self) -> bool: ...
    @property
    def startup(self) -> str: ...
    @property
    def start_timeout(self) -> int: ...
    @property
    def stop_timeout(self) -> int: ...
    @property
    def stable_threshold(self) -> int: ...
    @property
    def restart(self) -> RestartBlock: ...
    def dependencies(self, ns: str) -> Iterable[ID]: ...

"""Whether and when a failed service is started again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..errors import CANCELED, WippyError
from .service import RestartBlock


def is_terminal(error: BaseException) -> bool:
    """Whether an error ends a service for good: a cancellation, or an error that says it is not retryable."""
    if isinstance(error, asyncio.CancelledError):
        return True
    return isinstance(error, WippyError) and (error.retryable is False or error.kind == CANCELED)


def failures_after(count: int, ran_ns: int, stable_ns: int) -> int:
    """The failure counter after one more failure: it begins anew when the run was stable."""
    return 1 if ran_ns >= stable_ns else count + 1


def may_restart(failures: int, max_attempts: int) -> bool:
    """Whether another run is allowed; `max_attempts` runs in all, 0 = unlimited."""
    return max_attempts == 0 or failures < max_attempts


def delay_ns(failures: int, block: RestartBlock, draw: Callable[[], float]) -> int:
    """Wait before the restart after so many failures in a row: growing, capped, jittered.

    Args:
        failures: at least 1.
        block: `lifecycle.restart`.
        draw: a random number in [0, 1).
    """
    try:
        base = min(block.initial_delay * block.backoff_factor ** (failures - 1), block.max_delay)
    except OverflowError:
        base = block.max_delay
    return max(0, round(base + (2 * draw() - 1) * block.jitter * base))

"""When to try again."""

from __future__ import annotations

from wippy.workflows.failure import Failure
from wippy.workflows.options import SECOND, RetryPolicy

TASK_BACKOFF_LIMIT = 600 * SECOND

_LONGEST = 100 * 366 * 24 * 3600 * SECOND
"""A hundred years: clocks are 64 bits wide."""


def delay(policy: RetryPolicy, attempt: int) -> int:
    """Nanoseconds between the end of attempt number `attempt` (from 1) and the start of the next."""
    limit = min(policy.maximum_ns or 100 * policy.initial_ns, _LONGEST)
    try:
        pause = policy.initial_ns * max(policy.coefficient, 1.0) ** (attempt - 1)
    except OverflowError:
        return limit
    return int(min(pause, limit))


def allows(policy: RetryPolicy, failure: Failure) -> bool:
    """Whether this failure may be tried again at all."""
    return failure.retryable is not False and (failure.kind or "Internal") not in policy.non_retryable


def attempts_left(policy: RetryPolicy, attempt: int) -> bool:
    return not policy.maximum_attempts or attempt < policy.maximum_attempts


def task_delay(attempt: int) -> int:
    """Pause before try number `attempt` of a workflow task: the second comes at once, then 1 s, 2 s, … 10 min."""
    if attempt <= 2:
        return 0
    return min(SECOND << min(attempt - 3, 20), TASK_BACKOFF_LIMIT)

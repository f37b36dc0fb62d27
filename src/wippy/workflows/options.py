"""What can be set about a workflow, a child and an activity. All durations are nanoseconds; 0 means not set."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import msgspec

SECOND = 1_000_000_000
DEFAULT_START_TO_CLOSE = 600 * SECOND
DEFAULT_TASK_TIMEOUT = 10 * SECOND


class ConflictPolicy(IntEnum):
    """What to do when a run with the same workflow ID is open."""

    UNSET = 0
    FAIL = 1
    USE_EXISTING = 2
    TERMINATE_EXISTING = 3


class ReusePolicy(IntEnum):
    """What to do when the last run with the same workflow ID is closed."""

    UNSET = 0
    ALLOW_DUPLICATE = 1
    ALLOW_DUPLICATE_FAILED_ONLY = 2
    REJECT_DUPLICATE = 3
    TERMINATE_IF_RUNNING = 4


class ParentClosePolicy(IntEnum):
    """What happens to an open child when a run of its parent closes."""

    TERMINATE = 1
    ABANDON = 2
    REQUEST_CANCEL = 3


class RetryPolicy(msgspec.Struct, array_like=True, frozen=True):
    """Attributes:
    initial_ns: pause after the first attempt.
    coefficient: factor between pauses, >= 1.
    maximum_ns: longest pause; 0 = 100 x initial.
    maximum_attempts: 0 = unlimited, 1 = no retry.
    non_retryable: error kinds that end the retries.
    """

    initial_ns: int = SECOND
    coefficient: float = 2.0
    maximum_ns: int = 0
    maximum_attempts: int = 0
    non_retryable: list[str] = []


class Priority(msgspec.Struct, array_like=True, frozen=True):
    """Whose turn it is on a task queue of a Temporal server. Attributes:
    key: 1 comes before 2 and so on; 0 = the server's default.
    fairness_key: tasks of different keys take turns.
    fairness_weight: share of the turns of a key; 0 = 1.
    """

    key: int = 0
    fairness_key: str = ""
    fairness_weight: float = 0.0


class VersionOverride(msgspec.Struct, array_like=True, frozen=True):
    """The worker deployment that a run on a Temporal server stays with; without a build it takes the newest ones."""

    deployment: str = ""
    build_id: str = ""


class ActivityOptions(msgspec.Struct, array_like=True, frozen=True):
    """Options of one activity call; `queue` "" = the run's own queue, `id` "" = the command's number."""

    start_to_close_ns: int = DEFAULT_START_TO_CLOSE
    schedule_to_close_ns: int = 0
    schedule_to_start_ns: int = 0
    heartbeat_ns: int = 0
    retry: RetryPolicy = RetryPolicy()
    queue: str = ""
    id: str = ""
    summary: str = ""
    priority: Priority | None = None


class WorkflowOptions(msgspec.Struct, array_like=True, frozen=True):
    """Options of a start or of a child.

    Attributes:
        id: workflow ID; "" = generated.
        execution_timeout_ns: bound of the whole chain of runs.
        run_timeout_ns: bound of one run.
        task_timeout_ns: bound of the computing time of one workflow task.
        conflict: not for children.
        error_when_started: None = by the ID policy; not for children.
        retry: None = a failed run is not retried.
        cron: schedule, "" = none.
        start_delay_ns: pause before the first task; not for children, not with cron.
        parent_close: only for children.
        priority, eager, version: for Temporal servers; the two last not for children.
    """

    id: str = ""
    execution_timeout_ns: int = 0
    run_timeout_ns: int = 0
    task_timeout_ns: int = DEFAULT_TASK_TIMEOUT
    conflict: ConflictPolicy = ConflictPolicy.UNSET
    reuse: ReusePolicy = ReusePolicy.UNSET
    error_when_started: bool | None = None
    retry: RetryPolicy | None = None
    cron: str = ""
    start_delay_ns: int = 0
    parent_close: ParentClosePolicy = ParentClosePolicy.TERMINATE
    memo: dict[str, Any] = {}
    search_attributes: dict[str, Any] = {}
    summary: str = ""
    details: str = ""
    priority: Priority | None = None
    eager: bool = False
    version: VersionOverride | None = None

"""Why something failed, in the form that history keeps and that crosses every border unchanged."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from wippy import errors


class Failure(msgspec.Struct, array_like=True):
    """One error of a chain.

    Attributes:
        message: the text a user reads.
        kind: an error kind, `""` where none is set.
        retryable: False stops retries; True and None (nothing known) allow them.
        details: plain data with string keys, or None.
        stack: where it was raised, for people.
        cause: the error it wraps, or None.
    """

    message: str
    kind: str = errors.UNKNOWN
    retryable: bool | None = None
    details: dict[str, Any] | None = None
    stack: str = ""
    cause: Failure | None = None

    def with_details(self, **more: Any) -> Failure:
        """A copy whose details also hold `more`."""
        return msgspec.structs.replace(self, details={**(self.details or {}), **more})

    def to_error(self) -> errors.WippyError:
        """The exception that says the same."""
        return errors.WippyError(self.kind, self.message, retryable=self.retryable, details=self.details)


def raised(message: Any, kind: Any = errors.UNKNOWN, retryable: Any = None, details: Any = None) -> Failure:
    """The failure of code: text and values of JSON alone, so that every provider keeps and shows the same."""
    return Failure(_plain(message), _plain(kind) or errors.UNKNOWN, retryable, _plain(details))


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(_plain(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def from_error(error: BaseException) -> Failure:
    """The failure that says what an exception says, with its causes. Faults of ours are not tried again."""
    cause = from_error(error.__cause__) if error.__cause__ is not None else None
    if isinstance(error, errors.WippyError):
        found = raised(error.message, error.kind, error.retryable, error.details)
        return msgspec.structs.replace(found, stack=error.context or "", cause=cause)
    return Failure(f"{type(error).__name__}: {error}", errors.INTERNAL, False, cause=cause)


# Retry states, as shown in `_retry_state`.
IN_PROGRESS = "InProgress"
NON_RETRYABLE = "NonRetryableFailure"
TIMED_OUT = "Timeout"
ATTEMPTS_REACHED = "MaximumAttemptsReached"
NO_POLICY = "RetryPolicyNotSet"
CANCEL_REQUESTED = "CancelRequested"
UNSPECIFIED = "Unspecified"

_ACTIVITY_TIMEOUTS = {
    "start_to_close": "activity StartToClose timeout",
    "schedule_to_start": "activity ScheduleToStart timeout",
    "schedule_to_close": "activity ScheduleToClose timeout",
    "heartbeat": "activity Heartbeat timeout",
}
NO_TIME_LEFT = "Not enough time to schedule next retry before activity ScheduleToClose timeout, giving up retrying"


def activity_timeout(which: str, last: Failure | None = None, message: str = "") -> Failure:
    """An activity timeout; `which` is `start_to_close`, `schedule_to_start`, `schedule_to_close` or `heartbeat`."""
    return Failure(message or _ACTIVITY_TIMEOUTS[which], errors.TIMEOUT, False, {"timeout_type": which}, cause=last)


def workflow_timeout(child: bool = False) -> Failure:
    text = "Child workflow timeout" if child else "Workflow timeout"
    return Failure(text, errors.TIMEOUT, False, {"timeout_type": "start_to_close"})


def cancelled() -> Failure:
    return Failure("operation canceled", errors.CANCELED, False)


def terminated() -> Failure:
    return Failure("workflow terminated", errors.CANCELED, False)


def child_already_started() -> Failure:
    return Failure("child workflow execution already started", errors.INTERNAL, False)


def unknown_external(workflow_id: str) -> Failure:
    return Failure(f"unknown external workflow execution: {workflow_id}", errors.NOT_FOUND, False)

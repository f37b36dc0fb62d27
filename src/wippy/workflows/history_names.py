"""The names that Temporal's JSON form of a history uses: `{"events": [{"eventId": "1", "eventType": …, …}]}`."""

from __future__ import annotations

import re
from typing import Any

from wippy.workflows import events as ev

Data = dict[str, Any]

SEED_HEADER = "wippy-seed"
SENDER = "temporal.signal.from"
PATCH = "core_patch"
TIMEOUTS = {
    "start_to_close": "START_TO_CLOSE",
    "schedule_to_start": "SCHEDULE_TO_START",
    "schedule_to_close": "SCHEDULE_TO_CLOSE",
    "heartbeat": "HEARTBEAT",
}
RETRY_STATES = {
    "InProgress": "IN_PROGRESS",
    "NonRetryableFailure": "NON_RETRYABLE_FAILURE",
    "Timeout": "TIMEOUT",
    "MaximumAttemptsReached": "MAXIMUM_ATTEMPTS_REACHED",
    "RetryPolicyNotSet": "RETRY_POLICY_NOT_SET",
    "InternalServerError": "INTERNAL_SERVER_ERROR",
    "CancelRequested": "CANCEL_REQUESTED",
}


_ASKED_BY = re.compile(r"Cancel requested by workflow with run id \S+ with reason: (.*)", re.S)


def reason_of(text: str) -> str:
    """The reason of a cancel request as it was given: Temporal's core writes its own words before a workflow's."""
    found = _ASKED_BY.fullmatch(text)
    return found[1] if found is not None else text


def name_of(kind: type) -> str:
    """The server's name of an event: `EVENT_TYPE_TIMER_STARTED`."""
    return "EVENT_TYPE" + "".join(f"_{letter}" if letter.isupper() else letter.upper() for letter in kind.__name__)


def attributes_of(kind: type) -> str:
    """The key under which the server keeps what an event says: `timerStartedEventAttributes`."""
    name = kind.__name__
    return name[0].lower() + name[1:] + "EventAttributes"


KINDS: dict[str, type] = {name_of(kind): kind for kind in ev.Event.__args__}

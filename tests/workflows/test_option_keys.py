"""Keys of options as code writes them: names, types, values that are refused."""

from __future__ import annotations

from typing import Any

import pytest

from wippy.errors import WippyError
from wippy.workflows.option_keys import activity_options, over, task_queue, workflow_options
from wippy.workflows.options import (
    ActivityOptions,
    ConflictPolicy,
    ParentClosePolicy,
    RetryPolicy,
    ReusePolicy,
    WorkflowOptions,
)

SECOND = 1_000_000_000
KEYS: list[tuple[str, str, Any, Any]] = [
    ("workflow.id", "id", "order-8", "order-8"),
    ("workflow.execution_timeout", "execution_timeout_ns", "1h", 3600 * SECOND),
    ("workflow.run_timeout", "run_timeout_ns", 1500, 1_500_000_000),
    ("workflow.task_timeout", "task_timeout_ns", 0.5, 500_000),
    ("workflow.id_conflict_policy", "conflict", "use_existing", ConflictPolicy.USE_EXISTING),
    ("workflow.id_reuse_policy", "reuse", "reject_duplicate", ReusePolicy.REJECT_DUPLICATE),
    ("workflow.execution_error_when_already_started", "error_when_started", False, False),
    ("workflow.retry_policy", "retry", {"maximum_attempts": 3}, RetryPolicy(maximum_attempts=3)),
    ("workflow.cron_schedule", "cron", "@hourly", "@hourly"),
    ("workflow.memo", "memo", {"note": 1}, {"note": 1}),
    ("workflow.search_attributes", "search_attributes", {"n": 5.0}, {"n": 5}),
    ("workflow.start_delay", "start_delay_ns", "1m30s", 90 * SECOND),
    ("workflow.summary", "summary", "text", "text"),
    ("workflow.details", "details", "text", "text"),
    ("workflow.parent_close_policy", "parent_close", "abandon", ParentClosePolicy.ABANDON),
    ("activity.start_to_close_timeout", "start_to_close_ns", 100, 100_000_000),
    ("activity.schedule_to_close_timeout", "schedule_to_close_ns", "2s", 2 * SECOND),
    ("activity.schedule_to_start_timeout", "schedule_to_start_ns", "1ms", 1_000_000),
    ("activity.heartbeat_timeout", "heartbeat_ns", 0.0001, 100),
    ("activity.retry_policy", "retry", {"initialInterval": 5}, RetryPolicy(initial_ns=5_000_000)),
    ("activity.task_queue", "queue", "other", "other"),
    ("activity.id", "id", "mine", "mine"),
    ("activity.summary", "summary", "text", "text"),
]
EXTRA = [
    ("temporal.workflow.typed_search_attributes", "search_attributes", {"n": 1}, {"n": 1}),
    ("temporal.workflow.static_summary", "summary", "text", "text"),
    ("temporal.workflow.static_details", "details", "text", "text"),
]


def parsed(key: str, options: dict[str, Any]) -> Any:
    return activity_options(options) if "activity." in key else workflow_options(options)


@pytest.mark.parametrize(("key", "field", "given", "value"), [*KEYS, *EXTRA])
def test_a_key_and_its_alias(key: str, field: str, given: Any, value: Any) -> None:
    names = [key] if key.startswith("temporal.") else [key, f"temporal.{key}"]
    for name in names:
        found = getattr(parsed(key, {name: given, "unknown.key": object()}), field)
        assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize(("key", "field", "given", "value"), KEYS)
def test_the_canonical_key_wins(key: str, field: str, given: Any, value: Any) -> None:
    options = {f"temporal.{key}": object(), key: given}
    assert getattr(parsed(key, options), field) == value
    assert getattr(parsed(key, dict(reversed(options.items()))), field) == value


def test_the_queue_of_a_start() -> None:
    assert task_queue({"temporal.workflow.task_queue": "a", "workflow.task_queue": "b"}) == "b"
    assert task_queue({"temporal.workflow.task_queue": "a"}) == "a"
    assert task_queue({}) is None


def test_defaults() -> None:
    assert workflow_options({}) == WorkflowOptions()
    assert activity_options({}) == ActivityOptions()
    plain, call = WorkflowOptions(), ActivityOptions()
    assert (plain.execution_timeout_ns, plain.run_timeout_ns, plain.task_timeout_ns) == (0, 0, 10 * SECOND)
    assert (plain.retry, plain.parent_close, plain.error_when_started) == (None, ParentClosePolicy.TERMINATE, None)
    assert (call.start_to_close_ns, call.schedule_to_close_ns) == (600 * SECOND, 0)
    assert (call.schedule_to_start_ns, call.heartbeat_ns, call.queue, call.id) == (0, 0, "", "")
    retry = call.retry
    assert (retry.initial_ns, retry.coefficient, retry.maximum_ns, retry.maximum_attempts) == (SECOND, 2.0, 0, 0)
    zero = activity_options({"activity.start_to_close_timeout": 0, "activity.heartbeat_timeout": 0})
    assert (zero.start_to_close_ns, zero.heartbeat_ns) == (600 * SECOND, 0)
    assert workflow_options({"workflow.task_timeout": "0s"}).task_timeout_ns == 10 * SECOND


@pytest.mark.parametrize(
    ("key", "field", "kind"),
    [
        ("workflow.id_conflict_policy", "conflict", ConflictPolicy),
        ("workflow.id_reuse_policy", "reuse", ReusePolicy),
        ("workflow.parent_close_policy", "parent_close", ParentClosePolicy),
    ],
)
def test_enums(key: str, field: str, kind: Any) -> None:
    for member in kind:
        if member.name == "UNSET":
            continue
        for given in (member.name, member.name.lower().replace("_", "-"), member.name.title(), int(member)):
            assert getattr(workflow_options({key: given}), field) is member
    for given in ("unset", "", 0, len(kind) + 5, 1.5, True, {}, []):
        with pytest.raises(WippyError, match=f"{key} must be one of"):
            workflow_options({key: given})


def test_the_codes_of_enums() -> None:
    assert {m.name: int(m) for m in ConflictPolicy if m} == {"FAIL": 1, "USE_EXISTING": 2, "TERMINATE_EXISTING": 3}
    assert {m.name: int(m) for m in ParentClosePolicy} == {"TERMINATE": 1, "ABANDON": 2, "REQUEST_CANCEL": 3}
    assert {m.name: int(m) for m in ReusePolicy if m} == {
        "ALLOW_DUPLICATE": 1,
        "ALLOW_DUPLICATE_FAILED_ONLY": 2,
        "REJECT_DUPLICATE": 3,
        "TERMINATE_IF_RUNNING": 4,
    }


@pytest.mark.parametrize(
    "given",
    [
        {
            "initial_interval": "2s",
            "backoff_coefficient": 3,
            "maximum_interval": 60_000,
            "maximum_attempts": 4.0,
            "non_retryable_error_types": ["Invalid", "x"],
        },
        {
            "initialInterval": 2000,
            "backoffCoefficient": 3.0,
            "maximumInterval": "1m",
            "maximumAttempts": 4,
            "nonRetryableErrorTypes": ["Invalid", "x"],
        },
        {
            "INITIAL_INTERVAL": 2000.0,
            "BackoffCoefficient": 3,
            "Maximum_Interval": "60s",
            "MAXIMUMATTEMPTS": 4,
            "NonRetryableErrorTypes": ["Invalid", "x"],
        },
    ],
)
def test_spellings_of_a_retry_policy(given: dict[str, Any]) -> None:
    expected = RetryPolicy(2 * SECOND, 3.0, 60 * SECOND, 4, ["Invalid", "x"])
    assert activity_options({"activity.retry_policy": given}).retry == expected
    assert workflow_options({"workflow.retry_policy": given}).retry == expected


def test_what_a_retry_policy_leaves_out() -> None:
    zero = {"initial_interval": 0, "backoff_coefficient": 0, "maximum_interval": 0, "maximum_attempts": 0}
    for given in ({}, [], zero, {**zero, "non_retryable_error_types": []}):
        assert activity_options({"activity.retry_policy": given}).retry == RetryPolicy(SECOND, 2.0, 0, 0, [])
    one = activity_options({"activity.retry_policy": {"non_retryable_error_types": "Invalid"}})
    assert one.retry.non_retryable == ["Invalid"]


BAD: list[tuple[str, Any, str]] = [
    *(
        (f"workflow.{key}", value, "must be")
        for key in ("id", "cron_schedule", "summary", "details")
        for value in (5, True)
    ),
    *((f"{key}", "", "cannot be empty") for key in ("workflow.id", "activity.id", "activity.task_queue")),
    *(
        (key, value, "must be a duration")
        for key in ("workflow.run_timeout", "workflow.start_delay", "activity.heartbeat_timeout")
        for value in ("", "5", "soon", True, {}, [], -1, "-1s", float("nan"), float("inf"))
    ),
    *(("workflow.execution_error_when_already_started", value, "must be a boolean") for value in ("true", 1, 0)),
    *(("workflow.memo", value, "must be a table") for value in ("x", 5, [1])),
    *(("activity.retry_policy", value, "must be a table") for value in ("x", 5, True, [1])),
    *(
        ("activity.retry_policy", {"backoffCoefficient": value}, "backoff_coefficient must be")
        for value in (0.5, -1, "2", "", True, False)
    ),
    *(
        ("workflow.retry_policy", {"maximum_attempts": value}, "maximum_attempts must be")
        for value in (1.5, -1, "2", True)
    ),
    *(
        ("workflow.retry_policy", {"non_retryable_error_types": value}, "non_retryable_error_types must be")
        for value in (5, [5], {"a": "b"})
    ),
    ("workflow.retry_policy", {"maximum_interval": "x"}, "maximum_interval must be a duration"),
    ("activity.retry_policy", {"maximum_interval": "999ms"}, "maximum_interval must be at least initial_interval"),
    ("workflow.retry_policy", {"initial_interval": 20, "maximum_interval": 19}, "maximum_interval must be at least"),
    *(
        (key, "ü" * 501, "must be of 1000 bytes at most")
        for key in ("workflow.id", "activity.id", "activity.task_queue")
    ),
    ("workflow.cron_schedule", "whenever", "invalid CronSchedule"),
    ("workflow.id", "a|b", "must be without '|'"),
]


@pytest.mark.parametrize(("key", "value", "text"), BAD)
def test_a_bad_value_is_told(key: str, value: Any, text: str) -> None:
    for name in (key, f"temporal.{key}"):
        with pytest.raises(WippyError) as caught:
            parsed(key, {name: value})
        assert text in caught.value.message
        assert text.startswith("invalid Cron") or caught.value.message.startswith(key)
        if not text.startswith("invalid Cron"):
            assert (caught.value.kind, caught.value.retryable) == ("", None)


def test_options_of_an_entry_and_of_a_call() -> None:
    entry = {"temporal.activity.summary": "entry", "activity.heartbeat_timeout": "5s", "activity.id": "one"}
    call = {"activity.summary": "call", "temporal.activity.heartbeat_timeout": "7s"}
    found = activity_options(over(entry, call))
    assert (found.summary, found.heartbeat_ns, found.id) == ("call", 7 * SECOND, "one")
    assert activity_options(over(entry, None)).summary == "entry"

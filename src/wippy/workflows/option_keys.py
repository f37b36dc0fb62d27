"""Options as Lua code writes them (flat keys such as `workflow.id`) as typed options."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from enum import IntEnum
from typing import Any, TypeVar

from wippy.duration import parse_duration
from wippy.errors import UNKNOWN, WippyError
from wippy.workflows.cron import check_schedule
from wippy.workflows.options import (
    ActivityOptions,
    ConflictPolicy,
    ParentClosePolicy,
    Priority,
    RetryPolicy,
    ReusePolicy,
    VersionOverride,
    WorkflowOptions,
)

E = TypeVar("E", bound=IntEnum)

_EXTRA_ALIASES = {
    "workflow.search_attributes": ("temporal.workflow.typed_search_attributes",),
    "workflow.summary": ("temporal.workflow.static_summary",),
    "workflow.details": ("temporal.workflow.static_details",),
}


def _bad(key: str, must: str) -> WippyError:
    return WippyError(UNKNOWN, f"{key} must be {must}", retryable=None)


_LONGEST_MS = 100 * 366 * 24 * 3600 * 1000
"""A hundred years; what is added to the clock must fit into 64 bits."""


def _duration(key: str, value: Any) -> int:
    if isinstance(value, bool):
        raise _bad(key, "a duration (text such as 30s, or a number of milliseconds)")
    if isinstance(value, (int, float)):
        if not value >= 0:
            raise _bad(key, "a duration that is not negative")
        if value > _LONGEST_MS:
            raise _bad(key, "a duration of a hundred years at most")
        return round(value * 1_000_000)
    if isinstance(value, str):
        try:
            parsed = parse_duration(value)
        except WippyError as error:
            raise _bad(key, f"a duration ({error.message})") from None
        if parsed < 0:
            raise _bad(key, "a duration that is not negative")
        if parsed > _LONGEST_MS * 1_000_000:
            raise _bad(key, "a duration of a hundred years at most")
        return parsed
    raise _bad(key, "a duration (text such as 30s, or a number of milliseconds)")


def _string(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise _bad(key, "a string")
    return value


LONGEST_NAME = 1000
"""Bytes of an ID or of the name of a queue, as Temporal has it."""


def _filled(key: str, value: Any) -> str:
    text = _string(key, value)
    if not text:
        raise WippyError(UNKNOWN, f"{key} cannot be empty", retryable=None)
    if len(text.encode()) > LONGEST_NAME:
        raise _bad(key, f"of {LONGEST_NAME} bytes at most")
    return text


def _cron(key: str, value: Any) -> str:
    schedule = _string(key, value)
    if schedule:
        check_schedule(schedule)
    return schedule


def _workflow_id(key: str, value: Any) -> str:
    id = _filled(key, value)
    if "|" in id:
        raise _bad(key, "without '|', which separates it in a PID")
    return id


def _bool(key: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _bad(key, "a boolean")
    return value


def _table(key: str, value: Any) -> dict[str, Any]:
    if isinstance(value, list) and not value:
        return {}
    if not isinstance(value, dict):
        raise _bad(key, "a table with string keys")
    return {str(name): item for name, item in value.items()}


def _enum(kind: type[E]) -> Callable[[str, Any], E]:
    names = {member.name.lower(): member for member in kind if member.name != "UNSET"}

    def parse(key: str, value: Any) -> E:
        if isinstance(value, str):
            found = names.get(value.lower().replace("-", "_"))
            if found is not None:
                return found
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            for member in names.values():
                if member == value:
                    return member
        raise _bad(key, f"one of {', '.join(names)}")

    return parse


def _spelled(key: str, value: Any) -> dict[str, Any]:
    """A table whose keys may be written in any case, with underscores or without."""
    return {name.lower().replace("_", ""): item for name, item in _table(key, value).items()}


def _priority(key: str, value: Any) -> Priority:
    table = _spelled(key, value)
    rank = table.get("prioritykey", 0)
    if isinstance(rank, bool) or not isinstance(rank, (int, float)) or not 0 <= rank < 1 << 31 or rank != int(rank):
        raise _bad(f"{key}.priority_key", "an integer that is not negative")
    weight = table.get("fairnessweight", 0)
    if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not 0 <= weight < math.inf:
        raise _bad(f"{key}.fairness_weight", "a number that is not negative")
    return Priority(int(rank), _string(f"{key}.fairness_key", table.get("fairnesskey", "")), float(weight))


def _version(key: str, value: Any) -> VersionOverride:
    table = {"mode": value} if isinstance(value, str) else _spelled(key, value)
    mode = _string(f"{key}.mode", table.get("mode", "")).lower().replace("-", "_")
    if mode == "auto_upgrade":
        return VersionOverride()
    if mode != "pinned" or isinstance(value, str):
        raise _bad(key, 'auto_upgrade, or a table with the mode "pinned" or "auto_upgrade"')
    version = _spelled(f"{key}.version", table.get("version", {}))
    return VersionOverride(
        _filled(f"{key}.version.deployment_name", version.get("deploymentname", "")),
        _filled(f"{key}.version.build_id", version.get("buildid", "")),
    )


def _retry(key: str, value: Any) -> RetryPolicy:
    table = _spelled(key, value)
    initial = _duration(f"{key}.initial_interval", table.get("initialinterval", 0)) or 1_000_000_000
    coefficient = table.get("backoffcoefficient", 0)
    if isinstance(coefficient, bool) or not isinstance(coefficient, (int, float)):
        raise _bad(f"{key}.backoff_coefficient", "a number")
    coefficient = coefficient or 2.0
    if not coefficient >= 1:
        raise _bad(f"{key}.backoff_coefficient", "at least 1")
    attempts = table.get("maximumattempts", 0)
    if (
        isinstance(attempts, bool)
        or not isinstance(attempts, (int, float))
        or not 0 <= attempts < 1 << 31
        or attempts != int(attempts)
    ):
        raise _bad(f"{key}.maximum_attempts", "an integer that is not negative")
    kinds = table.get("nonretryableerrortypes", [])
    if isinstance(kinds, str):
        kinds = [kinds]
    if not isinstance(kinds, list) or not all(isinstance(kind, str) for kind in kinds):
        raise _bad(f"{key}.non_retryable_error_types", "a string or a list of strings")
    maximum = _duration(f"{key}.maximum_interval", table.get("maximuminterval", 0))
    if 0 < maximum < initial:
        raise _bad(f"{key}.maximum_interval", "at least initial_interval")
    return RetryPolicy(
        initial_ns=initial,
        coefficient=float(coefficient),
        maximum_ns=maximum,
        maximum_attempts=int(attempts),
        non_retryable=kinds,
    )


def search_attributes(value: Any, key: str = "search_attributes") -> dict[str, Any]:
    """Checks typed search attributes; integral floats become integers. Raises WippyError with the attribute's name."""
    out: dict[str, Any] = {}
    for name, item in _table(key, value).items():
        if isinstance(item, float) and not math.isfinite(item):
            raise _attribute(name, "unsupported value: a number must be finite")
        if isinstance(item, float) and item.is_integer() and abs(item) < 2**63:
            out[name] = int(item)
        elif isinstance(item, (str, bool, int, float, datetime)):
            out[name] = item
        elif isinstance(item, list) and item:
            for index, part in enumerate(item, 1):
                if not isinstance(part, str):
                    raise _attribute(name, f"item {index} must be a string")
            out[name] = item
        else:
            what = "binary string" if isinstance(item, bytes) else "table, function or object"
            raise _attribute(
                name, f"unsupported value type {what}; use text, a number, a boolean, a time or a list of text"
            )
    return out


def _attribute(name: str, problem: str) -> WippyError:
    return WippyError(UNKNOWN, f'search attribute "{name}": {problem}', retryable=None)


_Row = tuple[str, str, Callable[[str, Any], Any]]

_WORKFLOW: list[_Row] = [
    ("workflow.id", "id", _workflow_id),
    ("workflow.execution_timeout", "execution_timeout_ns", _duration),
    ("workflow.run_timeout", "run_timeout_ns", _duration),
    ("workflow.task_timeout", "task_timeout_ns", _duration),
    ("workflow.id_conflict_policy", "conflict", _enum(ConflictPolicy)),
    ("workflow.id_reuse_policy", "reuse", _enum(ReusePolicy)),
    ("workflow.execution_error_when_already_started", "error_when_started", _bool),
    ("workflow.retry_policy", "retry", _retry),
    ("workflow.cron_schedule", "cron", _cron),
    ("workflow.memo", "memo", _table),
    ("workflow.search_attributes", "search_attributes", lambda key, value: search_attributes(value, key)),
    ("workflow.start_delay", "start_delay_ns", _duration),
    ("workflow.summary", "summary", _string),
    ("workflow.details", "details", _string),
    ("workflow.parent_close_policy", "parent_close", _enum(ParentClosePolicy)),
    ("workflow.priority", "priority", _priority),
    ("workflow.enable_eager_start", "eager", _bool),
    ("workflow.versioning_override", "version", _version),
]

_ACTIVITY: list[_Row] = [
    ("activity.start_to_close_timeout", "start_to_close_ns", _duration),
    ("activity.schedule_to_close_timeout", "schedule_to_close_ns", _duration),
    ("activity.schedule_to_start_timeout", "schedule_to_start_ns", _duration),
    ("activity.heartbeat_timeout", "heartbeat_ns", _duration),
    ("activity.retry_policy", "retry", _retry),
    ("activity.task_queue", "queue", _filled),
    ("activity.id", "id", _filled),
    ("activity.summary", "summary", _string),
    ("activity.priority", "priority", _priority),
]

_CHECKED_WORKFLOW: list[_Row] = [
    ("workflow.wait_for_cancellation", "", _bool),
    ("workflow.namespace", "", _filled),
]
_CHECKED_ACTIVITY: list[_Row] = [
    ("activity.wait_for_cancellation", "", _bool),
    ("activity.disable_eager_execution", "", _bool),
]
"""Hints that no provider acts on; a bad value is a mistake all the same."""


_ZERO_IS_DEFAULT = ("start_to_close_ns", "task_timeout_ns")


def _parse(rows: list[_Row], options: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if not options:
        return found
    for key, field, parse in rows:
        for name in (key, f"temporal.{key}", *_EXTRA_ALIASES.get(key, ())):
            if name in options:
                value = parse(key, options[name])
                if value != 0 or field not in _ZERO_IS_DEFAULT:
                    found[field] = value
                break
    return found


def workflow_options(options: Any) -> WorkflowOptions:
    """Options of a start or of a child; unknown keys are ignored. Raises WippyError: `<key> must be …`."""
    _parse(_CHECKED_WORKFLOW, options)
    return WorkflowOptions(**_parse(_WORKFLOW, options))


def task_queue(options: Any) -> str | None:
    """The raw task queue that a start asks for, or None."""
    found = _parse([("workflow.task_queue", "queue", _filled)], options)
    return found.get("queue")


def activity_options(options: Any) -> ActivityOptions:
    """Options of one activity call; unknown keys are ignored. Raises WippyError: `<key> must be …`."""
    _parse(_CHECKED_ACTIVITY, options)
    return ActivityOptions(**_parse(_ACTIVITY, options))


def over(preset: dict[str, Any], given: dict[str, Any] | None) -> dict[str, Any]:
    """Options of a call over those of the entry it calls, key by key, whichever name of a key each of them uses."""
    found: dict[str, Any] = {}
    for options in (preset, given or {}):
        found.update({key.removeprefix("temporal."): value for key, value in options.items() if key[:9] == "temporal."})
        found.update({key: value for key, value in options.items() if key[:9] != "temporal."})
    return found

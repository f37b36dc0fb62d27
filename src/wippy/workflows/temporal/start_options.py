"""The options of a start in the terms of the SDK."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import temporalio.common as common

from wippy.workflows.options import WorkflowOptions
from wippy.workflows.temporal import wire


def span(nanoseconds: int) -> Any:
    """A time span, or None for 0."""
    return wire.span(nanoseconds) if nanoseconds else None


def retry(options: WorkflowOptions) -> common.RetryPolicy | None:
    """How a failed run is tried again, or None."""
    policy = options.retry
    if policy is None:
        return None
    return common.RetryPolicy(
        initial_interval=wire.span(policy.initial_ns),
        backoff_coefficient=policy.coefficient,
        maximum_interval=span(policy.maximum_ns),
        maximum_attempts=policy.maximum_attempts,
        non_retryable_error_types=policy.non_retryable or None,
    )


def priority(options: WorkflowOptions) -> common.Priority:
    """Whose turn it is."""
    found = options.priority
    if found is None:
        return common.Priority.default
    return common.Priority(found.key or None, found.fairness_key or None, found.fairness_weight or None)


def version(options: WorkflowOptions) -> common.VersioningOverride | None:
    """The worker deployment that the run stays with, or None."""
    found = options.version
    if found is None:
        return None
    if not found.build_id:
        return common.AutoUpgradeVersioningOverride()
    return common.PinnedVersioningOverride(common.WorkerDeploymentVersion(found.deployment, found.build_id))


_KEYS: dict[str, Callable[[str], Any]] = {
    "Bool": common.SearchAttributeKey.for_bool,
    "Int": common.SearchAttributeKey.for_int,
    "Double": common.SearchAttributeKey.for_float,
    "Keyword": common.SearchAttributeKey.for_keyword,
    "KeywordList": common.SearchAttributeKey.for_keyword_list,
    "Datetime": common.SearchAttributeKey.for_datetime,
}


def attributes(options: WorkflowOptions) -> Any:
    """Typed search attributes, or None."""
    found = options.search_attributes
    if not found:
        return None
    pairs = []
    for name, value in found.items():
        kind = wire.attribute_type(name, value)
        pairs.append(common.SearchAttributePair(_KEYS[kind](name), int(value) if kind == "Int" else value))
    return common.TypedSearchAttributes(pairs)

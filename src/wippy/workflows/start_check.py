"""What no start may ask for, whoever keeps the workflows."""

from __future__ import annotations

from wippy.errors import INVALID, UNKNOWN, WippyError
from wippy.workflows.option_keys import LONGEST_NAME
from wippy.workflows.options import ConflictPolicy, ReusePolicy
from wippy.workflows.provider import StartRequest


def check_start(request: StartRequest) -> None:
    """Refuses a start whose options contradict each other. Raises WippyError."""
    options = request.options
    if not request.type:
        raise WippyError(INVALID, "a workflow needs a type")
    if not request.queue:
        raise WippyError(INVALID, f"workflow {request.type} needs a task queue")
    for what, name in (("type", request.type), ("task queue", request.queue), ("ID", options.id)):
        if len(name.encode()) > LONGEST_NAME:
            raise WippyError(INVALID, f"the {what} of a workflow must be of {LONGEST_NAME} bytes at most")
    if "|" in options.id:
        raise WippyError(INVALID, f"workflow ID {options.id!r} must not contain '|'")
    if options.cron and options.start_delay_ns:
        raise WippyError(INVALID, "start_delay and cron_schedule cannot be used together")
    if options.reuse is ReusePolicy.REJECT_DUPLICATE and options.conflict is ConflictPolicy.TERMINATE_EXISTING:
        raise WippyError(
            UNKNOWN,
            "workflow.id_reuse_policy must be another one than reject_duplicate where workflow.id_conflict_policy is "
            "terminate_existing",
            retryable=None,
        )

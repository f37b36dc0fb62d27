"""Payloads, failures and attributes in the form in which the server keeps them, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from temporalio.api.common.v1 import Payload as ProtoPayload
from temporalio.api.common.v1 import RetryPolicy as ProtoRetryPolicy
from temporalio.api.common.v1 import SearchAttributes
from temporalio.api.failure.v1 import Failure as ProtoFailure
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    CancelledError,
    ChildWorkflowError,
    TerminatedError,
    TimeoutError,
    TimeoutType,
)

from wippy import errors
from wippy.errors import INTERNAL, NOT_FOUND, UNKNOWN, WippyError
from wippy.workflows.context import CONTEXT
from wippy.workflows.failure import Failure, activity_timeout, cancelled, terminated, workflow_timeout
from wippy.workflows.options import RetryPolicy
from wippy.workflows.payload import BINARY, JSON, NULL, Payload

SENDER = "temporal.signal.from"
"""Key of a message's sender in its context header."""
MESSAGES = "wippy-messages"
"""Header of a start with the startup messages that could not go with it in another way."""

_KINDS = frozenset(
    value for name, value in vars(errors).items() if name.isupper() and isinstance(value, str) and value != UNKNOWN
)
_NOT_FOUND_TYPES = frozenset(
    ("ActivityNotRegistered", "ActivityNotRegisteredError", "WorkflowNotRegisteredError", "NamespaceNotFoundError")
)
_RETRY_STATES = {
    0: "Unspecified",
    1: "InProgress",
    2: "NonRetryableFailure",
    3: "Timeout",
    4: "MaximumAttemptsReached",
    5: "RetryPolicyNotSet",
    6: "InternalServerError",
    7: "CancelRequested",
}
_TIMEOUTS = {1: "start_to_close", 2: "schedule_to_start", 3: "schedule_to_close", 4: "heartbeat"}
_TYPES = {
    TimeoutType.START_TO_CLOSE: 1,
    TimeoutType.SCHEDULE_TO_START: 2,
    TimeoutType.SCHEDULE_TO_CLOSE: 3,
    TimeoutType.HEARTBEAT: 4,
}


# Payloads


def proto_payload(payload: Payload) -> ProtoPayload:
    """One of our payloads."""
    return ProtoPayload(metadata={"encoding": payload.encoding.encode()}, data=payload.data)


def proto_payloads(payloads: Iterable[Payload]) -> list[ProtoPayload]:
    """Several of them."""
    return [proto_payload(payload) for payload in payloads]


def payload_of(proto: ProtoPayload) -> Payload:
    """The payload of a server's. Raises WippyError: INTERNAL for an encoding that we do not read."""
    encoding = proto.metadata.get("encoding", b"").decode()
    if encoding not in (JSON, BINARY, NULL):
        raise WippyError(INTERNAL, f"a payload has the encoding {encoding!r}; known are {JSON}, {BINARY} and {NULL}")
    return Payload(encoding, proto.data)


def payloads_of(protos: Iterable[ProtoPayload]) -> list[Payload]:
    """Several of them."""
    return [payload_of(proto) for proto in protos]


def json_payload(value: Any, **metadata: bytes) -> ProtoPayload:
    """A plain value as JSON."""
    return ProtoPayload(metadata={"encoding": JSON.encode(), **metadata}, data=msgspec.json.encode(value))


# Headers


def proto_header(header: Mapping[str, bytes]) -> dict[str, ProtoPayload]:
    """Context and security."""
    return {name: ProtoPayload(metadata={"encoding": JSON.encode()}, data=data) for name, data in header.items()}


def signal_header(sender: str) -> dict[str, ProtoPayload]:
    """The header of a message."""
    return {CONTEXT: json_payload({SENDER: sender})} if sender else {}


def header_of(protos: Mapping[str, ProtoPayload]) -> dict[str, bytes]:
    """Header as bytes of JSON; what is not JSON is left out."""
    return {name: proto.data for name, proto in protos.items() if proto.metadata.get("encoding") == JSON.encode()}


def sender_of(protos: Mapping[str, ProtoPayload]) -> str:
    """Who sent a message, "" if unknown."""
    data = header_of(protos).get(CONTEXT)
    if data is None:
        return ""
    try:
        found = msgspec.json.decode(data)
    except msgspec.DecodeError:
        return ""
    sender = found.get(SENDER) if isinstance(found, dict) else None
    return sender if isinstance(sender, str) else ""


# Attributes


def attribute_type(name: str, value: Any) -> str:
    """The type under which the server keeps a search attribute. Raises WippyError."""
    if isinstance(value, bool):
        return "Bool"
    if isinstance(value, int):
        return "Int"
    if isinstance(value, float):
        return "Double"
    if isinstance(value, str):
        return "Keyword"
    if isinstance(value, datetime):
        return "Datetime"
    if isinstance(value, list):
        return "KeywordList"
    raise WippyError(UNKNOWN, f'search attribute "{name}": unsupported value type {type(value).__name__}')


def attribute_payload(name: str, value: Any) -> ProtoPayload:
    """A search attribute with its type. Raises WippyError."""
    kind = attribute_type(name, value)
    return json_payload(value, type=kind.encode())


def proto_attributes(attributes: Mapping[str, Any]) -> SearchAttributes:
    """Search attributes. Raises WippyError."""
    return SearchAttributes(indexed_fields={n: attribute_payload(n, v) for n, v in attributes.items()})


def plain_of(proto: ProtoPayload) -> Any:
    """The plain value of a JSON payload, None for any other."""
    if proto.metadata.get("encoding") != JSON.encode():
        return None
    try:
        return msgspec.json.decode(proto.data)
    except msgspec.DecodeError:
        return None


# Durations and retries


def span(nanoseconds: int) -> timedelta:
    """A duration."""
    return timedelta(microseconds=-(-nanoseconds // 1000))


def retry_policy(policy: RetryPolicy) -> ProtoRetryPolicy:
    """A retry policy; what is not set is left to the server."""
    out = ProtoRetryPolicy(
        backoff_coefficient=policy.coefficient,
        maximum_attempts=policy.maximum_attempts,
        non_retryable_error_types=policy.non_retryable,
    )
    out.initial_interval.FromTimedelta(span(policy.initial_ns))
    if policy.maximum_ns:
        out.maximum_interval.FromTimedelta(span(policy.maximum_ns))
    return out


# Failures


def _chain(failure: Failure | None) -> list[dict[str, Any]]:
    links = []
    while failure is not None:
        links.append(
            {
                "message": failure.message,
                "kind": failure.kind,
                "retryable": failure.retryable,
                "details": failure.details,
                "stack": failure.stack,
            }
        )
        failure = failure.cause
    return links


def application_error(failure: Failure) -> ApplicationError:
    """A failure as an activity raises it."""
    return ApplicationError(
        failure.message,
        _chain(failure),
        type=failure.kind or INTERNAL,
        non_retryable=failure.retryable is False,
    )


def proto_failure(failure: Failure, into: ProtoFailure) -> None:
    """A failure as a run closes with it."""
    into.message = failure.message
    into.source = "wippy"
    into.stack_trace = failure.stack
    info = into.application_failure_info
    info.type = failure.kind or INTERNAL
    info.non_retryable = failure.retryable is False
    info.details.payloads.append(json_payload(_chain(failure)))


def _unchained(links: Any) -> Failure | None:
    """The failure of a chain, or None if it is none."""
    failure = None
    if not isinstance(links, list):
        return None
    for link in reversed(links):
        if not isinstance(link, dict) or not isinstance(link.get("message"), str):
            return None
        details = link.get("details")
        failure = Failure(
            link["message"],
            str(link.get("kind") or ""),
            link.get("retryable"),
            details if isinstance(details, dict) else None,
            str(link.get("stack") or ""),
            failure,
        )
    return failure


def _application(message: str, type: str | None, non_retryable: bool, chain: Any) -> Failure:
    found = _unchained(chain)
    if found is not None:
        return found
    kind = type if type in _KINDS else NOT_FOUND if type in _NOT_FOUND_TYPES else UNKNOWN
    return Failure(message, kind or "", not non_retryable)


def failure_of(proto: ProtoFailure, child: bool = False) -> Failure:
    """The failure that a server's says; wrappers of activities and children become details."""
    kind = proto.WhichOneof("failure_info")
    cause = proto.cause if proto.HasField("cause") else None
    if kind == "application_failure_info":
        info = proto.application_failure_info
        chain = plain_of(info.details.payloads[0]) if info.details.payloads else None
        return _application(proto.message, info.type, info.non_retryable, chain)
    if kind == "activity_failure_info":
        info = proto.activity_failure_info
        failure = failure_of(cause) if cause is not None else Failure(proto.message, INTERNAL)
        return failure.with_details(
            _wrapper="activity",
            _activity_id=info.activity_id,
            _retry_state=_RETRY_STATES.get(info.retry_state, "Unspecified"),
        )
    if kind == "child_workflow_execution_failure_info":
        info = proto.child_workflow_execution_failure_info
        failure = failure_of(cause, child=True) if cause is not None else Failure(proto.message, INTERNAL)
        return failure.with_details(
            _wrapper="child_workflow",
            _workflow_id=info.workflow_execution.workflow_id,
            _workflow_type=info.workflow_type.name,
            _run_id=info.workflow_execution.run_id,
            _retry_state=_RETRY_STATES.get(info.retry_state, "Unspecified"),
        )
    if kind == "timeout_failure_info":
        if child:
            return workflow_timeout(child=True)
        return _timeout(proto.timeout_failure_info.timeout_type, proto.message, failure_of(cause) if cause else None)
    if kind == "canceled_failure_info":
        return cancelled()
    if kind == "terminated_failure_info":
        return terminated()
    return Failure(proto.message, INTERNAL)


def _timeout(kind: int, message: str, last: Failure | None) -> Failure:
    if last is not None and last.kind != errors.TIMEOUT:
        return last
    text = message if message.startswith("Not enough time") else ""
    return activity_timeout(_TIMEOUTS.get(kind, "start_to_close"), message=text)


def failure_of_exception(error: BaseException | None) -> Failure:
    """The failure that an exception of the SDK says, as a watcher of a workflow gets it."""
    if isinstance(error, ApplicationError):
        chain = error.details[0] if error.details else None
        return _application(error.message, error.type, error.non_retryable, chain)
    if isinstance(error, (ActivityError, ChildWorkflowError)):
        return failure_of_exception(error.cause)
    if isinstance(error, CancelledError):
        return cancelled()
    if isinstance(error, TerminatedError):
        return terminated()
    if isinstance(error, TimeoutError):
        return workflow_timeout()
    return Failure(str(error) or type(error).__name__, INTERNAL)

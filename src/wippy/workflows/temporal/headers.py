"""Headers of starts and signals."""

from __future__ import annotations

import contextvars
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.client import (
    Interceptor,
    OutboundInterceptor,
    SignalWorkflowInput,
    StartWorkflowInput,
    WorkflowHandle,
)

sent: contextvars.ContextVar[dict[str, Payload] | None] = contextvars.ContextVar("headers", default=None)


class Headers(Interceptor):
    """Puts headers on starts and signals: the client's own methods take none."""

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        return _Outbound(next)


class _Outbound(OutboundInterceptor):
    async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:
        input.headers = {**input.headers, **(sent.get() or {})}
        return await super().start_workflow(input)

    async def signal_workflow(self, input: SignalWorkflowInput) -> None:
        input.headers = {**input.headers, **(sent.get() or {})}
        await super().signal_workflow(input)

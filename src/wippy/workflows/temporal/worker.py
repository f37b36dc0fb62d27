"""A worker of one task queue: the SDK's, with our machines and functions in it."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import itertools
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import msgspec
from temporalio import activity, workflow
from temporalio.api.common.v1 import Payload as ProtoPayload
from temporalio.common import RawValue, VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
    Worker,
    WorkerDeploymentConfig,
)

from wippy.errors import WippyError
from wippy.workflows.activities import Activities
from wippy.workflows.failure import from_error
from wippy.workflows.payload import Payload
from wippy.workflows.provider import ActivityTask, Token
from wippy.workflows.temporal import wire
from wippy.workflows.temporal.instance import Runner
from wippy.workflows.temporal.provider import TemporalProvider

log = logging.getLogger("wippy.workflows")
logging.getLogger("temporalio.activity").setLevel(logging.ERROR)  # failed attempts are the business of the workflow

_tokens = itertools.count(1)
_current: contextvars.ContextVar[Mapping[str, ProtoPayload]] = contextvars.ContextVar("headers")


class WorkerSettings(msgspec.Struct, frozen=True):
    """How much a worker takes on. Durations are seconds, 0 = the default of the server or SDK."""

    activities: int = 1000
    workflow_tasks: int = 1000
    activity_pollers: int = 20
    workflow_pollers: int = 20
    activities_per_second: float = 0.0
    queue_activities_per_second: float = 0.0
    sticky_timeout: float = 5.0
    stop_timeout: float = 0.0
    max_heartbeat_throttle: float = 1.0
    default_heartbeat_throttle: float = 1.0
    local_activities: int = 1000
    eager_activities: bool = True
    identity: str = ""
    deployment: str = ""
    build_id: str = ""
    cache_size: int = 1000
    pinned: bool = False
    activities_only: bool = False
    workflows_only: bool = False


@workflow.defn(dynamic=True, sandboxed=False)
class Anything:
    """Stands for every workflow type: the runner does not look at it."""

    @workflow.run
    async def run(self, args: Sequence[RawValue]) -> None:
        raise NotImplementedError


class _Inbound(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        _current.set(input.headers)
        return await super().execute_activity(input)


class _ActivityHeaders(Interceptor):
    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Inbound(next)


class QueueWorker:
    """Serves one task queue.

    Args:
        provider: of the client.
        activities: carries attempts out.
        runner: makes the instances of runs.
        threads: in which the machines run.
    """

    def __init__(
        self,
        provider: TemporalProvider,
        queue: str,
        runner: Runner,
        activities: Activities,
        threads: ThreadPoolExecutor,
        settings: WorkerSettings,
    ) -> None:
        self._provider = provider
        self._runner = runner
        self._activities = activities
        self._task: asyncio.Task[None] | None = None

        @activity.defn(dynamic=True)
        async def anything(args: Sequence[RawValue]) -> RawValue:
            return await self._attempt(args)

        self._worker = Worker(
            provider.client,
            task_queue=queue,
            workflows=[] if settings.activities_only else [Anything],
            activities=[] if settings.workflows_only else [anything],
            workflow_runner=runner,
            unsandboxed_workflow_runner=runner,  # type: ignore[arg-type]
            workflow_task_executor=threads,
            interceptors=[_ActivityHeaders()],
            identity=settings.identity or None,
            # with a single slot the poll of the sticky queue would keep out that of the other one
            max_cached_workflows=settings.cache_size if settings.workflow_tasks > 1 else 0,
            max_concurrent_workflow_tasks=settings.workflow_tasks,
            max_concurrent_activities=settings.activities,
            max_concurrent_workflow_task_polls=min(settings.workflow_pollers, max(settings.workflow_tasks, 2)),
            max_concurrent_activity_task_polls=settings.activity_pollers,
            sticky_queue_schedule_to_start_timeout=timedelta(seconds=settings.sticky_timeout),
            max_heartbeat_throttle_interval=timedelta(seconds=settings.max_heartbeat_throttle),
            default_heartbeat_throttle_interval=timedelta(seconds=settings.default_heartbeat_throttle),
            max_concurrent_local_activities=settings.local_activities,
            disable_eager_activity_execution=not settings.eager_activities,
            max_activities_per_second=settings.activities_per_second or None,
            max_task_queue_activities_per_second=settings.queue_activities_per_second or None,
            graceful_shutdown_timeout=timedelta(seconds=settings.stop_timeout),
            deployment_config=_deployment(settings),
        )
        # A long task is bounded by its task_timeout and preempted by our own kernel; the SDK's limit of two seconds
        # would raise an exception in the middle of it.
        inner = self._worker._workflow_worker
        if inner is not None:
            inner._deadlock_timeout_seconds = None

    def start(self, ended: Callable[[BaseException | None], None]) -> None:
        """Begins to poll; on the provider's loop.

        Args:
            ended: told when it cannot go on.
        """
        self._task = asyncio.get_running_loop().create_task(self._serve(ended))

    async def _serve(self, ended: Callable[[BaseException | None], None]) -> None:
        try:
            await self._worker.run()
        except asyncio.CancelledError:
            raise
        except Exception as error:
            log.exception("the worker of %s ended", self._worker.task_queue)
            ended(error)

    async def stop(self) -> None:
        """No new tasks; running activities get their grace, then are cancelled."""
        if self._task is None:
            return
        self._runner.stop()
        await self._worker.shutdown()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        self._task = None

    async def _attempt(self, args: Sequence[RawValue]) -> RawValue:
        info = activity.info()
        given = _given(args)
        token: Token = (next(_tokens), 0, 0)
        outcome = self._provider.expect(token)
        task = ActivityTask(
            token=token,
            key=f"{info.workflow_run_id}:{info.activity_id}",
            workflow_id=info.workflow_id or "",
            run_id=info.workflow_run_id or "",
            workflow_type=info.workflow_type or "",
            type=info.activity_type,
            args=given,
            header=wire.header_of(_current.get({})),
            attempt=info.attempt,
            queue=info.task_queue,
            deadline_ns=0,
        )
        beat = asyncio.create_task(_beat(info.heartbeat_timeout))
        try:
            self._activities.execute(task)
            return RawValue(wire.proto_payload(await outcome))
        except asyncio.CancelledError:
            self._activities.cancel(token, "canceled")
            raise
        finally:
            beat.cancel()


def _given(args: Sequence[RawValue]) -> list[Payload]:
    try:
        return wire.payloads_of(arg.payload for arg in args)
    except WippyError as error:
        raise wire.application_error(from_error(error)) from None


async def _beat(timeout: timedelta | None) -> None:
    """Tells the server that the attempt is alive; with the answers it learns of cancel requests."""
    pause = min(1.0, timeout.total_seconds() / 3) if timeout else 1.0
    while True:
        await asyncio.sleep(pause)
        activity.heartbeat()


def _deployment(settings: WorkerSettings) -> WorkerDeploymentConfig | None:
    if not settings.build_id:
        return None
    version = WorkerDeploymentVersion(deployment_name=settings.deployment, build_id=settings.build_id)
    behavior = VersioningBehavior.PINNED if settings.pinned else VersioningBehavior.AUTO_UPGRADE
    return WorkerDeploymentConfig(version=version, use_worker_versioning=True, default_versioning_behavior=behavior)

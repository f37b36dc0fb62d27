"""Kind `temporal.worker`: runs the workflows and activities of one task queue of a Temporal server."""

from __future__ import annotations

from typing import Any

import msgspec

from wippy.errors import INVALID, UNAVAILABLE, UNKNOWN, WippyError
from wippy.registry.decode import Duration, decode
from wippy.registry.entry import ID, Entry
from wippy.registry.lifecycle import Lifecycle
from wippy.services.site import Site, qualified
from wippy.services.temporal_client import SECOND, ClientService
from wippy.services.workflow_node import type_of_entry
from wippy.units.frame import Frame
from wippy.workflows.host import WorkflowHost

_RATES = (
    "worker_activities_per_second",
    "worker_local_activities_per_second",
    "task_queue_activities_per_second",
)


class WorkerOptions(msgspec.Struct):
    """The `worker_options` block; what the SDK for Python does not know is accepted."""

    max_concurrent_activity_execution_size: int = 0
    max_concurrent_workflow_task_execution_size: int = 0
    max_concurrent_local_activity_execution_size: int = 0
    max_concurrent_session_execution_size: int = 0
    max_concurrent_eager_activity_execution_size: int = 0
    max_concurrent_activity_task_pollers: int = 0
    max_concurrent_workflow_task_pollers: int = 0
    worker_activities_per_second: float = 0.0
    worker_local_activities_per_second: float = 0.0
    task_queue_activities_per_second: float = 0.0
    sticky_schedule_to_start_timeout: Duration = Duration(0)
    worker_stop_timeout: Duration = Duration(0)
    deadlock_detection_timeout: Duration = Duration(0)
    max_heartbeat_throttle_interval: Duration = Duration(0)
    default_heartbeat_throttle_interval: Duration = Duration(0)
    identity: str = ""
    enable_logging_in_replay: bool = False
    enable_session_worker: bool = False
    disable_workflow_worker: bool = False
    local_activity_worker_only: bool = False
    disable_eager_activities: bool = False
    disable_registration_aliasing: bool = False
    use_versioning: bool = False
    deployment_name: str = ""
    build_id: str = ""
    build_id_env: str = ""
    default_versioning_behavior: str = ""


class WorkerEntry(msgspec.Struct):
    """Data of a worker entry."""

    client: str = ""
    task_queue: str = ""
    worker_options: WorkerOptions = msgspec.field(default_factory=WorkerOptions)
    lifecycle: Lifecycle = msgspec.field(default_factory=Lifecycle)


class WorkerService:
    """A worker under supervision: polls its queue while it runs."""

    def __init__(self, site: Site, client: ClientService, host: WorkflowHost, config: WorkerEntry) -> None:
        self._site = site
        self._client = client
        self._host = host
        self._config = config
        self._frame: Frame | None = None
        self._worker: Any = None
        self.stopped = False

    @property
    def client_id(self) -> str:
        """ID of the client entry."""
        return self._client.id

    def configure(self, config: WorkerEntry) -> None:
        """Settings for the next start."""
        self._config = config
        self._frame = None

    def provider(self) -> Any:
        """What the host talks to. Raises WippyError once the worker has been stopped."""
        if self.stopped:
            raise WippyError(UNKNOWN, "worker is closed", retryable=None)
        found = self._client.engine()
        if found is None or self._worker is None:
            raise WippyError(UNAVAILABLE, "temporal client not available", retryable=True)
        return found

    async def start(self, ended: Any) -> str | None:
        from wippy.workflows.temporal.instance import Runner
        from wippy.workflows.temporal.worker import QueueWorker

        provider = self._client.engine()
        if provider is None:
            raise WippyError(UNAVAILABLE, f"the client {self._client.id} is not running", retryable=True)
        if self._frame is None:  # at the first start: then all policies of the same change are there
            self._frame = self._site.frame(self._config.lifecycle)
        self._client.frames[self._host.queue] = self._frame
        logs = self._client.log_in_replay
        (logs.add if self._config.worker_options.enable_logging_in_replay else logs.discard)(self._host.queue)
        self._site.functions()
        self._worker = QueueWorker(
            provider,  # type: ignore[arg-type]
            self._host.queue,
            Runner(
                self._client.machine,
                self._client.send,
                self._client.seats,
                self._config.worker_options.deadlock_detection_timeout / 1e9,
            ),
            self._client.activities,
            self._client.threads,
            self._settings(),
        )
        self._worker.start(ended)
        self.stopped = False
        return self._host.queue

    async def stop(self) -> None:
        worker, self._worker, self.stopped = self._worker, None, True
        if worker is not None:
            await worker.stop()

    def _settings(self) -> Any:
        from wippy.workflows.temporal.worker import WorkerSettings

        options = self._config.worker_options
        build = options.build_id or (self._site.read_variable(options.build_id_env) if options.build_id_env else "")
        return WorkerSettings(
            activities=_size(options.max_concurrent_activity_execution_size, 1000),
            workflow_tasks=_size(options.max_concurrent_workflow_task_execution_size, 1000),
            activity_pollers=_size(options.max_concurrent_activity_task_pollers, 20),
            workflow_pollers=_size(options.max_concurrent_workflow_task_pollers, 20),
            activities_per_second=options.worker_activities_per_second,
            queue_activities_per_second=options.task_queue_activities_per_second,
            sticky_timeout=(options.sticky_schedule_to_start_timeout or 5 * SECOND) / 1e9,
            stop_timeout=options.worker_stop_timeout / 1e9,
            max_heartbeat_throttle=(options.max_heartbeat_throttle_interval or SECOND) / 1e9,
            default_heartbeat_throttle=(options.default_heartbeat_throttle_interval or SECOND) / 1e9,
            local_activities=_size(options.max_concurrent_local_activity_execution_size, 1000),
            eager_activities=not options.disable_eager_activities,
            identity=options.identity,
            deployment=options.deployment_name,
            build_id=(build or "") if options.use_versioning else "",
            pinned=options.default_versioning_behavior == "pinned",
            activities_only=options.disable_workflow_worker,
            workflows_only=options.local_activity_worker_only,
        )


def _size(value: int, default: int) -> int:
    return value if value > 0 else default


class WorkerHandler:
    """Registers workers as hosts as soon as they are loaded."""

    def __init__(self, site: Site, clients: dict[str, ClientService]) -> None:
        self._site = site
        self._clients = clients
        self._services: dict[str, WorkerService] = {}

    async def create(self, entry: Entry) -> None:
        config = self._config(entry)
        client_id = qualified(config.client, entry)
        client = self._clients.get(client_id)
        if client is None:
            raise self._site.registry.missing(entry, ID.parse(client_id), "client", what="temporal.client")
        queue = client.config.tq_prefix + config.task_queue
        taken = client.queues.get(queue)
        if taken is not None and taken.id != str(entry.id):
            raise entry.error(f"task queue {queue} is served by {taken.id} already", "task_queue")
        id = str(entry.id)
        service: WorkerService
        host = WorkflowHost(
            id,
            client_id,
            queue,
            self._site.runtime,
            lambda: service.provider(),
            lambda entry_id: type_of_entry(self._site, entry_id),
            lambda: client.problem,
        )
        service = self._services[id] = WorkerService(self._site, client, host, config)
        client.queues[queue] = host
        self._site.workflow_hosts[id] = host
        self._site.runtime.router.hosts[id] = host
        self._register(entry, config)

    async def update(self, entry: Entry, old: Entry) -> None:
        """A new lifecycle holds at once, options from the next start on, client and queue in the next run."""
        config = self._config(entry)
        self._services[str(entry.id)].configure(config)
        self._register(entry, config)

    def _register(self, entry: Entry, config: WorkerEntry) -> None:
        service, lifecycle = self._services[str(entry.id)], config.lifecycle
        lifecycle.requires = list(dict.fromkeys([*lifecycle.requires, service.client_id]))
        lifecycle.stop_timeout = Duration(lifecycle.stop_timeout + config.worker_options.worker_stop_timeout)
        self._site.supervisor.register(entry.id, service, lifecycle)

    async def delete(self, entry: Entry) -> None:
        id = str(entry.id)
        self._services.pop(id, None)
        host = self._site.workflow_hosts.pop(id, None)
        self._site.runtime.router.hosts.pop(id, None)
        for client in self._clients.values():
            for queue, served in list(client.queues.items()):
                if served is host:
                    del client.queues[queue]
                    client.frames.pop(queue, None)
                    client.log_in_replay.discard(queue)
        await self._site.supervisor.unregister(entry.id)

    def _config(self, entry: Entry) -> WorkerEntry:
        config = decode(entry, WorkerEntry, env=self._site.read_variable)
        options = config.worker_options

        def bad(text: str, *keys: str, hint: str | None = None) -> WippyError:
            return entry.error(text, *keys, kind=INVALID, hint=hint)

        if not config.client:
            raise bad("client reference is required", hint="name the temporal.client entry")
        if not config.task_queue:
            raise bad("task queue is required", hint="give task_queue a name of your choice")
        for name in _RATES:
            if getattr(options, name) < 0:
                raise bad(f"{name.replace('_', ' ')} cannot be negative", "worker_options", name)
        if options.max_concurrent_workflow_task_pollers == 1:
            raise bad(
                "max concurrent workflow task pollers cannot be 1",
                "worker_options",
                "max_concurrent_workflow_task_pollers",
            )
        if options.disable_workflow_worker and options.local_activity_worker_only:
            raise bad(
                "cannot disable workflow worker and use local activity worker only simultaneously", "worker_options"
            )
        return config

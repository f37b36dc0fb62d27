"""Kind `workflow.worker`: runs the workflows of one task queue."""

from __future__ import annotations

from typing import Any

import msgspec

from wippy.errors import UNAVAILABLE, WippyError
from wippy.registry.decode import Duration, decode
from wippy.registry.entry import ID, Entry
from wippy.registry.lifecycle import Lifecycle
from wippy.services.site import Site, qualified
from wippy.services.workflow_node import type_of_entry
from wippy.services.workflow_provider import ProviderService
from wippy.units.frame import Frame
from wippy.workflows.host import WorkflowHost


class WorkerOptions(msgspec.Struct):
    """The `worker_options` block, as far as the embedded provider gives it a meaning."""

    max_concurrent_activity_execution_size: int = 0
    worker_activities_per_second: float = 0.0
    task_queue_activities_per_second: float = 0.0
    enable_logging_in_replay: bool = False
    worker_stop_timeout: Duration = Duration(0)


class WorkerEntry(msgspec.Struct):
    """Data of a worker entry."""

    provider: str = ""
    task_queue: str = ""
    worker_options: WorkerOptions = msgspec.field(default_factory=WorkerOptions)
    lifecycle: Lifecycle = msgspec.field(default_factory=Lifecycle)


class WorkerService:
    """A worker under supervision: serves its queue while it runs."""

    def __init__(self, site: Site, provider: ProviderService, host: WorkflowHost, config: WorkerEntry) -> None:
        self._site = site
        self._provider = provider
        self._host = host
        self._config = config
        self._frame: Frame | None = None

    @property
    def provider_id(self) -> str:
        return self._provider.id

    def configure(self, config: WorkerEntry) -> None:
        """Settings for the next start."""
        self._config = config
        self._frame = None

    async def start(self, ended: Any) -> str | None:
        if self._provider.engine() is None:
            raise WippyError(UNAVAILABLE, f"the provider {self._provider.id} is not running", retryable=True)
        if self._frame is None:  # at the first start: then all policies of the same change are there
            self._frame = self._site.frame(self._config.lifecycle)
        queue, options = self._host.queue, self._config.worker_options
        self._provider.frames[queue] = self._frame
        limit = options.max_concurrent_activity_execution_size
        rates = [r for r in (options.worker_activities_per_second, options.task_queue_activities_per_second) if r > 0]
        self._provider.graces[queue] = options.worker_stop_timeout
        self._provider.settings[queue] = (limit if limit > 0 else 1000, min(rates, default=0.0))
        logs = self._provider.log_in_replay
        (logs.add if options.enable_logging_in_replay else logs.discard)(queue)
        self._site.functions()
        self._provider.open_queue(self._host)
        return self._host.queue

    async def stop(self) -> None:
        await self._provider.close_queue(self._host)


class WorkerHandler:
    """Registers workers as hosts as soon as they are loaded."""

    def __init__(self, site: Site, providers: dict[str, ProviderService]) -> None:
        self._site = site
        self._providers = providers
        self._services: dict[str, WorkerService] = {}

    async def create(self, entry: Entry) -> None:
        config = self._config(entry)
        provider_id = qualified(config.provider, entry)
        provider = self._providers.get(provider_id)
        if provider is None:
            raise self._site.registry.missing(entry, ID.parse(provider_id), "provider", what="workflow provider")
        taken = provider.queues.get(config.task_queue)
        if taken is not None and taken.id != str(entry.id):
            raise entry.error(f"task queue {config.task_queue} is served by {taken.id} already", "task_queue")
        id = str(entry.id)
        host = WorkflowHost(
            id,
            provider_id,
            config.task_queue,
            self._site.runtime,
            provider.engine,
            lambda entry_id: type_of_entry(self._site, entry_id),
            lambda: provider.problem,
        )
        provider.queues[config.task_queue] = host
        self._site.workflow_hosts[id] = host
        self._site.runtime.router.hosts[id] = host
        self._services[id] = WorkerService(self._site, provider, host, config)
        self._register(entry, config)

    async def update(self, entry: Entry, old: Entry) -> None:
        """A new lifecycle holds at once, options from the next start on, provider and queue in the next run."""
        config = self._config(entry)
        self._services[str(entry.id)].configure(config)
        self._register(entry, config)

    def _register(self, entry: Entry, config: WorkerEntry) -> None:
        service, lifecycle = self._services[str(entry.id)], config.lifecycle
        lifecycle.requires = list(dict.fromkeys([*lifecycle.requires, service.provider_id]))
        lifecycle.stop_timeout = Duration(lifecycle.stop_timeout + config.worker_options.worker_stop_timeout)
        self._site.supervisor.register(entry.id, service, lifecycle)

    async def delete(self, entry: Entry) -> None:
        id = str(entry.id)
        self._services.pop(id, None)
        host = self._site.workflow_hosts.pop(id, None)
        self._site.runtime.router.hosts.pop(id, None)
        for provider in self._providers.values():
            for queue, served in list(provider.queues.items()):
                if served is host:
                    del provider.queues[queue]
        await self._site.supervisor.unregister(entry.id)

    def _config(self, entry: Entry) -> WorkerEntry:
        config = decode(entry, WorkerEntry, env=self._site.read_variable)
        if not config.provider:
            raise entry.error("provider reference is required", hint="name the workflow.provider.sqlite entry")
        if not config.task_queue:
            raise entry.error("task queue is required", hint="give task_queue a name of your choice")
        options = config.worker_options
        for name in ("worker_activities_per_second", "task_queue_activities_per_second", "worker_stop_timeout"):
            if getattr(options, name) < 0:
                raise entry.error(f"{name.replace('_', ' ')} cannot be negative", "worker_options", name)
        return config

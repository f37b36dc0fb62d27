"""Kind `process.service`: a process that the supervisor keeps running."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from typing import Any

import msgspec

from wippy.errors import NOT_FOUND, UNAVAILABLE, WippyError
from wippy.kernel import codec
from wippy.registry.decode import decode
from wippy.registry.entry import ID, Entry
from wippy.registry.lifecycle import Lifecycle
from wippy.services.site import Site, qualified
from wippy.units.frame import Frame
from wippy.units.place import place_of


class ServiceEntry(msgspec.Struct):
    """Data of a service entry; each item of `input` is one argument."""

    process: str = ""
    host: str = ""
    input: list[Any] = []
    lifecycle: Lifecycle = msgspec.field(default_factory=Lifecycle)


class ProcessService:
    """Starts the process with a monitor of the runtime, reports its end, cancels it to stop."""

    def __init__(self, site: Site, entry: Entry, config: ServiceEntry) -> None:
        self._site = site
        self._process = qualified(config.process, entry)
        self._config = config
        self._watcher = ""
        self._pid = ""
        self._gone: asyncio.Event = asyncio.Event()
        self._frame: Frame | None = None

    async def start(self, ended: Any) -> str | None:
        router = self._site.runtime.router
        loop = asyncio.get_running_loop()
        gone = self._gone = asyncio.Event()

        def told(event: dict[str, Any]) -> None:
            router.forget_watcher(watcher)
            error = event["error"]
            failure = error.exception() if isinstance(error, codec.ErrorValue) else None
            if failure is not None:
                self._tell(event["from"], failure)
            loop.call_soon_threadsafe(gone.set)
            ended(failure)

        watcher = router.watcher(told)
        self._watcher = watcher
        if self._frame is None:  # at the first start: then all policies of the same change are there
            self._frame = self._site.frame(self._config.lifecycle)
        options = codec.pack([{"watcher": watcher}])[1:]
        arguments = codec.pack(self._config.input)
        future = router.request("spawn", self._config.host, self._process, self._frame.blob(), options, arguments)
        try:
            values = await asyncio.shield(asyncio.wrap_future(future))
        except asyncio.CancelledError:
            router.forget_watcher(watcher)
            future.add_done_callback(self._end_late)
            raise
        except WippyError as error:
            router.forget_watcher(watcher)
            if error.kind in (NOT_FOUND, UNAVAILABLE):
                error.retryable = error.kind == UNAVAILABLE
            raise
        self._pid = values[0]
        return self._pid

    def _end_late(self, future: Future[list[Any]]) -> None:
        """A process that comes when nobody waits for it any more is ended."""
        if future.exception() is None:
            self._site.runtime.router.dispatch(["terminate", future.result()[0], 0, 0, "", "", "", b""])

    def _tell(self, pid: str, failure: WippyError) -> None:
        """A line of the log that shows the place in the source."""
        fields: dict[str, Any] = {"entry": self._process, "pid": pid, "error": failure.message}
        place = place_of(failure.message, self._site.runtime.code)
        if place is not None:
            fields |= {"source": place.where, "line": place.text.strip()}
        self._site.log.named("process").error("process failed", fields)

    async def stop(self) -> None:
        router = self._site.runtime.router
        if not self._pid or self._gone.is_set():
            return
        if self._config.host in self._site.workflow_hosts:  # a workflow outlives the service that began it
            router.forget_watcher(self._watcher)
            router.dispatch(["unmonitor", self._pid, 0, 0, self._watcher, "", "", b""])
            return
        router.dispatch(["cancel", self._pid, 0, 0, self._watcher, "service stopping", "", b""])
        await self._gone.wait()


class ProcessServiceHandler:
    """Registers services with the supervisor; changes count from the next start on."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def create(self, entry: Entry) -> None:
        config = decode(entry, ServiceEntry, env=self._site.read_variable)
        if not config.process:
            raise entry.error("process is required", hint="name the process entry that the service runs")
        if not config.host:
            raise entry.error("host is required", hint="name the process.host entry it runs on, in full")
        if config.host == "node:control":
            raise entry.error(f"invalid host: {config.host}", "host")
        process = self._site.registry.peek(qualified(config.process, entry))
        if process is None:
            raise self._site.registry.missing(
                entry, ID.parse(qualified(config.process, entry)), "process", what="process"
            )
        host = self._site.registry.peek(config.host)
        if host is None:
            raise self._site.registry.missing(entry, ID.parse(config.host), "host", what="host")
        self._site.supervisor.register(entry.id, ProcessService(self._site, entry, config), config.lifecycle)

    async def update(self, entry: Entry, old: Entry) -> None:
        await self.create(entry)

    async def delete(self, entry: Entry) -> None:
        await self._site.supervisor.unregister(entry.id)

"""An application of Lua entries that runs in this process, for tests."""

from __future__ import annotations

import asyncio
import logging
import textwrap
from concurrent.futures import Future
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec
import yaml

from wippy.app import App
from wippy.kernel import codec
from wippy.observe.log import Log
from wippy.registry.config import Config
from wippy.registry.project import load_project
from wippy.units.clock import Clock, SystemClock
from wippy.workflows import events as ev
from wippy.workflows.machine import decode_value

Definition = dict[str, Any]

TEMPORAL: Any = None
"""The server that keeps the workflows of the tests that run now, None for the embedded provider."""

LONGEST = 30.0
"""Seconds after which a test that waits for something gives up."""


def lua(kind: str, name: str, source: str, modules: str = "", **more: Any) -> Definition:
    """A Lua entry; `modules` are names with blanks between."""
    found: Definition = {"name": name, "kind": kind, "source": textwrap.dedent(source), **more}
    if kind.startswith("function"):
        found.setdefault("method", "main")
    if modules:
        found["modules"] = modules.split()
    return found


def workflow(name: str, source: str, modules: str = "funcs time workflow uuid", **more: Any) -> Definition:
    return lua("workflow.lua", name, source, modules, **more)


def function(name: str, source: str, modules: str = "", **more: Any) -> Definition:
    return lua("function.lua", name, source, modules, **more)


def process(name: str, source: str, modules: str = "time funcs workflow", **more: Any) -> Definition:
    return lua("process.lua", name, source, modules, **more)


class FlowApp:
    """One application in a folder. Started, stopped and started again on the same data.

    Args:
        folder: where the application and its workflow store live.
        entries: definitions of the namespace `app`; a provider, a worker and a process host are there already.
        clock: drives timers and workflows.
        provider: further keys of the provider entry.
    """

    def __init__(
        self, folder: Path, *entries: Definition, clock: Clock | None = None, provider: Definition | None = None
    ) -> None:
        self.folder = folder
        self.clock = clock or SystemClock()
        self.provider = provider or {}
        self.namespace = ""
        self.lines: list[str] = []
        self._handler = _Lines(self.lines)
        self.write(*entries)

    def write(self, *entries: Definition) -> None:
        """Puts the entries into the folder; what is there already goes."""
        running = {"auto_start": True}
        base: list[Definition] = [
            {"name": "processes", "kind": "process.host", "host": {"workers": 1}, "lifecycle": running},
            *self.workflow_entries(running),
        ]
        source = self.folder / "src"
        source.mkdir(parents=True, exist_ok=True)
        document = {"version": "1.0", "namespace": "app", "entries": [*base, *entries]}
        (source / "_index.yaml").write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))

    def workflow_entries(self, running: Definition) -> list[Definition]:
        """The provider and its worker."""
        if TEMPORAL is not None:
            self.namespace = self.namespace or TEMPORAL.namespace()
            return [
                {
                    "name": "provider",
                    "kind": "temporal.client",
                    "address": TEMPORAL.address,
                    "namespace": self.namespace,
                    "lifecycle": running,
                },
                {
                    "name": "worker",
                    "kind": "temporal.worker",
                    "client": "provider",
                    "task_queue": "main",
                    "worker_options": {"sticky_schedule_to_start_timeout": "300ms"},
                    "lifecycle": running,
                },
            ]
        return [
            {
                "name": "provider",
                "kind": "workflow.provider.sqlite",
                "path": "workflows.db",
                "synchronous": "normal",
                **self.provider,
                "lifecycle": running,
            },
            {
                "name": "worker",
                "kind": "workflow.worker",
                "provider": "provider",
                "task_queue": "main",
                "lifecycle": running,
            },
        ]

    async def start(self) -> FlowApp:
        log = Log(None, None, level=0)  # type: ignore[arg-type]
        log.listen(lambda record: self.lines.append(f"{record.message} {record.fields}"))
        logging.getLogger("wippy").addHandler(self._handler)
        config = Config.load(str(self.folder))
        config.set("lua.cache.enabled", False)
        self._cache = self._cache_of_temporal()
        self.app = App(load_project(str(self.folder)), config, log, clock=self.clock)
        await self.app.start()
        await self.app.supervisor.settled()
        return self

    def _cache_of_temporal(self) -> Any:
        """Temporal's worker has no key for the size of its cache: tests set it where the SDK is told."""
        from wippy.services.temporal_worker import WorkerService

        settings, size = WorkerService._settings, self.provider.get("cache_size")

        def sized(service: WorkerService) -> Any:
            found = settings(service)
            return found if size is None else msgspec.structs.replace(found, cache_size=size)

        patched = patch.object(WorkerService, "_settings", sized)
        patched.start()
        return patched

    async def stop(self) -> None:
        self._cache.stop()
        await self.app.stop()
        logging.getLogger("wippy").removeHandler(self._handler)

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def __aenter__(self) -> FlowApp:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def engine(self) -> Any:
        """The workflow engine."""
        return self.app.site.workflow_hosts["app:worker"]._provider()

    def spawn(self, entry: str, *args: Any, host: str = "app:worker", **options: Any) -> Future[Any]:
        """Starts a workflow or process; the future gives its PID, or with `exec=True` its result."""
        packed = codec.pack([options])[1:]
        inner = self.app.runtime.router.request("spawn", host, f"app:{entry}", b"", packed, codec.pack(list(args)))
        outer: Future[Any] = Future()

        def answered(answer: Future[Any]) -> None:
            error = answer.exception()
            if error is not None:
                outer.set_exception(error)
                return
            values = answer.result()
            if len(values) > 1 and values[1] is not None:
                outer.set_exception(values[1].exception())
            else:
                outer.set_result(values[0] if values else None)

        inner.add_done_callback(answered)
        return outer

    async def run(self, entry: str, *args: Any, host: str = "app:worker", **options: Any) -> Any:
        """The result of a workflow (or of a process, with another host); raises its error."""
        return await self.wait(self.spawn(entry, *args, host=host, exec=True, **options))

    async def process(self, entry: str, *args: Any) -> Any:
        """The result of a process."""
        return await self.run(entry, *args, host="app:processes")

    async def begin(self, entry: str, *args: Any, id: str, **options: Any) -> str:
        """Starts a workflow with this workflow ID and further options, and gives its PID."""
        return await asyncio.wrap_future(self.spawn(entry, *args, options={"workflow.id": id, **options}))

    async def wait(self, future: Future[Any]) -> Any:
        """The result of a future. A virtual clock is moved on for as long as it takes, a minute at a time."""
        wrapped = asyncio.wrap_future(future)
        advance = getattr(self.clock, "advance", None)
        async with asyncio.timeout(LONGEST):
            while advance is not None and not wrapped.done():
                await asyncio.sleep(0.002)
                advance(60)
            return await wrapped

    async def signal(self, id: str, topic: str, *values: Any) -> None:
        """Sends a message to a workflow."""
        await asyncio.wrap_future(
            self.app.runtime.router.request(
                "send", f"{{app:provider@app:worker|{id}}}", topic, "", b"", codec.pack(list(values))
            )
        )

    async def result(self, id: str, *, step: float = 60) -> Any:
        """The result of the workflow with this ID, once it is there; raises its error.

        A virtual clock is moved on by `step` seconds for as long as it takes.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self.engine.watch(id, None, lambda result: loop.call_soon_threadsafe(future.set_result, result))
        advance = getattr(self.clock, "advance", None)
        async with asyncio.timeout(LONGEST):
            while advance is not None and step and not future.done():
                await asyncio.sleep(0.002)
                advance(step)
            found = await future
        if found.failure is not None:
            raise found.failure.to_error()
        return decode_value(found.result)

    async def history(self, id: str) -> list[Any]:
        """The events of a workflow's newest run."""
        return await asyncio.wrap_future(self.engine.history(id))

    async def count(self, id: str, kind: type[Any]) -> int:
        """How many events of a kind a run has."""
        return sum(1 for event in await self.history(id) if isinstance(event, kind))

    async def until(self, condition: Any) -> None:
        """Waits until the (perhaps asynchronous) condition holds."""
        async with asyncio.timeout(LONGEST):
            while True:
                found = condition()
                if asyncio.iscoroutine(found):
                    found = await found
                if found:
                    return
                await asyncio.sleep(0.002)

    async def asleep(self, id: str, timers: int = 1) -> None:
        """Waits until a run has started so many timers."""

        async def there() -> bool:
            return await self.count(id, ev.TimerStarted) >= timers

        await self.until(there)

    def logged(self, text: str) -> list[str]:
        """Lines of the log that hold a text."""
        return [line for line in self.lines if text in line]


def change(app: FlowApp, name: str, **keys: Any) -> None:
    """Sets keys of an entry of the application."""
    path = app.folder / "src" / "_index.yaml"
    document = yaml.safe_load(path.read_text())
    entry = next(entry for entry in document["entries"] if entry["name"] == name)
    for key, value in keys.items():
        entry[key] = {**entry[key], **value} if isinstance(entry.get(key), dict) else value
    path.write_text(yaml.safe_dump(document))


class _Lines(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(record.getMessage())

"""An application for tests, in this Python process.

    from application import application, function, process

    with application(process("echo", "return function(x) return x end")) as app:
        assert app.execute("app:echo", 1) == 1

The application is a real one: definition files on disk, the whole boot, worker threads. Its event loop runs in a
thread of its own, so tests are plain functions and one application may serve a whole module (a fixture with
`scope="module"`). Namespace `app`. Host `app:processes` is there unless an entry has that name.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from pathlib import Path
from typing import Any

import yaml

from wippy.app import App
from wippy.observe.log import Log
from wippy.registry.config import Config
from wippy.registry.entry import ID, Entry
from wippy.registry.order import create, update
from wippy.registry.project import load_project
from wippy.units.clock import Clock, VirtualClock
from wippy.units.host import ProcessHost

HOST = "app:processes"
WAIT = 30.0
"""Seconds after which a test that hangs is given up; no outcome depends on it."""

Lines = dict[str, Any]


def unit(kind: str, name: str, source: str, modules: list[str] | None = None, **data: Any) -> Lines:
    """An entry with Lua source; `method` is `main` unless it is given."""
    return {"name": name, "kind": kind, "source": source, "method": "main", "modules": modules or [], **data}


def process(name: str, source: str, modules: list[str] | None = None, **data: Any) -> Lines:
    """A `process.lua` entry."""
    return unit("process.lua", name, source, modules, **data)


def function(name: str, source: str, modules: list[str] | None = None, **data: Any) -> Lines:
    """A `function.lua` entry."""
    return unit("function.lua", name, source, modules, **data)


def library(name: str, source: str, modules: list[str] | None = None, **data: Any) -> Lines:
    """A `library.lua` entry."""
    return {"name": name, "kind": "library.lua", "source": source, "modules": modules or [], **data}


def workflow(name: str, source: str, modules: list[str] | None = None, **data: Any) -> Lines:
    """A `workflow.lua` entry."""
    return unit("workflow.lua", name, source, modules, **data)


def host(name: str, workers: int = 1, *, stop_timeout: str = "200ms", **limits: Any) -> Lines:
    """A running `process.host`; limits are keys of its `host` block (max_processes, max_memory, ...).

    Processes that ignore CANCEL are ended after `stop_timeout`.
    """
    lifecycle = {"auto_start": True, "stop_timeout": stop_timeout}
    return {"name": name, "kind": "process.host", "host": {"workers": workers, **limits}, "lifecycle": lifecycle}


class Application:
    """A running application.

    Attributes:
        app: the application object itself.
        loop: its event loop, which runs in another thread.
        folder: where its files are.
    """

    def __init__(self, app: App, loop: asyncio.AbstractEventLoop, folder: Path) -> None:
        self.app = app
        self.loop = loop
        self.folder = folder
        self._count = 0

    def run(self, coroutine: Any) -> Any:
        """Runs a coroutine on the application's loop; its result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(WAIT)

    def host(self, id: str = HOST) -> ProcessHost:
        return self.app.site.hosts[id]

    def begin(self, entry: str, *args: Any, host: str = HOST, frame: bytes = b"") -> Future[Any]:
        """Starts a process; a future of its result that raises its WippyError."""
        return self.host(host).execute(entry, list(args), frame)

    def execute(self, entry: str, *args: Any, host: str = HOST, frame: bytes = b"") -> Any:
        """Runs a process to its end. Raises its WippyError."""
        return self.begin(entry, *args, host=host, frame=frame).result(WAIT)

    def spawn(self, entry: str, *args: Any, host: str = HOST, **options: Any) -> str:
        """Starts a process; its PID. options: `name`. Raises WippyError."""
        return self.host(host).spawn(entry, list(args), **options).result(WAIT)

    def begin_call(self, entry: str, *args: Any, frame: bytes = b"") -> Future[Any]:
        """Calls a function; a future of its result."""
        return self.app.functions().call(entry, list(args), frame)

    def call(self, entry: str, *args: Any, frame: bytes = b"") -> Any:
        """Calls a function. Raises its WippyError."""
        return self.begin_call(entry, *args, frame=frame).result(WAIT)

    def define(self, *entries: Lines) -> None:
        """Adds entries, or puts them in place of those that have their names. Raises WippyError, Problems."""
        operations = []
        for lines in entries:
            data = dict(lines)
            id, kind, meta = ID("app", data.pop("name")), data.pop("kind"), data.pop("meta", {})
            made = Entry(id, kind, meta, data)
            operations.append(update(made) if self.app.registry.get(id) else create(made))
        self.run(self.app.registry.apply(operations))

    def lua(self, body: str, *args: Any, modules: list[str] | None = None, host: str = HOST) -> Any:
        """Runs the body of a function (its arguments are `...`) as a process. Raises the process's WippyError."""
        self._count += 1
        name = f"scratch{self._count}"
        self.define(process(name, f"return function(...)\n{body}\nend", modules))
        return self.execute(f"app:{name}", *args, host=host)

    def settle(self, turns: int = 1, host: str = HOST) -> None:
        """Returns when the workers of a host have done everything that had been posted to them before."""
        for _ in range(turns):
            while self.host(host).figures()["runnable"]:
                pass


def write(folder: Path, entries: list[Lines] | str) -> None:
    """Writes the definition file of namespace `app`; text stands for the YAML list of entries."""
    found = yaml.safe_load(entries) if isinstance(entries, str) else list(entries)
    if not any(entry["name"] == HOST.partition(":")[2] for entry in found):
        found.insert(0, host(HOST.partition(":")[2]))
    source = folder / "src"
    source.mkdir(parents=True, exist_ok=True)
    document = {"version": "1.0", "namespace": "app", "entries": found}
    (source / "_index.yaml").write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))


@contextlib.contextmanager
def application(
    *entries: Lines | str,
    config: Lines | None = None,
    clock: Clock | None = None,
    folder: Path | None = None,
    log: Log | None = None,
    before: Callable[[App], None] | None = None,
) -> Iterator[Application]:
    """Boots an application, waits until its services run, stops it at the end.

    Args:
        entries: entries of namespace `app` (see `process`, `function`, `host`), or YAML texts of lists of them.
        config: nested maps as in `.wippy.yaml`.
        clock: for example a `VirtualClock`.
        folder: project folder that stays; its files may be there already. By default a temporary one.
        log: by default silent.
        before: called with the application before it starts.

    Raises:
        WippyError, Problems: the application does not boot.
    """
    found: list[Lines] = []
    for entry in entries:
        found.extend(yaml.safe_load(entry) if isinstance(entry, str) else [entry])
    with contextlib.ExitStack() as stack:
        root = folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if found or not (root / "src").exists():
            write(root, found)
        settings = Config.load(str(root))
        settings.merge({"lua": {"cache": {"mode": "off"}}, **(config or {})})
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="application", daemon=True)
        thread.start()
        app = App(load_project(str(root)), settings, log or Log.open(silent=True), clock=clock)
        if before is not None:
            before(app)

        async def start() -> None:
            await app.start()
            await app.supervisor.settled()

        def close() -> None:
            stopping = asyncio.run_coroutine_threadsafe(app.stop(), loop)
            while isinstance(clock, VirtualClock) and not wait([stopping], 0.1).done:
                clock.advance(1)  # time limits of the shutdown
            stopping.result(WAIT)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(WAIT)
            loop.close()

        stack.callback(close)
        asyncio.run_coroutine_threadsafe(start(), loop).result(WAIT)
        yield Application(app, loop, root)

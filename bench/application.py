"""An application in this process: the real boot, real definition files, an event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from wippy.app import App
from wippy.observe.log import Log
from wippy.registry.config import Config
from wippy.registry.project import load_project
from wippy.units.host import ProcessHost

WAIT = 300.0
HOST = "app:processes"


def host(name: str = "processes", workers: int = 1) -> dict[str, Any]:
    """A running process host."""
    return {"name": name, "kind": "process.host", "host": {"workers": workers}, "lifecycle": {"auto_start": True}}


def unit(kind: str, name: str, source: str, *modules: str) -> dict[str, Any]:
    """An entry with Lua source, its method named main."""
    return {"name": name, "kind": kind, "method": "main", "modules": list(modules), "source": source}


def write(folder: Path, entries: list[dict[str, Any]]) -> None:
    """Writes entries of namespace `app` as a project in `folder`."""
    (folder / "src").mkdir(parents=True)
    document = {"version": "1.0", "namespace": "app", "entries": entries}
    (folder / "src" / "_index.yaml").write_text(yaml.safe_dump(document, sort_keys=False))


class Application:
    """A running application."""

    def __init__(self, app: App) -> None:
        self.app = app

    def host(self, id: str = HOST) -> ProcessHost:
        """A running host."""
        found = self.app.site.hosts[id]
        assert isinstance(found, ProcessHost)
        return found

    def run(self, entry: str, *args: Any, on: str = HOST) -> Any:
        """Runs a process to its end and gives its result. Raises its WippyError."""
        return self.host(on).execute(f"app:{entry}", list(args)).result(WAIT)

    def memory(self) -> int:
        """Bytes in use in the VM of the host's first worker after two full collections."""
        vm = self.host().workers[0].vm
        for _ in range(2):
            vm.K.raw[b"collectgarbage"]()
        return vm.memory()


@contextlib.contextmanager
def application(*entries: dict[str, Any]) -> Iterator[Application]:
    """Boots entries of namespace `app`, stops the application at the end."""
    with tempfile.TemporaryDirectory() as name:
        write(Path(name), list(entries))
        settings = Config.load(name)
        settings.merge({"lua": {"cache": {"mode": "off"}}})
        app = App(load_project(name), settings, Log.open(silent=True))
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="application", daemon=True)
        thread.start()

        async def start() -> None:
            await app.start()
            await app.supervisor.settled()

        asyncio.run_coroutine_threadsafe(start(), loop).result(WAIT)
        try:
            yield Application(app)
        finally:
            asyncio.run_coroutine_threadsafe(app.stop(), loop).result(WAIT)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(WAIT)
            loop.close()

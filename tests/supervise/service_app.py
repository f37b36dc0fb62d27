"""Services of a real application, seen through the event bus."""

from __future__ import annotations

import threading
from typing import Any

from wippy.app import App
from wippy.observe.events import Event
from wippy.registry.entry import ID

WAIT = 20.0
"""Seconds after which a test that hangs is given up."""


def service(name: str, process: str, *input: Any, host: str = "app:processes", **lifecycle: Any) -> dict[str, Any]:
    """A `process.service` with `auto_start` unless it is told otherwise."""
    block = {"auto_start": True, "stop_timeout": "2s", **lifecycle}
    lines = {"name": name, "kind": "process.service", "process": process, "host": host, "lifecycle": block}
    return {**lines, "input": list(input)} if input else lines


class Watch:
    """Remembers every state of every service; give `Watch(...).attach` to `application(before=)`."""

    def __init__(self) -> None:
        self.states: list[dict[str, Any]] = []
        self._changed = threading.Condition()

    def attach(self, app: App) -> None:
        app.bus.subscribe(self._receive, "supervisor", "service.update")

    def _receive(self, event: Event) -> None:
        with self._changed:
            self.states.append({"path": event.path, **event.data})
            self._changed.notify_all()

    def of(self, name: str) -> list[dict[str, Any]]:
        return [state for state in self.states if state["path"] == f"app:{name}"]

    def history(self, name: str) -> list[str]:
        """Statuses in the order in which they came, each once in a row."""
        out: list[str] = []
        for state in self.of(name):
            if not out or out[-1] != state["status"]:
                out.append(state["status"])
        return out

    def wait(self, name: str, status: str, count: int = 1) -> dict[str, Any]:
        """The last state once a service has been in `status` for the `count`th time."""

        def reached() -> bool:
            return self.history(name).count(status) >= count

        with self._changed:
            if not self._changed.wait_for(reached, WAIT):
                raise AssertionError(f"{name}: {self.history(name)}")
            return [state for state in self.of(name) if state["status"] == status][-1]


def state_of(app: Any, name: str) -> Any:
    return app.app.supervisor.state(ID("app", name))

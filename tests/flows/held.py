"""Runs that stand still while things happen to them, so that much arrives in one task.

A worker is stopped (`held`), or a task lasts until the test lets it end (`SPIN`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from flows.flow_app import FlowApp, function
from wippy.registry.entry import ID
from wippy.units.clock import VirtualClock
from wippy.workflows import events as ev
from wippy.workflows.payload import Payload

WORKER = ID.parse("app:worker")

GATED = function(
    "gated",
    """
    return function(name)
      process.registry.register(name)
      process.inbox():receive()
      return name
    end
    """,
)
"""A function that goes on when `release` says so."""

SPIN = """
process.registry.register("spinning")
while not process.registry.lookup("go on") do end
"""
"""Lua that computes until `spinning` is left; a replay passes at once."""


@contextlib.asynccontextmanager
async def spinning(app: FlowApp) -> AsyncIterator[None]:
    """Waits until a task computes, and lets it end at the end."""
    names = app.app.runtime.router.names
    await app.until(lambda: names.holder(b"spinning"))
    yield
    names.register(b"go on", b"{app:nobody|1}")


async def settled(app: FlowApp, id: str, signals: int = 0) -> bool:
    """Whether no task of a run is on its way, and so many signals have been told to its code."""
    kinds = [type(event) for event in await app.history(id)]
    tasks = [kind for kind in kinds if kind in (ev.WorkflowTaskScheduled, ev.WorkflowTaskCompleted)]
    return tasks[-1:] == [ev.WorkflowTaskCompleted] and kinds.count(ev.WorkflowExecutionSignaled) >= signals


async def tell(app: FlowApp, name: str, topic: str) -> None:
    """Sends a message to the process or function that registers a name, once it has."""
    router = app.app.runtime.router

    def holder() -> bytes:
        return router.names.holder(name.encode()) or b""

    await app.until(holder)
    router.request("send", holder().decode(), topic, "", b"", b"\x90")


class Held:
    """What is done to the runs of `app:worker` while it does not run."""

    def __init__(self, app: FlowApp) -> None:
        self._app = app
        self.engine = app.engine

    async def history(self, id: str) -> list[Any]:
        return await asyncio.wrap_future(self.engine.history(id))

    async def signal(self, id: str, name: str) -> None:
        await asyncio.wrap_future(self.engine.signal(id, None, name, [Payload()], ""))

    async def cancel(self, id: str) -> None:
        await asyncio.wrap_future(self.engine.cancel(id, None, "asked"))

    async def terminate(self, id: str) -> None:
        await asyncio.wrap_future(self.engine.terminate(id))

    async def release(self, name: str) -> None:
        """Lets the function `gated` that has this name go on."""
        await tell(self._app, name, "go")

    async def until(self, seconds: float) -> None:
        """Moves a virtual clock on, to so long after its start; real time passes by itself."""
        if isinstance(self._app.clock, VirtualClock):
            self._app.clock.advance(seconds - self._app.clock.monotonic_ns() / 1e9 + 1e-6)


@contextlib.asynccontextmanager
async def held(app: FlowApp) -> AsyncIterator[Held]:
    """Stops `app:worker`, and starts it again at the end."""
    found = Held(app)
    await app.app.supervisor.stop(WORKER)
    yield found
    await app.app.supervisor.start(WORKER)

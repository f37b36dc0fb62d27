"""Starting and stopping services through the event bus, and telling there how they are."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from ..errors import WippyError
from ..observe.events import Bus, Event
from ..registry.entry import ID
from ..registry.notice import Notice
from .state import State
from .supervisor import Supervisor

SYSTEM = "supervisor"
UPDATE = "service.update"
START = "service.start"
STOP = "service.stop"


def publisher(bus: Bus) -> Callable[[State], None]:
    """Publishes every new state of a service: kind `service.update`, path its id."""

    def publish(state: State) -> None:
        bus.send(SYSTEM, UPDATE, str(state.id), state.plain())

    return publish


class Commands:
    """Carries out the events `service.start` and `service.stop` of the system `supervisor`; path is the service.

    Args:
        bus: where they come from.
        supervisor: what they are for.
        loop: on which the supervisor lives.
        notice: takes what could not be done.
    """

    def __init__(
        self,
        bus: Bus,
        supervisor: Supervisor,
        loop: asyncio.AbstractEventLoop,
        notice: Callable[[Notice], None],
    ) -> None:
        self._supervisor = supervisor
        self._loop = loop
        self._notice = notice
        self._tasks: set[asyncio.Task[None]] = set()
        self._subscription = bus.subscribe(self._receive, SYSTEM, "service.st*")

    def close(self) -> None:
        """Nothing is carried out any more."""
        self._subscription.close()

    def _receive(self, event: Event) -> None:
        if event.kind in (START, STOP):
            with contextlib.suppress(RuntimeError):  # the loop has been closed
                self._loop.call_soon_threadsafe(self._begin, event)

    def _begin(self, event: Event) -> None:
        task = self._loop.create_task(self._carry_out(event))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry_out(self, event: Event) -> None:
        id = ID.parse(event.path)
        try:
            if event.kind == START:
                await self._supervisor.start(id)
            else:
                await self._supervisor.stop(id)
        except WippyError as error:
            self._notice(Notice("error", f"{event.kind} failed", {"service": event.path, "error": error.message}))

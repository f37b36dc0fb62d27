"""Who waits for the ends of workflows: long polls of the server, which outlive its outages."""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any

import msgspec

from wippy.workflows.provider import Result, Watcher

log = logging.getLogger("wippy.workflows")


class Watch(msgspec.Struct):
    """One who waits. `poll` is None while nobody asks the server."""

    workflow_id: str
    run_id: str | None
    callback: Watcher
    poll: Future[None] | None = None


class Watches:
    """All who wait for workflows of one client. Thread-safe.

    Args:
        result: (workflow ID, run ID) -> how it ended; never raises but when it is cancelled.
        loop: on which it is awaited.
    """

    def __init__(
        self, result: Callable[[str, str | None], Coroutine[Any, Any, Result]], loop: asyncio.AbstractEventLoop
    ) -> None:
        self._result = result
        self._loop = loop
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._open: dict[int, Watch] = {}
        self._paused = False

    def __len__(self) -> int:
        return len(self._open)

    def add(self, workflow_id: str, run_id: str | None, callback: Watcher) -> int:
        """Begins to wait; the callback comes once, on the loop."""
        number = next(self._numbers)
        with self._lock:
            watch = self._open[number] = Watch(workflow_id, run_id, callback)
            if not self._paused:
                self._poll(number, watch)
        return number

    def drop(self, number: int) -> None:
        """Waits no more: no callback comes after this."""
        with self._lock:
            watch = self._open.pop(number, None)
        if watch is not None and watch.poll is not None:
            watch.poll.cancel()

    def pause(self) -> None:
        """Asks the server no more; who waits goes on waiting."""
        with self._lock:
            self._paused = True
            polls = [watch.poll for watch in self._open.values()]
            for watch in self._open.values():
                watch.poll = None
        for poll in polls:
            if poll is not None:
                poll.cancel()

    def resume(self) -> None:
        """Asks the server again."""
        with self._lock:
            self._paused = False
            for number, watch in self._open.items():
                if watch.poll is None:
                    self._poll(number, watch)

    def _poll(self, number: int, watch: Watch) -> None:
        watch.poll = asyncio.run_coroutine_threadsafe(self._wait(number, watch), self._loop)

    async def _wait(self, number: int, watch: Watch) -> None:
        result = await self._result(watch.workflow_id, watch.run_id)
        with self._lock:
            wanted = self._open.pop(number, None) is not None
        if not wanted:
            return
        try:
            watch.callback(result)
        except Exception:
            log.exception("the end of workflow %s could not be told", watch.workflow_id)

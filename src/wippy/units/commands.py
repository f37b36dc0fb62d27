"""Carries out the commands of units on the event loop."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Any

from wippy.kernel import codec
from wippy.kernel.worker import Envelope
from wippy.units.runtime import Runtime

log = logging.getLogger("wippy.units")


class Commands:
    """Takes commands from worker threads, runs them as tasks of one event loop, sends the completions back."""

    def __init__(self, runtime: Runtime, loop: asyncio.AbstractEventLoop) -> None:
        self._runtime = runtime
        self._loop = loop
        self._waiting: deque[Envelope] = deque()
        self._scheduled = False
        self._tasks: dict[tuple[int, int], asyncio.Task[None]] = {}
        runtime.router.command = self.accept
        runtime.router.abort = self.accept

    def accept(self, envelope: Envelope) -> None:
        """Takes a command or an abort; from any thread."""
        self._waiting.append(envelope)
        if not self._scheduled:
            self._scheduled = True
            try:
                self._loop.call_soon_threadsafe(self._drain)
            except RuntimeError:
                log.debug("a command came after the event loop had closed")

    def _drain(self) -> None:
        self._scheduled = False
        waiting = self._waiting
        while waiting:
            envelope = waiting.popleft()
            if envelope[0] == "abort":
                task = self._tasks.get((envelope[2], envelope[4]))
                if task is not None:
                    task.cancel()
                if envelope[5]:
                    self._discard(envelope[5])
                continue
            key = (envelope[2], envelope[3])
            task = self._loop.create_task(self._run(envelope))
            self._tasks[key] = task
            task.add_done_callback(lambda _, key=key: self._tasks.pop(key, None))

    async def _run(self, envelope: Envelope) -> None:
        _, _, origin, request, name, pid, entry, blob, packed = envelope
        values: list[Any]
        try:
            if name == "module":
                fn_id, arguments = codec.unpack(packed)
                unit = self._runtime.unit(pid, entry, blob)
                status, answer = await self._runtime.bindings.module_command(
                    unit,
                    fn_id.encode() if isinstance(fn_id, str) else fn_id,
                    arguments.encode() if isinstance(arguments, str) else arguments,
                )
                values = [status, answer]
            elif name == "guest":
                values = await self._guest(pid, *codec.unpack(packed))
            else:
                values = [1, codec.pack([codec.ErrorValue("Internal", f"unknown command {name}", False)])]
        except asyncio.CancelledError:
            return
        except BaseException as error:
            log.exception("command %s of %s failed", name, entry)
            values = [1, codec.pack([codec.ErrorValue.of(error)])]
        worker = self._runtime.router.workers.get(origin)
        packed = codec.pack(values)
        if worker is not None:
            worker.post(["done", origin, 0, request, packed])
        else:
            self._discard(packed)

    def _discard(self, packed: bytes) -> None:
        """Closes what a command has opened, whose results came too late."""
        values = codec.unpack(packed)
        if values[0] == 0 and len(values) == 2 and isinstance(values[1], bytes | str):
            answer = values[1]
            self._runtime.bindings.discard(answer.encode() if isinstance(answer, str) else answer)

    async def _guest(self, pid: str, terminal: bool, *args: Any) -> list[Any]:
        return await self._runtime.guests.run(pid, terminal, list(args))

    async def stop(self) -> None:
        """Interrupts what is under way."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.gather(*tasks, return_exceptions=True)

"""Processes whose code is not Lua: programs by entry, and the machines that run them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, Protocol

from wippy.errors import INTERNAL, NOT_FOUND, WippyError
from wippy.kernel import codec


class Machine(Protocol):
    """One process' code and state."""

    async def run(self, ask: Ask, args: list[Any], terminal: bool) -> Any:
        """Runs the code to its end and gives the result. Cancelled when the process is ended from outside.

        Args:
            terminal: the process is the program of a terminal host.
        """
        ...

    def close(self) -> None:
        """Lets go of what it holds; any number of times."""
        ...


class Program(Protocol):
    """The code of one entry."""

    def load(self, pid: str) -> Machine:
        """A machine for a new process. Called in the thread of the process' worker, so it must not wait.

        Raises:
            WippyError: the process does not start.
        """
        ...


Ask = Callable[..., Future[list[Any]]]
"""ask(act, *values): asks the kernel to do something as the process; the future gives its values."""


class Guests:
    """The programs of an application, and the thread in which their code runs. Thread-safe.

    Args:
        request: `Router.request`.
    """

    def __init__(self, request: Callable[..., Future[list[Any]]]) -> None:
        self._request = request
        self._programs: dict[str, Program] = {}
        self._machines: dict[str, Machine] = {}
        self._loops: dict[str, _Loop] = {}
        self._lock = threading.Lock()

    def put(self, id: str, program: Program) -> None:
        """Adds or replaces the program of an entry; running processes keep theirs."""
        self._programs[id] = program

    def remove(self, id: str) -> None:
        """The entry is gone."""
        self._programs.pop(id, None)

    def load(self, entry: bytes, pid: bytes) -> Any:
        """For a VM: makes the machine of a process. True, or None with kind and message."""
        try:
            program = self._programs.get(entry.decode())
            if program is None:
                raise WippyError(NOT_FOUND, f"no code is registered as {entry.decode('utf-8', 'replace')}")
            machine = program.load(pid.decode())
        except WippyError as error:
            return None, error.kind.encode(), error.message.encode()
        except BaseException as error:
            return None, INTERNAL.encode(), f"{type(error).__name__}: {error}".encode()
        self._machines[pid.decode()] = machine
        return True

    def release(self, pid: str) -> None:
        """The process has ended, or goes on with other code."""
        machine = self._machines.pop(pid, None)
        if machine is not None:
            machine.close()

    async def run(self, pid: str, terminal: bool, args: list[Any]) -> list[Any]:
        """Runs the machine of a process. Returns whether it went well, and the result or the error."""
        machine = self._machines.get(pid)
        if machine is None:
            return [False, codec.ErrorValue(NOT_FOUND, "process not found", False)]

        def ask(act: str, *values: Any) -> Future[list[Any]]:
            return self._request("guest", pid, act, "", "", codec.pack(values))

        try:
            result = await self._loop_of(pid).run(machine.run(ask, args, terminal))
            codec.pack([result])  # raises for what cannot travel
            return [True, result]
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            return [False, error if isinstance(error, WippyError) else codec.ErrorValue.of(error)]

    def _loop_of(self, pid: str) -> _Loop:
        host = pid.partition("|")[0]
        with self._lock:
            loop = self._loops.get(host)
            if loop is None:
                loop = self._loops[host] = _Loop(f"guests of {host[1:].partition('@')[2] or host[1:]}")
            return loop

    def close(self) -> None:
        """Ends the threads."""
        with self._lock:
            loops, self._loops = self._loops, {}
        for loop in loops.values():
            loop.stop()


class _Loop:
    """An event loop in a thread of its own, so that code which never waits stops nobody but its own host's guests."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.close()

    async def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Awaits `work` there; cancelling this cancels it."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(1)

"""Processes written in Python: what their code is given."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from typing import Any

import msgspec

from wippy.errors import INVALID, WippyError
from wippy.kernel import codec
from wippy.units.guests import Ask


class Message(msgspec.Struct, frozen=True):
    """A message out of the mailbox.

    Attributes:
        topic: as it was sent.
        sender: PID, "" for messages of the runtime.
        payloads: all values of the message.
    """

    topic: str
    sender: str
    payloads: list[Any]

    @property
    def payload(self) -> Any:
        """The first value, or None."""
        return self.payloads[0] if self.payloads else None


class Event(msgspec.Struct, frozen=True):
    """What happened to a process that this one watches, or a wish to end.

    Attributes:
        kind: `pid.exit`, `pid.link.down`, `pid.cancel` or `pid.outdated`.
        source: PID of the process that ended, or of who asks.
        reason: why it is asked to end.
        at: Unix time in seconds.
        value: what the process returned.
        error: why it failed, None after a normal end.
        sources: entries that have changed.
    """

    kind: str
    source: str | None = None
    reason: str | None = None
    at: int | None = None
    value: Any = None
    error: WippyError | None = None
    sources: list[str] | None = None


class Process:
    """The process as its own code sees it: `async def main(process, *args)`.

    Every method raises WippyError for what the same function of a Lua process returns as an error. Values are plain
    data: None, bool, int, float, str, bytes, list, dict.

    Attributes:
        pid: its PID.
        entry: ID of the entry that runs.
    """

    CANCEL = "pid.cancel"
    EXIT = "pid.exit"
    LINK_DOWN = "pid.link.down"
    OUTDATED = "pid.outdated"

    def __init__(self, pid: str, entry: str, ask: Ask) -> None:
        self.pid = pid
        self.entry = entry
        self._ask_kernel = ask
        self._feeds: dict[tuple[str, ...], _Feed] = {}

    # Messages

    async def send(self, destination: str, topic: str, *payloads: Any) -> None:
        """Sends a message to a PID or a registered name."""
        await self.invoke("process.send", destination, topic, *payloads)

    async def receive(self, topic: str | None = None) -> Message:
        """The next message of the inbox, or of one topic.

        A receive that is cancelled, for example by `asyncio.timeout`, loses no message. From the first receive of a
        topic on, its messages do not come to the inbox any more.
        """
        values = await self._feed("receive", *([] if topic is None else [topic])).next()
        return Message(values[0], values[1], values[3 : 3 + values[2]])

    async def messages(self, topic: str | None = None) -> AsyncIterator[Message]:
        """Messages as they come, for ever."""
        while True:
            yield await self.receive(topic)

    async def event(self) -> Event:
        """The next event: EXIT, LINK_DOWN, CANCEL."""
        values = await self._feed("event").next()
        kind, source, reason, at, value, error, sources = (*values, *([None] * (7 - len(values))))
        failure = error.exception() if isinstance(error, codec.ErrorValue) else None
        return Event(str(kind), source, reason, at, value, failure, sources)

    # Others

    async def spawn(
        self,
        entry: str,
        host: str,
        *args: Any,
        monitored: bool = False,
        linked: bool = False,
        name: str | None = None,
        messages: list[list[Any]] | None = None,
        context: dict[str, Any] | None = None,
    ) -> str:
        """Starts a process and gives its PID.

        Args:
            name: registered for it before it runs; if the name is held, the holder's PID comes back.
            messages: `[topic, value, …]` each, sent right after the start.
            context: values that it finds in its context.
        """
        if name is None and not messages and context is None:
            kind = "spawn" + ("_linked" if linked else "") + ("_monitored" if monitored else "")
            return (await self.invoke(f"process.{kind}", entry, host, *args))[0]
        options = {"monitored": monitored, "linked": linked, "name": name, "messages": messages, "context": context}
        return (await self._ask("spawn", options, entry, host, *args))[0]

    async def exec(self, entry: str, host: str, *args: Any) -> Any:
        """Starts a process, waits for its end and gives its result."""
        return _first(await self.invoke("process.exec", entry, host, *args))

    async def call(self, target: str, *args: Any) -> Any:
        """Calls a function."""
        return _first(await self.invoke("funcs.call", target, *args))

    async def monitor(self, destination: str) -> None:
        """Asks for an EXIT event when the process ends."""
        await self.invoke("process.monitor", destination)

    async def unmonitor(self, destination: str) -> None:
        """Takes `monitor` back."""
        await self.invoke("process.unmonitor", destination)

    async def link(self, destination: str) -> None:
        """Ties the fate of both processes together: a failure of one reaches the other."""
        await self.invoke("process.link", destination)

    async def unlink(self, destination: str) -> None:
        """Takes `link` back."""
        await self.invoke("process.unlink", destination)

    async def cancel(self, destination: str, reason: str = "") -> None:
        """Asks a process to end."""
        await self.invoke("process.cancel", destination, reason)

    async def terminate(self, destination: str) -> None:
        """Ends a process by force."""
        await self.invoke("process.terminate", destination)

    # Itself

    async def set_options(self, **options: bool) -> None:
        """`trap_links=True`: failures of linked processes come as events; `upgradable=True`: changed code does."""
        await self.invoke("process.set_options", options)

    async def register(self, name: str, pid: str | None = None) -> None:
        """Registers a name for this process or another. Errors: ALREADY_EXISTS."""
        await self.invoke("process.registry.register", name, *([] if pid is None else [pid]))

    async def unregister(self, name: str) -> bool:
        """Gives a name up; whether it was registered."""
        return _first(await self.invoke("process.registry.unregister", name))

    async def lookup(self, name: str) -> str:
        """The PID behind a name. Errors: NOT_FOUND."""
        return _first(await self.invoke("process.registry.lookup", name))

    async def upgrade(self, entry: str | None = None, *args: Any) -> None:
        """Goes on with new code in the same process; does not return."""
        await self.invoke("process.upgrade", entry, *args)

    async def invoke(self, function: str, *args: Any) -> list[Any]:
        """Calls any function of a Lua module as this process, such as `security.can`; gives all its results."""
        return await self._ask("invoke", function, *args)

    async def _ask(self, act: str, *values: Any) -> list[Any]:
        try:
            answer = self._ask_kernel(act, *values)
        except TypeError as error:
            raise WippyError(INVALID, f"{values[0] if values else act}: {error}") from None
        return await asyncio.shield(asyncio.wrap_future(answer))  # the kernel answers in any case

    def _feed(self, *key: str) -> _Feed:
        feed = self._feeds.get(key)
        if feed is None:
            feed = self._feeds[key] = _Feed(lambda: self._ask_kernel(*key))
        return feed


class _Feed:
    """Takes one value after the other out of a channel; one that comes when nobody waits any more is kept."""

    def __init__(self, ask: Callable[[], Future[list[Any]]]) -> None:
        self._ask = ask
        self._came: asyncio.Queue[list[Any] | BaseException] = asyncio.Queue()
        self._waiting = 0
        self._asked = False

    async def next(self) -> list[Any]:
        self._waiting += 1
        try:
            self._want()
            came = await self._came.get()
        finally:
            self._waiting -= 1
        if isinstance(came, BaseException):
            raise came
        self._want()
        return came

    def _want(self) -> None:
        if self._asked or self._came.qsize() >= self._waiting:
            return
        self._asked = True
        loop = asyncio.get_running_loop()

        def came(answer: Future[list[Any]]) -> None:
            with contextlib.suppress(RuntimeError):  # the application has ended
                loop.call_soon_threadsafe(self._take, answer)

        self._ask().add_done_callback(came)

    def _take(self, answer: Future[list[Any]]) -> None:
        self._asked = False
        self._came.put_nowait(answer.exception() or answer.result())


def _first(values: list[Any]) -> Any:
    return values[0] if values else None

"""A supervisor on a clock that is moved by hand, with services that do as they are told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from wippy.duration import SECOND
from wippy.registry.entry import ID
from wippy.registry.lifecycle import Lifecycle, Restart
from wippy.supervise import Supervisor


async def settle() -> None:
    """Lets every task go on until all wait for something."""
    for _ in range(40):
        await asyncio.sleep(0)


class ManualClock:
    def __init__(self) -> None:
        self.now = 0
        self.sleepers: list[tuple[int, asyncio.Future[None]]] = []

    def time_ns(self) -> int:
        return 1_000 * SECOND + self.now

    def monotonic_ns(self) -> int:
        return self.now

    async def sleep(self, ns: int) -> None:
        future = asyncio.get_running_loop().create_future()
        self.sleepers.append((self.now + ns, future))
        await future

    async def advance(self, seconds: float) -> None:
        """Moves on, sleeper by sleeper."""
        await settle()
        end = self.now + round(seconds * SECOND)
        while True:
            due = sorted((at for at, future in self.sleepers if at <= end and not future.done()))
            if not due:
                break
            self.now = max(self.now, due[0])
            for at, future in self.sleepers:
                if at <= self.now and not future.done():
                    future.set_result(None)
            await settle()
        self.now = end
        await settle()


class Fake:
    """A service. `fail` holds errors of the next starts; `hold`/`hold_stop` make start and stop wait for ever."""

    def __init__(self, name: str, log: list[str]) -> None:
        self.name = name
        self.log = log
        self.fail: list[Exception] = []
        self.fail_stop: list[Exception] = []
        self.hold = self.hold_stop = False
        self.starts = 0
        self.ended: Callable[[BaseException | None], None] = lambda _: None

    async def start(self, ended: Callable[[BaseException | None], None]) -> str | None:
        self.starts += 1
        self.log.append(f"start {self.name}")
        await asyncio.sleep(0)
        if self.hold:
            self.release = asyncio.get_running_loop().create_future()
            await self.release
        if self.fail:
            raise self.fail.pop(0)
        self.ended = ended
        self.log.append(f"up {self.name}")
        return None

    async def stop(self) -> None:
        self.log.append(f"stop {self.name}")
        if self.hold_stop:
            await asyncio.get_running_loop().create_future()
        if self.fail_stop:
            raise self.fail_stop.pop(0)
        await asyncio.sleep(0)
        self.log.append(f"down {self.name}")


class World:
    def __init__(self, references: dict[str, list[str]] | None = None) -> None:
        self.clock = ManualClock()
        self.log: list[str] = []
        self.states: list[tuple[str, str]] = []
        self.notices: list[tuple[str, dict[str, object]]] = []
        named = references or {}
        self.supervisor = Supervisor(
            references=lambda id: [ID.parse(text, "app") for text in named.get(id.name, ())],
            listener=lambda state: self.states.append((state.id.name, state.status)),
            notice=lambda notice: self.notices.append((notice.message, notice.fields)),
            clock=self.clock,
            draw=lambda: 0.5,
        )

    def add(self, name: str, *requires: str, restart: Restart | None = None, **lifecycle) -> Fake:
        service = Fake(name, self.log)
        block = Lifecycle(requires=list(requires), restart=restart or Restart(), **lifecycle)
        self.supervisor.register(ID("app", name), service, block)
        return service

    async def start(self, *names: str) -> None:
        await self.supervisor.start(*(ID("app", name) for name in names))

    async def stop(self, name: str) -> None:
        await self.supervisor.stop(ID("app", name))

    def state(self, name: str):
        state = self.supervisor.state(ID("app", name))
        assert state is not None
        return state

    def status(self, name: str) -> str:
        return self.state(name).status

    def history(self, name: str) -> list[str]:
        """Statuses in the order in which they came, each once in a row."""
        out: list[str] = []
        for who, status in self.states:
            if who == name and (not out or out[-1] != status):
                out.append(status)
        return out

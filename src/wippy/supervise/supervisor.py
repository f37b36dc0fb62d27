"""The services of an application: registration, start order, shutdown."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from ..errors import CANCELED, INVALID, INVALID_STATE, NOT_FOUND, UNAVAILABLE, WippyError
from ..registry.entry import ID
from ..registry.lifecycle import OPTIONAL
from ..registry.notice import Notice, Problems, raise_problems
from .clock import Clock, SystemClock
from .dependencies import closure, levels, needed_by
from .service import LifecycleBlock, Service
from .state import RUNNING, STOPPED, UNKNOWN, State
from .supervised import Supervised, Surroundings, as_wippy


class _Change(msgspec.Struct):
    """A registration that waits for its transaction; without service a removal; `anew` follows a removal."""

    service: Service | None = None
    lifecycle: LifecycleBlock | None = None
    restart: bool = False
    anew: bool = False

    def ends(self, known: bool) -> bool:
        """Whether a run of what is known goes to its end."""
        return known and (self.service is None or self.restart or self.anew)


class Supervisor:
    """Starts, restarts and stops services. Lives on one event loop; only reports come from elsewhere.

    As a participant of registry transactions it takes registrations into account when they are committed: then,
    in the background (`settled` waits), removed services stop and those with `auto_start` start.

    Args:
        references: the entries that an entry names, for implicit dependencies.
        listener: called with every new state.
        notice: takes what is to be logged.
        clock: the clock.
        draw: a random number in [0, 1).
    """

    def __init__(
        self,
        *,
        references: Callable[[ID], Iterable[ID]] = lambda _: (),
        listener: Callable[[State], None] = lambda _: None,
        notice: Callable[[Notice], None] = lambda _: None,
        clock: Clock | None = None,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._references = references
        self._notice = notice
        self._services: dict[ID, Supervised] = {}
        self._around = Surroundings(clock or SystemClock(), draw, listener, self._came_up, notice)
        self._batch: dict[ID, _Change] | None = None
        self._background: set[asyncio.Task[Any]] = set()
        self._sequences: set[asyncio.Task[None]] = set()
        self._failures: list[WippyError] = []
        self._changing = asyncio.Lock()
        self._pending = 0  # changes whose stops are not over: later ones wait for their turn
        self._held: dict[ID, set[ID]] = {}
        self._closed = False
        self.idle = False
        """Services start only when they are asked to by name."""

    # Registration.

    def register(self, id: ID, service: Service, lifecycle: LifecycleBlock, *, restart: bool = False) -> None:
        """Adds a service, or replaces what is known of one: a run under way goes on with what it has.

        Args:
            id: entry id.
            service: what is started and stopped.
            lifecycle: its `lifecycle` block.
            restart: where the service runs, stop it and start the new one when the transaction is committed.
        """
        if self._batch is not None:
            earlier = self._batch.get(id)
            anew = earlier is not None and (earlier.service is None or earlier.anew)
            self._batch[id] = _Change(service, lifecycle, restart, anew)
        else:
            self._put(id, service, lifecycle)

    async def unregister(self, id: ID) -> None:
        """Stops a service, those that need it first, and forgets it. In a transaction: when it is committed."""
        if self._batch is not None:
            if id in self._services:
                self._batch[id] = _Change()
            else:
                self._batch.pop(id, None)
            return
        if id in self._services:
            try:
                await self.stop(id)
            finally:
                self._services.pop(id, None)

    def _put(self, id: ID, service: Service, lifecycle: LifecycleBlock) -> Supervised:
        known = self._services.get(id)
        if known is None:
            known = self._services[id] = Supervised(id, service, lifecycle, self._around)
        known.service, known.lifecycle = service, lifecycle
        return known

    async def begin(self) -> None:
        """A registry transaction begins."""
        self._batch = {}

    async def rollback(self) -> None:
        """It failed: forgets its registrations."""
        self._batch = None

    async def committed(self) -> None:
        """It is in force: stops what is gone or replaced, then starts what is new, both in the background."""
        batch, self._batch = self._batch or {}, None
        if not batch:
            return
        if self._pending or any(change.ends(id in self._services) for id, change in batch.items()):
            self._pending += 1
            work = self._change_over(batch)
        else:
            work = self._begin(self._enter(batch))
        task = asyncio.get_running_loop().create_task(work)
        self._sequences.add(task)
        task.add_done_callback(self._sequence_over)

    async def _change_over(self, batch: dict[ID, _Change]) -> None:
        try:
            async with self._changing:  # one change after the other, as far as stops go
                begun = await self._exchange(batch)
        finally:
            self._pending -= 1
        await self._begin({id for id in begun if id in self._services})

    async def _exchange(self, batch: dict[ID, _Change]) -> set[ID]:
        """Stops what ends, and what needs it, and takes registrations into account; what is to start then."""
        going = [id for id, change in batch.items() if change.ends(id in self._services)]
        affected = self._with_dependents(going)
        begun = {id for id in affected if self._services[id].state.desired == RUNNING}
        begun -= {id for id, change in batch.items() if change.anew}
        try:
            await self._stop_all(affected)
        except WippyError as error:
            self._notice(Notice("error", "services did not stop", {"error": error.message}))
        return begun | self._enter(batch)

    def _enter(self, batch: dict[ID, _Change]) -> set[ID]:
        """Takes registrations into account; what they start."""
        begun: set[ID] = set()
        for id, change in batch.items():
            if change.service is None or change.anew:
                self._services.pop(id, None)
            if change.service is None or change.lifecycle is None:
                continue
            known = self._put(id, change.service, change.lifecycle)
            if change.lifecycle.auto_start and known.state.desired == UNKNOWN and not self.idle:
                begun.add(id)
        self._held, _ = self._needs()
        return begun

    async def _begin(self, ids: set[ID]) -> None:
        if ids and not self._closed:
            await self._keep(asyncio.get_running_loop().create_task(self.start(*ids)))

    def _sequence_over(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if isinstance(error, WippyError):
            self._failures.append(error)
        self._sequences.discard(task)
        if error is not None:
            self._notice(Notice("error", "not all services have started", {"error": str(error)}))

    async def settled(self) -> None:
        """Waits until the services of committed transactions have made their first attempt to start.

        Raises:
            WippyError, Problems: required services that did not start.
        """
        while self._sequences:
            await asyncio.wait(set(self._sequences))
        failures, self._failures = self._failures, []
        raise_problems(failures)

    # State.

    def state(self, id: ID) -> State | None:
        """The state of a service."""
        found = self._services.get(id)
        return found.state if found else None

    def states(self) -> list[State]:
        """The states of all services, by id."""
        return [self._services[id].state for id in sorted(self._services)]

    # Start and stop.

    async def start(self, *ids: ID) -> None:
        """Starts services and before them what they need; those that need nothing of each other in parallel.

        Returns when each has made its first attempt. Services that wait for a failed one start when it comes up.

        Raises:
            WippyError: NOT_FOUND, no such service; INVALID, a cycle (nothing has started), or missing
                dependencies; INVALID_STATE, shutting down; or the reason a required service failed.
            Problems: several of these.
        """
        if self._closed:
            raise WippyError(INVALID_STATE, "services are being shut down: none can be started")
        needs, missing = self._needs()
        for id in ids:
            if id not in self._services:
                raise WippyError(NOT_FOUND, f"service {id} not found")
        wanted = closure(ids, needs.__getitem__)
        order = [id for level in levels({id: needs[id] for id in wanted}) for id in level]
        attempts: dict[ID, asyncio.Task[WippyError | None]] = {}
        asked = {id: self._services[id] for id in order}
        for id, supervised in asked.items():
            if id in ids or not supervised.satisfied:
                supervised.ask()

        async def attempt(id: ID) -> WippyError | None:
            supervised = asked[id]
            absent = [need for need in sorted(needs[id]) if await attempts[need] is not None]
            if self._services.get(id) is not supervised or supervised.state.desired == STOPPED:
                return WippyError(CANCELED, f"service {id} was stopped before it had started")
            if id in missing:
                refs = ", ".join(str(ref) for ref in missing[id])
                text = f"service startup blocked by missing dependencies: {id} requires {refs}"
                supervised.block(text)
                return WippyError(INVALID, text)
            if absent:
                text = f"waiting for {', '.join(str(need) for need in absent)}"
                supervised.block(text)
                return WippyError(UNAVAILABLE, text, retryable=True)
            if id not in ids and supervised.satisfied:
                return None
            try:
                await supervised.start()
            except Exception as error:
                return as_wippy(error)
            return None

        for id in order:
            attempts[id] = self._keep(asyncio.get_running_loop().create_task(attempt(id)))
        try:
            await asyncio.gather(*attempts.values())
        except asyncio.CancelledError:
            for task in attempts.values():
                task.cancel()
            raise
        failures = []
        for id in order:
            error = attempts[id].result()
            if error is not None and asked[id].lifecycle.startup != OPTIONAL:
                failures.append(_named(id, error))
        raise_problems(failures)

    async def start_auto(self) -> None:
        """Starts every service with `auto_start`; raises as `start` does."""
        await self.start(*(id for id, found in self._services.items() if found.lifecycle.auto_start))

    async def stop(self, id: ID) -> None:
        """Stops a service, those that need it first.

        Raises:
            WippyError: NOT_FOUND; TIMEOUT, it did not stop in time; or what its stop raised.
            Problems: several of these.
        """
        if id not in self._services:
            raise WippyError(NOT_FOUND, f"service {id} not found")
        await self._stop_all(self._with_dependents([id]))

    async def shutdown(self) -> list[WippyError]:
        """Stops everything, level by level, dependents first. Nothing can be started afterwards.

        Returns:
            What went wrong; it has been logged.
        """
        self._closed = True
        for task in list(self._background):
            task.cancel()
        async with self._changing:  # stops under way go on to their end
            pass
        try:
            await self._stop_all(set(self._services))
        except Problems as error:
            return list(error.errors)
        except WippyError as error:
            return [error]
        return []

    def _needs(self) -> tuple[dict[ID, set[ID]], dict[ID, list[ID]]]:
        needs: dict[ID, set[ID]] = {}
        missing: dict[ID, list[ID]] = {}
        for id, found in self._services.items():
            required = found.lifecycle.dependencies(id.ns)
            needs[id], absent = needed_by(id, required, self._references, self._services)
            if absent:
                missing[id] = absent
        return needs, missing

    def _stop_needs(self) -> dict[ID, set[ID]]:
        """What each service needed when it was registered: entries that are gone no longer tell."""
        return {**self._needs()[0], **{id: needs for id, needs in self._held.items() if id in self._services}}

    def _with_dependents(self, ids: Iterable[ID]) -> set[ID]:
        needs = self._stop_needs()
        return closure(ids, lambda id: [other for other, its in needs.items() if id in its])

    async def _stop_all(self, ids: set[ID]) -> None:
        needs = self._stop_needs()
        try:
            order = levels({id: needs[id] for id in ids})
        except WippyError:  # a cycle never started together
            order = [sorted(ids)]
        errors: list[WippyError] = []
        for level in reversed(order):
            results = await asyncio.gather(*(self._services[id].stop() for id in level), return_exceptions=True)
            for id, result in zip(level, results, strict=True):
                if isinstance(result, Exception):
                    errors.append(_named(id, as_wippy(result)))
                elif isinstance(result, BaseException):
                    raise result
        raise_problems(errors)

    def _came_up(self, id: ID) -> None:
        """Starts those that waited for this service and now have all they need."""
        if self._closed or not any(found.blocked for found in self._services.values()):
            return
        needs, missing = self._needs()
        for other, found in self._services.items():
            if not found.blocked or other in missing or id not in needs[other]:
                continue
            if all(self._services[need].satisfied for need in needs[other]):
                found.blocked = False
                self._keep(asyncio.get_running_loop().create_task(self._late_start(found)))

    async def _late_start(self, found: Supervised) -> None:
        try:
            await found.start()
        except WippyError as error:
            self._notice(Notice("debug", "late start failed", {"service": str(found.id), "error": error.message}))

    def _keep(self, task: asyncio.Task[Any]) -> asyncio.Task[Any]:
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task


def _named(id: ID, error: WippyError) -> WippyError:
    text = error.message if str(id) in error.message else f"service {id}: {error.message}"
    return WippyError(error.kind, text, retryable=error.retryable, details=error.details)

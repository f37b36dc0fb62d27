"""The registry: the entries that exist now, and the only way to change them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from ..duration import SECOND
from ..errors import CONFLICT, INVALID, NOT_FOUND, WippyError
from . import kinds
from .entry import ID, Entry
from .finder import Filter
from .handler import HOOKS, Handler
from .notice import Notice
from .order import CREATE, DELETE, Operation
from .shipped import shipped
from .transaction import Transaction
from .version import History, Version, difference


class Event(msgspec.Struct, frozen=True):
    """Something that happened to the registry.

    Args:
        kind: `registry.begin`, `entry.create|update|delete`, `entry.accept|reject`, `registry.commit|discard`.
        path: entry id, or `registry.tx/<n>/<kind>`.
        data: the entry; the error of a reject; None for transactions.
    """

    kind: str
    path: str
    data: Any = None

    def plain(self) -> Any:
        """`data` as plain data; an error stays one."""
        if not isinstance(self.data, Entry):
            return self.data
        entry = self.data
        out = {"id": {"ns": entry.id.ns, "name": entry.id.name}, "kind": entry.kind, "meta": entry.meta}
        return out if entry.data is None else {**out, "data": entry.data}


Listener = Callable[[Event], None]


class Registry:
    """Entries by id, changed only in transactions, which run one after another.

    Args:
        internal_kinds: kinds stored without asking anyone.
        wait_timeout: longest call of a handler, nanoseconds.
        notice: takes warnings for the log.
        keeps_history: remember what each version changed.
        history: where; by default in memory.
    """

    def __init__(
        self,
        *,
        internal_kinds: Iterable[str] = kinds.INTERNAL,
        wait_timeout: int = 30 * SECOND,
        notice: Callable[[Notice], None] | None = None,
        keeps_history: bool = True,
        history: History | None = None,
    ) -> None:
        self.keeps_history = keeps_history
        self._state: dict[ID, Entry] = {}
        self._sorted: list[Entry] | None = None
        self._handlers: dict[str, Handler] = {}
        self.discover: Callable[[str], None] = lambda kind: None
        """Called with a kind that nobody has registered before a transaction that uses it; may register it."""
        self._participants: list[Any] = []
        self._listeners: list[Listener] = []
        self._internal = frozenset(internal_kinds)
        self._timeout = wait_timeout
        self._notice = notice or (lambda _: None)
        self._lock = asyncio.Lock()
        self._owner: asyncio.Task[Any] | None = None
        self._running: Transaction | None = None
        self._transactions = 0
        self.history = history or History()

    def register(self, kind: str, handler: Handler) -> None:
        """Makes a handler responsible for a kind; its transaction hooks run in the order of registration.

        Raises:
            WippyError: CONFLICT, the kind has another handler.
        """
        if self._handlers.get(kind, handler) is not handler:
            raise WippyError(CONFLICT, f"kind {kind} has a handler already")
        self._handlers[kind] = handler
        self.participate(handler)

    def participate(self, participant: Any) -> None:
        """Calls the hooks `begin`, `commit`, `rollback`, `committed` of an object, as far as it has them."""
        known = any(other is participant for other in self._participants)
        if not known and any(hasattr(participant, hook) for hook in HOOKS):
            self._participants.append(participant)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Calls `listener` with every event; the result stops it."""
        self._listeners.append(listener)

        def stop() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return stop

    def get(self, id_: ID | str) -> Entry | None:
        """The committed entry of an id, or None."""
        return self._state.get(ID.parse(id_) if isinstance(id_, str) else id_)

    def peek(self, id_: ID | str) -> Entry | None:
        """The entry as the running transaction sees it so far; `get` where none runs."""
        id_ = ID.parse(id_) if isinstance(id_, str) else id_
        return (self._running.staged if self._running else self._state).get(id_)

    def entries(self) -> list[Entry]:
        """All committed entries by ascending id."""
        if self._sorted is None:
            self._sorted = [self._state[id_] for id_ in sorted(self._state)]
        return list(self._sorted)

    def find(self, criteria: dict[Any, Any]) -> list[Entry]:
        """The committed entries that meet a filter (see `Filter`), by ascending id."""
        wanted = Filter(criteria)
        for notice in wanted.notices:
            self._notice(notice)
        return [entry for entry in self.entries() if wanted(entry)]

    def missing(self, entry: Entry, id_: ID, *path: str | int, what: str = "entry") -> WippyError:
        """The NOT_FOUND error of a reference that leads nowhere, with ids it may have been meant as.

        Args:
            entry: which holds the reference.
            id_: what is missing.
            path: keys of the reference below the data of `entry`.
            what: kind of thing, as a user calls it.
        """
        from difflib import get_close_matches

        state = self._running.staged if self._running else self._state
        found = get_close_matches(str(id_), [str(other) for other in state], 2, 0.7)
        hint = f"did you mean {' or '.join(found)}?" if found else "define it, or correct the reference"
        return entry.error(f"{what} {id_} not found", *path, hint=hint, kind=NOT_FOUND, at_key=False)

    def relocate(self, entries: Iterable[Entry]) -> None:
        """Entries that were written again, though at another place, are remembered with their new place."""
        for entry in entries:
            if self._state.get(entry.id) == entry:
                self._state[entry.id] = entry
        self._sorted = None

    @property
    def version(self) -> Version:
        """The current version."""
        return self.history.current

    def moment(self) -> tuple[dict[ID, Entry], int]:
        """The committed entries, which nobody may change, and the number of their version. From any thread."""
        while True:
            number, state = self.history.head, self._state
            if number == self.history.head:
                return state, number

    def entries_at(self, version: Version) -> list[Entry]:
        """The entries at a version by ascending id."""
        state = self.history.state_at(version, self._state)
        return [state[id_] for id_ in sorted(state)]

    async def load(self, entries: Iterable[Entry]) -> Version:
        """Puts the entries from files into an empty registry; reports all mistakes at once.

        They are version 0. A history that outlives the application leads on from there to the version it ended with.

        Raises:
            WippyError, SourceError, Problems: the reason; the registry is empty as before.
        """
        if self._state:
            raise WippyError(CONFLICT, "the registry has been loaded already")
        entries = list(entries)
        if self.history.head:
            entries = list(self.history.restore({entry.id: entry for entry in entries}).values())
        await self._transact(lambda: [Operation(CREATE, entry) for entry in entries], report_all=True)
        return self.version

    async def apply(
        self, operations: Iterable[Operation], *, report_all: bool = False, from_files: bool = False
    ) -> Version:
        """Applies operations as one transaction.

        Args:
            operations: in any order.
            report_all: go on after a refused operation, to tell all mistakes.
            from_files: they follow changed files, which tell them again at the next start.

        Returns:
            The new version.

        Raises:
            WippyError, SourceError, Problems: the reason; nothing has changed.
        """
        operations = list(operations)
        if not operations:
            raise WippyError(INVALID, "no changes to apply")
        return await self._transact(lambda: operations, record=True, report_all=report_all, from_files=from_files)

    async def apply_version(self, version: Version) -> Version:
        """Goes to another version in one transaction; makes no new one.

        Raises:
            WippyError, SourceError, Problems: the reason; nothing has changed.
        """
        if version is self.version:
            return version
        return await self._transact(
            lambda: difference(self._state, self.history.state_at(version, self._state)), head=version.id
        )

    async def _transact(
        self,
        operations: Callable[[], list[Operation]],
        *,
        report_all: bool = False,
        record: bool = False,
        head: int | None = None,
        from_files: bool = False,
    ) -> Version:
        task = asyncio.current_task()
        if self._owner is task:
            raise WippyError(INVALID, "a handler cannot change the registry while it takes part in a transaction")
        async with self._lock:
            asked = self._with_shipped(operations())
            for kind in {operation.entry.kind for operation in asked} - self._handlers.keys() - self._internal:
                self.discover(kind)
            self._owner = task
            self._transactions += 1
            name = f"registry.tx/{self._transactions}"
            transaction = Transaction(
                self._state,
                handlers=self._handlers,
                participants=list(self._participants),
                internal=self._internal,
                timeout=self._timeout,
                emit=self._emit,
                notice=self._notice,
            )
            self._running = transaction
            self._emit("registry.begin", f"{name}/begin")
            try:

                def remember() -> None:
                    if record and self.keeps_history:
                        self.history.append(transaction.accepted, transaction.replaced, from_files=from_files)
                    elif record:
                        self.history.append([], [], from_files=from_files)
                    elif head is not None:
                        self.history.move(head)

                try:
                    await transaction.run(asked, report_all=report_all, seal=remember)
                except BaseException:
                    self._emit("registry.discard", f"{name}/discard")
                    raise
                self._state = transaction.staged
                self._sorted = None
                self._running = None
                self._emit("registry.commit", f"{name}/commit")
                await transaction.finished()
                return self.version
            finally:
                self._running = None
                self._owner = None

    def _with_shipped(self, operations: list[Operation]) -> list[Operation]:
        made = [operation.entry for operation in operations if operation.kind != DELETE]
        return [*(Operation(CREATE, entry) for entry in shipped(made, self._state.get)), *operations]

    def _emit(self, kind: str, path: str, data: Any = None) -> None:
        event = Event(kind, path, data)
        for listener in list(self._listeners):
            try:
                listener(event)
            except Exception as error:
                self._notice(Notice("error", "registry listener failed", {"event": kind, "error": str(error)}))

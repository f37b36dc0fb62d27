"""One transaction: operations handed to their handlers, undone together when one is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..duration import SECOND, format_duration
from ..errors import CONFLICT, INTERNAL, INVALID, NOT_FOUND, TIMEOUT, SourceError, WippyError
from . import kinds
from .entry import ID, Entry
from .notice import Notice, Problems, raise_problems
from .order import CREATE, DELETE, Operation, order_operations

if TYPE_CHECKING:
    from .handler import Handler

Emit = Callable[[str, str, Any], None]


class Transaction:
    """Runs the operations of one change.

    Args:
        state: entries before; is not changed.
        handlers: by kind.
        participants: whatever has hooks, each once, in order.
        internal: kinds stored without a handler.
        timeout: of one handler call, nanoseconds.
        emit: takes event kind, path and data.
        notice: takes what is to be logged.

    Attributes:
        staged: entries as they stand after the operations accepted so far.
        accepted: operations in the order of acceptance.
        replaced: for each of them the entry that stood there before, or None.
    """

    def __init__(
        self,
        state: dict[ID, Entry],
        *,
        handlers: Mapping[str, Handler],
        participants: list[Any],
        internal: frozenset[str],
        timeout: int,
        emit: Emit,
        notice: Callable[[Notice], None],
    ) -> None:
        self.staged = dict(state)
        self.accepted: list[Operation] = []
        self.replaced: list[Entry | None] = []
        self._before = state
        self._handlers = handlers
        self._participants = participants
        self._internal = internal
        self._timeout = timeout
        self._emit = emit
        self._notice = notice
        self._begun: list[Any] = []

    async def run(
        self, operations: list[Operation], *, report_all: bool, seal: Callable[[], None] = lambda: None
    ) -> None:
        """Applies all operations and commits, or undoes everything and raises.

        Args:
            operations: in any order.
            seal: remembers the change, as the last step that may fail.
            report_all: go on after a refused operation to find all mistakes before undoing.

        Raises:
            WippyError, SourceError, Problems: the reason; nothing has changed.
        """
        ordered, notices = order_operations(operations, self._before.get)
        for notice in notices:
            self._notice(notice)
        try:
            for participant in self._participants:
                self._begun.append(participant)
                await self._hook(participant, "begin")
            await self._apply(ordered, report_all)
            for participant in self._begun:
                await self._hook(participant, "commit")
            seal()
        except BaseException:
            await self._undo()
            raise

    async def finished(self) -> None:
        """Tells participants that the new state is in force."""
        for participant in self._begun:
            try:
                await self._hook(participant, "committed")
            except Exception as error:
                self._notice(Notice("error", "hook after commit failed", {"error": str(error)}))

    async def _hook(self, participant: Any, name: str) -> None:
        hook = getattr(participant, name, None)
        if hook is not None:
            await hook()

    async def _apply(self, pending: list[Operation], report_all: bool) -> None:
        fatal: list[WippyError] = []
        deferred: list[tuple[Operation, WippyError]] = []
        while pending:
            deferred = []
            progress = False
            for operation in pending:
                try:
                    await self._step(operation)
                    progress = True
                except WippyError as error:
                    if is_not_found(error):
                        deferred.append((operation, error))
                        continue
                    if not report_all:
                        raise
                    fatal.append(error)
            pending = [operation for operation, _ in deferred]
            if not progress:
                break
        raise_problems(fatal)
        if deferred:
            ids = ",".join(str(operation.entry.id) for operation, _ in deferred)
            raise Problems(
                [error for _, error in deferred], summary=f"unresolved dependencies after retry: {ids}"
            ) from deferred[0][1]

    async def _step(self, operation: Operation) -> None:
        entry = operation.entry
        old = self.staged.get(entry.id)
        _validate(operation, old)
        if operation.kind == DELETE:
            assert old is not None
            kind = old.kind
        else:
            kind = entry.kind
        dispatched = kind not in self._internal
        if dispatched:
            self._emit(operation.kind, str(entry.id), entry)
            try:
                await self._dispatch(kind, operation, old)
            except WippyError as error:
                self._emit("entry.reject", str(entry.id), error)
                raise
            self._emit("entry.accept", str(entry.id), entry)
        self.accepted.append(operation)
        self.replaced.append(old)
        self._stage(operation)

    def _stage(self, operation: Operation) -> None:
        if operation.kind == DELETE:
            del self.staged[operation.entry.id]
        else:
            self.staged[operation.entry.id] = operation.entry

    async def _dispatch(self, kind: str, operation: Operation, old: Entry | None) -> None:
        entry = operation.entry
        handler = self._handlers.get(kind)
        if handler is None:
            if kind not in kinds.KNOWN:
                raise self._unknown(entry if operation.kind != DELETE else old or entry)
            if operation.kind != DELETE:
                self._notice(Notice("warn", "not supported in this build", {"entry": str(entry.id), "kind": kind}))
            return
        try:
            if operation.kind != DELETE and entry.data is None:
                raise WippyError(INVALID, "configuration data is required")
            await self._call(handler, operation, old)
        except WippyError as error:
            raise wrap(entry if operation.kind != DELETE else old or entry, error) from error
        except Exception as error:
            reason = WippyError(INTERNAL, f"{type(error).__name__}: {error}")
            raise wrap(entry, reason) from error

    async def _call(self, handler: Handler, operation: Operation, old: Entry | None) -> None:
        entry = operation.entry
        limit = asyncio.timeout(self._timeout / SECOND)
        try:
            async with limit:
                if operation.kind == CREATE:
                    await handler.create(entry)
                elif operation.kind == DELETE:
                    assert old is not None
                    await handler.delete(old)
                else:
                    assert old is not None
                    await handler.update(entry, old)
        except TimeoutError:
            if not limit.expired():
                raise
            raise WippyError(
                TIMEOUT,
                f"event handler timeout after {format_duration(self._timeout)} "
                f"for entry {entry.id} (kind: {entry.kind})",
            ) from None

    def _unknown(self, entry: Entry) -> WippyError:
        message = (
            f'unknown kind "{entry.kind}": event handler timeout after {format_duration(self._timeout)} '
            f"for entry {entry.id} (kind: {entry.kind}): no listener responded - "
            "check if listener is registered for this kind"
        )
        hint = kinds.advice(entry.kind, frozenset(self._handlers))
        return entry.error(message, "kind", hint=hint, kind=TIMEOUT, at_key=False)

    async def _undo(self) -> None:
        """Takes back accepted operations in reverse order, then tells all who took part."""
        for operation, old in zip(reversed(self.accepted), reversed(self.replaced), strict=True):
            entry = operation.entry
            kind = old.kind if operation.kind == DELETE and old is not None else entry.kind
            handler = self._handlers.get(kind)
            if kind in self._internal or handler is None:
                continue
            try:
                if operation.kind == CREATE:
                    await handler.delete(entry)
                elif old is not None:
                    await (handler.create(old) if operation.kind == DELETE else handler.update(old, entry))
            except Exception as error:
                self._notice(
                    Notice("error", "operation could not be undone", {"entry": str(entry.id), "error": str(error)})
                )
        for participant in reversed(self._begun):
            try:
                await self._hook(participant, "rollback")
            except Exception as error:
                self._notice(Notice("error", "rollback failed", {"error": str(error)}))


def _validate(operation: Operation, old: Entry | None) -> None:
    entry = operation.entry
    shown = f"{{ns: {entry.id.ns}, name: {entry.id.name}}}"
    if operation.kind == CREATE:
        if old is not None:
            raise WippyError(CONFLICT, f"invalid operation: entry already exists: {shown}")
    elif old is None:
        what = "cannot delete non-existent entry" if operation.kind == DELETE else "entry does not exist"
        raise WippyError(NOT_FOUND, f"invalid operation: {what}: {shown}")
    elif operation.kind != DELETE and old.kind != entry.kind:
        raise WippyError(
            INVALID,
            f"invalid operation: cannot change entry kind from {old.kind} to {entry.kind} of entry {entry.id}; "
            "delete and create it in one change set",
        )


def wrap(entry: Entry, error: WippyError) -> WippyError:
    """The error with the entry named, at the place the error or else the entry was written."""
    if isinstance(error, SourceError):
        return SourceError(
            f"operation failed for entry {entry.id}: {error.bare}",
            file=error.file,
            line=error.line,
            column=error.column,
            text=error.text,
            hint=error.hint,
            kind=error.kind,
            details=error.details,
        )
    message = f"operation failed for entry {entry.id}: {error.message}"
    if entry.source is None:
        return WippyError(error.kind, message, retryable=error.retryable, details=error.details)
    line = entry.source.line
    text = entry.source.text_of(line)
    return SourceError(message, file=entry.source.file, line=line, text=text, kind=error.kind, details=error.details)


def is_not_found(error: BaseException | None) -> bool:
    """Whether NOT_FOUND stands anywhere in the chain of causes."""
    while error is not None:
        if isinstance(error, WippyError) and error.kind == NOT_FOUND:
            return True
        error = error.__cause__
    return False

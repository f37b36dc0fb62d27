"""What a kind of entries needs to take part in transactions."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from .entry import Entry


@runtime_checkable
class Handler(Protocol):
    """Accepts or rejects operations on entries of the kinds it is registered for.

    Each method raises `WippyError` to reject; kind NOT_FOUND means "something I need is not there
    yet" and the operation is tried again after the others. A rejected operation leaves no trace.
    The same methods undo operations when a transaction fails. A handler may have in addition any of
    the hooks of `Participant`.
    """

    async def create(self, entry: Entry) -> None:
        """An entry is added."""
        ...

    async def update(self, entry: Entry, old: Entry) -> None:
        """`entry` replaces `old`, which has the same id and kind."""
        ...

    async def delete(self, entry: Entry) -> None:
        """`entry` is removed."""
        ...


class Participant:
    """Hooks around a transaction, all optional; also handlers may define them."""

    async def begin(self) -> None:
        """A transaction begins."""

    async def commit(self) -> None:
        """All operations were accepted. May still raise, which undoes them all."""

    async def rollback(self) -> None:
        """The transaction failed; its operations have been undone."""

    async def committed(self) -> None:
        """The new state is in force. Cannot fail the transaction any more."""


HOOKS = ("begin", "commit", "rollback", "committed")

"""Kinds that are looked for only when an entry has them."""

from __future__ import annotations

import pytest

from wippy.errors import WippyError
from wippy.registry.entry import ID, Entry
from wippy.registry.order import create
from wippy.registry.store import Registry


class Recorder:
    def __init__(self) -> None:
        self.calls: list[str] = []

    async def begin(self) -> None:
        self.calls.append("begin")

    async def create(self, entry: Entry) -> None:
        self.calls.append(f"create {entry.id}")

    async def update(self, entry: Entry, old: Entry) -> None: ...

    async def delete(self, entry: Entry) -> None: ...


async def test_a_kind_is_looked_for_before_the_transaction_that_uses_it() -> None:
    registry, recorder, asked = Registry(), Recorder(), []

    def discover(kind: str) -> None:
        asked.append(kind)
        if kind == "queue.other":
            registry.register(kind, recorder)

    registry.discover = discover
    await registry.apply([create(Entry(ID("app", "a"), "queue.other", {}, {}))])
    await registry.apply([create(Entry(ID("app", "b"), "queue.other", {}, {}))])
    assert asked == ["queue.other"]
    assert recorder.calls == ["begin", "create app:a", "begin", "create app:b"]
    with pytest.raises(WippyError, match=r'unknown kind "queue\.none"'):
        await registry.apply([create(Entry(ID("app", "c"), "queue.none", {}, {}))])

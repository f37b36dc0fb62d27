"""A fault of ours at any point of any round: the runs end as without it, and nothing is done twice."""

from __future__ import annotations

import sqlite3
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from wippy.workflows.failure import Failure
from wippy.workflows.options import ParentClosePolicy, RetryPolicy, WorkflowOptions
from wippy.workflows.provider import StartRequest
from wippy.workflows.sqlite.activities import Activities
from wippy.workflows.sqlite.closing import Closing
from wippy.workflows.sqlite.core import Core
from wippy.workflows.sqlite.deadlines import Deadlines
from wippy.workflows.sqlite.isolation import Isolation
from wippy.workflows.sqlite.run import Run
from wippy.workflows.sqlite.starting import Starting
from wippy.workflows.sqlite.store import Store
from wippy.workflows.sqlite.tasks import Tasks
from wippy.workflows.sqlite.watches import Watches

from .scripted import SECOND, ActivityError, Bench, Upgrade, read, text


def main(api):
    first = yield from api.call("a", "1")
    flaky = api.begin("flaky", retry=RetryPolicy(initial_ns=SECOND))
    kid = yield from api.spawn("kid", "k", id="kid", parent_close=ParentClosePolicy.REQUEST_CANCEL)
    api.version("change", 1, 2)
    yield from api.signal(kid, "word", "x")
    yield from api.sleep(SECOND)
    try:
        failed = yield from api.exec("fails", retry=RetryPolicy(initial_ns=SECOND, maximum_attempts=2))
    except ActivityError as error:
        failed = error.failure.message
    exit = yield from api.exit()
    return "|".join([first, (yield from api.result(flaky)), failed, read(exit.result)])


def kid(api):
    word = yield from api.receive()
    return "kid " + (yield from api.call("a", read(word.payloads[0])))


def fails(api):
    yield from api.call("a", "fails")
    raise ActivityError(Failure("no luck"))


def chain(api):
    word = yield from api.receive()
    if not api.info.continued_run_id:
        api.send("{n@h|p}", "left", "first")
        raise Upgrade("next")
    yield from api.sleep(SECOND)
    return read(word.payloads[0])


PROGRAMS = {p.__name__: p for p in (main, kid, fails, chain)}
POINTS = [
    (Run, "append"),
    (Core, "deliver"),
    (Core, "schedule"),
    (Core, "find"),
    (Deadlines, "set"),
    (Deadlines, "drop"),
    (Activities, "enqueue"),
    (Activities, "_remove"),
    (Activities, "_store"),
    (Starting, "create"),
    (Closing, "_close"),
    (Closing, "_close_children"),
    (Watches, "watch"),
    (Watches, "move"),
    (Watches, "notify"),
    (Tasks, "_keep"),
    (Tasks, "_complete"),
    (Store, "write"),
]


class FaultBench(Bench):
    """A bench whose rounds are isolated as those of the engine, and whose inputs come as the engine takes them."""

    left = -1
    """Calls until the fault, negative = none."""

    def open(self) -> None:
        super().open()
        self.isolation = Isolation(self.core, self.handle, self.write)
        self.waiting: list[Any] = []
        self.releasing = False
        release = self.core.release

        def guarded() -> None:
            self.releasing = True
            release()
            self.releasing = False

        self.core.release = guarded

    def handle(self, item: Any) -> None:
        function, args, _ = item
        function(*args)
        self.core.settle()

    def write(self, batch: Any) -> bool:
        self.core.store.write(batch)
        return True

    def give(self, function: Any, *args: Any) -> None:
        self.waiting.append((function, args, None))

    def round(self) -> bool:
        batch = None
        try:
            while self.waiting:
                item = self.waiting.pop(0)
                self.core.inputs.append(item)
                self.handle(item)
            self.core.advance()
            batch = self.core.gather()
            if batch is not None:
                self.core.store.write(batch)
        except Exception as error:
            self.isolation.again(batch, error)
        self.core.release()
        return bool(self.core.ready or self.core.operations or self.core.effects)

    def answer(self) -> bool:
        found = bool(self.tasks)
        while self.tasks:
            task = self.tasks.popleft()
            args = [read(arg) for arg in task.args]
            self.calls.append((task.key, args, task.attempt))
            failed = task.type == "flaky" and task.attempt < 3
            outcome = (None, Failure("not yet")) if failed else (text(f"{task.type}({','.join(args)})"), None)
            self.give(self.core.activities.done, task.token, *outcome)
        return found

    def point(self) -> bool:
        """Whether the fault is here."""
        if self.releasing or self.left < 0:
            return False
        self.left -= 1
        return self.left < 0


def scenario(path: Path, fault: int) -> tuple[FaultBench, dict[str, str]]:
    b = FaultBench(path, dict(PROGRAMS))
    b.left = fault
    for type in ("main", "chain"):
        b.give(b.core.starting.start, StartRequest(type, "q", [], WorkflowOptions(id=type)))
    for handle, id in enumerate(("main", "kid", "chain")):
        b.give(partial(b.core.watches.watch, 1 + handle), id, None, partial(b.results.__setitem__, id))
    for word in ("one", "two"):
        b.give(b.core.requests.signal, "chain", None, "s", [text(word)], "")
        b.run()
    b.give(b.core.watches.watch, 9, "kid", None, partial(b.results.__setitem__, "kid"))
    b.run()
    return b, {id: read(result.result) or result.status.name for id, result in b.results.items()}


EXPECTED = {"main": "a(1)|flaky()|no luck|kid a(x)", "kid": "kid a(x)", "chain": "two"}


def test_a_fault_at_any_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    current: list[FaultBench] = []
    for owner, name in POINTS:
        function = getattr(owner, name)

        def faulty(*args: Any, _function: Any = function, _name: str = name, **named: Any) -> Any:
            if current and current[0].point():
                if _name == "write":
                    raise sqlite3.IntegrityError("a fault of ours")
                raise ZeroDivisionError(f"a fault of ours in {_name}")
            return _function(*args, **named)

        monkeypatch.setattr(owner, name, faulty)
    opened = FaultBench.open

    def remember(self: FaultBench) -> None:
        current[:] = [self]
        opened(self)

    monkeypatch.setattr(FaultBench, "open", remember)
    b, results = scenario(tmp_path / "none.db", 1_000_000)
    points = 1_000_000 - b.left
    sent = b.sent
    assert results == EXPECTED
    keys = Counter((args[0] if args else "", attempt) for _, args, attempt in b.calls)
    b.close()
    assert points > 200
    for fault in range(points):
        b, results = scenario(tmp_path / "x.db", fault)
        assert b.left == -1, "the fault was not reached"
        assert results == EXPECTED, fault
        assert not b.core.runs, fault
        twice = [call for call, times in Counter((key, attempt) for key, _, attempt in b.calls).items() if times > 1]
        assert twice == [], fault
        assert Counter((args[0] if args else "", attempt) for _, args, attempt in b.calls) == keys, fault
        assert b.sent == sent, fault
        assert all(queue.running == 0 for queue in b.core.activities.queues.values()), fault
        assert not b.core.children, fault
        assert not b.core.cached, fault
        b.close()
        (tmp_path / "x.db").unlink()

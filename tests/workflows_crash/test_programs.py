"""Random workflow programs with a crash at every change of the store: the same results, the same histories."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from application import Application, application
from flows.test_replay import CHILD, ECHO, LEAVES, PATIENT, program, statements
from wippy.workflows.failure import Failure
from wippy.workflows.payload import JSON, Payload
from wippy.workflows.provider import Status
from workflows.scripted import Bench, Crash, CrashingStore

SERVICES = """
- {name: provider, kind: workflow.provider.sqlite, path: workflows.db, lifecycle: {auto_start: true}}
- {name: worker, kind: workflow.worker, provider: provider, task_queue: main, lifecycle: {auto_start: true}}
"""
MOST_STEPS = 2000
LONG_SLICE = 1 << 40
"""A round carries out all tasks that are ready."""


@pytest.fixture(scope="module")
def app() -> Iterator[Application]:
    with application(SERVICES, ECHO, CHILD, PATIENT, program([])) as app:
        yield app


class LuaBench(Bench):
    """The engine's core with Lua programs. Time stands still but for a millisecond with each answered activity.

    Attributes:
        crashes: how often the process has died.
        lost: whether the last change was lost.
    """

    def __init__(self, app: Application, path: Path, cache: int, slice_ns: int) -> None:
        node = app.app.site.workflow_nodes["app:provider"]
        self.make = node.machine
        self.queue = app.app.site.workflow_hosts["app:worker"].queue
        self.crashes = 0
        self.lost = False
        super().__init__(path, {}, cache=cache, slice_ns=slice_ns)

    def machine(self, info: Any) -> Any:
        return self.make(info)

    def crash(self) -> None:
        self.crashes += 1
        for run in self.core.runs.values():  # the machines' VM is that of this process and goes on
            self.core.tasks.drop(run)
        super().crash()

    def stored(self, change: Callable[[], Any]) -> bool:
        """Carries out a change and stores it. After a crash before that it is as if there had been none.

        Returns whether more is to be done at once.
        """
        now = self.now
        self.lost = False
        try:
            change()
            return self.round()
        except Crash as crash:
            if CrashingStore.plan[crash.args[0]] == "after":
                self.saved_ids = self.ids
            else:
                self.now = now
                self.lost = True
            self.crash()
            return True

    def answer_first(self) -> None:
        """Answers the activity that is first by run and number, whatever order they were handed out in."""
        task = min(self.tasks, key=lambda task: task.token)
        self.tasks.remove(task)
        self.now += 1_000_000
        value = json.loads(task.args[0].data)
        failed = value % 7 == 0
        result = None if failed else Payload(JSON, task.args[0].data)
        self.core.activities.done(task.token, result, Failure("seven", "Internal", False) if failed else None)
        self.core.settle()

    def open_run(self) -> bool:
        run = self.core.find("one")
        return run is not None and run.status is Status.RUNNING

    def drive(self, requests: list[str]) -> None:
        """Runs until nothing is left to do; sends the requests to the run whenever it waits."""
        self.stored(lambda: None)
        while self.core.find("one") is None:
            self.stored(lambda: self.start("app:flow", queue=self.queue, id="one"))
        sent = 0
        for _ in range(MOST_STEPS):
            if self.stored(lambda: None):
                continue
            if self.tasks:
                self.stored(self.answer_first)
            elif sent < len(requests) and self.open_run():
                request = requests[sent]
                self.stored(lambda request=request: self._ask(request))
                sent += not self.lost
            elif (due := self.core.deadlines.next()) is not None:
                self.now = max(self.now, due)
            else:
                return
        raise AssertionError("there is no end to it")

    def _ask(self, request: str) -> None:
        if request == "cancel":
            self.core.requests.cancel("one", None, "asked")
        else:
            self.core.requests.signal("one", None, request, [Payload(JSON, b"1")], "")

    def whole(self) -> list[tuple[str, Status, list[Any]]]:
        """All runs with their histories."""
        found, _ = self.core.requests.list(None, None, 1000, 0)
        return [
            (
                one.workflow_id,
                one.status,
                self.history(one.workflow_id, one.run_id),
            )
            for one in found
        ]


def _run(
    app: Application, requests: list[str], cache: int, slice_ns: int, crashes: dict[int, str]
) -> tuple[list[tuple[str, Status, list[Any]]], int, int]:
    """All runs with their histories, how often the store was written, how many crashes there were."""
    CrashingStore.plan, CrashingStore.writes = crashes, 0
    with tempfile.TemporaryDirectory() as folder:
        bench = LuaBench(app, Path(folder) / "runs.db", cache, slice_ns)
        try:
            bench.drive(requests)
            CrashingStore.plan = {}
            return bench.whole(), CrashingStore.writes, bench.crashes
        finally:
            for run in bench.core.runs.values():
                bench.core.tasks.drop(run)
            bench.close()


def leaf(part: str) -> str:
    """A statement of the generator that holds this text."""
    return next(text for text in LEAVES if part in text)


# Every write first fails before it is done, then is done and followed by a crash.
EVERYWHERE = {n: "after" if n % 2 else "before" for n in range(2 * MOST_STEPS)}


SETTINGS = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
REQUESTS = st.lists(st.sampled_from(["s", "s", "cancel"]), max_size=4)
FAMILY = [
    ("coroutine", [leaf("exec"), leaf("patient")]),
    ("coroutine", [leaf("response"), leaf("inbox")]),
    leaf("uuid"),
]


@SETTINGS
@given(body=statements, requests=REQUESTS, cache=st.sampled_from([100, 0]))
@example(body=FAMILY, requests=["s", "cancel", "s"], cache=0)
def test_a_crash_at_every_event_changes_neither_result_nor_history(
    app: Application, body: list[Any], requests: list[str], cache: int
) -> None:
    app.define(program(body))
    wanted, writes, _ = _run(app, requests, cache, LONG_SLICE, {})
    assert wanted[-1][1] is Status.COMPLETED
    found, _, crashes = _run(app, requests, cache, LONG_SLICE, EVERYWHERE)
    assert crashes >= 2 * writes - 2
    assert found == wanted

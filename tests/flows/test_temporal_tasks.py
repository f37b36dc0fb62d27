"""Tasks that compute for long: they hold nobody up, and those without an end are given up and named."""

from __future__ import annotations

import asyncio
import threading
from functools import partial
from pathlib import Path

import pytest

from flows import flow_app
from flows.flow_app import FlowApp, function, workflow
from flows.temporal_server import TemporalServer
from flows.test_temporal_worker import change
from wippy.workflows import events as ev
from wippy.workflows.temporal.seats import THREADS, Turns

pytest.importorskip("temporalio", reason="the package temporalio (extra `temporal`) is not installed")

ENDLESS = workflow("endless", 'return function() print("computing") while true do end end')
SHORT = workflow("short", 'return function(n) return require("funcs").call("app:double", n) end')
DOUBLE = function("double", "return function(n) return 2 * n end")


@pytest.fixture
def server(temporal_server: TemporalServer, monkeypatch: pytest.MonkeyPatch) -> TemporalServer:
    monkeypatch.setattr(flow_app, "TEMPORAL", temporal_server)
    return temporal_server


async def test_endless_tasks_hold_nobody_up_and_are_named(server: TemporalServer, tmp_path: Path) -> None:
    async with FlowApp(tmp_path, ENDLESS, SHORT, DOUBLE) as app:
        for id in ("one", "two", "three"):
            options = {"workflow.id": id, "workflow.task_timeout": "8s"}
            await asyncio.wrap_future(app.spawn("endless", options=options))
        await app.until(lambda: len(app.logged("computing")) == 3)
        assert [await app.run("short", n) for n in range(5)] == [0, 2, 4, 6, 8]
        assert not app.logged("is blocked")
        why = "a workflow task computes for longer than its time of 8 s"
        for id in ("one", "two", "three"):
            await app.until(partial(app.logged, f"workflow {id} (app:endless) is blocked"))
            assert why in app.logged(f"workflow {id} (app:endless) is blocked")[0]
            while not (failed := [e for e in await app.history(id) if isinstance(e, ev.WorkflowTaskFailed)]):
                pass
            assert why in failed[0].message
        assert (await asyncio.wrap_future(app.engine.describe("one"))).status.name == "RUNNING"


async def test_a_worker_may_give_tasks_less_time(server: TemporalServer, tmp_path: Path) -> None:
    app = FlowApp(tmp_path, ENDLESS)
    change(app, "worker", worker_options={"deadlock_detection_timeout": "300ms"})
    async with app:
        await app.begin("endless", id="one")
        await app.until(lambda: app.logged("is blocked"))
        assert "longer than its time of 0.3 s" in app.logged("is blocked")[0]


async def test_a_worker_stops_though_a_task_computes(server: TemporalServer, tmp_path: Path) -> None:
    app = await FlowApp(tmp_path, ENDLESS).start()
    await app.begin("endless", id="one")
    await app.until(lambda: app.logged("computing"))
    async with asyncio.timeout(6):
        await app.stop()
    assert not app.logged("is blocked")
    app.write(workflow("endless", 'return function() print("computing") return "ended" end'))
    async with app:
        assert await app.result("one") == "ended"


async def test_more_endless_tasks_than_processors_leave_threads(server: TemporalServer, tmp_path: Path) -> None:
    number = THREADS // 2
    async with FlowApp(tmp_path, ENDLESS, SHORT, DOUBLE) as app:
        for n in range(number):
            await app.begin("endless", id=f"endless-{n}")
        await app.until(lambda: len(app.logged("computing")) == number)
        assert await app.run("short", 4) == 8
        assert not app.logged("is blocked")


def test_turns_are_taken_in_order() -> None:
    turns, order = Turns(), []
    asked = threading.Semaphore(0)

    def take(name: str) -> None:
        for _ in range(3):
            asked.release()
            with turns:
                order.append(name)
                while len(turns._waiting) < 2 and len(order) < 5:  # the others wait already
                    pass

    threads = [threading.Thread(target=take, args=(name,)) for name in "abc"]
    with turns:
        for thread in threads:
            asked_before = len(turns._waiting)
            thread.start()
            asked.acquire()
            while len(turns._waiting) == asked_before:
                pass
    for thread in threads:
        thread.join(10)
    assert "".join(order) == "abcabcabc"

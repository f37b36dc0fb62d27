"""Live machines are kept between tasks, so many; what a run does is the same without them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from flows.flow_app import FlowApp, workflow
from wippy.workflows import events as ev

from .scripted import SECOND, Bench, text


def steps(api):
    seen = []
    for _ in range(3):
        seen.append((yield from api.receive()).name)
    return ",".join(seen)


def live(b):
    return [run.workflow_id for run in b.core.cached.values()]


def begun(b, id):
    return sum(script.api.info.workflow_id == id for script in b.machines)


@pytest.fixture
def cached(tmp_path):
    """Makes benches that keep their machines, unless told otherwise."""
    made = []

    def make(programs, **more):
        made.append(Bench(tmp_path / "x.db", programs, **more))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_the_least_recently_used_goes_first(cached):
    b = cached({"w": steps}, cache=2)
    for id in "abc":
        b.start("w", id=id)
        b.idle()
    assert live(b) == ["b", "c"]
    b.signal("b", "1")
    b.idle()
    assert live(b) == ["c", "b"]
    b.signal("a", "1")
    b.idle()
    assert live(b) == ["b", "a"]
    assert [script.closed for script in b.machines if script.api.info.workflow_id == "c"] == [True]
    for id in "abc":
        for _ in range(3):
            b.signal(id, "2")
    b.run()
    assert [read for id in "abc" if (read := b.outcome(id).result)] == [text("1,2,2"), text("1,2,2"), text("2,2,2")]


def test_a_machine_that_is_there_gets_new_events_only(cached):
    b = cached({"w": steps})
    b.start("w", id="x")
    for n in range(3):
        b.idle()
        b.signal("x", str(n))
    b.run()
    (script,) = b.machines
    assert script.api.log == ["Start", "Signal", "Signal", "Signal"]


def test_without_a_cache_every_task_replays(cached):
    b = cached({"w": steps}, cache=0)
    b.start("w", id="x")
    for n in range(3):
        b.idle()
        assert live(b) == []
        b.signal("x", str(n))
    b.run()
    assert [script.api.log for script in b.machines][1:] == [
        ["Start", "Signal"],
        ["Start", *["Signal"] * 2],
        ["Start", *["Signal"] * 3],
    ]
    assert b.outcome("x").result == text("0,1,2")


def test_a_failed_task_a_close_and_new_code_let_go_of_the_machine(cached):
    def fragile(api):
        while (job := (yield from api.receive())).name != "end":
            if job.name == "break" and broken:
                raise RuntimeError("broken")

    broken = [True]
    b = cached({"w": fragile, "other": steps})
    for id in ("failed", "closed", "changed"):
        b.start("w", id=id)
    b.start("other", id="unchanged")
    b.idle()
    assert live(b) == ["failed", "closed", "changed", "unchanged"]
    b.signal("failed", "break")
    b.signal("closed", "end")
    b.core.invalidate({"w"})
    b.round()
    assert live(b) == ["unchanged"]
    assert all(script.closed for script in b.machines if script.api.info.type == "w")
    broken.clear()
    b.now += SECOND
    b.signal("changed", "end")
    b.run()
    assert begun(b, "changed") == 2


def test_a_replay_delivers_in_the_order_in_which_the_task_did(bench):
    """What came first in the history is not what the code saw first; what it asks for next depends on that."""

    def main(api):
        call, timer = api.begin("a", queue="elsewhere", blocking=True), api.timer(SECOND)
        while not (call in api.answers and timer in api.answers and api.mailbox):
            yield
        yield from api.call("saw " + " ".join(api.log[1:]))
        yield from api.sleep(SECOND)
        return "end"

    b = bench({"w": main})
    b.start("w", id="x")
    b.round()
    b.core.close_queue("q")
    b.core.open_queue("elsewhere")
    b.now += SECOND
    b.round()  # the timer first,
    b.signal("x", "s")
    b.round()  # then the message,
    while b.answer() or b.round():
        pass  # and the call last
    kinds = (ev.TimerFired, ev.WorkflowExecutionSignaled, ev.ActivityTaskCompleted)
    assert [type(e) for e in b.history("x") if isinstance(e, kinds)] == list(kinds)
    b.core.open_queue("q")
    b.idle()
    b.crash()
    b.run()
    assert b.core.requests.describe("x", None).blocked == ""
    assert b.outcome("x").result == text("end")
    assert [type for type, _, _ in b.calls] == ["a", "saw ActivityResolved Signal TimerFired"]


HOG = workflow(
    "hog",
    """
    return function()
      local held = {}
      for i = 1, 3 do held[i] = string.rep(tostring(i), 1000000) end
      process.inbox():receive()
      return #held[1] + #held[2] + #held[3]
    end
    """,
)


async def test_runs_that_only_wait_give_up_their_memory_to_one_that_works(tmp_path: Path) -> None:
    async with FlowApp(tmp_path, HOG, provider={"max_memory": 20_000_000}) as app:
        names = [f"run{n}" for n in range(12)]
        for name in names:
            await app.begin("hog", id=name)

        async def waits(name: str) -> bool:
            return (await asyncio.wrap_future(app.engine.describe(name))).history_length == 4

        for name in names:
            await app.until(lambda name=name: waits(name))
        for name in names:
            await app.signal(name, "go")
            assert await app.result(name) == 3_000_000
        assert not app.logged("is blocked")


async def test_a_run_that_alone_needs_too_much_memory_is_blocked(tmp_path: Path) -> None:
    async with FlowApp(tmp_path, HOG, provider={"max_memory": 3_000_000}) as app:
        await app.begin("hog", id="one")
        await app.until(lambda: app.logged("is blocked"))
        assert "max_memory" in app.logged("is blocked")[0]

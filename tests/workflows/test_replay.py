"""Replay, divergence, blocked runs, versions."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wippy.workflows import events as ev
from wippy.workflows.machine_api import Blocked, NonDeterminism
from wippy.workflows.provider import Status
from wippy.workflows.replay import replay
from wippy.workflows.retry import task_delay

from .scripted import SECOND, ActivityError, Bench, Crash, CrashingStore, Script

OPERATIONS = ["call", "async", "sleep", "timer", "stop", "cancel", "marker", "version", "send", "receive"]
OPERATIONS += ["exec", "spawn"]


def program(plan):
    """A workflow that carries out a list of operations."""

    def main(api):
        out, timers, activities = [], [], []
        for n, operation in enumerate(plan):
            match operation:
                case "call":
                    try:
                        out.append((yield from api.call("step", str(n))))
                    except ActivityError as error:
                        out.append(error.failure.message)
                case "async":
                    activities.append(api.begin("step", str(n)))
                case "sleep":
                    yield from api.sleep(SECOND)
                case "timer":
                    timers.append(api.timer(2 * SECOND))
                case "stop" if timers:
                    api.stop(timers.pop())
                case "cancel" if activities:
                    api.cancel(activities.pop())
                case "marker":
                    out.append(api.marker(b"v%d" % n).decode())
                case "version":
                    out.append(api.version(f"c{n % 2}", -1, n % 2 + 3))
                case "send":
                    api.send("{p}", "t", str(n))
                case "receive":
                    out.append((yield from api.receive()).name)
                case "exec":
                    out.append((yield from api.exec("child", str(n))))
                case "spawn":
                    yield from api.spawn("child", str(n))
        for id in activities:
            out.append((yield from api.result(id)))
        return ",".join(map(str, out))

    return main


def child(api):
    yield from api.sleep(SECOND)
    return "child" + api.args[0]


def drive(bench, plan):
    """Run a plan to its end, with a signal whenever nothing else happens; returns its history."""
    bench.start("w", id="x")
    for signals in range(len(plan) + 2):
        bench.run()
        if bench.core.find("x").status is not Status.RUNNING:
            break
        bench.signal("x", f"s{signals}")
    assert bench.core.find("x").status is Status.COMPLETED
    return bench.history("x")


plans = st.lists(st.sampled_from(OPERATIONS), max_size=12)


@given(plans)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_prefix_replays_to_the_same_commands(tmp_path_factory, plan):
    CrashingStore.plan = {}
    bench = Bench(tmp_path_factory.mktemp("w") / "x.db", {"w": program(plan), "child": child})
    try:
        history = drive(bench, plan)
    finally:
        bench.close()
    whole = replay(history, lambda info: Script(info, program(plan)))
    for end in range(1, len(history) + 1):
        if end < len(history) and isinstance(history[end], ev.COMMAND_EVENTS):
            continue  # a task and its commands are stored together
        part = replay(history[:end], lambda info: Script(info, program(plan)))
        assert part == whole[: len(part)]


def test_an_incomplete_task_does_not_replay(bench):
    def main(api):
        yield from api.call("a")
        yield from api.call("b")

    b = bench({"w": main})
    b.start("w", id="x")
    b.run()
    history = b.history("x")
    cut = next(i for i, e in enumerate(history) if isinstance(e, ev.ActivityTaskScheduled))
    with pytest.raises(NonDeterminism, match="no more commands"):
        replay(history[:cut], lambda info: Script(info, main))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (["async", "sleep"], r"asks for ScheduleActivity .*but event 5 .* is TimerStarted \(id=1\)"),
        (["sleep", "async", "sleep"], r"ScheduleActivity \(id=2, type='step'\).* event \d+ .* TimerStarted \(id=2\)"),
        ([], r"asks for Complete, but event 5 .* TimerStarted"),
    ],
)
def test_changed_code_blocks_and_recovers(bench, changed, message):
    b = bench({"w": program(["sleep", "sleep", "receive"])})
    b.start("w", id="x")
    b.run()
    b.watch("x")
    good, b.programs["w"] = b.programs["w"], program(changed)
    b.core.invalidate({"w"})
    b.signal("x", "go")
    b.idle()
    blocked = b.core.requests.describe("x", None)
    assert blocked.status is Status.RUNNING
    assert re.search(message, blocked.blocked), blocked.blocked
    length = blocked.history_length
    for _ in range(5):
        b.now = b.core.deadlines.next() or b.now
        b.idle()
    assert b.core.requests.describe("x", None).history_length == length
    assert b.core.requests.describe("x", None).task_attempt >= 5
    assert "x" not in b.results
    b.programs["w"] = good
    b.core.invalidate()
    b.idle()
    assert b.results["x"].result.data == b"go"
    assert b.names("x").count("WorkflowTaskFailed") == 1


def test_backoff_of_tasks():
    assert [task_delay(n) // SECOND for n in (2, 3, 4, 5, 6)] == [0, 1, 2, 4, 8]
    assert task_delay(50) == 600 * SECOND


def test_unknown_type_waits_for_its_code(bench):
    b = bench({})
    b.start("w", id="x")
    b.idle()
    assert "unknown workflow type w" in b.core.requests.describe("x", None).blocked
    b.crash()
    b.programs["w"] = program(["call"])
    b.run()
    assert b.outcome("x").result.data == b"step(0)"


def test_versions(bench):
    def old(api):
        yield from api.sleep(SECOND)
        yield from api.receive()

    def new(api):
        yield from api.sleep(SECOND)
        version = api.version("change", -1, 2)
        if version >= 1:
            yield from api.call("new")
        yield from api.receive()
        return f"{version} {api.version('change', -1, 2)} {api.version('later', -1, 3)}"

    def unsupported(api):
        yield from api.sleep(SECOND)
        api.version("change", 3, 4)

    b = bench({"w": old})
    b.start("w", id="old")
    b.run()
    b.programs["w"] = new
    b.core.invalidate()
    b.start("w", id="new")
    b.run()
    b.programs["w"] = unsupported
    b.core.invalidate()
    b.signal("new", "go")
    b.idle()
    assert "not supported" in b.core.requests.describe("new", None).blocked
    b.programs["w"] = new
    b.core.invalidate()
    b.signal("old", "go")
    b.run()
    assert b.outcome("old").result.data == b"-1 -1 3"
    assert b.outcome("new").result.data == b"2 2 3"


def test_a_broken_machine_blocks_only_its_run(bench):
    def broken(api):
        raise KeyError("oops")
        yield

    b = bench({"broken": broken, "w": program(["call"])})
    b.start("broken", id="b")
    b.start("w", id="x")
    b.idle()
    assert b.outcome("x").status is Status.COMPLETED
    assert "KeyError" in b.core.requests.describe("b", None).blocked
    assert issubclass(NonDeterminism, Blocked)


def drive_with_crashes(path, plan, cache, crashes):
    """The same as `drive`, with crashes before or after some commits; every request is repeated until durable."""
    CrashingStore.plan, CrashingStore.writes = crashes, 0
    bench = Bench(path, {"w": program(plan), "child": child}, cache=cache)
    started, signals = False, 0
    while True:
        try:
            if not started:
                bench.start("w", id="x")
                bench.round()
                started = True
            bench.run()
            if bench.core.find("x").status is not Status.RUNNING:
                history, sent = bench.history("x"), list(bench.sent)
                bench.close()
                CrashingStore.plan = {}
                return history, sent
            bench.signal("x", f"s{signals}")
            bench.round()
            signals += 1
        except Crash as crash:
            durable = crashes[crash.args[0]] == "after"
            bench.saved_ids = bench.ids if durable else bench.saved_ids
            bench.crash()
            received = sum(type(e) is ev.WorkflowExecutionSignaled for e in known(bench))
            started, signals = bool(known(bench)), received


def known(bench):
    return bench.history("x") if bench.core.find("x") is not None else []


def plain(history):
    return [ev.encode(event) for event in history]


@pytest.mark.parametrize("cache", [100, 0])
@pytest.mark.parametrize("seed", range(4))
def test_a_crash_at_any_commit_changes_nothing(tmp_path, seed, cache):
    plan = random.Random(seed).sample(OPERATIONS, len(OPERATIONS))
    expected, _ = drive_with_crashes(tmp_path / "plain.db", plan, cache, {})
    commits = CrashingStore.writes
    assert commits >= 5
    for number in range(commits):
        for how in ("before", "after"):
            found, _ = drive_with_crashes(tmp_path / f"{number}{how}.db", plan, cache, {number: how})
            assert plain(found) == plain(expected), (number, how, plan)
    everywhere = {number: ("before", "after")[number % 2] for number in range(0, 400)}
    found, _ = drive_with_crashes(tmp_path / "all.db", plan, cache, everywhere)
    assert plain(found) == plain(expected)

"""Attempts of activities: their order, their time limits, who counts, and what a crash leaves of them."""

from __future__ import annotations

import itertools

import pytest

from wippy.workflows import events as ev
from wippy.workflows.failure import Failure
from wippy.workflows.options import RetryPolicy
from wippy.workflows.provider import Status

from .scripted import SECOND, ActivityError, text

ONCE = RetryPolicy(maximum_attempts=1)


def caller(**options):
    def main(api):
        try:
            return (yield from api.call("a", **options))
        except ActivityError as error:
            return f"{error.failure.message} {error.failure.details['_retry_state']}"

    return main


def pending(b, id="x"):
    return b.core.requests.describe(id, None).activities


def test_a_pending_activity_shows_attempt_failure_and_next_time_also_after_a_crash(bench):
    b = bench({"w": caller()})
    b.handlers["a"] = lambda task: Failure(f"no {task.attempt}") if task.attempt < 3 else "done"
    b.start("w", id="x")
    b.idle()
    for _ in range(2):
        (one,) = pending(b)
        assert (one.attempt, one.running, one.due_ns, one.last_failure.message) == (2, False, b.now + SECOND, "no 1")
        assert "ActivityTaskStarted" not in b.names("x")
        b.crash()
    b.run()
    assert b.outcome("x").result == text("done")
    assert [attempt for _, _, attempt in b.calls] == [1, 2, 3]


def test_the_pause_grows_up_to_its_limit(bench):
    policy = RetryPolicy(initial_ns=SECOND, coefficient=3.0, maximum_ns=5 * SECOND, maximum_attempts=6)
    b = bench({"w": caller(retry=policy)})
    times = []
    b.handlers["a"] = lambda task: times.append(b.now) or Failure("no")
    b.start("w", id="x")
    b.run()
    pauses = [(after - before) / SECOND for before, after in itertools.pairwise(times)]
    assert pauses == [1, 3, 5, 5, 5]
    assert b.outcome("x").result == text("no MaximumAttemptsReached")


def test_a_failure_that_says_so_is_not_tried_again(bench):
    b = bench({"w": caller()})
    b.handlers["a"] = lambda task: Failure("never", "", False)
    b.start("w", id="x")
    b.run()
    assert b.outcome("x").result == text("never NonRetryableFailure")
    assert len(b.calls) == 1


def test_schedule_to_start_counts_for_each_attempt(bench):
    """The first attempt begins at once and fails; the next waits in vain for a free place."""

    def main(api):
        first = api.begin("a", schedule_to_start_ns=10 * SECOND)
        yield from api.sleep(SECOND // 2)
        api.begin("long")
        try:
            yield from api.result(first)
        except ActivityError as error:
            return error.failure.message

    b = bench({"w": main})
    b.core.open_queue("q", max_activities=1)
    b.handlers["a"] = lambda task: Failure("later")
    b.handlers["long"] = lambda task: None
    start = b.now
    b.start("w", id="x")
    b.run(until=start + 11 * SECOND - 1)
    assert b.core.requests.describe("x", None).status is Status.RUNNING
    b.run(until=start + 11 * SECOND)
    assert b.outcome("x").result == text("later")  # what the last attempt said
    (event,) = [e for e in b.history("x") if isinstance(e, ev.ActivityTaskTimedOut)]
    assert event.failure.details == {"timeout_type": "schedule_to_start"}


def test_start_to_close_counts_for_each_attempt_and_schedule_to_close_over_all(bench):
    policy = RetryPolicy(initial_ns=SECOND, coefficient=1.0)
    b = bench({"w": caller(start_to_close_ns=4 * SECOND, schedule_to_close_ns=12 * SECOND, retry=policy)})
    times = []
    b.handlers["a"] = lambda task: times.append(b.now)
    start = b.now
    b.start("w", id="x")
    b.run()
    assert [(at - start) / SECOND for at in times] == [0, 5, 10]
    (event,) = [e for e in b.history("x") if isinstance(e, ev.ActivityTaskTimedOut)]
    assert event.failure.details["timeout_type"] == "schedule_to_close"
    assert event.time_ns == start + 12 * SECOND
    assert len(b.cancelled) == 3


def test_without_time_for_another_attempt_it_ends_at_once(bench):
    b = bench({"w": caller(schedule_to_close_ns=5 * SECOND // 2)})
    b.handlers["a"] = lambda task: Failure("no")
    start = b.now
    b.start("w", id="x")
    b.run()
    assert [attempt for _, _, attempt in b.calls] == [1, 2]
    (event,) = [e for e in b.history("x") if isinstance(e, ev.ActivityTaskTimedOut)]
    assert event.failure.message.startswith("Not enough time to schedule next retry")
    assert (event.time_ns, event.retry_state) == (start + SECOND, "Timeout")
    assert b.outcome("x").result == text("no Timeout")


def test_a_run_that_times_out_ends_its_activities(bench):
    b = bench({"w": caller(start_to_close_ns=100 * SECOND)})
    b.handlers["a"] = lambda task: None
    b.start("w", id="x", run_timeout_ns=2 * SECOND)
    b.round()
    assert b.tasks[0].deadline_ns == b.now + 2 * SECOND
    (token,) = [task.token for task in b.tasks]
    b.run()
    assert b.outcome("x").status is Status.TIMED_OUT
    assert b.cancelled == [(token, "the workflow has closed")]
    names = b.names("x")
    b.core.activities.done(token, text("late"), None)
    b.idle()
    assert b.names("x") == names


def cancels(api):
    id = api.begin("a")
    yield from api.receive()
    api.cancel(id)
    yield from api.receive()
    return "end"


@pytest.mark.parametrize(
    ("outcome", "event"),
    [
        ("done", ev.ActivityTaskCompleted),
        (Failure("no"), ev.ActivityTaskFailed),
        (Failure("canceled", "Canceled", False), ev.ActivityTaskCanceled),
    ],
)
def test_a_cancelled_attempt_that_runs_is_the_last_and_its_outcome_is_recorded(bench, outcome, event):
    b = bench({"w": cancels})
    b.start("w", id="x")
    b.round()
    (task,) = b.tasks
    b.tasks.clear()
    b.signal("x", "cancel")
    b.idle()
    assert [(token, why) for token, why in b.cancelled] == [(task.token, "canceled by the workflow")]
    failure = outcome if isinstance(outcome, Failure) else None
    b.core.activities.done(task.token, None if failure else text(outcome), failure)
    b.run()
    assert b.calls == []
    assert [type(e) for e in b.history("x") if isinstance(e, event)] == [event]
    if event is ev.ActivityTaskFailed:
        assert [e.retry_state for e in b.history("x") if isinstance(e, event)] == ["CancelRequested"]
    b.signal("x", "end")
    b.run()
    assert b.outcome("x").result == text("end")


def test_a_cancel_during_the_pause_between_attempts_ends_it_at_once(bench):
    b = bench({"w": cancels})
    b.handlers["a"] = lambda task: Failure("no")
    b.start("w", id="x")
    b.idle()
    b.signal("x", "cancel")
    b.run()
    assert b.names("x").count("ActivityTaskCanceled") == 1
    assert len(b.calls) == 1
    assert b.cancelled == []


def test_a_cancelled_attempt_whose_process_died_is_not_begun_again(bench):
    b = bench({"w": cancels})
    b.start("w", id="x")
    b.round()
    b.tasks.clear()
    b.signal("x", "cancel")
    b.round()
    b.crash()
    b.run()
    assert b.names("x").count("ActivityTaskCanceled") == 1
    assert b.calls == []
    b.signal("x", "end")
    b.run()
    assert b.outcome("x").result == text("end")


def test_an_attempt_whose_process_died_is_begun_again_with_number_and_key(bench):
    b = bench({"w": caller(retry=ONCE)})
    b.start("w", id="x")
    b.round()
    (first,) = b.tasks
    b.crash()
    b.round()
    (again,) = b.tasks
    assert (again.key, again.attempt, again.token) == (first.key, first.attempt, first.token)
    b.run()
    assert b.outcome("x").result == text("a()")


def test_an_outcome_counts_once_and_only_for_its_attempt(bench):
    b = bench({"w": caller(retry=RetryPolicy(maximum_attempts=2))})
    b.start("w", id="x")
    b.round()
    (first,) = b.tasks
    b.tasks.clear()
    b.core.activities.done(first.token, None, Failure("no"))
    b.core.activities.done(first.token, text("twice"), None)
    b.now += SECOND
    b.round()
    (second,) = b.tasks
    b.tasks.clear()
    b.core.activities.done(first.token, text("late"), None)
    b.round()
    assert b.core.requests.describe("x", None).status is Status.RUNNING
    b.core.activities.done(second.token, text("second"), None)
    b.core.activities.done(second.token, text("again"), None)
    b.run()
    assert b.outcome("x").result == text("second")
    assert b.names("x").count("ActivityTaskCompleted") == 1


def test_a_queue_is_first_in_first_out_by_due_time_also_after_a_crash(bench):
    def main(api):
        ids = [api.begin("a", str(n)) for n in range(3)]
        for id in ids:
            yield from api.result(id)

    b = bench({"w": main})
    b.core.open_queue("q", max_activities=1)
    for id in ("x", "y"):
        b.start("w", id=id)
    b.round()
    began = []

    def answer(task, n):
        began.append((task.workflow_id, n, task.attempt))
        return Failure("no") if (task.workflow_id, n, task.attempt) == ("x", "0", 1) else "done"

    b.handlers["a"] = answer
    b.answer()
    b.round()
    b.crash()
    b.core.open_queue("q", max_activities=1)
    b.run()
    order = [("x", "1", 1), ("x", "2", 1), ("y", "0", 1), ("y", "1", 1), ("y", "2", 1)]
    assert began == [("x", "0", 1), *order, ("x", "0", 2)]


@pytest.mark.parametrize(
    ("rate", "seconds"), [(2.0, [0, 0, 1, 1, 2, 2]), (0.5, [0, 2, 4, 6, 8, 10]), (2.5, [0, 0, 0.8, 0.8, 1.6, 1.6])]
)
def test_so_many_begin_in_a_second(bench, rate, seconds):
    def main(api):
        ids = [api.begin("a", str(n)) for n in range(6)]
        for id in ids:
            yield from api.result(id)

    b = bench({"w": main})
    b.core.open_queue("q", per_second=rate)
    times = []
    b.handlers["a"] = lambda task, n: times.append(b.now) or "done"
    b.start("w", id="x")
    b.run()
    assert [(at - times[0]) / SECOND for at in times] == seconds

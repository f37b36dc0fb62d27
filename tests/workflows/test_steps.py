"""What one run can do: activities, timers, signals, markers, time."""

from __future__ import annotations

import itertools

from wippy.workflows import events as ev
from wippy.workflows.failure import Failure
from wippy.workflows.options import RetryPolicy
from wippy.workflows.provider import Message, Status

from .scripted import BUSY, SECOND, ActivityError


def test_history_of_one_activity(bench):
    def main(api):
        return (yield from api.call("add", "1", "2"))

    b = bench({"w": main})
    b.start("w", id="x")
    b.run()
    assert b.outcome("x").result.data == b"add(1,2)"
    assert b.names("x") == [
        "WorkflowExecutionStarted",
        "WorkflowTaskScheduled",
        "WorkflowTaskStarted",
        "WorkflowTaskCompleted",
        "ActivityTaskScheduled",
        "ActivityTaskStarted",
        "ActivityTaskCompleted",
        "WorkflowTaskScheduled",
        "WorkflowTaskStarted",
        "WorkflowTaskCompleted",
        "WorkflowExecutionCompleted",
    ]
    history = b.history("x")
    assert [event.n for event in history] == list(range(1, 12))
    assert all(a.time_ns <= b.time_ns for a, b in itertools.pairwise(history))


def test_a_sequential_step_costs_one_commit(bench):
    def main(api):
        for _ in range(10):
            yield from api.call("step")

    b = bench({"w": main})
    writes = []
    write = b.core.store.write
    b.core.store.write = lambda batch: (writes.append(1), write(batch))
    b.start("w", id="x")
    b.run()
    assert len(writes) == 11


def test_time_is_that_of_the_task_and_a_sleep_is_never_early(bench):
    seen = []

    def main(api):
        seen.append(api.activation.time_ns)
        yield from api.sleep(5 * SECOND + 7)
        seen.append(api.activation.time_ns)

    b = bench({"w": main})
    b.start("w", id="x")
    b.run()
    assert seen[-1] - seen[0] >= 5 * SECOND + 7
    assert len(set(seen)) == 2


def test_history_length_is_the_number_of_the_started_event(bench):
    seen = []

    def main(api):
        seen.append((api.activation.history_length, api.activation.history_size > 0))
        yield from api.call("a")
        seen.append((api.activation.history_length, True))

    b = bench({"w": main})
    b.start("w", id="x", messages=[Message("hello")])
    b.run()
    assert seen[0] == (4, True)
    assert seen[-1] == (10, True)
    assert b.names("x")[:3] == ["WorkflowExecutionStarted", "WorkflowExecutionSignaled", "WorkflowTaskScheduled"]


def test_signals_keep_their_order_and_sender(bench):
    def main(api):
        got = []
        for _ in range(3):
            job = yield from api.receive()
            got.append(f"{job.name}:{job.sender}")
        return " ".join(got)

    b = bench({"w": main})
    b.start("w", id="x", messages=[Message("first", [], "{p}")])
    b.signal("x", "second")
    b.idle()
    b.signal("x", "third")
    b.run()
    assert b.outcome("x").result.data == b"first:{p} second:{n@h|sender} third:{n@h|sender}"


def test_delivery_order_within_a_task(bench):
    def main(api):
        api.begin("late")
        api.timer(SECOND)
        yield from api.spawn("child")
        id = api.begin("awaited", blocking=True)
        yield from api.result(id)
        api.log.append("|")
        yield from api.receive()

    def child(api):
        yield from api.receive()

    b = bench({"w": main, "child": child})
    b.handlers = {"late": lambda task: None, "awaited": lambda task: None}
    b.start("w", id="x")
    b.idle()
    b.core.tasks.step, step = lambda run: None, b.core.tasks.step
    tokens = {}
    for id, activity in b.core.by_id["x"].activities.items():
        tokens[activity.event.type] = (b.core.by_id["x"].seq, id, 1)
    child_id = next(w for w in b.core.by_id if w != "x")
    b.core.requests.terminate(child_id, None, "")
    b.core.settle()
    b.core.activities.done(tokens["late"], None, None)
    b.now += 2 * SECOND
    b.core.advance()
    b.signal("x", "hello")
    b.core.activities.done(tokens["awaited"], None, None)
    b.core.tasks.step = step
    b.core.ready.append(b.core.by_id["x"])
    machines = len(b.machines)
    b.core.tasks.step(b.core.by_id["x"])
    machine = b.machines[-1] if len(b.machines) > machines else b.machines[0]
    log = machine.api.log[machine.api.log.index("ChildStarted") + 1 :]
    assert log == ["ActivityResolved", "Signal", "ActivityResolved", "TimerFired", "ChildResolved", "|"]


def test_retries_leave_no_events_and_grow(bench):
    def main(api):
        return (yield from api.call("flaky", retry=RetryPolicy(initial_ns=SECOND)))

    b = bench({"w": main})
    times = []

    def flaky(task):
        times.append(b.now)
        return "done" if task.attempt == 4 else Failure("no", "Internal")

    b.handlers["flaky"] = flaky
    b.start("w", id="x")
    b.run()
    assert b.outcome("x").result.data == b"done"
    assert [after - before for before, after in itertools.pairwise(times)] == [SECOND, 2 * SECOND, 4 * SECOND]
    started = [event for event in b.history("x") if isinstance(event, ev.ActivityTaskStarted)]
    assert [(event.attempt, event.last_failure.message) for event in started] == [(4, "no")]


def failing(bench, failure, **options):
    caught = []

    def main(api):
        try:
            yield from api.call("bad", **options)
        except ActivityError as error:
            caught.append(error.failure)

    b = bench({"w": main})
    b.handlers["bad"] = lambda task: failure
    b.start("w", id="x")
    b.run()
    return caught[-1], b


def test_failures_keep_kind_message_and_details(bench):
    failure, b = failing(bench, Failure("gone", "NotFound", False, {"a": 1}))
    assert (failure.kind, failure.message, failure.retryable) == ("NotFound", "gone", False)
    assert failure.details == {
        "a": 1,
        "_wrapper": "activity",
        "_activity_id": "1",
        "_retry_state": "NonRetryableFailure",
    }
    assert len(b.calls) == 1


def test_retry_limits(bench):
    failure, b = failing(bench, Failure("no"), retry=RetryPolicy(maximum_attempts=3))
    assert failure.details["_retry_state"] == "MaximumAttemptsReached"
    assert len(b.calls) == 3
    failure, b = failing(bench, Failure("no", "Invalid"), retry=RetryPolicy(non_retryable=["Invalid"]))
    assert failure.details["_retry_state"] == "NonRetryableFailure"
    failure, b = failing(bench, Failure("no", "Invalid"), schedule_to_close_ns=10 * SECOND)
    assert (failure.kind, failure.details["_retry_state"]) == ("Invalid", "Timeout")
    assert len(b.calls) == 4


def test_start_to_close_timeout_cancels_and_is_retried(bench):
    options = {"start_to_close_ns": SECOND, "retry": RetryPolicy(maximum_attempts=2)}
    failure, b = failing(bench, None, **options)
    assert (failure.kind, failure.message) == ("Timeout", "activity StartToClose timeout")
    assert failure.retryable is False
    assert failure.details["timeout_type"] == "start_to_close"
    assert len(b.cancelled) == 2
    assert len(b.calls) == 2


def test_timeouts_while_waiting(bench):
    failure, _ = failing(bench, None, schedule_to_close_ns=SECOND)
    assert failure.details["timeout_type"] == "schedule_to_close"

    def main(api):
        try:
            yield from api.call("a", schedule_to_start_ns=SECOND, queue="elsewhere")
        except ActivityError as error:
            return error.failure.message

    b = bench({"w": main})
    b.core.all_queues, b.core.queues = False, {"q"}
    b.start("w", id="x")
    b.run()
    assert b.outcome("x").result.data == b"activity ScheduleToStart timeout"


def test_late_outcomes_are_dropped(bench):
    def main(api):
        return (yield from api.call("slow", start_to_close_ns=SECOND))

    b = bench({"w": main})
    tokens = []

    def slow(task):
        tokens.append(task.token)
        return "second" if task.attempt == 2 else None

    b.handlers["slow"] = slow
    b.start("w", id="x")
    b.idle()
    b.now += 3 * SECOND
    b.round()
    b.core.activities.done(tokens[0], None, None)
    b.run()
    assert b.outcome("x").result.data == b"second"


def test_cancel_of_a_running_and_of_a_waiting_activity(bench):
    def main(api):
        running = api.begin("running")
        waiting = api.begin("waiting", queue="elsewhere")
        yield from api.sleep(SECOND)
        api.cancel(running)
        api.cancel(waiting)
        both = api.begin("never")
        api.cancel(both)
        yield from api.sleep(SECOND)
        return "end"

    b = bench({"w": main})
    b.core.all_queues, b.core.queues = False, {"q"}
    b.handlers["running"] = lambda task: None
    b.start("w", id="x")
    b.run()
    names = b.names("x")
    assert names.count("ActivityTaskCancelRequested") == 2
    assert names.count("ActivityTaskCanceled") == 1
    assert names.count("ActivityTaskScheduled") == 2
    assert [call[0] for call in b.calls] == ["running"]
    assert b.cancelled[0][1] == "canceled by the workflow"


def test_stopped_timers(bench):
    def main(api):
        never = api.timer(SECOND)
        api.stop(never)
        early = api.timer(10 * SECOND)
        yield from api.sleep(SECOND)
        api.stop(early)
        yield from api.sleep(20 * SECOND)
        return str(sorted(api.answers))

    b = bench({"w": main})
    b.start("w", id="x")
    b.run()
    assert b.outcome("x").result.data == b"[]"
    assert b.names("x").count("TimerCanceled") == 1
    assert b.names("x").count("TimerStarted") == 3


def test_markers_keep_their_value(bench):
    calls = []

    def main(api):
        calls.append(1)
        value = api.marker(str(len(calls)).encode())
        yield from api.sleep(SECOND)
        more = api.marker(b"second")
        return value.decode() + more.decode()

    b = bench({"w": main})
    b.start("w", id="x")
    b.run()
    assert b.outcome("x").result.data == b"1second"


def test_messages_to_processes_leave_once_and_after_the_commit(bench):
    order = []

    def main(api):
        api.send("{p}", "one", "1")
        yield from api.sleep(SECOND)
        api.send("{p}", "two", "2")

    b = bench({"w": main})
    write = b.core.store.write
    b.core.store.write = lambda batch: (order.append(len(b.sent)), write(batch))
    b.start("w", id="x")
    b.run()
    assert b.sent == [("{p}", "one", ["1"]), ("{p}", "two", ["2"])]
    assert order == [0, 1]


def test_cancel_request_is_delivered_once(bench):
    def main(api):
        job = yield from api.receive()
        yield from api.sleep(SECOND)
        return f"{type(job).__name__} {job.reason} {len(api.mailbox)}"

    b = bench({"w": main})
    b.start("w", id="x")
    b.idle()
    b.core.requests.cancel("x", None, "enough")
    b.core.requests.cancel("x", None, "again")
    b.run()
    assert b.outcome("x").result.data == b"CancelRequested enough 0"
    b.core.requests.cancel("x", None, "closed")
    assert b.outcome("x").status is Status.COMPLETED


def test_a_task_over_several_slices_buffers_what_arrives(bench):
    def main(api):
        for _ in range(5):
            yield BUSY
        job = yield from api.receive()
        return job.name

    b = bench({"w": main}, slice_ns=0)
    b.start("w", id="x")
    b.round()
    b.signal("x", "meanwhile")
    b.run()
    assert b.outcome("x").result.data == b"meanwhile"
    names = b.names("x")
    assert names.index("WorkflowExecutionSignaled") > names.index("WorkflowTaskCompleted")


def test_a_fire_that_is_dropped_with_its_timer_does_not_come_back(bench):
    def main(api):
        timer = api.timer(SECOND)
        yield from api.receive()
        for _ in range(6):
            yield BUSY
        api.stop(timer)
        yield from api.receive()

    b = bench({"w": main}, slice_ns=0)
    b.start("w", id="x")
    b.idle()
    b.signal("x", "go")
    b.round()
    b.now += 2 * SECOND
    b.round()
    assert [type(event) for event in b.core.by_id["x"].buffered] == [ev.TimerFired]
    b.idle()
    b.crash()
    b.idle()
    assert b.names("x")[-1] == "TimerCanceled"


def test_a_close_is_refused_while_something_has_arrived(bench):
    def main(api):
        api.begin("undone")
        yield BUSY
        yield BUSY
        return str(len(api.mailbox))

    b = bench({"w": main}, slice_ns=0)
    b.start("w", id="x")
    b.round()
    b.signal("x", "late")
    b.run()
    assert b.outcome("x").result.data == b"1"
    failed = [event for event in b.history("x") if isinstance(event, ev.WorkflowTaskFailed)]
    assert [event.cause for event in failed] == ["UnhandledCommand"]


def test_an_endless_loop_does_not_stop_others_and_its_task_times_out(bench):
    def endless(api):
        while True:
            yield BUSY

    def quick(api):
        yield from api.call("a")

    b = bench({"endless": endless, "quick": quick}, slice_ns=0)
    b.start("endless", id="e", task_timeout_ns=1)
    b.start("quick", id="q")
    for _ in range(20):
        b.round()
        b.answer()
    assert b.outcome("q").status is Status.COMPLETED
    assert "WorkflowTaskTimedOut" in b.names("e")
    assert b.core.requests.describe("e", None).status is Status.RUNNING

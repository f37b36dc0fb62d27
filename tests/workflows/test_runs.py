"""Runs among each other: ID policies, children, chains, control, watchers."""

from __future__ import annotations

import pytest

from wippy.errors import WippyError
from wippy.workflows import commands as cmd
from wippy.workflows import cron
from wippy.workflows import events as ev
from wippy.workflows.failure import Failure
from wippy.workflows.options import ConflictPolicy, ParentClosePolicy, RetryPolicy, ReusePolicy
from wippy.workflows.provider import Message, Status

from .scripted import SECOND, ActivityError, Upgrade


def forever(api):
    names = []
    while True:
        job = yield from api.receive()
        names.append(getattr(job, "name", "CANCEL"))
        if names[-1] in ("stop", "CANCEL"):
            return " ".join(names)


def quick(api):
    return "done"
    yield


def bad(api):
    raise ActivityError(Failure("broken", "Invalid", None))
    yield


def test_an_open_id_is_used_or_refused(bench):
    b = bench({"w": forever})
    b.start("w", id="x")
    b.idle()
    assert b.start("w", id="x", messages=[Message("a"), Message("b")]) == "x"
    for options in ({"conflict": ConflictPolicy.FAIL}, {"error_when_started": True}):
        with pytest.raises(WippyError, match="already started") as caught:
            b.start("w", id="x", messages=[Message("never")], **options)
        assert (caught.value.kind, caught.value.retryable) == ("", None)
    b.signal("x", "stop")
    b.run()
    assert b.outcome("x").result.data == b"a b stop"


def test_terminate_existing_replaces_the_run(bench):
    b = bench({"w": forever})
    b.start("w", id="x")
    b.idle()
    b.watch("x", "old")
    b.start("w", id="x", conflict=ConflictPolicy.TERMINATE_EXISTING, messages=[Message("stop")])
    b.run()
    assert b.results["old"].failure.message == "workflow terminated"
    assert b.outcome("x").result.data == b"stop"


def test_closed_ids_follow_the_reuse_policy(bench):
    b = bench({"w": quick, "bad": bad})
    b.start("w", id="x")
    b.run()
    first = b.core.find("x").run_id
    with pytest.raises(WippyError, match="already started"):
        b.start("w", id="x", reuse=ReusePolicy.REJECT_DUPLICATE, error_when_started=True)
    with pytest.raises(WippyError, match="already started"):
        b.start("w", id="x", reuse=ReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY, error_when_started=True)
    with pytest.raises(WippyError, match="already completed"):
        b.start("w", id="x", reuse=ReusePolicy.REJECT_DUPLICATE, messages=[Message("m")])
    assert b.core.find("x").run_id == first
    b.start("w", id="x")
    b.run()
    assert b.core.find("x").run_id != first
    b.start("bad", id="y")
    b.run()
    b.start("w", id="y", reuse=ReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY)
    b.run()
    assert b.outcome("y").status is Status.COMPLETED


def test_signals_to_closed_and_missing_runs(bench):
    b = bench({"w": quick})
    b.start("w", id="x")
    b.run()
    with pytest.raises(WippyError, match="already completed"):
        b.signal("x", "s")
    with pytest.raises(WippyError, match="workflow not found for ID: y"):
        b.signal("y", "s")
    with pytest.raises(WippyError) as caught:
        b.core.requests.terminate("x", None, "")
    assert caught.value.kind == "Internal"
    with pytest.raises(WippyError, match="cancel failed: workflow not found"):
        b.core.requests.cancel("y", None, "")
    assert b.outcome("y").failure.kind == "NotFound"


def test_terminate_drops_everything_and_tells_watchers(bench):
    def main(api):
        api.begin("slow")
        yield from api.sleep(100 * SECOND)

    b = bench({"w": main})
    b.handlers["slow"] = lambda task: None
    b.start("w", id="x")
    b.idle()
    b.watch("x")
    b.core.requests.terminate("x", None, "enough")
    b.run()
    assert b.results["x"].status is Status.TERMINATED
    assert (b.results["x"].failure.kind, b.results["x"].failure.retryable) == ("Canceled", False)
    assert b.cancelled[0][1] == "the workflow has closed"
    assert b.core.deadlines.next() is None
    b.core.watches.unwatch(12345)


def test_children_report_to_their_parent(bench):
    def main(api):
        value = yield from api.exec("good", "1", host="other")
        child = yield from api.spawn("failing", id="named")
        exit = yield from api.exit()
        while exit.workflow_id != child:
            exit = yield from api.exit()
        details = exit.failure.details
        return f"{value} {exit.failure.message} {details['_wrapper']} {details['_workflow_type']} {child}"

    def good(api):
        yield from api.sleep(SECOND)
        return api.args[0] + api.info.queue

    b = bench({"w": main, "good": good, "failing": bad})
    b.start("w", id="x")
    b.run()
    assert b.outcome("x").result.data == b"1other broken child_workflow failing named"
    run_id = b.core.find("x").run_id
    assert b.outcome(f"{run_id}_1").status is Status.COMPLETED
    assert b.outcome("named").failure.kind == "Invalid"


def test_a_child_id_in_use_is_refused(bench):
    def main(api):
        try:
            yield from api.spawn("forever", id="taken")
        except ActivityError as error:
            return error.failure.message

    b = bench({"w": main, "forever": forever})
    b.start("forever", id="taken")
    b.start("w", id="x")
    b.run()
    assert b.outcome("x").result.data == b"child workflow execution already started"


@pytest.mark.parametrize(
    ("policy", "status"),
    [
        (ParentClosePolicy.TERMINATE, Status.TERMINATED),
        (ParentClosePolicy.REQUEST_CANCEL, Status.COMPLETED),
        (ParentClosePolicy.ABANDON, Status.RUNNING),
    ],
)
def test_parent_close_policies(bench, policy, status):
    def main(api):
        yield from api.spawn("child", id="c", parent_close=policy)

    b = bench({"w": main, "child": forever})
    b.start("w", id="x")
    b.run()
    assert b.core.find("c").status is status


def test_signals_and_cancels_between_workflows(bench):
    def main(api):
        yield from api.signal("peer", "hello")
        yield from api.cancel_external("peer")
        out = []
        for attempt in (api.signal("nobody", "s"), api.signal("x", "self"), api.cancel_external("nobody")):
            try:
                yield from attempt
            except ActivityError as error:
                out.append(error.failure.message)
        return "\n".join(out)

    b = bench({"w": main, "forever": forever})
    b.start("forever", id="peer")
    b.start("w", id="x")
    b.run()
    assert b.outcome("peer").result.data == b"hello CANCEL"
    assert b.outcome("x").result.data.decode().splitlines() == [
        f"unknown external workflow execution: {who}" for who in ("nobody", "x", "nobody")
    ]


def test_continue_as_new_keeps_the_chain(bench):
    def main(api):
        if not api.args:
            return f"end {api.info.attempt}"
        yield from api.sleep(SECOND)
        raise Upgrade(*api.args[1:])

    b = bench({"w": main})
    b.start("w", "1", "2", id="x", memo={"a": 1}, execution_timeout_ns=100 * SECOND)
    b.idle()
    first = b.core.find("x")
    b.watch("x")
    b.run()
    assert b.results["x"].result.data == b"end 1"
    last = b.history("x")[0]
    assert (last.first_run_id, last.memo, last.chain_deadline_ns) == (first.run_id, {"a": 1}, first.chain_deadline)
    assert b.names("x", first.run_id)[-1] == "WorkflowExecutionContinuedAsNew"
    b.watch("x", "late")
    b.round()
    assert b.results["late"].result.data == b"end 1"


def test_run_retry(bench):
    times = []

    def main(api):
        times.append((api.info.attempt, b.now))
        if api.info.attempt < 3:
            raise ActivityError(Failure("again", "Internal"))
        return api.args[0]
        yield

    b = bench({"w": main})
    b.start("w", "same", id="x", retry=RetryPolicy(initial_ns=SECOND))
    b.watch("x")
    b.run()
    assert b.results["x"].result.data == b"same"
    assert [attempt for attempt, _ in times] == [1, 2, 3]
    assert times[2][1] - times[1][1] == 2 * SECOND


def test_run_and_execution_timeouts(bench):
    b = bench({"w": forever})
    b.start("w", id="run", run_timeout_ns=SECOND, retry=RetryPolicy(maximum_attempts=2))
    b.start("w", id="chain", execution_timeout_ns=SECOND, retry=RetryPolicy())
    b.run()
    assert b.outcome("run").failure.message == "Workflow timeout"
    assert b.core.find("run").attempt == 2
    assert b.outcome("chain").status is Status.TIMED_OUT
    assert b.core.find("chain").attempt == 1


def test_start_delay_is_not_shortened_by_signals(bench):
    b = bench({"w": forever})
    b.start("w", id="x", start_delay_ns=10 * SECOND, messages=[Message("early")])
    b.signal("x", "stop")
    b.idle()
    assert not b.machines
    b.run()
    assert b.outcome("x").result.data == b"early stop"
    assert b.names("x")[1:4] == ["WorkflowExecutionSignaled", "WorkflowExecutionSignaled", "WorkflowTaskScheduled"]


def test_cron_runs_at_each_slot(bench):
    times = []

    def main(api):
        times.append(b.now // SECOND)
        return "ok"
        yield

    b = bench({"w": main})
    b.start("w", id="x", cron="*/5 * * * *", execution_timeout_ns=1000 * SECOND)
    b.run(until=b.now + 1000 * SECOND)
    assert times == [1200, 1500, 1800]
    for options in ({"cron": "nonsense"}, {"cron": "* * * * *", "start_delay_ns": 1}):
        with pytest.raises(WippyError) as caught:
            b.start("w", id="y", **options)
        assert caught.value.kind == "Invalid"


def test_cron_schedules():
    def after(schedule, seconds):
        return cron.next_after(schedule, seconds * SECOND) // SECOND

    day = 86400
    assert after("@hourly", 0) == 3600
    assert after("@every 1m30s", 10) == 100
    assert after("30 4 1 * *", 0) == 4 * 3600 + 1800
    assert after("0 0 * * mon", 0) == 4 * day
    assert after("0 0 15 * fri", 0) == day
    assert after("CRON_TZ=Europe/Berlin 0 12 * * *", 0) == 11 * 3600
    assert after("0 0 29 2 *", 0) == 789 * day
    for text in (
        "",
        "* * * *",
        "61 * * * *",
        "*/0 * * * *",
        "5-1 * * * *",
        "0 0 30 2 *",
        "@every x",
        "CRON_TZ=No/Where * * * * *",
    ):
        with pytest.raises(WippyError, match="invalid CronSchedule"):
            cron.next_after(text, 0)


def test_limits(bench):
    def big(api):
        return "x" * 2000
        yield

    b = bench({"w": forever, "big": big}, payload=1000, signals=2, events=30)
    with pytest.raises(WippyError, match="Blob data size exceeds limit"):
        b.start("w", "x" * 2000)
    b.start("w", id="x")
    b.signal("x", "1")
    with pytest.raises(WippyError, match="Blob data size exceeds limit"):
        b.signal("x", "1", "x" * 2000)
    b.signal("x", "2")
    with pytest.raises(WippyError, match="signals"):
        b.signal("x", "3")
    b.start("big", id="b")
    b.idle()
    assert "carries 2000 bytes" in b.core.requests.describe("b", None).blocked


def test_too_long_a_history_ends_the_run(bench):
    def main(api):
        while True:
            yield from api.call("step")

    b = bench({"w": main}, events=50)
    b.start("w", id="x")
    b.run()
    assert b.outcome("x").status is Status.TERMINATED
    assert "50 events" in b.history("x")[-1].reason


def test_attributes_merge(bench):
    def main(api):
        api.commands.append(cmd.UpsertAttributes({"n": 5}, {"note": "new"}))
        yield from api.receive()

    b = bench({"w": main})
    b.start("w", id="x", memo={"a": 1, "note": "old"}, search_attributes={"m": True})
    b.idle()
    b.crash()
    found = b.core.requests.describe("x", None)
    assert (found.memo, found.search_attributes) == ({"a": 1, "note": "new"}, {"m": True, "n": 5})
    assert [e for e in b.names("x") if "Upsert" in e or "Properties" in e] == [
        "UpsertWorkflowSearchAttributes",
        "WorkflowPropertiesModified",
    ]
    assert isinstance(b.history("x")[0], ev.WorkflowExecutionStarted)
    b.signal("x", "s")
    b.run()
    assert b.outcome("x").status is Status.COMPLETED


def test_queues_that_nobody_serves_wait(bench):
    b = bench({"w": quick})
    b.core.all_queues, b.core.queues = False, {"q"}
    b.start("w", id="x", queue="later")
    b.run()
    assert not b.machines
    b.core.open_queue("later")
    b.run()
    assert b.outcome("x").result.data == b"done"


def test_activities_of_a_queue_keep_its_limit(bench):
    def main(api):
        ids = [api.begin("a", str(n)) for n in range(5)]
        for id in ids:
            yield from api.result(id)

    b = bench({"w": main})
    b.core.open_queue("q", max_activities=2)
    b.start("w", id="x")
    b.round()
    assert len(b.tasks) == 2
    b.run()
    assert [args for _, args, _ in b.calls] == [["0"], ["1"], ["2"], ["3"], ["4"]]
    assert b.outcome("x").status is Status.COMPLETED


def test_a_long_history_is_named_in_the_log_once_and_ended_at_its_limit(bench, caplog):
    def steps(api):
        for _ in range(20):
            yield from api.call("step")
        return "done"

    b = bench({"w": steps}, events=60)
    b.start("w", id="x")
    b.run()
    found = [record.getMessage() for record in caplog.records if "process.upgrade" in record.getMessage()]
    assert len(found) == 1
    assert "workflow x (w, run id1) has a history of 17 events" in found[0]
    assert "beyond 60 events" in found[0]
    assert b.outcome("x").status is Status.TERMINATED

"""Limits of a run: what is beyond them is refused, blocks the run or ends it, and says so."""

from __future__ import annotations

import pytest

from wippy.errors import WippyError
from wippy.workflows import commands as cmd
from wippy.workflows import driver, jobs
from wippy.workflows import events as ev
from wippy.workflows.driver import Driver
from wippy.workflows.failure import Failure
from wippy.workflows.options import RetryPolicy, WorkflowOptions
from wippy.workflows.payload import JSON, Payload
from wippy.workflows.provider import Message, StartRequest, Status

from .scripted import SECOND, ActivityError, text

BIG = "x" * 2000


def forever(api):
    yield from api.receive()
    return "end"


def blocked(b, id):
    return b.core.requests.describe(id, None).blocked


def child_of(size):
    return lambda id: cmd.StartChild(id, "w", "", [text("x" * size)], WorkflowOptions(id=f"child{id}"))


COMMANDS = {
    "ScheduleActivity": lambda id: cmd.ScheduleActivity(id, "a", [text(BIG)]),
    "StartChild": child_of(2000),
    "SignalExternal": lambda id: cmd.SignalExternal(id, "other", "s", [text(BIG)]),
    "SendMessage": lambda id: cmd.SendMessage("{n@h|p}", "topic", [text(BIG)]),
    "RecordMarker": lambda id: cmd.RecordMarker(cmd.SIDE_EFFECT, str(id), BIG.encode()),
    "UpsertAttributes": lambda id: cmd.UpsertAttributes(memo={"k": BIG}),
    "Complete": lambda id: cmd.Complete(text(BIG)),
    "Fail": lambda id: cmd.Fail(Failure("no", details={"k": BIG})),
    "ContinueAsNew": lambda id: cmd.ContinueAsNew("", [text(BIG)]),
}


@pytest.mark.parametrize("kind", COMMANDS)
def test_a_command_that_is_too_large_blocks_the_run_until_the_code_asks_for_less(bench, kind):
    def main(api):
        yield from api.receive()
        if code["large"]:
            api.commands.append(COMMANDS[kind](api.next()))
        yield from api.receive()
        return "end"

    code = {"large": True}
    b = bench({"w": main}, payload=1000)
    b.start("w", id="x")
    b.signal("x", "go")
    b.idle()
    assert blocked(b, "x").startswith(f"{kind} carries 2")
    assert "the limit is 1000" in blocked(b, "x")
    assert not any(isinstance(event, ev.COMMAND_EVENTS) for event in b.history("x"))
    assert [e.cause for e in b.history("x") if isinstance(e, ev.WorkflowTaskFailed)] == ["BadCommand"]
    assert b.core.requests.describe("x", None).status is Status.RUNNING
    code["large"] = False
    b.signal("x", "again")
    b.run()
    assert b.outcome("x").result == text("end")


PENDING = {
    "activities": lambda id: cmd.ScheduleActivity(id, "a", [], blocking=False),
    "children": child_of(0),
    "external signals": lambda id: cmd.SignalExternal(id, "other", "s"),
    "external cancels": lambda id: cmd.CancelExternal(id, "other"),
}


@pytest.mark.parametrize("what", PENDING)
def test_so_many_are_pending_and_no_more(bench, what):
    def main(api):
        job = yield from api.receive()
        for _ in range(int(job.name)):
            api.commands.append(PENDING[what](api.next()))
        yield from api.receive()

    b = bench({"w": main}, pending=5)
    b.handlers["a"] = lambda task: None
    for count in ("5", "6"):
        b.start("w", id=count)
        b.signal(count, count)
    b.idle()
    assert blocked(b, "5") == ""
    assert blocked(b, "6") == f"6 pending {what}; the limit is 5"
    if what in ("activities", "children"):  # those of earlier tasks count, those that have ended do not

        def later(api):
            for _ in range(2):
                yield from api.receive()
                for _ in range(3):
                    api.commands.append(PENDING[what](api.next()))
            yield from api.receive()

        b = bench({"w": forever, "later": later}, pending=5)
        b.handlers["a"] = lambda task: None
        b.start("later", id="x")
        for _ in range(2):
            b.signal("x", "more")
            b.idle()
        assert blocked(b, "x") == f"6 pending {what}; the limit is 5"


def test_a_start_or_message_that_is_too_large_is_the_error_of_the_call(bench):
    b = bench({"w": forever}, payload=1000)
    for args, messages in (([text(BIG)], []), ([], [Message("m", [text(BIG)])])):
        with pytest.raises(WippyError, match="Blob data size exceeds limit"):
            b.core.starting.start(StartRequest("w", "q", args, WorkflowOptions(id="x"), {}, messages))
    b.start("w", "x" * 1000, id="x")
    with pytest.raises(WippyError, match="Blob data size exceeds limit"):
        b.signal("x", "s", BIG)
    assert b.names("x").count("WorkflowExecutionSignaled") == 0
    b.signal("x", "s", "x" * 1000)
    b.run()
    assert b.outcome("x").status is Status.COMPLETED


@pytest.mark.parametrize("listed", [True, False])
def test_a_result_that_is_too_large_fails_its_attempt(bench, listed):
    def main(api):
        policy = RetryPolicy(maximum_attempts=3, non_retryable=["PayloadsTooLarge"] if listed else [])
        try:
            return (yield from api.call("a", retry=policy))
        except ActivityError as error:
            return error.failure.message + " " + error.failure.details["_retry_state"]

    b = bench({"w": main}, payload=1000)
    b.handlers["a"] = lambda task: "small" if task.attempt == 3 else BIG
    b.start("w", id="x")
    b.run()
    if listed:
        told = "PayloadsTooLarge: the result has 2000 bytes; the limit is 1000 NonRetryableFailure"
        assert b.outcome("x").result == text(told)
    else:
        assert b.outcome("x").result == text("small")
        (started,) = [e for e in b.history("x") if isinstance(e, ev.ActivityTaskStarted)]
        assert (started.attempt, started.last_failure.message[:16]) == (3, "PayloadsTooLarge")


def test_a_failure_that_is_too_large_keeps_its_message(bench):
    def main(api):
        try:
            yield from api.call("a", retry=RetryPolicy(maximum_attempts=1))
        except ActivityError as error:
            return f"{error.failure.kind} {error.failure.message}"

    b = bench({"w": main}, payload=1000)
    b.handlers["a"] = lambda task: Failure("no", "Invalid", None, {"k": BIG})
    b.start("w", id="x")
    b.run()
    assert b.outcome("x").result == text("Invalid no")


def test_too_large_a_history_ends_the_run(bench):
    def main(api):
        while True:
            yield from api.call("step", "x" * 100)

    b = bench({"w": main}, history=20_000)
    b.start("w", id="x")
    b.run()
    assert b.outcome("x").status is Status.TERMINATED
    assert "20000 bytes" in b.history("x")[-1].reason


def test_no_run_begins_anew_by_itself(bench):
    def main(api):
        for _ in range(30):
            yield from api.call("step")

    b = bench({"w": main}, events=10_000)
    b.start("w", id="x")
    b.run()
    assert b.outcome("x").status is Status.COMPLETED


def signals(count):
    return [jobs.Signal(f"s{n}", [Payload(JSON, b"1")]) for n in range(count)]


class Counter:
    def __init__(self):
        self.seen = []

    def activate(self, activation):
        self.seen = activation.jobs
        return []


@pytest.mark.parametrize("replaying", [True, False])
def test_the_mailbox_of_one_task(caplog, replaying):
    machine = Counter()
    one = Driver(machine)
    task = {"time_ns": 0, "replaying": replaying, "history_length": 3, "history_size": 0, "markers": {}}
    for id in range(1, 1503):
        one.pending[id] = ("child", id > 1500)
    ends = [jobs.ChildResolved(id) for id in range(1, 1503)]
    one.deliver([*ends, *signals(10_007)], **task)
    kinds = [type(job) for job in machine.seen]
    assert kinds[:2] == [jobs.ChildResolved] * 2  # of those who wait for them: they are no mail
    assert [job.id for job in machine.seen[:2]] == [1501, 1502]
    assert [job.name for job in machine.seen if isinstance(job, jobs.Signal)] == [f"s{n}" for n in range(10_000)]
    assert [job.id for job in machine.seen[-1000:]] == list(range(1, 1001))
    assert len(machine.seen) == 2 + 10_000 + 1_000
    assert one.pending == {}
    told = [record.getMessage() for record in caplog.records if "are dropped" in record.getMessage()]
    assert len(told) == (0 if replaying else 1)
    assert all("10007 messages and 1500 ends of children" in line for line in told)


def test_a_mailbox_that_is_full_is_the_same_on_replay(bench, monkeypatch):
    monkeypatch.setattr(driver, "MOST_EXITS", 3)
    monkeypatch.setattr(driver, "MOST_SIGNALS", 4)

    def main(api):
        yield from api.sleep(SECOND)
        names = [job.name for job in api.mailbox]
        yield from api.call("step")
        return ",".join(names)

    b = bench({"w": main})
    b.core.all_queues, b.core.queues = False, set()
    b.start("w", id="x")
    b.round()
    for n in range(6):
        b.signal("x", f"s{n}")
    b.round()
    b.core.open_queue("q")
    b.idle()
    b.crash()
    b.core.open_queue("q")
    b.run()
    assert b.outcome("x").result == text("s0,s1,s2,s3")

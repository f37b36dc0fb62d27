"""Code of others around our workflows: their encodings, their errors, their updates."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from flows import flow_app
from flows.flow_app import FlowApp, function, process, workflow
from flows.temporal_server import TemporalServer
from wippy.errors import WippyError

flow = pytest.importorskip("temporalio.workflow", reason="the package temporalio (extra `temporal`) is not installed")
protobuf = pytest.importorskip("google.protobuf.duration_pb2")
common = pytest.importorskip("temporalio.common")
messages = pytest.importorskip("temporalio.api.common.v1")
ODD = protobuf.Duration(seconds=5)
"""A message of protobuf: the SDK encodes it in a way that we do not read."""
TORN = common.RawValue(messages.Payload(metadata={"encoding": b"json/plain"}, data=b'{"n": '))
"""JSON that is none."""


@flow.defn(name="other:calls", sandboxed=False)
class Calls:
    """Calls a function of ours."""

    @flow.run
    async def run(self, what: str) -> Any:
        given = {"fine": {"n": 4}, "odd": ODD, "torn": TORN}[what]
        limit = timedelta(seconds=20)
        return await flow.execute_activity("app:echo", given, task_queue="main", start_to_close_timeout=limit)


@flow.defn(name="other:child", sandboxed=False)
class Child:
    """Ends in one way or another."""

    @flow.run
    async def run(self, how: str) -> Any:
        from temporalio.exceptions import ApplicationError

        if how == "fails":
            raise ApplicationError("no paper", type="Conflict", non_retryable=True)
        if how == "cancelled":
            await flow.wait_condition(lambda: False)
        return ODD if how == "odd" else {"how": how}


def python_worker(client: Any, **serves: Any) -> Any:
    """A worker of the SDK on the queue `python`."""
    from temporalio.worker import UnsandboxedWorkflowRunner, Worker

    return Worker(client, task_queue="python", workflow_runner=UnsandboxedWorkflowRunner(), **serves)


CALL = workflow(
    "call",
    """
    local funcs = require("funcs")
    return function(id, ...)
      local options = {["activity.task_queue"] = "python", ["activity.retry_policy"] = {maximum_attempts = 1}}
      local value, err = funcs.new():with_options(options):call(id, ...)
      if not err then return {value = value} end
      local retryable, details = err:retryable(), err:details() or {}
      if retryable == nil then retryable = "unset" end
      return {kind = err:kind(), text = err:message(), retryable = retryable, state = details._retry_state,
        which = details.timeout_type}
    end
    """,
)


@pytest.fixture(autouse=True)
def server(temporal_server: TemporalServer, monkeypatch: pytest.MonkeyPatch) -> TemporalServer:
    monkeypatch.setattr(flow_app, "TEMPORAL", temporal_server)
    return temporal_server


async def connected(app: FlowApp) -> Any:
    from temporalio.client import Client

    return await Client.connect(flow_app.TEMPORAL.address, namespace=app.namespace)


async def served(app: FlowApp, act: Any, *args: Any) -> Any:
    """What a workflow gets from an activity of a worker in Python."""
    from temporalio import activity

    async with python_worker(await connected(app), activities=[activity.defn(name="other:act")(act)]):
        return await app.run("call", "other:act", *args)


async def test_results_in_the_encodings_that_we_share(tmp_path: Path) -> None:
    async def data() -> bytes:
        return b"\xff\x00"

    async def nothing() -> None:
        return None

    async def plain() -> Any:
        return {"list": [1, 2.5, "x", None], "yes": True}

    async with FlowApp(tmp_path, CALL) as app:
        assert await served(app, plain) == {"value": {"list": [1, 2.5, "x"], "yes": True}}
        assert await served(app, nothing) == []
        assert (await served(app, data))["value"] == "\ufffd\x00"


async def test_a_result_in_another_encoding_is_an_error(tmp_path: Path) -> None:
    async def message() -> Any:
        return ODD

    async with FlowApp(tmp_path, CALL) as app:
        found = await served(app, message)
        assert not app.logged("is blocked")
    assert (found["kind"], found["retryable"]) == ("Internal", False)
    assert "a payload has the encoding 'json/protobuf'" in found["text"]


@pytest.mark.parametrize("what", ["start", "signal"])
async def test_a_run_is_blocked_by_what_it_cannot_read(tmp_path: Path, what: str) -> None:
    waits = workflow("waits", "return function(v) return process.inbox():receive():payload():data() end")
    async with FlowApp(tmp_path, waits) as app:
        client = await connected(app)
        given = ODD if what == "start" else None
        handle = await client.start_workflow("app:waits", given, id="one", task_queue="main")
        if what == "signal":
            await handle.signal("word", ODD)
        await app.until(lambda: app.logged("workflow one (app:waits) is blocked"))
        assert "a payload has the encoding 'json/protobuf'" in app.logged("is blocked")[0]
        await handle.terminate()


@pytest.mark.parametrize(
    ("what", "text"), [("odd", "a payload has the encoding 'json/protobuf'"), ("torn", "DecodeError")]
)
async def test_a_function_that_is_given_what_it_cannot_read_fails_for_good(
    tmp_path: Path, what: str, text: str
) -> None:
    from temporalio.client import WorkflowFailureError

    echo = function("echo", "return function(v) return v end")
    async with FlowApp(tmp_path, echo) as app:
        client = await connected(app)
        async with python_worker(client, workflows=[Calls]):
            assert await client.execute_workflow("other:calls", "fine", id="a", task_queue="python") == {"n": 4}
            with pytest.raises(WorkflowFailureError) as caught:
                await client.execute_workflow("other:calls", what, id="b", task_queue="python")
    assert text in str(caught.value.cause.__cause__)


async def test_arguments_are_payloads_of_their_own(tmp_path: Path) -> None:
    async def several(*given: Any) -> Any:
        return list(given)

    takes = workflow("takes", "return function(...) return {select('#', ...), ...} end")
    async with FlowApp(tmp_path, CALL, takes) as app:
        assert (await served(app, several, 1, "two", {"three": 3}))["value"] == [1, "two", {"three": 3}]
        client = await connected(app)
        handle = await client.start_workflow("app:takes", args=[1, "two", [3]], id="one", task_queue="main")
        assert await handle.result() == [3, 1, "two", [3]]


@pytest.mark.parametrize(
    ("type", "final", "kind", "retryable", "state"),
    [
        ("Unavailable", True, "Unavailable", False, "NonRetryableFailure"),
        ("Unavailable", False, "Unavailable", True, "MaximumAttemptsReached"),
        ("OutOfPaper", False, "", True, "MaximumAttemptsReached"),
        ("ActivityNotRegistered", False, "NotFound", True, "MaximumAttemptsReached"),
        ("ActivityNotRegisteredError", False, "NotFound", True, "MaximumAttemptsReached"),
        ("WorkflowNotRegisteredError", True, "NotFound", False, "NonRetryableFailure"),
        ("NamespaceNotFoundError", True, "NotFound", False, "NonRetryableFailure"),
    ],
)
async def test_errors_without_a_chain(
    tmp_path: Path, type: str, final: bool, kind: str, retryable: bool, state: str
) -> None:
    from temporalio.exceptions import ApplicationError

    async def fails() -> None:
        raise ApplicationError("no paper", {"not": "a chain"}, type=type, non_retryable=final)

    async with FlowApp(tmp_path, CALL) as app:
        found = await served(app, fails)
    assert found == {"kind": kind, "text": "no paper", "retryable": retryable, "state": state}


async def test_an_exception_of_python_is_an_error_without_a_kind(tmp_path: Path) -> None:
    async def fails() -> None:
        raise KeyError("paper")

    async with FlowApp(tmp_path, CALL) as app:
        found = await served(app, fails)
    assert (found["kind"], found["retryable"]) == ("", True)
    assert "paper" in found["text"]


async def test_who_shows_no_sign_of_life_runs_into_the_heartbeat_timeout(tmp_path: Path) -> None:
    async def silent() -> None:
        await asyncio.sleep(3600)

    limited = {
        **CALL,
        "source": CALL["source"].replace(
            "local options = {", 'local options = {["activity.heartbeat_timeout"] = "1s", '
        ),
    }
    async with FlowApp(tmp_path, limited) as app:
        found = await served(app, silent)
    assert (found["kind"], found["text"], found["retryable"]) == ("Timeout", "activity Heartbeat timeout", False)
    assert (found["which"], found["state"]) == ("heartbeat", "MaximumAttemptsReached")


@pytest.mark.parametrize("listens", [True, False])
async def test_nobody_sends_events_of_the_runtime(tmp_path: Path, listens: bool) -> None:
    flow = workflow(
        "flow",
        """
        return function(listens)
          local events = listens and process.events()
          local inbox = process.inbox()
          inbox:receive()
          events = events or process.events()
          local got = channel.select({events:case_receive(), default = true})
          return got.default == true
        end
        """,
    )
    async with FlowApp(tmp_path, flow) as app:
        client = await connected(app)
        handle = await client.start_workflow("app:flow", listens, id="one", task_queue="main")
        await handle.signal("@pid/events", {"kind": "pid.cancel"})
        await handle.signal("@pid/inbox", 1)
        await handle.signal("word", 1)
        assert await handle.result() is True


async def test_the_sender_of_a_startup_message_shows_in_the_context(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local ctx = require("ctx")
        return function() return {ctx.all(), process.inbox():receive():from()} end
        """,
        "ctx",
    )
    starter = process(
        "starter",
        """
        return function()
          process.with_context({a = 1}):with_message("word", 1):spawn_monitored("app:flow", "app:worker")
          return {process.pid(), process.events():receive().result.value}
        end
        """,
    )
    async with FlowApp(tmp_path, flow, starter) as app:
        pid, (values, sender) = await app.process("starter")
    assert sender == pid
    assert values == {"a": 1, "temporal.signal.from": pid}


async def test_a_child_of_others(tmp_path: Path) -> None:
    parent = workflow(
        "parent",
        """
        return function(how)
          local pid = process.spawn("other:child", "python", how)
          if how == "cancelled" then process.cancel(pid, "enough") end
          local event = process.events():receive()
          local err = event.result.error
          return {event.from == pid, event.result.value or false, err and {err:kind(), err:message(), err:retryable()}}
        end
        """,
    )
    async with FlowApp(tmp_path, parent) as app, python_worker(await connected(app), workflows=[Child]):
        assert await app.run("parent", "fine") == [True, {"how": "fine"}]
        assert await app.run("parent", "fails") == [True, False, ["Conflict", "no paper", False]]
        assert await app.run("parent", "cancelled") == [True, False, ["Canceled", "operation canceled", False]]
        kind, text, final = (await app.run("parent", "odd"))[2]
    assert (kind, final) == ("Internal", False)
    assert "a payload has the encoding 'json/protobuf'" in text


UPDATED = workflow(
    "updated",
    """
    local funcs = require("funcs")
    return function()
      local inbox, listened = process.inbox(), process.listen("listened", {message = true})
      local refused
      coroutine.spawn(function()
        while true do
          local m = listened:receive()
          process.send(m:from(), "ack")
          process.send(m:from(), "ok", funcs.call("app:double", m:payload():data()))
        end
      end)
      while true do
        local m = inbox:receive()
        local topic, from, given = m:topic(), m:from(), m:payload()
        if topic == "end" then return refused end
        if topic == "nak" then process.send(from, "nak") end
        if topic == "nak table" then process.send(from, "nak", {full = true}) end
        if topic == "nothing" then process.send(from, "ack") process.send(from, "ok") end
        if topic == "error" then process.send(from, "ack") process.send(from, "error", "out of paper") end
        if topic == "who" then process.send(from, "ack") process.send(from, "ok", from) end
        if topic == "several" then
          process.send(from, "ack")
          local values = {}
          for i, one in ipairs(given) do values[i] = one:data() end
          process.send(from, "ok", values)
        end
        if topic == "bad" then
          process.send(from, "ack")
          local _, err = process.send(from, "ok", {1, x = 2})
          refused = {err:kind(), err:message()}
          process.send(from, "ok", "then this")
        end
      end
    end
    """,
)


@pytest.mark.parametrize("cached", [True, False])
async def test_answers_to_updates(tmp_path: Path, cached: bool) -> None:
    from temporalio.client import WorkflowUpdateFailedError, WorkflowUpdateStage

    double = function("double", "return function(v) return v * 2 end")
    async with FlowApp(tmp_path, UPDATED, double, provider={} if cached else {"cache_size": 0}) as app:
        await app.begin("updated", id="one")
        handle = (await connected(app)).get_workflow_handle("one")

        async def told(name: str) -> str:
            with pytest.raises(WorkflowUpdateFailedError) as caught:
                await handle.execute_update(name)
            return str(caught.value.cause).removeprefix("Invalid: ")

        assert await told("nak") == "update rejected"
        assert await told("nak table") == '{"full":true}'
        assert await told("error") == "out of paper"
        assert await handle.execute_update("nothing") is None
        assert await handle.execute_update("several", args=[1, "two", [3]]) == [1, "two", [3]]
        assert await handle.execute_update("who", id="mine") == "{update|mine}"
        assert await handle.execute_update("bad") == "then this"
        found = await asyncio.gather(*(handle.execute_update("listened", n) for n in range(5)))
        assert found == [0, 2, 4, 6, 8]
        open_ = await handle.start_update("unanswered", wait_for_stage=WorkflowUpdateStage.ACCEPTED)
        await app.signal("one", "end")
        kind, text = await app.result("one")
        with pytest.raises(WorkflowUpdateFailedError):
            await open_.result()
        assert not app.logged("is blocked")
    assert kind == "Internal"
    assert text.startswith("error transcoding value")


async def test_a_watcher_of_a_result_in_another_encoding(tmp_path: Path) -> None:
    async with FlowApp(tmp_path, CALL) as app:
        client = await connected(app)
        async with python_worker(client, workflows=[Child]):
            await client.execute_workflow("other:child", "odd", id="one", task_queue="python")
        with pytest.raises(WippyError, match="a payload has the encoding 'json/protobuf'"):
            await app.result("one")

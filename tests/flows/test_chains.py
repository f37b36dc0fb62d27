"""Runs after runs: `process.upgrade` and what goes along, retries of runs, time limits of runs and chains."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from flows.flow_app import FlowApp, function, process, workflow
from flows.held import Held, settled
from wippy.errors import WippyError
from wippy.units.clock import VirtualClock
from wippy.workflows import events as ev

ECHO = function("echo", "return function(v) return v end")


@pytest.fixture
def clock(kept: str) -> VirtualClock | None:
    """Time that the test moves; that of a server moves by itself."""
    return VirtualClock() if kept == "embedded" else None


async def begun(app: FlowApp, entry: str, *args: Any, id: str = "one", **options: Any) -> str:
    """Starts a workflow; gives the ID of its run."""
    named = {f"workflow.{key}": value for key, value in options.items()}
    await asyncio.wrap_future(app.spawn(entry, *args, options={"workflow.id": id, **named}))
    return (await asyncio.wrap_future(app.engine.describe(id))).run_id


async def test_what_goes_along_with_an_upgrade(tmp_path: Path, clock: VirtualClock | None) -> None:
    flow = workflow(
        "flow",
        """
        local workflow, ctx, funcs, time = require("workflow"), require("ctx"), require("funcs"), require("time")
        return function(stage)
          local info = workflow.info()
          if stage == nil then
            workflow.attrs({memo = {set = "by code"}, search = {counted = 7}})
            time.sleep("1ms")
            process.upgrade(nil, "second", info.run_id)
          elseif info.attempt == 1 then
            error("the policy of the start still holds")
          end
          return {info.attempt, info.workflow_id, info.task_queue, info.history_length, ctx.get("colour"),
            funcs.call("app:who")}
        end
        """,
        "workflow ctx funcs time",
    )
    who = function(
        "who",
        "local security = require('security') return function() return security.actor():id() end",
        "security",
    )
    starter = process(
        "starter",
        """
        local security = require("security")
        return function()
          local options = {["workflow.id"] = "one", ["workflow.memo"] = {given = 5},
            ["workflow.retry_policy"] = {maximum_attempts = 2, initial_interval = 1}}
          assert(process.with_options(options):with_context({colour = "red"}):with_actor(security.new_actor("ada"))
            :spawn("app:flow", "app:worker"))
        end
        """,
        "security",
    )
    async with FlowApp(tmp_path, flow, who, starter, clock=clock) as app:
        await app.process("starter")
        attempt, id, queue, length, colour, actor = await app.result("one")
        described = await asyncio.wrap_future(app.engine.describe("one"))
        (start, *_) = await app.history("one")
    assert (attempt, id, queue, length, colour, actor) == (2, "one", "main", 3, "red", "ada")
    assert (described.memo["given"], described.memo["set"]) == (5, "by code")
    assert described.search_attributes["counted"] == 7
    assert len(start.args) == 2
    assert start.first_run_id not in (start.run_id, start.continued_run_id)


async def test_attempts_begin_again_after_an_upgrade(tmp_path: Path, clock: VirtualClock | None) -> None:
    flow = workflow(
        "flow",
        """
        local workflow = require("workflow")
        return function(stage)
          local attempt = workflow.info().attempt
          if stage == "after" then return attempt end
          if attempt < 2 then error("once more") end
          process.upgrade(nil, "after")
        end
        """,
    )
    async with FlowApp(tmp_path, flow, clock=clock) as app:
        await begun(app, "flow", retry_policy={"initial_interval": 1, "maximum_attempts": 5})
        assert await app.result("one") == 1


async def test_what_an_upgrade_leaves_behind(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local funcs, time = require("funcs"), require("time")
        return function(again)
          if again then
            local got = process.inbox():receive()
            return got:topic()
          end
          process.listen("go"):receive()
          funcs.async("app:echo", "asked for")
          coroutine.spawn(function() time.sleep("1h") end)
          coroutine.spawn(function()
            channel.new():send(1)
          end)
          local late = channel.new()
          coroutine.spawn(function()
            late:receive()
            funcs.async("app:echo", "never asked for")
          end)
          late:send(1)
          process.upgrade("app:flow", true)
          funcs.async("app:echo", "never reached")
        end
        """,
    )
    async with FlowApp(tmp_path, flow, ECHO) as app:
        run_id = await begun(app, "flow")
        to = Held(app)
        await to.signal("one", "unread")
        await app.until(lambda: settled(app, "one", 1))
        await to.signal("one", "go")

        async def next_run() -> bool:
            return (await asyncio.wrap_future(app.engine.describe("one"))).run_id != run_id

        await app.until(next_run)
        await to.signal("one", "for the next run")
        assert await app.result("one") == "for the next run"
        first = await asyncio.wrap_future(app.engine.history("one", run_id))
    asked = [event.args[0].data for event in first if isinstance(event, ev.ActivityTaskScheduled)]
    assert asked == [b'"asked for"']
    assert isinstance(first[-1], ev.WorkflowExecutionContinuedAsNew)
    assert sum(isinstance(event, ev.TimerStarted) for event in first) == 1


async def test_the_time_of_a_chain_counts_from_its_start(tmp_path: Path, clock: VirtualClock | None) -> None:
    flow = workflow(
        "flow",
        """
        local time = require("time")
        return function(n)
          time.sleep("1s")
          process.upgrade(nil, (n or 0) + 1)
        end
        """,
    )
    async with FlowApp(tmp_path, flow, clock=clock) as app:
        run_id = await begun(app, "flow", execution_timeout=2500, retry_policy={"initial_interval": 1})
        with pytest.raises(WippyError, match="Workflow timeout"):
            await app.result("one", step=0.01)
        described = await asyncio.wrap_future(app.engine.describe("one"))
        (start, *_, end) = await app.history("one")
    assert described.run_id != run_id
    assert start.args[0].data in (b"1", b"2")
    assert isinstance(end, ev.WorkflowExecutionTimedOut)


async def test_a_run_of_a_chain_has_its_own_time(tmp_path: Path, clock: VirtualClock | None) -> None:
    flow = workflow(
        "flow",
        """
        local time = require("time")
        return function(n)
          if n == 3 then return n end
          time.sleep("1s")
          process.upgrade(nil, (n or 0) + 1)
        end
        """,
    )
    async with FlowApp(tmp_path, flow, clock=clock) as app:
        await begun(app, "flow", run_timeout=2500)
        assert await app.result("one", step=0.01) == 3


async def test_a_run_that_took_too_long_is_begun_anew(tmp_path: Path, clock: VirtualClock | None) -> None:
    flow = workflow(
        "flow",
        """
        local workflow = require("workflow")
        return function(input)
          local attempt = workflow.info().attempt
          if attempt == 1 then process.inbox():receive() end
          return {attempt, input}
        end
        """,
    )
    async with FlowApp(tmp_path, flow, clock=clock) as app:
        run_id = await begun(
            app, "flow", "same", run_timeout=1000, retry_policy={"initial_interval": "1s", "maximum_attempts": 3}
        )
        assert await app.result("one", step=0.01) == [2, "same"]
        first = await asyncio.wrap_future(app.engine.history("one", run_id))
        second = await app.history("one")
    assert isinstance(first[-1], ev.WorkflowExecutionTimedOut)
    scheduled = next(event for event in second if isinstance(event, ev.WorkflowTaskScheduled))
    assert scheduled.time_ns - second[0].time_ns >= 900_000_000


@pytest.mark.parametrize(
    ("options", "body", "status"),
    [
        (
            {"execution_timeout": 2000, "retry_policy": {"initial_interval": "30s"}},
            "error('no time for another')",
            "FAILED",
        ),
        ({"retry_policy": {"non_retryable_error_types": ["Invalid"]}}, "return nil, INVALID", "FAILED"),
        ({"retry_policy": {}}, "return nil, 'a text is final'", "FAILED"),
        ({}, "error('there is no policy')", "FAILED"),
        ({"execution_timeout": 1000, "retry_policy": {}}, "process.inbox():receive()", "TIMED_OUT"),
        ({"run_timeout": 1000}, "process.inbox():receive()", "TIMED_OUT"),
        ({"retry_policy": {}}, "process.inbox():receive() -- terminated", "TERMINATED"),
    ],
)
async def test_what_is_not_begun_anew(
    tmp_path: Path, clock: VirtualClock | None, options: dict[str, Any], body: str, status: str
) -> None:
    flow = workflow(
        "flow",
        f"""
        local INVALID = errors.new({{kind = errors.INVALID, message = "bad"}})
        return function()
          {body}
        end
        """,
    )
    async with FlowApp(tmp_path, flow, clock=clock) as app:
        run_id = await begun(app, "flow", **options)
        if status == "TERMINATED":
            await asyncio.wrap_future(app.engine.terminate("one"))
        with pytest.raises(WippyError):
            await app.result("one", step=0.01)
        described = await asyncio.wrap_future(app.engine.describe("one"))
        history = await app.history("one")
    assert (described.status.name, described.run_id) == (status, run_id)
    assert history[0].attempt == 1
    if status == "TIMED_OUT":
        assert isinstance(history[-1], ev.WorkflowExecutionTimedOut)
        assert sum(isinstance(event, ev.WorkflowTaskStarted) for event in history) == 1


async def test_a_delay_of_the_start_is_shortened_by_nothing(tmp_path: Path, clock: VirtualClock | None) -> None:
    flow = workflow(
        "flow",
        "return function() return {process.inbox():receive():topic(), process.inbox():receive():topic()} end",
    )
    starter = process(
        "starter",
        """
        return function()
          assert(process.with_options({["workflow.id"] = "one", ["workflow.start_delay"] = "2s"})
            :with_message("first", 1):spawn("app:flow", "app:worker"))
        end
        """,
    )
    async with FlowApp(tmp_path, flow, starter, clock=clock) as app:
        await asyncio.wrap_future(app.spawn("starter", host="app:processes", exec=True))
        await Held(app).signal("one", "second")
        assert await app.result("one", step=0.01) == ["first", "second"]
        history = await app.history("one")
    assert [type(event) for event in history[:4]] == [
        ev.WorkflowExecutionStarted,
        ev.WorkflowExecutionSignaled,
        ev.WorkflowExecutionSignaled,
        ev.WorkflowTaskScheduled,
    ]
    assert history[3].time_ns - history[0].time_ns >= 1_900_000_000

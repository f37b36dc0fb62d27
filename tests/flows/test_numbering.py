"""Numbers of events and tasks: what a history looks like, and what the code is told of it."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from flows import flow_app
from flows.flow_app import FlowApp, function, process, workflow
from flows.held import SPIN, Held, held, spinning
from flows.test_types import second
from wippy.workflows import events as ev
from wippy.workflows.replay import cut

ECHO = function("echo", "return function(v) return v end")
KID = workflow("kid", "return function() end")
LOOKS = workflow(
    "looks",
    """
    local funcs, time, workflow = require("funcs"), require("time"), require("workflow")
    return function()
      local rows = {}
      local function look()
        local info = workflow.info()
        rows[#rows + 1] = {workflow.history_length(), workflow.history_size(), info.history_length, info.history_size}
      end
      look()
      local timer = time.timer("1h")
      look()
      time.sleep("1ms")
      look()
      funcs.call("app:echo", rows)
      look()
      local early = funcs.call("app:echo", rows)
      process.inbox():receive()
      process.listen("later"):receive()
      look()
      process.exec("app:kid", "app:worker")
      look()
      timer:stop()
      return {rows = rows, early = early}
    end
    """,
)
STARTER = process(
    "starter",
    """
    return function(options, messages)
      local b = process.with_options(options)
      for i = 1, messages do b = b:with_message("early", i) end
      local pid, err = b:spawn("app:looks", "app:worker")
      return pid or tostring(err)
    end
    """,
)


@pytest.mark.parametrize("cached", [True, False])
async def test_code_is_told_the_number_of_its_task(tmp_path: Path, cached: bool, kept: str) -> None:
    async with FlowApp(tmp_path, LOOKS, ECHO, KID, STARTER, provider={} if cached else {"cache_size": 0}) as app:
        await app.process("starter", {"workflow.id": "one"}, 1)
        to = Held(app)

        async def waits() -> bool:
            done = await app.count("one", ev.ActivityTaskCompleted) == 2
            return done and isinstance((await app.history("one"))[-1], ev.WorkflowTaskCompleted)

        await app.until(waits)
        await to.signal("one", "later")
        found = await app.result("one")
        history = await app.history("one")
        assert not app.logged("is blocked")
    assert [event.n for event in history] == list(range(1, len(history) + 1))
    if kept == "embedded":  # parts of a server have clocks of their own
        assert all(before.time_ns <= after.time_ns for before, after in itertools.pairwise(history))
    rows = found["rows"]
    numbers = [event.n for event in history if isinstance(event, ev.WorkflowTaskStarted)]
    assert [length for length, *_ in rows[:2]] == [numbers[0]] * 2
    assert [length for length, *_ in rows] == sorted(length for length, *_ in rows)
    assert {length for length, *_ in rows} <= set(numbers)
    assert len({length for length, *_ in rows}) == 5
    assert rows[0][1] == rows[1][1] < rows[2][1] < rows[3][1] < rows[4][1] < rows[5][1]
    assert all(row[:2] == row[2:] for row in rows)
    assert found["early"] == rows[: len(found["early"])]


@pytest.mark.parametrize("id", ["one", None])
@pytest.mark.parametrize("messages", [0, 1])
async def test_the_first_events_of_a_run(tmp_path: Path, id: str | None, messages: int) -> None:
    async with FlowApp(tmp_path, LOOKS, ECHO, KID, STARTER) as app:
        pid = await app.process("starter", {"workflow.id": id} if id else {}, messages)
        started = pid.partition("|")[2][:-1]

        async def looked() -> bool:
            return await app.count(started, ev.WorkflowTaskCompleted) >= 1

        await app.until(looked)
        history = await app.history(started)
    assert [type(event) for event in history[: 4 + messages]] == [
        ev.WorkflowExecutionStarted,
        *[ev.WorkflowExecutionSignaled] * messages,
        ev.WorkflowTaskScheduled,
        ev.WorkflowTaskStarted,
        ev.WorkflowTaskCompleted,
    ]
    assert cut(history).batches[0].started.n == 3 + messages
    assert isinstance(history[4 + messages], ev.TimerStarted)


@pytest.mark.parametrize("cached", [True, False])
async def test_messages_before_the_first_task_count_into_its_length(tmp_path: Path, cached: bool) -> None:
    flow = workflow(
        "flow",
        """
        local workflow = require("workflow")
        return function()
          local length, seen = workflow.history_length(), {}
          for i = 1, 2 do seen[i] = process.inbox():receive():topic() end
          return {length, workflow.history_length(), seen}
        end
        """,
    )
    async with FlowApp(tmp_path, flow, second(), provider={} if cached else {"cache_size": 0}) as app:
        async with held(app) as to:
            options: dict[str, Any] = {"workflow.id": "one", "workflow.task_queue": "main"}
            await app.wait(app.spawn("flow", host="app:second", options=options))
            await to.signal("one", "a")
            await to.signal("one", "b")
        assert await app.result("one") == [5, 5, ["a", "b"]]
        history = await app.history("one")
    assert [type(event) for event in history[:6]] == [
        ev.WorkflowExecutionStarted,
        ev.WorkflowTaskScheduled,
        ev.WorkflowExecutionSignaled,
        ev.WorkflowExecutionSignaled,
        ev.WorkflowTaskStarted,
        ev.WorkflowTaskCompleted,
    ]


async def test_commands_follow_their_task_in_their_order(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local funcs, time, workflow, uuid = require("funcs"), require("time"), require("workflow"), require("uuid")
        return function()
          local timer = time.timer("1h")
          local future = funcs.async("app:echo", "first")
          workflow.version("change", 1, 2)
          coroutine.spawn(function() process.exec("app:kid", "app:worker") end)
          workflow.attrs({memo = {a = 1}})
          coroutine.spawn(function() process.send("{app:provider@app:worker|nobody}", "word") end)
          coroutine.spawn(function() process.cancel("{app:provider@app:worker|nobody}") end)
          funcs.async("app:echo", "second")
          time.timer("2h"):stop()
          funcs.async("app:echo", "never"):cancel()
          time.sleep("1ms")
          timer:stop()
          return 1
        end
        """,
    )
    async with FlowApp(tmp_path, flow, ECHO, KID) as app:
        await app.begin("flow", id="one")
        await app.result("one")
        history = await app.history("one")
    batches, by_number = cut(history).batches, {event.n: event for event in history}
    assert [type(event) for event in batches[0].asked] == [
        ev.TimerStarted,
        ev.ActivityTaskScheduled,
        ev.MarkerRecorded,
        ev.StartChildWorkflowExecutionInitiated,
        ev.WorkflowPropertiesModified,
        ev.SignalExternalWorkflowExecutionInitiated,
        ev.RequestCancelExternalWorkflowExecutionInitiated,
        ev.ActivityTaskScheduled,
        ev.TimerStarted,
    ]
    assert [type(event) for event in batches[-1].asked] == [ev.TimerCanceled, ev.WorkflowExecutionCompleted]
    for batch in batches:
        if batch.asked:
            first = batch.asked[0].n
            numbers = [event.n for event in batch.asked]
            assert numbers == sorted(numbers)
            if flow_app.TEMPORAL is None:  # a server adds an attribute that tells of markers
                assert numbers == list(range(first, first + len(numbers)))
            assert isinstance(by_number[first - 1], ev.WorkflowTaskCompleted)


@pytest.mark.parametrize("cached", [True, False])
async def test_a_discarded_try_counts_into_the_length(tmp_path: Path, cached: bool) -> None:
    flow = workflow(
        "flow",
        f"""
        local workflow = require("workflow")
        return function()
          process.listen("hold"):receive()
          local length = workflow.history_length()
          {SPIN}
          return length
        end
        """,
    )
    async with FlowApp(tmp_path, flow, provider={} if cached else {"cache_size": 0}) as app:
        await app.begin("flow", id="one")
        to = Held(app)
        await to.signal("one", "hold")
        async with spinning(app):
            await to.signal("one", "more")
        length = await app.result("one")
        history = await app.history("one")
    started = [event.n for event in history if isinstance(event, ev.WorkflowTaskStarted)]
    failed = [event.n for event in history if isinstance(event, ev.WorkflowTaskFailed)]
    assert len(failed) == 1
    assert length == started[-1] > failed[0]


async def test_a_task_that_lasts_too_long_is_void_and_tried_again(tmp_path: Path) -> None:
    endless = workflow("endless", "return function() while true do end end")
    quick = workflow("quick", "return function() return 1 end")
    async with FlowApp(tmp_path, endless, quick) as app:
        options: dict[str, Any] = {"workflow.id": "one", "workflow.task_timeout": 1000}
        await app.wait(app.spawn("endless", options=options))
        await app.until(lambda: len(app.logged("workflow one (app:endless")) >= 2)
        assert await app.run("quick") == 1
        described = await app.wait(app.engine.describe("one"))
        history = await app.history("one")
        await app.wait(app.engine.terminate("one"))
    assert described.status.name == "RUNNING"
    tried = [type(event) for event in history[3:]]
    assert tried[:1] in ([ev.WorkflowTaskFailed], [ev.WorkflowTaskTimedOut])
    assert ev.WorkflowTaskCompleted not in tried

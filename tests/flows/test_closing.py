"""How runs and their activities end: errors, time limits, retries, cron, and what watchers see of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flows.flow_app import FlowApp, function, process, workflow
from wippy.errors import WippyError
from wippy.workflows import events as ev

FOREVER = function("forever", "local time = require('time') return function() time.sleep('1h') end", "time")
WATCH = process(
    "watch",
    """
    return function(id, options, ...)
      process.set_options({trap_links = true})
      local pid, err = process.with_options(options):spawn_linked_monitored(id, "app:worker", ...)
      if err then return tostring(err) end
      local kinds, last = {}, nil
      for i = 1, 2 do
        last = process.events():receive()
        kinds[last.kind] = last.from == pid
      end
      local e = last.result.error
      return {kinds, e and {e:kind(), e:message(), e:retryable(), e:details()} or last.result.value}
    end
    """,
)
BOTH_DOWN = {"pid.exit": True, "pid.link.down": True}


async def test_an_error_comes_through_every_floor_unchanged(tmp_path: Path) -> None:
    fails = function(
        "fails",
        """
        return function()
          return nil, errors.new({kind = errors.CONFLICT, message = "taken", retryable = false, details = {seat = 7}})
        end
        """,
    )
    child = workflow(
        "child",
        """
        local funcs = require("funcs")
        return function()
          local _, err = funcs.call("app:fails")
          if err:details()._wrapper ~= "activity" then return nil, "not from an activity" end
          return nil, err
        end
        """,
    )
    parent = workflow(
        "parent",
        """
        return function()
          local _, err = process.exec("app:child", "app:worker")
          return nil, err
        end
        """,
    )
    async with FlowApp(tmp_path, fails, child, parent, WATCH) as app:
        kinds, (kind, message, retryable, details) = await app.process("watch", "app:parent", {})
    assert kinds == BOTH_DOWN
    assert (kind, message, retryable) == ("Conflict", "taken", False)
    assert (details["seat"], details["_wrapper"], details["_workflow_type"]) == (7, "child_workflow", "app:child")
    assert details["_retry_state"] in ("NonRetryableFailure", "RetryPolicyNotSet")


ACTIVITY = workflow(
    "limits",
    """
    local funcs = require("funcs")
    return function(options, id)
      local _, err = funcs.new():with_options(options):call(id or "app:forever")
      local d, retryable = err:details(), err:retryable()
      if retryable == nil then retryable = "unset" end
      return {err:kind(), err:message(), retryable, d.timeout_type or '', d._wrapper, d._retry_state}
    end
    """,
)
ONCE = {"activity.retry_policy": {"maximum_attempts": 1}}


@pytest.mark.parametrize(
    ("options", "message", "which", "state"),
    [
        (
            {"activity.start_to_close_timeout": 200, **ONCE},
            "activity StartToClose timeout",
            "start_to_close",
            "MaximumAttemptsReached",
        ),
        (
            {"activity.start_to_close_timeout": "200ms", "activity.schedule_to_close_timeout": "700ms"},
            "Not enough time to schedule next retry before activity ScheduleToClose timeout, giving up retrying",
            "schedule_to_close",
            "Timeout",
        ),
        (
            {"activity.schedule_to_start_timeout": "200ms", "activity.task_queue": "nobody"},
            "activity ScheduleToStart timeout",
            "schedule_to_start",
            "Timeout",
        ),
    ],
)
async def test_the_time_limits_of_an_activity(
    tmp_path: Path, options: dict[str, Any], message: str, which: str, state: str
) -> None:
    async with FlowApp(tmp_path, FOREVER, ACTIVITY) as app:
        kind, text, retryable, type_, wrapper, found = await app.run("limits", options)
    assert (kind, retryable, type_, wrapper) == ("Timeout", False, which, "activity")
    assert text == message
    assert found in (state, "NonRetryableFailure", "Timeout")


async def test_the_last_failure_is_told_in_place_of_the_time_limit(tmp_path: Path) -> None:
    flaky = function("flaky", "return function() error('the line is dead') end")
    options = {
        "activity.schedule_to_close_timeout": "300ms",
        "activity.retry_policy": {"initial_interval": "1s"},
    }
    async with FlowApp(tmp_path, flaky, ACTIVITY) as app:
        kind, text, *_ = await app.run("limits", options, "app:flaky")
    assert (kind, "the line is dead" in text) == ("Internal", True)


@pytest.mark.parametrize("end", ["its time limit", "the future", "the run"])
async def test_the_function_is_cancelled(tmp_path: Path, end: str) -> None:
    alone = function(
        "alone",
        """
        local time = require("time")
        return function(long) if long then time.sleep("1h") end return "the place is free" end
        """,
        "time",
        pool={"size": 1},
    )
    flow = workflow(
        "flow",
        """
        local funcs, time = require("funcs"), require("time")
        return function(finish)
          local calls = funcs.new():with_options({
            ["activity.start_to_close_timeout"] = finish == "its time limit" and "200ms" or "1h",
            ["activity.retry_policy"] = {maximum_attempts = 1},
          })
          local future = calls:async("app:alone", true)
          if finish == "its time limit" then future:response():receive() else time.sleep("100ms") end
          if finish == "the future" then future:cancel() end
        end
        """,
    )
    after = process("after", "local funcs = require('funcs') return function() return funcs.call('app:alone') end")
    async with FlowApp(tmp_path, alone, flow, after) as app:
        await app.run("flow", end)
        assert await app.process("after") == "the place is free"


@pytest.mark.parametrize("what", ["run", "execution"])
async def test_a_run_has_a_time_limit(tmp_path: Path, what: str) -> None:
    flow = workflow("flow", "return function() process.inbox():receive() end")
    async with FlowApp(tmp_path, flow, WATCH) as app:
        kinds, (kind, message, retryable, details) = await app.process(
            "watch", "app:flow", {f"workflow.{what}_timeout": "1s"}
        )
    assert kinds == BOTH_DOWN
    assert (kind, message, retryable) == ("Timeout", "Workflow timeout", False)
    assert details["timeout_type"] == "start_to_close"


async def test_a_child_has_a_time_limit(tmp_path: Path) -> None:
    child = workflow("child", "return function() process.inbox():receive() end")
    parent = workflow(
        "parent",
        """
        return function()
          local pid = process.with_options({["workflow.run_timeout"] = "1s"}):spawn("app:child", "app:worker")
          local err = process.events():receive().result.error
          return {err:kind(), err:message(), err:retryable(), err:details()._wrapper}
        end
        """,
    )
    async with FlowApp(tmp_path, child, parent) as app:
        assert await app.run("parent") == ["Timeout", "Child workflow timeout", False, "child_workflow"]


async def test_a_failed_run_is_begun_anew_and_the_last_end_is_told(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local workflow = require("workflow")
        return function(until_, retryable)
          local attempt = workflow.info().attempt
          if attempt < until_ then
            error(errors.new({kind = errors.UNAVAILABLE, message = "try " .. attempt, retryable = retryable}))
          end
          return attempt
        end
        """,
    )
    options = {"workflow.retry_policy": {"initial_interval": 100, "maximum_attempts": 3}}
    async with FlowApp(tmp_path, flow, WATCH) as app:
        assert await app.process("watch", "app:flow", options, 3, True) == [{"pid.exit": True}, 3]
        kinds, (kind, message, *_) = await app.process("watch", "app:flow", options, 9, True)
        assert (kinds, kind, message) == (BOTH_DOWN, "Unavailable", "try 3")
        kinds, (kind, message, *_) = await app.process("watch", "app:flow", options, 9, False)
        assert (kinds, kind, message) == (BOTH_DOWN, "Unavailable", "try 1")


async def test_the_second_result_fails_a_run_and_further_ones_are_ignored(tmp_path: Path) -> None:
    flow = workflow("flow", "return function(n) if n == 1 then return 1, nil, 'x' end return 2, 'no', 3 end")
    async with FlowApp(tmp_path, flow) as app:
        assert await app.run("flow", 1) == 1
        with pytest.raises(WippyError, match="no"):
            await app.run("flow", 2)


async def test_what_cannot_travel_arrives_as_nothing(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        "local time = require('time') return function() return {at = time.now(), f = print, n = 1} end",
    )
    async with FlowApp(tmp_path, flow) as app:
        found = await app.run("flow")
    assert found["n"] == 1
    assert found.get("at") is None
    assert found.get("f") is None


async def test_a_terminated_child_is_cancelled_for_its_parent(tmp_path: Path) -> None:
    child = workflow("child", "return function() process.inbox():receive() end")
    parent = workflow(
        "parent",
        """
        local funcs = require("funcs")
        return function()
          local pid = process.spawn("app:child", "app:worker")
          funcs.call("app:ends", pid)
          local err = process.events():receive().result.error
          return {err:kind(), err:message(), err:retryable()}
        end
        """,
    )
    ends = function("ends", "return function(pid) return process.terminate(pid) end")
    async with FlowApp(tmp_path, child, parent, ends) as app:
        assert await app.run("parent") == ["Canceled", "workflow terminated", False]


async def test_a_returned_cancel_closes_as_failed(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        return function()
          process.events():receive()
          return nil, errors.new({kind = errors.CANCELED, message = "stopped"})
        end
        """,
    )
    async with FlowApp(tmp_path, flow) as app:
        await app.begin("flow", id="one")
        canceller = app.engine.cancel("one", None, "enough")
        await app.wait(canceller)
        with pytest.raises(WippyError) as caught:
            await app.result("one")
        assert caught.value.kind == "Canceled"
        assert (await app.wait(app.engine.describe("one"))).status.name == "FAILED"


async def test_control_of_missing_and_closed_workflows(tmp_path: Path) -> None:
    flow = workflow("flow", "return function() end")
    asks = process(
        "asks",
        """
        return function()
          local closed = process.with_options({["workflow.id"] = "one"}):spawn_monitored("app:flow", "app:worker")
          process.events():receive()
          local missing = "{app:provider@app:worker|none}"
          local function told(ok, err) return ok == true and "true" or err:kind() .. ": " .. err:message() end
          return {
            told(process.cancel(closed)), told(process.cancel(closed)), told(process.terminate(closed)),
            told(process.cancel(missing)), told(process.terminate(missing)),
            process.unmonitor(closed), process.unlink(closed),
          }
        end
        """,
    )
    async with FlowApp(tmp_path, flow, asks) as app:
        again, twice, ended, missing, unended, *idempotent = await app.process("asks")
    assert (again, twice) == ("true", "true")
    assert ended.startswith("Internal")
    assert missing.startswith("Internal: cancel failed: workflow not found")
    assert unended.startswith("Internal")
    assert idempotent == [True, True]


async def test_cancel_is_recorded_once_with_its_reason(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local time = require("time")
        return function()
          local events = process.events()
          local first = events:receive()
          time.sleep("5ms")
          local more = channel.select({events:case_receive(), default = true})
          return {first.reason, first.from, type(first.at), more.default == true}
        end
        """,
    )
    async with FlowApp(tmp_path, flow) as app:
        await app.begin("flow", id="one")
        for _ in range(3):
            await app.wait(app.engine.cancel("one", None, "enough"))
        assert await app.result("one") == ["enough", "{|topology}", "string", True]
        assert await app.count("one", ev.WorkflowExecutionCancelRequested) == 1


async def test_a_delayed_start_waits_and_cron_goes_on_until_it_is_ended(tmp_path: Path) -> None:
    flow = workflow("flow", "return function() return 1 end")
    starter = process(
        "starter",
        """
        local time = require("time")
        return function()
          local before = time.now()
          local pid = process.with_options({["workflow.start_delay"] = "1s"}):spawn_monitored("app:flow", "app:worker")
          process.events():receive()
          local cron = process.with_options({["workflow.cron_schedule"] = "@every 1h"})
            :spawn_monitored("app:flow", "app:worker")
          process.terminate(cron)
          local e = process.events():receive().result.error
          return {time.now():sub(before):seconds() >= 1, e:message()}
        end
        """,
    )
    async with FlowApp(tmp_path, flow, starter) as app:
        assert await app.process("starter") == [True, "workflow terminated"]

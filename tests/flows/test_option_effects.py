"""What options of starts, children and activities do: what is recorded, what is limited, what is retried."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from flows.flow_app import FlowApp, function, process, workflow
from flows.test_types import second
from wippy.registry.project import load_project
from wippy.workflows import events as ev
from wippy.workflows.options import RetryPolicy

SECOND = 1_000_000_000
FLOW = workflow("flow", "return function() return process.inbox():receive():topic() end")
ECHO = function("echo", "return function(v) return v end")
GIVEN: dict[str, Any] = {
    "execution_timeout": "1h",
    "run_timeout": 1_800_000,
    "task_timeout": 2500.5,
    "retry_policy": {"initialInterval": "2s", "BACKOFF_COEFFICIENT": 3, "maximumInterval": 60_000},
    "cron_schedule": "@every 1h",
    "memo": {"note": "hello", "deep": {"n": [1, 2]}},
    "search_attributes": {"counted": 5.0},
    "summary": "a summary",
    "details": "some details",
}


def checked(start: Any) -> None:
    """The event of a start that was given all of these options."""
    options = start.options
    assert (options.execution_timeout_ns, options.run_timeout_ns) == (3600 * SECOND, 1800 * SECOND)
    assert round(options.task_timeout_ns / 1e6) in (2500, 2501, 3000)  # the server keeps whole seconds of it
    assert options.retry == RetryPolicy(2 * SECOND, 3.0, 60 * SECOND)
    assert options.cron == "@every 1h"
    assert (start.memo, start.search_attributes["counted"]) == (GIVEN["memo"], 5)


@pytest.mark.parametrize("prefix", ["workflow.", "temporal.workflow."])
async def test_what_a_start_records(tmp_path: Path, prefix: str) -> None:
    options = {f"{prefix}{key}": value for key, value in GIVEN.items()}
    async with FlowApp(tmp_path, FLOW) as app:
        await asyncio.wrap_future(app.spawn("flow", options={**options, f"{prefix}id": "one", "unknown": 1}))
        start = (await app.history("one"))[0]
        assert (start.options.summary, start.options.details) == ("a summary", "some details")
        checked(start)
        await app.wait(app.engine.terminate("one"))


async def test_what_the_start_of_a_child_records(tmp_path: Path) -> None:
    parent = workflow(
        "parent",
        """
        return function(options)
          options["temporal.workflow.id"] = "one"
          process.with_options(options):spawn("app:flow", "app:worker")
          process.events():receive()
        end
        """,
    )
    options = {f"temporal.workflow.{key}": value for key, value in GIVEN.items()}
    async with FlowApp(tmp_path, FLOW, parent) as app:
        await app.begin("parent", options, id="parent")

        async def there() -> bool:
            return await app.count("parent", ev.ChildWorkflowExecutionStarted) == 1

        await app.until(there)
        checked((await app.history("one"))[0])
        await app.wait(app.engine.terminate("parent"))


async def test_what_aliases_of_their_own_record(tmp_path: Path) -> None:
    options = {
        "temporal.workflow.typed_search_attributes": {"counted": 7},
        "temporal.workflow.static_summary": "a summary",
        "temporal.workflow.static_details": "some details",
    }
    async with FlowApp(tmp_path, FLOW) as app:
        await asyncio.wrap_future(app.spawn("flow", options={"workflow.id": "one", **options}))
        start = (await app.history("one"))[0]
    assert start.search_attributes["counted"] == 7
    assert (start.options.summary, start.options.details) == ("a summary", "some details")


async def test_the_defaults_of_a_start(tmp_path: Path) -> None:
    async with FlowApp(tmp_path, FLOW) as app:
        await app.begin("flow", id="one")
        options = (await app.history("one"))[0].options
    assert (options.execution_timeout_ns, options.run_timeout_ns, options.task_timeout_ns) == (0, 0, 10 * SECOND)
    assert (options.retry, options.cron) == (None, "")


CALLS = workflow(
    "calls",
    """
    local funcs = require("funcs")
    return function(options)
      local f = funcs.new()
      if options then f = f:with_options(options) end
      local v, err = f:call("app:echo", 1)
      local bare = err and {err:kind(), err:message(), tostring(err:retryable())}
      return bare or v
    end
    """,
)


async def scheduled(app: FlowApp, options: dict[str, Any] | None) -> Any:
    """The event of a call with these options."""
    await app.begin("calls", options, id="one")
    assert await app.result("one") == 1
    (event,) = [one for one in await app.history("one") if isinstance(one, ev.ActivityTaskScheduled)]
    return event


async def test_the_defaults_of_a_call(tmp_path: Path) -> None:
    async with FlowApp(tmp_path, CALLS, ECHO) as app:
        options = (await scheduled(app, None)).options
    assert options.start_to_close_ns == 600 * SECOND
    assert options.heartbeat_ns == 0
    assert (options.retry.initial_ns, options.retry.coefficient, options.retry.maximum_attempts) == (SECOND, 2.0, 0)
    assert options.retry.maximum_ns in (0, 100 * SECOND)
    assert options.queue in ("", "main")


@pytest.mark.parametrize("prefix", ["activity.", "temporal.activity."])
async def test_what_a_call_records(tmp_path: Path, prefix: str) -> None:
    given = {
        "start_to_close_timeout": 5000,
        "schedule_to_close_timeout": "1m",
        "schedule_to_start_timeout": 30_000.5,
        "heartbeat_timeout": "4s",
        "retry_policy": {"MaximumAttempts": 3.0, "nonRetryableErrorTypes": "Invalid"},
        "task_queue": "second",
        "id": "mine",
        "summary": "a summary",
    }
    async with FlowApp(tmp_path, CALLS, ECHO, second()) as app:
        options = (await scheduled(app, {f"{prefix}{key}": value for key, value in given.items()})).options
    assert (options.start_to_close_ns, options.schedule_to_close_ns) == (5 * SECOND, 60 * SECOND)
    assert (options.schedule_to_start_ns, options.heartbeat_ns) == (30_000_500_000, 4 * SECOND)
    assert (options.retry.maximum_attempts, options.retry.non_retryable) == (3, ["Invalid"])
    assert (options.queue, options.id, options.summary) == ("second", "mine", "a summary")


async def test_the_error_of_bad_options_has_no_kind(tmp_path: Path) -> None:
    async with FlowApp(tmp_path, CALLS, ECHO) as app:
        kind, text, retryable = await app.run("calls", {"activity.heartbeat_timeout": "soon"})
    assert (kind, retryable) == ("", "nil")
    assert text.startswith("invalid temporal activity options for app:echo: activity.heartbeat_timeout must be")


async def test_bad_options_in_the_entry_are_told_like_those_of_the_call(tmp_path: Path) -> None:
    async with FlowApp(tmp_path, CALLS, {**ECHO, "meta": {"options": {"activity.retry_policy": 5}}}) as app:
        kind, text, _ = await app.run("calls")
    assert (kind, "invalid temporal activity options for app:echo: activity.retry_policy must be" in text) == ("", True)


@pytest.mark.parametrize(("kinds", "attempts"), [("Conflict", 1), (["Invalid", "Conflict"], 1), ("Invalid", 3)])
async def test_kinds_that_are_not_tried_again(tmp_path: Path, kinds: Any, attempts: int) -> None:
    fails = workflow(
        "fails", "return function() print('a run') error(errors.new({kind = errors.CONFLICT, message = 'x'})) end"
    )
    starter = process(
        "starter",
        """
        return function(policy)
          process.with_options({["workflow.retry_policy"] = policy}):spawn_monitored("app:fails", "app:worker")
          return process.events():receive().result.error:kind()
        end
        """,
    )
    policy = {"initial_interval": 1, "maximum_attempts": 3, "non_retryable_error_types": kinds}
    async with FlowApp(tmp_path, fails, starter) as app:
        assert await app.process("starter", policy) == "Conflict"
        assert len(app.logged("a run")) == attempts


@pytest.mark.parametrize("attempts", [1, 3])
async def test_attempts_of_a_call(tmp_path: Path, attempts: int) -> None:
    fails = function("echo", "return function() print('an attempt') error('no') end")
    options = {"activity.retry_policy": {"initialInterval": 10, "backoffCoefficient": 1, "maximumAttempts": attempts}}
    async with FlowApp(tmp_path, CALLS, fails) as app:
        kind, *_ = await app.run("calls", options)
        assert (kind, len(app.logged("an attempt"))) == ("Internal", attempts)


async def test_the_number_of_a_call_has_a_name_of_its_own(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local funcs = require("funcs")
        return function()
          local once = {["activity.id"] = "mine", ["activity.retry_policy"] = {maximum_attempts = 1}}
          local _, err = funcs.new():with_options(once):call("app:nothing")
          return err:details()._activity_id
        end
        """,
    )
    async with FlowApp(tmp_path, flow) as app:
        assert await app.run("flow") == "mine"


async def test_the_error_of_a_bad_start_has_no_kind(tmp_path: Path) -> None:
    starter = process(
        "starter",
        """
        return function(options)
          local pid, err = process.with_options(options):with_message("end"):spawn("app:flow", "app:worker")
          return {pid == nil, err:kind(), err:message(), tostring(err:retryable())}
        end
        """,
    )
    bad = {
        "workflow.id": "",
        "temporal.workflow.run_timeout": {},
        "workflow.memo": 5,
        "workflow.id_conflict_policy": 0,
        "workflow.search_attributes": {"x": {"y": 1}},
        "workflow.task_queue": "",
    }
    async with FlowApp(tmp_path, FLOW, starter) as app:
        for key, value in bad.items():
            none, kind, text, retryable = await app.process("starter", {key: value})
            assert (none, kind, retryable) == (True, "", "nil"), (key, text)
        assert await app.wait(app.engine.find("", 0)) == []


async def test_a_start_waits_for_who_serves_its_queue(tmp_path: Path) -> None:
    async with FlowApp(tmp_path, FLOW) as app:
        await asyncio.wrap_future(app.spawn("flow", options={"workflow.id": "one", "workflow.task_queue": "second"}))
        await app.signal("one", "at last")
        app.write(FLOW, second())
        await app.app.reload(load_project(str(tmp_path)))
        assert await app.result("one") == "at last"


async def test_a_start_on_the_raw_queue_of_another_worker(tmp_path: Path) -> None:
    flow = workflow("flow", "return function() return require('workflow').info().task_queue end")
    async with FlowApp(tmp_path, flow, second()) as app:
        await asyncio.wrap_future(app.spawn("flow", options={"workflow.id": "one", "workflow.task_queue": "second"}))
        assert await app.result("one") == "second"


@pytest.mark.parametrize("policy", ["fail", "use_existing", "terminate_existing", None])
async def test_startup_messages_come_from_the_starter_and_first(tmp_path: Path, policy: str | None) -> None:
    flow = workflow(
        "flow",
        """
        local time = require("time")
        return function()
          local out = {}
          for i = 1, 3 do
            local message = process.inbox():receive()
            out[i] = {message:topic(), message:payload():data(), message:from()}
          end
          return out
        end
        """,
    )
    starter = process(
        "starter",
        """
        return function(policy)
          local b = process.with_options({["workflow.id"] = "one", ["workflow.id_conflict_policy"] = policy})
          local pid = b:with_message("a", 1):with_message("b", 2):spawn_monitored("app:flow", "app:worker")
          process.send(pid, "c", 3)
          return {process.pid(), process.events():receive().result.value}
        end
        """,
    )
    async with FlowApp(tmp_path, flow, starter) as app:
        me, found = await app.process("starter", policy)
        history = await app.history("one")
    assert found == [["a", 1, me], ["b", 2, me], ["c", 3, me]]
    if policy != "fail" or isinstance(history[1], ev.WorkflowExecutionSignaled):  # else they stand in the start itself
        assert isinstance(history[1], ev.WorkflowExecutionSignaled)
        assert history[1].name == "a"


async def test_a_later_startup_message_that_fails_leaves_the_run(tmp_path: Path) -> None:
    starter = process(
        "starter",
        """
        return function()
          local b = process.with_options({["workflow.id"] = "one"}):with_message("end")
          local pid, err = b:with_message("large", ("x"):rep(3 << 20)):spawn("app:flow", "app:worker")
          return {pid == nil, err:message()}
        end
        """,
    )
    async with FlowApp(tmp_path, FLOW, starter) as app:
        none, text = await app.process("starter")
        assert await app.result("one") == "end"
    assert (none, "Blob data size exceeds limit" in text) == (True, True)

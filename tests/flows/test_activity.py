"""Functions that workflows call: results, errors, retries."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.flow_app import FlowApp, function, process, workflow
from wippy.errors import WippyError
from wippy.workflows import events as ev

ADD = function("add", "return function(a, b) return a + b end")


async def test_the_result_of_a_function_comes_back(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local funcs = require("funcs")
        return function(n)
          local total = 0
          for i = 1, n do
            local v, err = funcs.call("app:add", total, i)
            if err then return nil, err end
            total = v
          end
          return total
        end
        """,
    )
    async with FlowApp(tmp_path, ADD, flow) as app:
        assert await app.run("flow", 10) == 55


CALLER = workflow(
    "flow",
    """
    local funcs = require("funcs")
    return function(target, options, ...)
      local f = funcs.new()
      if options then f = f:with_options(options) end
      local v, err = f:call(target, ...)
      if err then
        return {kind = err:kind(), retryable = err:retryable(), message = err:message(), details = err:details()}
      end
      return {value = v}
    end
    """,
)
ONCE = {"activity.retry_policy": {"maximum_attempts": 1}}


@pytest.mark.parametrize(
    ("body", "kind", "retryable", "message", "state"),
    [
        ("return nil, 'no stock'", "Internal", False, "no stock", "NonRetryableFailure"),
        ("error('broken')", "Internal", None, "broken", "MaximumAttemptsReached"),
        (
            "return nil, errors.new({kind = errors.NOT_FOUND, message = 'gone', details = {id = 7}})",
            "NotFound",
            None,
            "gone",
            "MaximumAttemptsReached",
        ),
        (
            "return nil, errors.new({kind = errors.INVALID, message = 'bad', retryable = false})",
            "Invalid",
            False,
            "bad",
            "NonRetryableFailure",
        ),
    ],
)
async def test_an_error_arrives_with_kind_and_details(
    tmp_path: Path, body: str, kind: str, retryable: bool | None, message: str, state: str
) -> None:
    step = function("step", f"return function() {body} end")
    async with FlowApp(tmp_path, step, CALLER) as app:
        found = await app.run("flow", "app:step", ONCE)
    assert found["kind"] == kind
    assert found.get("retryable") == retryable
    assert message in found["message"]
    assert found["details"]["_wrapper"] == "activity"
    assert found["details"]["_retry_state"] == state
    if kind == "NotFound":
        assert found["details"]["id"] == 7


async def test_an_unknown_function_is_not_found_and_says_what_to_do(tmp_path: Path) -> None:
    async with FlowApp(tmp_path, CALLER) as app:
        found = await app.run("flow", "app:nothing", ONCE)
    assert found["kind"] == "NotFound"
    assert found["retryable"] is True
    assert "app:nothing" in found["message"]
    assert "add a function.lua entry" in found["message"]


async def test_a_raised_error_is_tried_again_until_it_works(tmp_path: Path) -> None:
    step = function(
        "step",
        """
        local fs = require("fs")
        return function()
          local home = fs.get("app:files")
          local n = 0
          if home:exists("tries") then n = tonumber(home:readfile("tries")) end
          home:writefile("tries", tostring(n + 1))
          if n < 3 then error("not yet") end
          return n
        end
        """,
        "fs",
    )
    files = {"name": "files", "kind": "fs.directory", "directory": str(tmp_path / "files"), "auto_init": True}
    policy = {"activity.retry_policy": {"initial_interval": "10ms"}}
    async with FlowApp(tmp_path, step, files, CALLER) as app:
        assert await app.run("flow", "app:step", policy) == {"value": 3}


async def test_an_error_whose_kind_is_listed_is_not_tried_again(tmp_path: Path) -> None:
    step = function("step", "return function() return nil, errors.new({kind = errors.INVALID, message = 'bad'}) end")
    policy = {"activity.retry_policy": {"non_retryable_error_types": "Invalid"}}
    async with FlowApp(tmp_path, step, CALLER) as app:
        found = await app.run("flow", "app:step", policy)
    assert found["details"]["_retry_state"] == "NonRetryableFailure"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"activity.retry_policy": 5}, "activity.retry_policy must be a table"),
        ({"activity.retry_policy": {"maximum_attempts": 1.5}}, "maximum_attempts must be an integer"),
        ({"activity.start_to_close_timeout": "soon"}, "activity.start_to_close_timeout must be a duration"),
        ({"activity.task_queue": ""}, "activity.task_queue cannot be empty"),
    ],
)
async def test_bad_options_are_refused_before_anything_is_recorded(
    tmp_path: Path, options: dict[str, object], text: str
) -> None:
    async with FlowApp(tmp_path, ADD, CALLER) as app:
        await app.begin("flow", "app:add", options, 1, 2, id="one")
        found = await app.result("one")
        assert await app.count("one", ev.ActivityTaskScheduled) == 0
    assert found["message"].startswith("invalid temporal activity options for app:add: ")
    assert text in found["message"]
    assert (found["kind"], found.get("retryable")) == ("", None)


@pytest.mark.parametrize("target", ["", "add", ":add", "app:"])
async def test_a_malformed_target_is_refused_at_once(tmp_path: Path, target: str) -> None:
    async with FlowApp(tmp_path, CALLER) as app:
        found = await app.run("flow", target, ONCE)
    assert found["kind"] == "Invalid"


async def test_an_argument_that_json_cannot_hold_is_refused(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local funcs = require("funcs")
        return function()
          local v, err = funcs.call("app:add", {1, 2, x = 3})
          return {err:kind(), err:message()}
        end
        """,
    )
    async with FlowApp(tmp_path, ADD, flow) as app:
        await app.begin("flow", id="one")
        kind, message = await app.result("one")
        assert await app.count("one", ev.ActivityTaskScheduled) == 0
    assert kind == "Internal"
    assert message.startswith("error transcoding value")


async def test_a_time_limit_of_an_attempt_is_a_timeout(tmp_path: Path) -> None:
    step = function("step", "local time = require('time') return function() time.sleep('1h') end", "time")
    options = {"activity.start_to_close_timeout": "20ms", **ONCE}
    async with FlowApp(tmp_path, step, CALLER) as app:
        found = await app.run("flow", "app:step", options)
    assert (found["kind"], found["retryable"]) == ("Timeout", False)
    assert found["message"] == "activity StartToClose timeout"
    assert found["details"]["timeout_type"] == "start_to_close"


async def test_futures_run_at_the_same_time_and_keep_their_results(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local funcs = require("funcs")
        return function()
          local futures = {}
          for i = 1, 5 do futures[i] = funcs.async("app:add", i, i) end
          local out = {}
          for i = 1, 5 do
            local payload = futures[i]:response():receive()
            out[i] = payload:data()
          end
          local same, err = futures[3]:result()
          return {out = out, again = same:data(), complete = futures[3]:is_complete()}
        end
        """,
    )
    async with FlowApp(tmp_path, ADD, flow) as app:
        assert await app.run("flow") == {"out": [2, 4, 6, 8, 10], "again": 6, "complete": True}


async def test_a_cancelled_future_is_done_and_its_outcome_never_appears(tmp_path: Path) -> None:
    step = function("step", "local time = require('time') return function() time.sleep('1h') end", "time")
    flow = workflow(
        "flow",
        """
        local funcs, time = require("funcs"), require("time")
        return function()
          local future = funcs.async("app:step")
          time.sleep("5ms")
          local ok, err = future:cancel()
          local v, failure = future:result()
          local got, more = future:response():receive()
          return {ok, v == nil, failure:kind(), failure:message(), got == nil, more}
        end
        """,
    )
    async with FlowApp(tmp_path, step, flow) as app:
        await app.begin("flow", id="one")
        assert await app.result("one") == [True, True, "Canceled", "canceled", True, False]
        assert await app.count("one", ev.ActivityTaskCancelRequested) == 1


async def test_a_call_cancelled_in_the_task_that_makes_it_never_runs(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local funcs = require("funcs")
        return function()
          local future = funcs.async("app:add", 1, 2)
          future:cancel()
          return "done"
        end
        """,
    )
    async with FlowApp(tmp_path, ADD, flow) as app:
        await app.begin("flow", id="one")
        assert await app.result("one") == "done"
        assert await app.count("one", ev.ActivityTaskScheduled) == 0


async def test_the_error_of_a_function_becomes_the_failure_of_the_run(tmp_path: Path) -> None:
    step = function(
        "step",
        "return function() return nil, errors.new({kind = errors.CONFLICT, message = 'taken', details = {by = 'x'},"
        " retryable = false}) end",
    )
    flow = workflow(
        "flow",
        """
        local funcs = require("funcs")
        return function()
          local v, err = funcs.call("app:step")
          return nil, err
        end
        """,
    )
    async with FlowApp(tmp_path, step, flow) as app:
        with pytest.raises(WippyError) as caught:
            await app.run("flow")
    assert (caught.value.kind, caught.value.message, caught.value.retryable) == ("Conflict", "taken", False)
    assert caught.value.details is not None
    assert caught.value.details["by"] == "x"


async def test_a_process_that_serves_as_an_activity_hears_that_it_is_cancelled(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local funcs = require("funcs")
        return function()
          local future = funcs.async("app:patient")
          process.inbox():receive()
          future:cancel()
          local _, err = future:result()
          process.inbox():receive()
          return err:kind()
        end
        """,
    )
    patient = process(
        "patient",
        """
        return function()
          print("patient")
          print("told " .. process.events():receive().kind)
          return "late"
        end
        """,
    )
    patient["meta"] = {"default_host": "app:processes"}
    async with FlowApp(tmp_path, flow, patient) as app:
        await app.begin("flow", id="one")
        await app.until(lambda: app.logged("patient"))
        await app.signal("one", "cancel")
        await app.until(lambda: app.logged("told pid.cancel"))
        await app.signal("one", "end")
        assert await app.result("one") == "Canceled"

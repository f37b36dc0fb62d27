"""Every way in which an activity, a child or a workflow fails, as its caller and its watchers see it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flows.flow_app import FlowApp, function, process, workflow

TELL = """
local function tell(err)
  if not err then return {} end
  local retryable = err:retryable()
  if retryable == nil then retryable = "unset" end
  return {kind = err:kind(), text = err:message(), retryable = retryable, details = err:details() or {}}
end
"""
ONCE = {"activity.retry_policy": {"maximum_attempts": 1}}
SLOW = function("slow", "local time = require('time') return function() time.sleep('1h') end", "time")
DOWN = function(
    "down",
    """
    return function()
      error(errors.new({kind = errors.UNAVAILABLE, message = "down", details = {line = 4}, retryable = true}))
    end
    """,
)
CALLS = workflow(
    "calls",
    TELL
    + """
    local funcs = require("funcs")
    return function(id, options, ...)
      local value, err = funcs.new():with_options(options):call(id, ...)
      return tell(err)
    end
    """,
)
START_TO_CLOSE = "activity StartToClose timeout"
NO_TIME = "Not enough time to schedule next retry before activity ScheduleToClose timeout, giving up retrying"


@pytest.mark.parametrize(
    ("options", "text", "which", "state"),
    [
        ({"start_to_close_timeout": 100, "retry_policy": {"maximum_attempts": 1}}, START_TO_CLOSE, "start_to_close", 4),
        ({"schedule_to_close_timeout": 100, "retry_policy": {"maximum_attempts": 1}}, NO_TIME, "schedule_to_close", 3),
        ({"schedule_to_close_timeout": 100}, NO_TIME, "schedule_to_close", 3),
        (
            {"schedule_to_close_timeout": 100, "task_queue": "nobody"},
            "activity ScheduleToStart timeout",
            "schedule_to_start",
            3,
        ),
        (
            {"schedule_to_start_timeout": 100, "task_queue": "nobody"},
            "activity ScheduleToStart timeout",
            "schedule_to_start",
            3,
        ),
    ],
)
async def test_a_time_limit(tmp_path: Path, options: dict[str, Any], text: str, which: str, state: int) -> None:
    keyed = {f"activity.{key}": value for key, value in options.items()}
    async with FlowApp(tmp_path, SLOW, CALLS) as app:
        found = await app.run("calls", "app:slow", keyed)
    assert found == {
        "kind": "Timeout",
        "text": text,
        "retryable": False,
        "details": {
            "timeout_type": which,
            "_wrapper": "activity",
            "_activity_id": found["details"]["_activity_id"],
            "_retry_state": {3: "Timeout", 4: "MaximumAttemptsReached"}[state],
        },
    }


@pytest.mark.parametrize(
    ("options", "state"),
    [
        ({"retry_policy": {"maximum_attempts": 2, "initial_interval": "1ms"}}, "MaximumAttemptsReached"),
        ({"retry_policy": {"non_retryable_error_types": ["Unavailable"]}}, "NonRetryableFailure"),
        ({"schedule_to_close_timeout": "500ms", "retry_policy": {"initial_interval": "1m"}}, "Timeout"),
    ],
)
async def test_the_last_error_is_the_one_that_is_told(tmp_path: Path, options: dict[str, Any], state: str) -> None:
    async with FlowApp(tmp_path, DOWN, CALLS) as app:
        found = await app.run("calls", "app:down", {f"activity.{key}": value for key, value in options.items()})
    assert (found["kind"], found["text"], found["retryable"]) == ("Unavailable", "down", True)
    assert (found["details"]["line"], found["details"]["_retry_state"]) == (4, state)


ODD = """
    if what == "own kind" then
      return nil, errors.new({kind = "Custom", message = "mine", retryable = false,
        details = {deep = {1, {a = {true}}}}})
    elseif what == "bytes" then
      return nil, errors.new({kind = "Custom", message = "m\\255", details = {data = "\\255", nan = 0/0}})
    elseif what == "wrapped" then
      return nil, errors.wrap(errors.new({kind = "Custom", message = "inner", details = {a = 1}}), "outer")
    elseif what == "raised" then
      error(errors.new({kind = errors.INVALID, message = "raised", retryable = false}))
    elseif what == "empty" then
      return 1, ""
    end
"""
ODD_ENDS = {
    "own kind": ("Custom", "mine", False, {"deep": [1, {"a": [True]}]}),
    "bytes": ("Custom", "m\ufffd", "unset", {"data": "\ufffd"}),
    "wrapped": ("Custom", "inner", "unset", {"a": 1}),
    "raised": ("Invalid", "raised", False, {}),
    "empty": ("Internal", "", False, {}),
}


@pytest.mark.parametrize("what", ODD_ENDS)
@pytest.mark.parametrize("where", ["activity", "child"])
async def test_an_error_arrives_as_it_was_made(tmp_path: Path, where: str, what: str) -> None:
    entry = function if where == "activity" else workflow
    fails = entry("fails", f"return function(what) {ODD} end")
    execs = workflow(
        "execs",
        TELL + 'return function(_, _, what) return tell(select(2, process.exec("app:fails", "app:worker", what))) end',
    )
    async with FlowApp(tmp_path, fails, CALLS, execs) as app:
        found = await app.run("calls" if where == "activity" else "execs", "app:fails", ONCE, what)
    details = {name: value for name, value in found["details"].items() if name[0] != "_"}
    assert (found["kind"], found["text"], found["retryable"], details) == ODD_ENDS[what]
    assert found["details"]["_wrapper"] == ("activity" if where == "activity" else "child_workflow")


CHILD = workflow(
    "child",
    """
    return function(how)
      if how == "wait" then process.inbox():receive() end
      if how == "cancel" then
        process.events():receive()
        return nil, errors.new({kind = errors.CANCELED, message = "stopped"})
      end
      if how ~= "fine" then
        error(errors.new({kind = errors.CONFLICT, message = "taken", details = {seat = 7}, retryable = how == "again"}))
      end
    end
    """,
)
TIMED_OUT = ("Timeout", False, {"timeout_type": "start_to_close"})
TAKEN = ("Conflict", "taken", False, {"seat": 7})
AGAIN = ("Conflict", "taken", True, {"seat": 7})
ENDS: dict[str, tuple[str, dict[str, Any], tuple[Any, ...], str]] = {
    "fails": ("fail", {}, TAKEN, "RetryPolicyNotSet"),
    "fails for good": ("fail", {"retry_policy": {"maximum_attempts": 3}}, TAKEN, "NonRetryableFailure"),
    "fails too often": (
        "again",
        {"retry_policy": {"maximum_attempts": 2, "initial_interval": "1ms"}},
        AGAIN,
        "MaximumAttemptsReached",
    ),
    "fails as listed": (
        "again",
        {"retry_policy": {"non_retryable_error_types": "Conflict"}},
        AGAIN,
        "NonRetryableFailure",
    ),
    "a run too long": ("wait", {"run_timeout": "1s"}, TIMED_OUT, "RetryPolicyNotSet"),
    "a chain too long": ("wait", {"execution_timeout": "1s"}, TIMED_OUT, "Timeout"),
    "terminated": ("wait", {}, ("Canceled", "workflow terminated", False, {}), "NonRetryableFailure"),
    "cancelled": ("cancel", {}, ("Canceled", "stopped", "unset", {}), "RetryPolicyNotSet"),
}


def _expected(end: str, text: str) -> tuple[Any, ...]:
    found = ENDS[end][2]
    return (found[0], text, *found[1:]) if found is TIMED_OUT else found


ENDING = """
      if what == "terminated" then END end
      if what == "cancelled" then process.cancel(pid) end
"""


@pytest.mark.parametrize("end", ENDS)
async def test_the_end_of_a_child(tmp_path: Path, end: str) -> None:
    how, options, _, state = ENDS[end]
    parent = workflow(
        "parent",
        TELL
        + f"""
        local funcs = require("funcs")
        return function(what, how, options)
          local pid = process.with_options(options):spawn("app:child", "app:worker", how)
          {ENDING.replace("END", 'funcs.call("app:ends", pid)')}
          local event = process.events():receive()
          local told = tell(event.result.error)
          told.same = event.from == pid and told.details._workflow_id == pid:match("|(.*)}}")
          return told
        end
        """,
    )
    ends = function("ends", "return function(pid) return process.terminate(pid) end")
    async with FlowApp(tmp_path, CHILD, parent, ends) as app:
        found = await app.run("parent", end, how, {f"workflow.{key}": value for key, value in options.items()})
    details = found["details"]
    own = {name: value for name, value in details.items() if name[0] != "_"}
    assert (found["kind"], found["text"], found["retryable"], own) == _expected(end, "Child workflow timeout")
    assert found["same"] is True
    assert (details["_wrapper"], details["_workflow_type"]) == ("child_workflow", "app:child")
    assert (details["_retry_state"], len(details["_run_id"])) == (state, 36)


@pytest.mark.parametrize("end", [*ENDS, "fine"])
async def test_the_end_of_a_workflow_for_its_watchers(tmp_path: Path, end: str) -> None:
    how, options = ENDS[end][:2] if end in ENDS else ("fine", {})
    watcher = process(
        "watcher",
        TELL
        + f"""
        return function(what, how, options)
          process.set_options({{trap_links = true}})
          local pid = process.with_options(options):spawn_linked_monitored("app:child", "app:worker", how)
          {ENDING.replace("END", "process.terminate(pid)")}
          local kinds, last = {{}}, nil
          for i = 1, 2 do
            last = process.events():receive()
            kinds[i] = last.from == pid and last.kind
          end
          table.sort(kinds)
          return {{kinds, tell(last.result.error)}}
        end
        """,
    )
    async with FlowApp(tmp_path, CHILD, watcher) as app:
        kinds, found = await app.process("watcher", end, how, {f"workflow.{key}": v for key, v in options.items()})
    if end == "fine":
        assert kinds == ["pid.exit", "pid.exit"]
        assert not found
        return
    assert kinds == ["pid.exit", "pid.link.down"]
    told = (found["kind"], found["text"], found["retryable"], found["details"] or {})
    assert told == _expected(end, "Workflow timeout")


@pytest.mark.parametrize("call", ["workflow.exec", "workflow.execute", "process.exec"])
async def test_an_error_without_a_kind(tmp_path: Path, call: str) -> None:
    child = workflow("child", "return function() return nil, errors.new({message = 'bare'}) end")
    place = '"app:worker"' if call == "process.exec" else "nil"
    parent = workflow(
        "parent",
        TELL
        + f"""
        local workflow = require("workflow")
        return function() return tell(select(2, {call}("app:child", {place}))) end
        """,
    )
    async with FlowApp(tmp_path, child, parent) as app:
        found = await app.run("parent")
    bare = ("", "bare", "unset")
    executed = ("Internal", "workflow exec failed: bare", True)
    assert (found["kind"], found["text"], found["retryable"]) == (bare if call == "process.exec" else executed)


async def test_a_fault_of_the_runtime_is_not_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(value: Any) -> None:
        raise RuntimeError("the payload broke")

    monkeypatch.setattr("wippy.workflows.activities.payload_of", breaks)
    fine = function("fine", "return function() return 1 end")
    async with FlowApp(tmp_path, fine, CALLS) as app:
        found = await app.run("calls", "app:fine", {})
    assert (found["kind"], found["text"], found["retryable"]) == (
        "Internal",
        "RuntimeError: the payload broke",
        False,
    )
    assert found["details"]["_retry_state"] == "NonRetryableFailure"

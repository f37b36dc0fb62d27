"""Workflows that start workflows."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.flow_app import FlowApp, function, process, workflow
from wippy.errors import WippyError
from wippy.workflows import events as ev

CHILD = workflow(
    "child",
    """
    local time = require("time")
    return function(what, n)
      time.sleep("1ms")
      if what == "fail" then return nil, errors.new({kind = errors.CONFLICT, message = "taken", details = {n = n}}) end
      if what == "raise" then error("broken " .. n) end
      return {what, n, process.pid(), process.id()}
    end
    """,
)


@pytest.mark.parametrize("flavour", ["spawn", "spawn_monitored", "spawn_linked", "spawn_linked_monitored"])
async def test_the_end_of_a_child_is_one_exit_event(tmp_path: Path, flavour: str) -> None:
    parent = workflow(
        "parent",
        f"""
        return function()
          local pid, err = process.{flavour}("app:child", "app:worker", "ok", 7)
          if err then return nil, err end
          local event = process.events():receive()
          local v = event.result.value
          return {{event.kind == process.event.EXIT, event.from == pid, v[1], v[2], v[3] == pid, v[4],
            event.result.error == nil, type(event.at)}}
        end
        """,
    )
    async with FlowApp(tmp_path, CHILD, parent) as app:
        assert await app.run("parent") == [True, True, "ok", 7, True, "app:child", True, "number"]


async def test_an_exit_waits_for_who_reads_it_late(tmp_path: Path) -> None:
    parent = workflow(
        "parent",
        """
        local time = require("time")
        return function()
          local pid = process.spawn("app:child", "app:worker", "fail", 3)
          time.sleep("50ms")
          local event = process.events():receive()
          local e = event.result.error
          return {event.from == pid, e:kind(), e:message(), e:details()}
        end
        """,
    )
    async with FlowApp(tmp_path, CHILD, parent) as app:
        mine, kind, message, details = await app.run("parent")
    assert (mine, kind, message) == (True, "Conflict", "taken")
    assert details["n"] == 3
    assert details["_wrapper"] == "child_workflow"
    assert details["_workflow_type"] == "app:child"


CALLS = {
    "process.exec": 'process.exec("app:child", "app:worker", what, 1)',
    "workflow.exec": 'workflow.exec("app:child", what, 1)',
    "workflow.execute": 'workflow.execute("app:child", what, 1)',
}


@pytest.mark.parametrize("call", CALLS)
async def test_a_child_is_waited_for_and_gives_no_event(tmp_path: Path, call: str) -> None:
    parent = workflow(
        "parent",
        f"""
        local workflow = require("workflow")
        return function(what)
          local v, err = {CALLS[call]}
          local got = channel.select({{process.events():case_receive(), default = true}})
          if err then return {{err:kind(), err:message(), err:details()._wrapper, got.default}} end
          return {{v[1], v[2], got.default}}
        end
        """,
    )
    async with FlowApp(tmp_path, CHILD, parent) as app:
        assert await app.run("parent", "ok") == ["ok", 1, True]
        kind, message, wrapper, quiet = await app.run("parent", "fail")
    prefix = "" if call == "process.exec" else "workflow exec failed: "
    assert (kind, message, wrapper, quiet) == ("Conflict", prefix + "taken", "child_workflow", True)


@pytest.mark.parametrize(
    ("id", "text"),
    [("", "workflow ID required"), ("child", "invalid workflow ID format (namespace:name required)")],
)
async def test_a_malformed_id_is_refused(tmp_path: Path, id: str, text: str) -> None:
    parent = workflow(
        "parent",
        """
        local workflow = require("workflow")
        return function(id)
          local v, err = workflow.exec(id)
          return {err:kind(), err:message()}
        end
        """,
    )
    async with FlowApp(tmp_path, CHILD, parent) as app:
        assert await app.run("parent", id) == ["Invalid", text]


async def test_a_workflow_is_executed_from_a_process_and_from_a_function(tmp_path: Path) -> None:
    source = """
        local workflow = require("workflow")
        return function(what)
          local v, err = workflow.execute("app:child", what, 2)
          if err then return {err:kind(), err:message(), err:details()} end
          return {v[1], v[2]}
        end
        """
    async with FlowApp(tmp_path, CHILD, process("caller", source), function("fn", source, "workflow")) as app:
        assert await app.process("caller", "ok") == ["ok", 2]
        assert await app.wait(app.app.functions().call("app:fn", ["ok"])) == ["ok", 2]
        kind, message, details = await app.process("caller", "fail")
    assert (kind, message, details["n"]) == ("Conflict", "taken", 2)


async def test_exec_outside_of_a_workflow_is_refused(tmp_path: Path) -> None:
    caller = process(
        "caller",
        """
        local workflow = require("workflow")
        return function()
          local v, err = workflow.exec("app:child")
          return {err:kind(), err:message()}
        end
        """,
    )
    async with FlowApp(tmp_path, CHILD, caller) as app:
        assert await app.process("caller") == ["Invalid", "workflow.exec outside workflow context not yet supported"]


async def test_a_child_under_an_id_in_use_does_not_start(tmp_path: Path) -> None:
    parent = workflow(
        "parent",
        """
        return function()
          local b = process.with_options({["workflow.id"] = "taken"})
          local first = b:spawn("app:waiter", "app:worker")
          local second, err = b:spawn("app:waiter", "app:worker")
          return {first ~= nil, second == nil, err:kind(), err:message()}
        end
        """,
    )
    waiter = workflow("waiter", "return function() process.inbox():receive() end")
    async with FlowApp(tmp_path, waiter, parent) as app:
        assert await app.run("parent") == [True, True, "Internal", "child workflow execution already started"]


@pytest.mark.parametrize(
    ("policy", "open_"), [("terminate", False), ("abandon", True), ("request_cancel", True), (None, False)]
)
async def test_what_becomes_of_the_children_of_a_closed_parent(tmp_path: Path, policy: str | None, open_: bool) -> None:
    parent = workflow(
        "parent",
        """
        return function(policy)
          local options = {["workflow.id"] = "kid", ["workflow.parent_close_policy"] = policy}
          return (process.with_options(options):spawn("app:kid", "app:worker"))
        end
        """,
    )
    kid = workflow(
        "kid",
        """
        return function()
          local got = channel.select({process.inbox():case_receive(), process.events():case_receive()})
          if got.channel == process.events() then return got.value.kind end
          return got.value:topic()
        end
        """,
    )
    async with FlowApp(tmp_path, kid, parent) as app:
        await app.run("parent", policy)
        if policy == "request_cancel":
            assert await app.result("kid") == "pid.cancel"
        elif open_:
            await app.signal("kid", "still here")
            assert await app.result("kid") == "still here"
        else:
            with pytest.raises(WippyError, match="workflow terminated"):
                await app.result("kid")


async def test_a_child_sends_to_its_parent(tmp_path: Path) -> None:
    parent = workflow(
        "parent",
        """
        return function()
          local pid = process.spawn("app:kid", "app:worker", process.pid())
          local msg = process.inbox():receive()
          process.events():receive()
          return {msg:topic(), msg:from() == pid, msg:payload():data()}
        end
        """,
    )
    kid = workflow("kid", "return function(parent) process.send(parent, 'progress', 50) end")
    async with FlowApp(tmp_path, kid, parent) as app:
        assert await app.run("parent") == ["progress", True, 50]


async def test_many_children_each_report_once(tmp_path: Path) -> None:
    parent = workflow(
        "parent",
        """
        return function(n)
          local open = {}
          for i = 1, n do open[process.spawn("app:child", "app:worker", "ok", i)] = i end
          local sum = 0
          for _ = 1, n do
            local event = process.events():receive()
            sum = sum + open[event.from]
            open[event.from] = nil
          end
          return {sum, next(open) == nil}
        end
        """,
    )
    async with FlowApp(tmp_path, CHILD, parent) as app:
        await app.begin("parent", 20, id="one")
        assert await app.result("one") == [210, True]
        assert await app.count("one", ev.ChildWorkflowExecutionCompleted) == 20

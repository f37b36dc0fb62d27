"""Cancel, terminate, monitors, links and upgrades of workflows."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.flow_app import FlowApp, function, process, workflow
from wippy.errors import WippyError

PID = "{app:provider@app:worker|one}"
WAITER = workflow(
    "waiter",
    """
    return function()
      local msg = process.inbox():receive()
      if msg:topic() == "fail" then return nil, errors.new({kind = errors.CONFLICT, message = "told to"}) end
      return msg:topic()
    end
    """,
)


async def test_cancel_is_one_event_and_nothing_else(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local time = require("time")
        return function()
          local events = process.events()
          local limit = time.after("30ms")
          local event = events:receive()
          limit:receive()
          local more = channel.select({events:case_receive(), default = true})
          return {event.kind == process.event.CANCEL, event.from, event.reason, type(event.at), more.default}
        end
        """,
    )
    canceller = process(
        "canceller",
        """
        return function(pid)
          local out = {process.cancel(pid, "no longer needed"), process.cancel(pid)}
          local a, err = process.cancel("{app:provider@app:worker|none}")
          out[3], out[4], out[5] = a == nil, err:kind(), err:message()
          return out
        end
        """,
    )
    async with FlowApp(tmp_path, flow, canceller) as app:
        await app.begin("flow", id="one")
        first, second, missing, kind, text = await app.process("canceller", PID)
        assert await app.result("one") == [True, "{|topology}", "no longer needed", "string", True]
        again = await app.process("canceller", PID)
    assert (first, second, missing, kind) == (True, True, True, "Internal")
    assert "workflow not found" in text
    assert again[:2] == [True, True]


async def test_a_cancelled_workflow_compensates_and_ends_by_itself(tmp_path: Path) -> None:
    note = function("note", "return function(v) return v end")
    flow = workflow(
        "flow",
        """
        local funcs, time = require("funcs"), require("time")
        return function()
          local undo = {}
          for i = 1, 3 do
            funcs.call("app:note", i)
            undo[#undo + 1] = i
          end
          process.events():receive()
          time.sleep("2ms")
          local out = {}
          for i = #undo, 1, -1 do out[#out + 1] = funcs.call("app:note", undo[i]) end
          return out
        end
        """,
    )
    async with FlowApp(tmp_path, flow, note) as app:
        await app.begin("flow", id="one")
        await app.wait(app.engine.cancel("one"))
        assert await app.result("one") == [3, 2, 1]


async def test_terminate_ends_at_once_and_the_watchers_hear_of_it(tmp_path: Path) -> None:
    watcher = process(
        "watcher",
        """
        return function()
          process.set_options({trap_links = true})
          local pid = process.spawn_linked_monitored("app:waiter", "app:worker")
          local events = process.events()
          local ok = process.terminate(pid)
          local seen = {}
          for i = 1, 2 do
            local e = events:receive()
            seen[e.kind] = {e.from == pid, e.result.error:kind(), e.result.error:message()}
          end
          local again, err = process.terminate(pid)
          return {ok, seen[process.event.EXIT], seen[process.event.LINK_DOWN], again == nil, err:kind()}
        end
        """,
    )
    async with FlowApp(tmp_path, WAITER, watcher) as app:
        end = [True, "Canceled", "workflow terminated"]
        assert await app.process("watcher") == [True, end, end, True, "Internal"]


@pytest.mark.parametrize(("topic", "kind"), [("fine", "pid.exit"), ("fail", "pid.link.down")])
async def test_a_link_tells_of_a_success_as_exit_and_of_a_failure_as_link_down(
    tmp_path: Path, topic: str, kind: str
) -> None:
    watcher = process(
        "watcher",
        """
        return function(topic)
          process.set_options({trap_links = true})
          local pid = process.spawn_linked("app:waiter", "app:worker")
          process.send(pid, topic)
          local e = process.events():receive()
          return {e.kind, e.from == pid, e.result.value or e.result.error:kind()}
        end
        """,
    )
    async with FlowApp(tmp_path, WAITER, watcher) as app:
        found = await app.process("watcher", topic)
    assert found == [kind, True, "fine" if topic == "fine" else "Conflict"]


async def test_an_untrapped_link_takes_the_process_along(tmp_path: Path) -> None:
    watcher = process(
        "watcher",
        """
        return function()
          local pid = process.spawn_linked("app:waiter", "app:worker")
          process.send(pid, "fail")
          process.inbox():receive()
        end
        """,
    )
    async with FlowApp(tmp_path, WAITER, watcher) as app:
        with pytest.raises(WippyError, match="linked process failed"):
            await app.process("watcher")


async def test_a_closed_and_a_missing_workflow_can_be_monitored(tmp_path: Path) -> None:
    watcher = process(
        "watcher",
        """
        return function(pid)
          local events, out = process.events(), {}
          for _, id in ipairs({pid, "{app:provider@app:worker|none}"}) do
            local ok = process.monitor(id)
            local e = events:receive()
            out[#out + 1] = {ok, e.kind, e.from == id, e.result.value or e.result.error:kind()}
          end
          return out
        end
        """,
    )
    async with FlowApp(tmp_path, WAITER, watcher) as app:
        await app.begin("waiter", id="one")
        await app.signal("one", "over")
        await app.result("one")
        closed, missing = await app.process("watcher", PID)
    assert closed == [True, "pid.exit", True, "over"]
    assert missing == [True, "pid.exit", True, "NotFound"]


async def test_after_unmonitor_nothing_comes(tmp_path: Path) -> None:
    watcher = process(
        "watcher",
        """
        local time = require("time")
        return function()
          local pid = process.spawn_monitored("app:waiter", "app:worker")
          local out = {process.unmonitor(pid), process.unmonitor(pid)}
          process.send(pid, "end")
          local other = process.spawn_monitored("app:waiter", "app:worker")
          process.send(other, "end")
          local e = process.events():receive()
          out[3] = e.from == other
          return out
        end
        """,
    )
    async with FlowApp(tmp_path, WAITER, watcher) as app:
        assert await app.process("watcher") == [True, True, True]


@pytest.mark.parametrize("name", ["monitor", "link", "unmonitor", "unlink"])
async def test_a_workflow_cannot_watch(tmp_path: Path, name: str) -> None:
    flow = workflow(
        "flow",
        f"""
        return function(pid)
          local ok, err = process.{name}(pid)
          return {{ok == nil, err:kind(), err:message(), err:retryable()}}
        end
        """,
    )
    async with FlowApp(tmp_path, flow) as app:
        nothing, kind, text, retryable = await app.run("flow", PID)
    assert (nothing, kind, retryable) == (True, "Internal", False)
    assert text.startswith(f"process.{name} not supported in workflow context")


@pytest.mark.parametrize("name", ["cancel", "terminate"])
async def test_a_workflow_cancels_another(tmp_path: Path, name: str) -> None:
    flow = workflow(
        "flow",
        f"""
        return function(pid)
          local ok, e1 = process.{name}(pid)
          local none, e2 = process.{name}("{{app:provider@app:worker|none}}")
          return {{ok, none == nil, e2:kind(), e2:message()}}
        end
        """,
    )
    target = workflow("target", "return function() return process.events():receive().kind end")
    async with FlowApp(tmp_path, flow, target) as app:
        await app.begin("target", id="one")
        ok, none, kind, text = await app.run("flow", PID)
        assert await app.result("one") == "pid.cancel"
    assert (ok, none, kind) == (True, True, "Internal")
    assert "unknown external workflow execution" in text


async def test_upgrade_goes_on_as_a_new_run_under_the_same_pid(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local workflow = require("workflow")
        return function(n, trail)
          trail = trail or {}
          trail[#trail + 1] = workflow.info().run_id
          if n > 0 then process.upgrade(nil, n - 1, trail) end
          return {trail, process.pid()}
        end
        """,
    )
    watcher = process(
        "watcher",
        """
        return function()
          local pid = process.with_options({["workflow.id"] = "one"}):spawn_monitored("app:flow", "app:worker", 3)
          local e = process.events():receive()
          return {e.from == pid, e.result.value[1], e.result.value[2] == pid}
        end
        """,
    )
    async with FlowApp(tmp_path, flow, watcher) as app:
        mine, trail, same = await app.process("watcher")
    assert (mine, same, len(set(trail))) == (True, True, 4)


async def test_upgrade_to_another_workflow_and_without_arguments(tmp_path: Path) -> None:
    flow = workflow("flow", "return function(v) process.upgrade('app:second') end")
    second = workflow("second", "return function(...) return {select('#', ...), process.id(), process.pid()} end")
    async with FlowApp(tmp_path, flow, second) as app:
        await app.begin("flow", 5, id="one")
        assert await app.result("one") == [0, "app:second", PID]


async def test_one_name_is_one_workflow(tmp_path: Path) -> None:
    starter = process(
        "starter",
        """
        return function()
          local b = process.with_options({}):with_name("one")
          local first = b:spawn("app:waiter", "app:worker")
          local second = b:spawn("app:waiter", "app:worker")
          local strict = process.with_options({["workflow.id"] = "one", ["workflow.id_conflict_policy"] = "fail"})
          local third, err = strict:spawn("app:waiter", "app:worker")
          process.send(first, "over")
          return {first == second, third == nil, tostring(err)}
        end
        """,
    )
    async with FlowApp(tmp_path, WAITER, starter) as app:
        same, none, text = await app.process("starter")
        assert await app.result("one") == "over"
    assert (same, none) == (True, True)
    assert "workflow execution already started" in text

"""Monitors, links and control of workflows in detail."""

from __future__ import annotations

import asyncio
import contextlib
import re
from pathlib import Path
from typing import Any

import pytest

from flows import flow_app
from flows.flow_app import FlowApp, function, process, workflow
from flows.test_control import PID, WAITER
from wippy.errors import WippyError
from wippy.workflows import events as ev


def watcher(body: str, modules: str = "time") -> dict[str, Any]:
    return process(
        "watcher",
        f"""
        local time = require("time")
        local PID = "{PID}"
        local function named(id) return process.with_options({{["workflow.id"] = id}}) end
        local function told(ok, err)
          if not err then return tostring(ok) end
          return table.concat({{tostring(ok), err:kind(), err:message()}}, "/")
        end
        return function(...)
          process.set_options({{trap_links = true}})
          local events = process.events()
          local function quiet()
            return channel.select({{events:case_receive(), default = true}}).default == true
          end
          {body}
        end
        """,
        modules,
    )


async def test_a_repeated_monitor_gives_one_event(tmp_path: Path) -> None:
    body = """
        local pid = named("one"):spawn_monitored("app:waiter", "app:worker")
        local again = {told(process.monitor(pid)), told(process.monitor(pid)), told(process.link(pid))}
        named("one"):spawn_monitored("app:waiter", "app:worker")
        process.send(pid, "end")
        local first, second = events:receive(), events:receive()
        local other = process.spawn_monitored("app:waiter", "app:worker")
        process.send(other, "end")
        return {again, first.from == pid, second.from == pid, events:receive().from == other}
    """
    async with FlowApp(tmp_path, WAITER, watcher(body)) as app:
        assert await app.process("watcher") == [["true", "true", "true"], True, True, True]


@pytest.mark.parametrize(("topic", "kind"), [("fine", "pid.exit"), ("fail", "pid.link.down")])
async def test_a_link_made_later(tmp_path: Path, topic: str, kind: str) -> None:
    body = """
        local pid = process.spawn("app:waiter", "app:worker")
        local ok = process.link(pid)
        process.send(pid, ...)
        local e = events:receive()
        return {ok, e.kind, e.from == pid, e.result.value or e.result.error:message()}
    """
    async with FlowApp(tmp_path, WAITER, watcher(body)) as app:
        found = await app.process("watcher", topic)
    assert found == [True, kind, True, "fine" if topic == "fine" else "told to"]


async def test_the_event_of_the_monitor_comes_before_that_of_the_link(tmp_path: Path) -> None:
    body = """
        local out = {}
        for i = 1, 5 do
          local pid = process.spawn_linked_monitored("app:waiter", "app:worker")
          process.send(pid, "fail")
          local a, b = events:receive(), events:receive()
          out[i] = a.kind .. " " .. b.kind
        end
        return out
    """
    async with FlowApp(tmp_path, WAITER, watcher(body)) as app:
        assert await app.process("watcher") == ["pid.exit pid.link.down"] * 5


@pytest.mark.parametrize("name", ["monitor", "link"])
async def test_watching_what_is_not_there(tmp_path: Path, name: str) -> None:
    body = f"""
        local ok = process.{name}("{{app:provider@app:worker|none}}")
        local e = events:receive()
        return {{ok, e.kind, e.from, e.result.value == nil, e.result.error:kind()}}
    """
    kind = "pid.exit" if name == "monitor" else "pid.link.down"
    async with FlowApp(tmp_path, watcher(body)) as app:
        assert await app.process("watcher") == [True, kind, "{app:provider@app:worker|none}", True, "NotFound"]


async def test_after_unlink_nothing_comes_and_both_are_idempotent(tmp_path: Path) -> None:
    body = """
        local pid = process.spawn_linked_monitored("app:waiter", "app:worker")
        local out = {process.unlink(pid), process.unlink(pid), process.unmonitor(pid), process.unmonitor(pid)}
        process.terminate(pid)
        local other = process.spawn_monitored("app:waiter", "app:worker")
        process.send(other, "end")
        out[5] = events:receive().from == other
        return out
    """
    async with FlowApp(tmp_path, WAITER, watcher(body)) as app:
        assert await app.process("watcher") == [True] * 5


async def test_unlink_leaves_the_monitor(tmp_path: Path) -> None:
    body = """
        local pid = process.spawn_linked_monitored("app:waiter", "app:worker")
        process.unlink(pid)
        process.send(pid, "fail")
        local e = events:receive()
        local other = process.spawn_linked_monitored("app:waiter", "app:worker")
        process.unmonitor(other)
        process.send(other, "fail")
        return {e.kind, events:receive().kind}
    """
    async with FlowApp(tmp_path, WAITER, watcher(body)) as app:
        assert await app.process("watcher") == ["pid.exit", "pid.link.down"]


@pytest.mark.parametrize("end", ["return", "error('over')"])
async def test_watches_end_with_the_watcher_and_the_workflow_never_notices(tmp_path: Path, end: str) -> None:
    body = f"""
        local pid = named("one"):spawn_linked_monitored("app:waiter", "app:worker")
        process.link(pid)
        {end}
    """
    async with FlowApp(tmp_path, WAITER, watcher(body)) as app:
        host = app.app.site.workflow_hosts["app:worker"]
        with contextlib.suppress(WippyError):
            await app.process("watcher")
        await app.until(lambda: host.watching == 0)
        await app.signal("one", "still here")
        assert await app.result("one") == "still here"


async def test_messages_of_a_workflow_come_before_its_end(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        "return function(to) for i = 1, 20 do process.send(to, 'n', i) end return 'over' end",
    )
    body = """
        local numbers = process.listen("n")
        process.spawn_monitored("app:flow", "app:worker", process.pid())
        local value, sum = events:receive().result.value, 0
        while true do
          local got = channel.select({numbers:case_receive(), default = true})
          if got.default then return {value, sum} end
          sum = sum + got.value
        end
    """
    async with FlowApp(tmp_path, flow, watcher(body)) as app:
        assert await app.process("watcher") == ["over", 210]


CHAIN = workflow(
    "chain",
    """
    local workflow = require("workflow")
    return function(what, n)
      if what == "upgrade" then
        if n > 0 then process.upgrade(nil, what, n - 1) end
        return "last"
      end
      local attempt = workflow.info().attempt
      if attempt < 3 then error("attempt " .. attempt) end
      return "last"
    end
    """,
)


@pytest.mark.parametrize("what", ["upgrade", "retry"])
async def test_who_watches_or_waits_follows_a_chain_to_its_last_run(tmp_path: Path, what: str) -> None:
    body = """
        local what = ...
        local options = {["workflow.id"] = "one", ["workflow.retry_policy"] = {initial_interval = 1}}
        local pid = process.with_options(options):spawn_linked_monitored("app:chain", "app:worker", what, 3)
        local a, b = events:receive(), events:receive()
        local closed = process.monitor(pid)
        local again = events:receive()
        local executed = what == "upgrade" and process.exec("app:chain", "app:worker", what, 2) or "last"
        return {a.from == pid, a.kind, a.result.value, b.kind, b.result.value, again.result.value, executed, quiet()}
    """
    async with FlowApp(tmp_path, CHAIN, watcher(body)) as app:
        found = await app.process("watcher", what)
    assert found == [True, "pid.exit", "last", "pid.exit", "last", "last", "last", True]


async def test_a_pid_is_that_of_every_run(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        return function(to, again)
          if not again then process.upgrade(nil, to, true) end
          process.send(to, "second run")
          return process.inbox():receive():payload():data()
        end
        """,
    )
    body = """
        local pid = process.with_options({}):with_name("one"):spawn("app:flow", "app:worker", process.pid())
        process.monitor(PID)
        process.listen("second run"):receive()
        process.send(PID, "word", "to whom it concerns")
        return {pid == PID, events:receive().result.value}
    """
    async with FlowApp(tmp_path, flow, watcher(body)) as app:
        assert await app.process("watcher") == [True, "to whom it concerns"]


async def test_a_caller_that_ends_leaves_its_workflow_alone(tmp_path: Path) -> None:
    caller = process("caller", "return function() return process.exec('app:flow', 'app:worker') end")
    flow = workflow(
        "flow",
        """
        local funcs = require("funcs")
        return function()
          funcs.call("app:begun", process.pid())
          local inbox = process.inbox()
          local got = channel.select({inbox:case_receive(), process.events():case_receive()})
          return got.channel == inbox and got.value:topic() or got.value.kind
        end
        """,
    )
    begun = function("begun", "return function(pid) process.send('test', 'begun', pid) end")
    body = """
        process.registry.register("test")
        local begun = process.listen("begun")
        local caller = process.spawn_monitored("app:caller", "app:processes")
        local pid = begun:receive()
        process.terminate(caller)
        events:receive()
        process.monitor(pid)
        process.send(pid, "still here")
        return events:receive().result.value
    """
    async with FlowApp(tmp_path, caller, flow, begun, watcher(body)) as app:
        assert await app.process("watcher") == "still here"


async def test_terminate_needs_the_worker_and_an_open_run(tmp_path: Path) -> None:
    body = """
        local pid = named("one"):spawn_monitored("app:waiter", "app:worker")
        local elsewhere = told(process.terminate("{app:provider@somewhere|one}"))
        local open = quiet()
        local ok = told(process.terminate(pid))
        local e = events:receive()
        return {elsewhere, open, ok, e.result.error:message(), tostring(e.result.error:retryable()),
          told(process.terminate(pid)), told(process.terminate("{app:provider@app:worker|none}")),
          told(process.cancel("{app:provider@app:worker|none}"))}
    """
    async with FlowApp(tmp_path, WAITER, watcher(body)) as app:
        elsewhere, open_, ok, text, retryable, closed, missing, uncancelled = await app.process("watcher")
    assert (open_, ok, text, retryable) == (True, "true", "workflow terminated", "false")
    assert elsewhere.startswith("nil/Internal/")
    assert closed == "nil/Internal/terminate failed: workflow execution already completed"
    assert missing == "nil/Internal/terminate failed: workflow not found for ID: none"
    assert uncancelled == "nil/Internal/cancel failed: workflow not found for ID: none"


async def test_what_a_cancelled_workflow_does_goes_on(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local funcs, time = require("funcs"), require("time")
        return function()
          local child = process.spawn("app:waiter", "app:worker")
          local future = funcs.async("app:slow")
          local at = time.now()
          local events = process.events()
          funcs.call("app:begun")
          time.sleep("300ms")
          local slept = time.now():sub(at):milliseconds() >= 300
          local cancel = events:receive()
          process.send(child, "fine")
          local exit = events:receive()
          return {slept, cancel.kind, cancel.reason, cancel.at, future:response():receive():data(), exit.result.value}
        end
        """,
    )
    slow = function(
        "slow", "local time = require('time') return function() time.sleep('500ms') return 'slow' end", "time"
    )
    begun = function("begun", "return function() process.send('test', 'begun') end")
    body = """
        process.registry.register("test")
        local begun = process.listen("begun")
        local pid = process.spawn_monitored("app:flow", "app:worker")
        begun:receive()
        local out = {told(process.cancel(pid)), told(process.cancel(pid, "again"))}
        local value = events:receive().result.value
        return {out, value, told(process.cancel(pid))}
    """
    async with FlowApp(tmp_path, WAITER, flow, slow, begun, watcher(body)) as app:
        asked, (slept, kind, reason, at, result, exit_), late = await app.process("watcher")
    assert (asked, late) == (["true", "true"], "true")
    assert (slept, kind, reason, result, exit_) == (True, "pid.cancel", "", "slow", "fine")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", at)


FROM_WITHIN = """
local time = require("time")
local function told(ok, err)
  if not err then return tostring(ok) end
  return table.concat({tostring(ok), err:kind(), err:message(), tostring(err:retryable())}, "/")
end
return function(closed, a_process)
  return {
    told(process.cancel(closed, "why")), told(process.terminate(closed)), told(process.cancel("nobody")),
    told(process.cancel("{app:provider@app:worker|none}")), told(process.terminate("{app:provider@app:worker|none}")),
    told(process.cancel(a_process)), told(process.cancel(process.pid())),
  }
end
"""


async def test_cancelling_from_within_a_workflow(tmp_path: Path) -> None:
    flow = workflow("flow", FROM_WITHIN, "time")
    body = """
        local pid = process.spawn_monitored("app:waiter", "app:worker")
        process.send(pid, "fine")
        events:receive()
        process.spawn_monitored("app:flow", "app:worker", pid, process.pid())
        return events:receive().result.value
    """
    async with FlowApp(tmp_path, WAITER, flow, watcher(body)) as app:
        closed, ended, nobody, missing, unended, living, own = await app.process("watcher")
    assert (closed, ended) == ("true", "true")
    assert nobody == "nil/NotFound/could not resolve 'nobody' as PID or registered name/false"
    for line in (missing, unended, living, own):
        assert re.fullmatch("nil/Internal/unknown external workflow execution: .*/false", line), line


async def test_the_reason_is_kept_with_the_request(tmp_path: Path) -> None:
    flow = workflow("flow", "return function() return process.events():receive().reason end")
    other = workflow("other", "return function(pid, reason) return process.cancel(pid, reason) end")
    async with FlowApp(tmp_path, flow, other) as app:
        for reason in ("because\nof this", None):
            id = str(reason)[:4]
            await app.begin("flow", id=id)
            assert await app.run("other", PID.replace("one", id), reason) is True
            assert await app.result(id) == (reason or "")
            (asked,) = [e for e in await app.history(id) if isinstance(e, ev.WorkflowExecutionCancelRequested)]
            assert asked.reason == (reason or "")


async def test_a_watch_of_a_run_outlives_the_provider(tmp_path: Path) -> None:
    """A restart of the provider under the application; who waits for a Temporal server is tested with its faults."""
    if flow_app.TEMPORAL is not None:
        pytest.skip("the client of Temporal goes on by itself")
    caller = process("caller", "return function(id) return process.exec('app:waiter', 'app:worker') end")
    body = """
        local pid = named("one"):spawn_monitored("app:waiter", "app:worker")
        return events:receive().result.value
    """
    async with FlowApp(tmp_path, WAITER, watcher(body), caller) as app:
        host = app.app.site.workflow_hosts["app:worker"]
        watching = asyncio.wrap_future(app.spawn("watcher", host="app:processes", exec=True))
        waiting = asyncio.wrap_future(app.spawn("caller", host="app:processes", exec=True))
        await app.until(lambda: host.watching == 2)
        provider = app.app.site.workflow_nodes["app:provider"]
        await provider.stop()
        await provider.start(lambda error=None: None)
        for run in await app.wait(app.engine.find("", 0)):
            await app.signal(run.workflow_id, "hello")
        async with asyncio.timeout(30):
            assert await watching == await waiting == "hello"

"""Children in detail: their IDs, queues, options, refused starts, chains, and what becomes of them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from flows.flow_app import FlowApp, function, process, workflow
from flows.test_types import second
from wippy.errors import WippyError
from wippy.workflows import events as ev

KID = workflow(
    "kid",
    """
    local ctx = require("ctx")
    return function(what)
      if what == "end" then return "ended" end
      if what == "fail" then return nil, errors.new({kind = errors.CONFLICT, message = "failed"}) end
      if what == "context" then return ctx.all() end
      local message = process.inbox():receive()
      return message:topic()
    end
    """,
    "ctx",
)


def parent(body: str, modules: str = "funcs time workflow") -> dict[str, Any]:
    return workflow(
        "parent",
        f"""
        local funcs, time, workflow = require("funcs"), require("time"), require("workflow")
        local events = process.events()
        local function kid(options, ...) return process.with_options(options):spawn("app:kid", "app:worker", ...) end
        local function told(v, err)
          if not err then return tostring(v) end
          return table.concat({{tostring(v), err:kind(), err:message(), tostring(err:retryable())}}, "/")
        end
        return function(...) {body} end
        """,
        modules,
    )


async def test_the_id_of_a_child_is_made_of_the_run_and_a_number(tmp_path: Path) -> None:
    flow = parent(
        """
        local ids, run = {}, workflow.info().run_id
        for i = 1, 2 do
          local pid = process.spawn("app:kid", "app:worker", "end")
          ids[i] = {pid:match("|(.*)}$"):match("^(.*)_(%d+)$")}
        end
        return {ids[1][1] == run, ids[2][1] == run, ids[1][2] ~= ids[2][2]}
        """
    )
    async with FlowApp(tmp_path, KID, flow) as app:
        assert await app.run("parent") == [True, True, True]


async def test_names_and_startup_messages_are_not_for_children(tmp_path: Path) -> None:
    flow = parent(
        """
        local b = process.with_options({["workflow.id"] = "the-id"}):with_name("the-name"):with_message("early", 1)
        local pid = b:spawn("app:kid", "app:worker")
        process.send(pid, "late")
        return {pid, events:receive().result.value, tostring(process.registry.lookup("the-name"))}
        """
    )
    async with FlowApp(tmp_path, KID, flow) as app:
        assert await app.run("parent") == ["{app:provider@app:worker|the-id}", "late", "nil"]


async def test_context_of_a_child(tmp_path: Path) -> None:
    flow = parent(
        """
        process.with_context({colour = "red"}):spawn("app:kid", "app:worker", "context")
        return {events:receive().result.value, (process.exec("app:kid", "app:worker", "context"))}
        """
    )
    starter = process(
        "starter",
        """
        return function()
          process.with_context({size = 5}):spawn_monitored("app:parent", "app:worker")
          return process.events():receive().result.value
        end
        """,
    )
    async with FlowApp(tmp_path, KID, flow, starter) as app:
        assert await app.process("starter") == [{"colour": "red", "size": 5}, {"size": 5}]


@pytest.mark.parametrize("policy", ["allow_duplicate", "allow_duplicate_failed_only", "reject_duplicate"])
@pytest.mark.parametrize("last", ["end", "fail"])
async def test_a_child_under_the_id_of_a_closed_run(tmp_path: Path, policy: str, last: str) -> None:
    flow = parent(
        """
        local policy, last = ...
        kid({["workflow.id"] = "one"}, last)
        events:receive()
        local pid, err = kid({["workflow.id"] = "one", ["workflow.id_reuse_policy"] = policy}, "end")
        if err then return told(pid, err) end
        return events:receive().result.value
        """
    )
    allowed = policy == "allow_duplicate" or (policy != "reject_duplicate" and last == "fail")
    async with FlowApp(tmp_path, KID, flow) as app:
        found = await app.run("parent", policy, last)
    assert found == ("ended" if allowed else "nil/Internal/child workflow execution already started/false")


async def test_options_of_starts_do_not_count_for_children(tmp_path: Path) -> None:
    flow = parent(
        """
        local before = time.now()
        kid({["workflow.start_delay"] = "1h", ["workflow.task_queue"] = "nobody",
          ["workflow.execution_error_when_already_started"] = true}, "end")
        local first = events:receive().result.value
        kid({["workflow.id"] = "one"})
        local same = told(kid({["workflow.id"] = "one", ["workflow.id_conflict_policy"] = "use_existing"}))
        local over = told(kid({["workflow.id"] = "one", ["workflow.id_conflict_policy"] = "terminate_existing"}))
        return {first, same, over}
        """
    )
    refused = "nil/Internal/child workflow execution already started/false"
    async with FlowApp(tmp_path, KID, flow) as app:
        assert await app.run("parent") == ["ended", refused, refused]


async def test_bad_options_of_a_child_are_told_and_nothing_is_recorded(tmp_path: Path) -> None:
    flow = parent(
        """
        local out = {}
        for i, options in ipairs({
          {["workflow.run_timeout"] = "soon"}, {["workflow.id"] = ""}, {["workflow.parent_close_policy"] = "keep"},
          {["temporal.workflow.retry_policy"] = 5}, {["workflow.search_attributes"] = {x = {y = 1}}},
          {["workflow.cron_schedule"] = "whenever"}, {["workflow.id"] = ("x"):rep(1001)},
          {["workflow.retry_policy"] = {initial_interval = "2s", maximum_interval = "1s"}},
        }) do out[i] = told(kid(options, "end")) end
        return out
        """
    )
    async with FlowApp(tmp_path, KID, flow) as app:
        await app.begin("parent", id="one")
        found = await app.result("one")
        assert await app.count("one", ev.StartChildWorkflowExecutionInitiated) == 0
    texts = [
        "workflow.run_timeout must be",
        "workflow.id cannot be empty",
        "workflow.parent_close_policy must be",
        "workflow.retry_policy must be",
        'search attribute "x": unsupported value type',
        "invalid CronSchedule",
        "workflow.id must be of 1000 bytes at most",
        "workflow.retry_policy.maximum_interval must be at least initial_interval",
    ]
    for line, text in zip(found, texts, strict=True):
        assert line.startswith(f"nil//invalid temporal child workflow options for app:kid: {text}"), line
        assert line.endswith("/nil"), line


@pytest.mark.parametrize("flavour", ["spawn_linked", "spawn_linked_monitored"])
async def test_a_linked_child_that_fails_gives_one_exit(tmp_path: Path, flavour: str) -> None:
    flow = parent(
        f"""
        local pid = process.{flavour}("app:kid", "app:worker", "fail")
        local e = events:receive()
        time.sleep("1ms")
        local more = channel.select({{events:case_receive(), default = true}})
        return {{e.kind, e.from == pid, e.result.value == nil, e.result.error:message(), more.default == true,
          math.abs(e.at - time.now():unix()) < 60}}
        """
    )
    async with FlowApp(tmp_path, KID, flow) as app:
        assert await app.run("parent") == ["pid.exit", True, True, "failed", True, True]


async def test_a_chain_of_a_child_reports_its_last_end_only(tmp_path: Path) -> None:
    tries = workflow(
        "tries",
        """
        local workflow = require("workflow")
        return function(n)
          if n then
            if n > 1 then process.upgrade(nil, n - 1) end
            return "upgraded"
          end
          if workflow.info().attempt < 2 then error("not yet") end
          return "attempt " .. workflow.info().attempt
        end
        """,
    )
    flow = parent(
        """
        local pids, seen = {}, {}
        local again = process.with_options({["workflow.retry_policy"] = {initial_interval = 1}})
        pids[again:spawn("app:tries", "app:worker")] = true
        pids[process.spawn("app:tries", "app:worker", 3)] = true
        for i = 1, 2 do
          local e = events:receive()
          seen[i] = pids[e.from] and e.result.value or "another"
        end
        table.sort(seen)
        time.sleep("1ms")
        return {seen, (channel.select({events:case_receive(), default = true})).default == true}
        """
    )
    async with FlowApp(tmp_path, tries, flow) as app:
        assert await app.run("parent") == [["attempt 2", "upgraded"], True]


async def _known(app: FlowApp, id: str) -> bool:
    try:
        await app.wait(app.engine.describe(id))
    except WippyError:
        return False
    return True


ENDS = {
    "completes": ("return 'done'", {}),
    "fails": ("return nil, 'no'", {}),
    "is tried again": ("return nil, 'no'", {"workflow.retry_policy": {"maximum_attempts": 2}}),
    "times out": ("process.inbox():receive()", {"workflow.run_timeout": "1s"}),
    "goes on anew": ("process.upgrade(nil, 'again')", {}),
    "is terminated": ("process.inbox():receive()", {}),
}


@pytest.mark.parametrize("end", ENDS)
async def test_children_are_ended_however_a_run_of_the_parent_closes(tmp_path: Path, end: str) -> None:
    body, options = ENDS[end]
    flow = parent(
        f"""
        if ... == "again" or workflow.info().attempt > 1 then process.inbox():receive() end
        kid({{["workflow.id"] = "gone"}})
        kid({{["workflow.id"] = "asked", ["workflow.parent_close_policy"] = "REQUEST-CANCEL"}})
        kid({{["workflow.id"] = "left", ["workflow.parent_close_policy"] = 2}})
        {body}
        """
    )
    async with FlowApp(tmp_path, KID, flow) as app:
        future = app.spawn("parent", options={"workflow.id": "one", **options})
        await asyncio.wrap_future(future)
        if end == "is terminated":

            async def there() -> bool:
                return await app.count("one", ev.ChildWorkflowExecutionStarted) == 3

            await app.until(there)
            await app.wait(app.engine.terminate("one"))
        for id in ("gone", "asked", "left"):
            await app.until(lambda id=id: _known(app, id))
        with pytest.raises(WippyError, match="workflow terminated"):
            await app.result("gone")

        async def cancelled() -> bool:
            return await app.count("asked", ev.WorkflowExecutionCancelRequested) == 1

        await app.until(cancelled)
        (request,) = [e for e in await app.history("asked") if isinstance(e, ev.WorkflowExecutionCancelRequested)]
        assert request.reason == ""
        for id in ("asked", "left"):
            await app.signal(id, "still here")
            assert await app.result(id) == "still here"
        assert await app.count("left", ev.WorkflowExecutionCancelRequested) == 0


async def test_the_next_run_finds_the_id_of_an_abandoned_child_in_use(tmp_path: Path) -> None:
    flow = parent(
        """
        local again = ...
        local options = {["workflow.id"] = "one", ["workflow.parent_close_policy"] = "abandon"}
        local pid, err = kid(options)
        if not again then process.upgrade(nil, true) end
        return told(pid, err)
        """
    )
    async with FlowApp(tmp_path, KID, flow) as app:
        assert await app.run("parent") == "nil/Internal/child workflow execution already started/false"


@pytest.mark.parametrize("host", ["app:second", "second", "", "app:worker"])
async def test_the_pid_of_a_child_reaches_it_from_everywhere(tmp_path: Path, host: str) -> None:
    flow = parent(
        """
        local host, to = ...
        local pid = process.spawn("app:kid", host)
        process.send(to, "child", pid)
        local e = events:receive()
        return {e.from == pid, e.result.value}
        """
    )
    starter = process(
        "starter",
        """
        return function(host)
          local flow = process.spawn("app:parent", "app:worker", host, process.pid())
          local pid = process.listen("child"):receive()
          local ok, err = process.send(pid, "hello")
          process.monitor(flow)
          return {pid, ok or tostring(err), process.events():receive().result.value}
        end
        """,
    )
    async with FlowApp(tmp_path, KID, flow, starter, second()) as app:
        pid, sent, found = await app.process("starter", host)
    assert pid.startswith("{app:provider@" + host + "|")
    assert (sent, found) == (True, [True, "hello"])


async def test_an_exec_whose_id_is_in_use_is_refused(tmp_path: Path) -> None:
    flow = parent(
        """
        kid({["workflow.id"] = "one"})
        return told(process.with_options({["workflow.id"] = "one"}):exec("app:kid", "app:worker", "end"))
        """
    )
    async with FlowApp(tmp_path, KID, flow) as app:
        assert await app.run("parent") == "nil/Internal/child workflow execution already started/false"


async def test_a_workflow_whose_children_are_of_another_queue_waits_for_them(tmp_path: Path) -> None:
    queue = function("queue", "return function(q) return q end")
    flow = parent(
        """
        return {(process.exec("app:asks", "app:second")), (process.exec("app:asks", "second")),
          (workflow.exec("app:asks"))}
        """
    )
    asks = workflow("asks", "return function() return require('workflow').info().task_queue end")
    async with FlowApp(tmp_path, asks, flow, queue, second()) as app:
        assert await app.run("parent") == ["second", "second", "main"]

"""Uses of workflows that are rare, but not wrong."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from flows import flow_app
from flows.flow_app import FlowApp, function, process, workflow
from flows.test_types import second, tied

WAITER = workflow(
    "waiter",
    """
    return function(v)
      local message = process.inbox():receive()
      return {v, message:topic(), message:from(), process.pid()}
    end
    """,
)


@pytest.mark.parametrize("id", ["a b", "käse/π", "a@b", "{x}", "%d%", "a:b@c:d", "..", "x" * 500])
async def test_ids_of_all_sorts(tmp_path: Path, id: str) -> None:
    starter = process(
        "starter",
        """
        return function(id)
          local named = process.with_options({}):with_name(id)
          local pid = named:spawn_monitored("app:waiter", "app:worker", 1)
          local same = named:spawn("app:waiter", "app:worker", 2) == pid
          local sent, err = process.send(pid, "word")
          local e = process.events():receive()
          local _, _, from, own = table.unpack(e.result.value)
          return {pid, same, sent or tostring(err), e.from == pid, own == pid, from == process.pid()}
        end
        """,
    )
    async with FlowApp(tmp_path, WAITER, starter) as app:
        assert await app.process("starter", id) == ["{app:provider@app:worker|" + id + "}", *[True] * 5]


async def test_an_id_that_is_no_text_is_an_error(tmp_path: Path) -> None:
    starter = process(
        "starter",
        """
        return function()
          local pid, err = process.with_options({["workflow.id"] = "\\255"}):spawn("app:waiter", "app:worker")
          local named, e2 = process.with_options({}):with_name("\\255"):spawn("app:waiter", "app:worker")
          return {pid == nil, tostring(err), named == nil, tostring(e2)}
        end
        """,
    )
    async with FlowApp(tmp_path, WAITER, starter) as app:
        none, text, no_name, named_text = await app.process("starter")
    assert (none, no_name) == (True, True)
    assert "workflow.id must be" in text
    assert "workflow.id must be" in named_text


async def test_a_watcher_of_a_schedule_hears_of_its_last_end_only(tmp_path: Path) -> None:
    flow = workflow("flow", "return function() print('a run') return 1 end")
    watcher = process(
        "watcher",
        """
        return function()
          local b = process.with_options({["workflow.id"] = "one", ["workflow.cron_schedule"] = "@every 1s"})
          local pid = b:spawn_monitored("app:flow", "app:worker")
          local e = process.events():receive()
          return {e.from == pid, e.result.value == nil, e.result.error:message()}
        end
        """,
    )
    async with FlowApp(tmp_path, flow, watcher) as app:
        watching = app.spawn("watcher", host="app:processes", exec=True)
        await app.until(lambda: len(app.logged("a run")) >= 2)
        await app.wait(app.engine.terminate("one"))
        assert await asyncio.wrap_future(watching) == [True, True, "workflow terminated"]


async def test_exec_takes_context_and_identity_along(tmp_path: Path) -> None:
    policy = {
        "name": "all",
        "kind": "security.policy",
        "policy": {"actions": "*", "resources": "*", "effect": "allow"},
    }
    flow = workflow(
        "flow",
        """
        local funcs, ctx = require("funcs"), require("ctx")
        return function() return {ctx.all(), funcs.call("app:who")} end
        """,
        "funcs ctx",
    )
    who = function(
        "who",
        "local security = require('security') return function() return security.actor():id() end",
        "security",
    )
    inner = process("inner", "return function() return process.exec('app:flow', 'app:worker') end")
    outer = process(
        "outer",
        """
        local security = require("security")
        return function()
          process.with_context({colour = "red"}):with_actor(security.new_actor("ada"))
            :with_scope(security.new_scope({security.policy("app:all")})):spawn_monitored("app:inner", "app:processes")
          local e = process.events():receive()
          return e.result.value or tostring(e.result.error)
        end
        """,
        "security",
    )
    async with FlowApp(tmp_path, policy, flow, who, inner, outer) as app:
        assert await app.process("outer") == [{"colour": "red"}, "ada"]


@pytest.mark.parametrize("meta", [{"default_host": "app:processes"}, {"options": {"default_host": "app:processes"}}])
async def test_a_process_tied_to_a_worker_as_an_activity(tmp_path: Path, meta: dict[str, Any]) -> None:
    work = process("work", "return function(n) return n * 2 end")
    work["meta"] = {**meta, **tied(work, "activity", worker="second")["meta"]}
    flow = workflow("flow", "local funcs = require('funcs') return function() return funcs.call('app:work', 21) end")
    async with FlowApp(tmp_path, work, flow, second()) as app:
        await app.begin("flow", id="one")
        assert await app.result("one") == 42
        queues = [one.options.queue for one in await app.history("one") if hasattr(one, "options") and one.n > 1]
    assert queues == ["second"]


def other_provider(folder: Path) -> list[dict[str, Any]]:
    """A second provider with a worker of its own."""
    running = {"auto_start": True}
    if flow_app.TEMPORAL is not None:
        server = flow_app.TEMPORAL
        keys: dict[str, Any] = {"kind": "temporal.client", "address": server.address, "namespace": server.namespace()}
        kind, key = "temporal.worker", "client"
    else:
        keys = {"kind": "workflow.provider.sqlite", "path": "other.db"}
        kind, key = "workflow.worker", "provider"
    return [
        {"name": "elsewhere", **keys, "lifecycle": running},
        {"name": "there", "kind": kind, key: "elsewhere", "task_queue": "main", "lifecycle": running},
    ]


async def test_workflows_of_two_providers_talk(tmp_path: Path) -> None:
    talks = workflow(
        "talks",
        """
        return function(to)
          local sent, err = process.send(to, "hello", 1)
          return {process.pid(), sent or tostring(err)}
        end
        """,
    )
    starter = process(
        "starter",
        """
        return function()
          local one = process.with_options({["workflow.id"] = "one"})
          local here = one:spawn_monitored("app:waiter", "app:worker", "here")
          local there = one:spawn_monitored("app:waiter", "app:there", "there")
          local a = process.exec("app:talks", "app:worker", there)
          local b = process.exec("app:talks", "app:there", here)
          local seen = {}
          for i = 1, 2 do
            local e = process.events():receive()
            seen[e.result.value[1]] = {e.from == e.result.value[4], e.result.value[3]}
          end
          return {here, there, a[2], b[2], seen.there[1], seen.here[1], seen.there[2] == a[1], seen.here[2] == b[1]}
        end
        """,
    )
    async with FlowApp(tmp_path, WAITER, talks, starter, *other_provider(tmp_path)) as app:
        here, there, *rest = await app.process("starter")
    assert (here, there) == ("{app:provider@app:worker|one}", "{app:elsewhere@app:there|one}")
    assert rest == [True] * 6


async def test_a_missing_workflow_of_another_provider(tmp_path: Path) -> None:
    talks = workflow("talks", "return function(to) return process.send(to, 'hello', 1) end")
    async with FlowApp(tmp_path, talks, *other_provider(tmp_path)) as app:
        assert await app.run("talks", "{app:elsewhere@app:there|nobody}") is True  # it has left; the log knows


async def test_a_workflow_may_be_started_from_a_function_and_talk_to_it(tmp_path: Path) -> None:
    asks = function(
        "asks",
        """
        return function()
          local pid = process.with_options({}):with_message("ask", 1):spawn_monitored("app:waiter", "app:worker", 5)
          return process.events():receive().result.value
        end
        """,
    )
    async with FlowApp(tmp_path, WAITER, asks) as app:
        value = await app.wait(app.app.functions().call("app:asks", []))
    assert value[:2] == [5, "ask"]
    assert value[2].startswith("{")


LONG = '("x"):rep(1001)'


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        ('process.spawn("", "app:worker")', "Invalid", "the type cannot be empty"),
        (f'process.spawn({LONG}, "app:worker")', "Invalid", "the type must be of 1000 bytes at most"),
        (f'process.exec("app:waiter", {LONG})', "Invalid", "the task queue must be of 1000 bytes at most"),
        (f"process.upgrade({LONG})", "Invalid", "the type must be of 1000 bytes at most"),
        (f'funcs.call("app:" .. {LONG})', "Invalid", "the activity type must be of 1000 bytes at most"),
        (
            f'(function(f) f:response():receive() return f:result() end)(funcs.async("app:" .. {LONG}))',
            "Invalid",
            "the activity type must be of 1000 bytes at most",
        ),
        ('process.send("{app:provider@app:worker|one}", "", 1)', "Invalid", "cannot be empty"),
        (f'process.send("{{app:provider@app:worker|one}}", {LONG}, 1)', "Invalid", "must be of 1000 bytes at most"),
        ('process.send("{app:provider@app:worker|}", "x")', "NotFound", "unknown external workflow execution"),
        (
            f'process.send("{{app:provider@app:worker|" .. {LONG} .. "}}", "x")',
            "NotFound",
            "unknown external workflow execution",
        ),
        ('process.cancel("{app:provider@app:worker|}")', "Internal", "unknown external workflow execution"),
        (
            f'process.cancel("{{app:provider@app:worker|" .. {LONG} .. "}}")',
            "Internal",
            "unknown external workflow execution",
        ),
    ],
)
async def test_names_that_no_server_takes_are_errors_and_block_nothing(
    tmp_path: Path, call: str, kind: str, text: str
) -> None:
    flow = workflow(
        "flow",
        f"""
        local funcs = require("funcs")
        return function()
          local none, err = {call}
          return {{none == nil, err:kind(), err:message(), err:retryable()}}
        end
        """,
    )
    async with FlowApp(tmp_path, WAITER, flow) as app:
        await app.begin("waiter", id="one")
        none, found, message, retryable = await app.run("flow")
    assert (none, found, retryable) == (True, kind, False)
    assert text in message


async def test_names_that_no_server_takes_from_a_process(tmp_path: Path) -> None:
    starter = process(
        "starter",
        f"""
        return function()
          local out = {{}}
          local function told(_, err) out[#out + 1] = tostring(err) end
          told(process.spawn({LONG}, "app:worker"))
          told(process.spawn("", "app:worker"))
          told(process.with_options({{["workflow.id"] = {LONG}}}):spawn("app:waiter", "app:worker"))
          told(process.with_options({{["workflow.task_queue"] = {LONG}}}):spawn("app:waiter", "app:worker"))
          told(process.send(process.spawn("app:waiter", "app:worker"), "", 1))
          return out
        end
        """,
    )
    async with FlowApp(tmp_path, WAITER, starter) as app:
        assert await app.process("starter") == [
            "the type of a workflow must be of 1000 bytes at most",
            "a workflow needs a type",
            "workflow.id must be of 1000 bytes at most",
            "workflow.task_queue must be of 1000 bytes at most",
            "the topic of a message to a workflow cannot be empty",
        ]

"""Messages to and from workflows."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.flow_app import FlowApp, function, process, workflow

PID = "{app:provider@app:worker|one}"


async def test_signals_before_and_while_the_run_waits_keep_their_order(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local time = require("time")
        return function()
          time.sleep("20ms")
          local out = {}
          while #out < 4 do
            local msg = process.inbox():receive()
            out[#out + 1] = msg:topic() .. "=" .. tostring(msg:payload():data()) .. "/" .. msg:from()
          end
          return out
        end
        """,
    )
    async with FlowApp(tmp_path, flow) as app:
        await app.begin("flow", id="one")
        for n, topic in enumerate(("a", "b", "a", "c")):
            await app.signal("one", topic, n)
        assert await app.result("one") == ["a=0/", "b=1/", "a=2/", "c=3/"]


async def test_a_topic_is_listened_to_raw_or_as_messages(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        return function()
          local raw = process.listen("raw")
          local full = process.listen("full", {message = true})
          local inbox = process.inbox()
          local a = raw:receive()
          local list = raw:receive()
          local b = full:receive()
          local c = inbox:receive()
          return {a, list, b:topic(), b:payload():data(), c:topic()}
        end
        """,
    )
    async with FlowApp(tmp_path, flow) as app:
        await app.begin("flow", id="one")
        await app.signal("one", "other", 1)
        await app.signal("one", "raw", {"x": 1})
        await app.signal("one", "raw", 1, "two")
        await app.signal("one", "full", "text")
        assert await app.result("one") == [{"x": 1}, [1, "two"], "full", "text", "other"]


async def test_messages_given_with_the_start_reach_code_that_listens_late(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local time = require("time")
        return function()
          time.sleep("5ms")
          local jobs = process.listen("job")
          local out = {jobs:receive(), jobs:receive(), jobs:receive()}
          local rest = process.inbox():receive()
          out[4] = rest:topic()
          out[5] = rest:from()
          return out
        end
        """,
    )
    starter = process(
        "starter",
        """
        return function()
          local pid, err = process.with_options({["workflow.id"] = "one"})
            :with_message("job", 1):with_message("other", 2):with_message("job", {n = 2}):with_message("job", "three")
            :spawn("app:flow", "app:worker")
          if err then return nil, err end
          return {pid, process.pid()}
        end
        """,
    )
    async with FlowApp(tmp_path, flow, starter) as app:
        pid, me = await app.process("starter")
        assert await app.result("one") == [1, {"n": 2}, "three", "other", me]
    assert pid == PID


async def test_a_signal_before_the_close_is_never_lost(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        return function()
          local n = 0
          while true do
            local got = channel.select({process.inbox():case_receive(), default = true})
            if got.default then return n end
            n = n + 1
          end
        end
        """,
    )
    starter = process(
        "starter",
        """
        return function()
          local b = process.with_options({["workflow.id"] = "one"})
          for i = 1, 20 do b = b:with_message("n", i) end
          return (b:spawn("app:flow", "app:worker"))
        end
        """,
    )
    async with FlowApp(tmp_path, flow, starter) as app:
        await app.process("starter")
        assert await app.result("one") == 20


async def test_request_and_response_between_a_process_and_a_workflow(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        return function()
          local total = 0
          local inbox = process.inbox()
          while true do
            local msg = inbox:receive()
            if msg:topic() == "stop" then return total end
            total = total + msg:payload():data()
            local ok, err = process.send(msg:from(), "total", total)
            if err then return nil, err end
          end
        end
        """,
    )
    client = process(
        "client",
        """
        return function()
          local pid = process.spawn("app:flow", "app:worker")
          local answers = process.listen("total", {message = true})
          local out = {}
          for i = 1, 3 do
            process.send(pid, "add", i)
            local msg = answers:receive()
            out[#out + 1] = msg:payload():data()
            if msg:from() ~= pid then return nil, "sender is " .. msg:from() end
          end
          process.send(pid, "stop")
          return out
        end
        """,
    )
    async with FlowApp(tmp_path, flow, client) as app:
        assert await app.process("client") == [1, 3, 6]


async def test_a_workflow_talks_to_another_workflow(tmp_path: Path) -> None:
    ping = workflow(
        "ping",
        """
        return function(other)
          local ok, err = process.send(other, "ping", "hello")
          if err then return nil, err end
          local msg = process.inbox():receive()
          return {msg:topic(), msg:from() == other, msg:payload():data()}
        end
        """,
    )
    pong = workflow(
        "pong",
        """
        return function()
          local msg = process.inbox():receive()
          process.send(msg:from(), "pong", msg:payload():data() .. "!")
        end
        """,
    )
    async with FlowApp(tmp_path, ping, pong) as app:
        pid = await app.begin("pong", id="one")
        assert await app.run("ping", pid) == ["pong", True, "hello!"]


@pytest.mark.parametrize(
    ("target", "kind", "text"),
    [
        ("{app:provider@app:worker|nobody}", "NotFound", "unknown external workflow execution: nobody"),
        ("nobody", "NotFound", "could not resolve 'nobody' as PID or registered name"),
        ("app:provider@app:worker|one", "NotFound", "could not resolve"),
        ("{else@app:processes|0x00001}", "Internal", "node not found"),
    ],
)
async def test_a_send_that_reaches_nobody_says_so(tmp_path: Path, target: str, kind: str, text: str) -> None:
    flow = workflow(
        "flow",
        """
        local time = require("time")
        return function(target)
          local ok, err = process.send(target, "x", 1)
          time.sleep("1ms")
          return {ok == nil, err:kind(), err:message(), err:retryable()}
        end
        """,
    )
    async with FlowApp(tmp_path, flow, provider={"cache_size": 0}) as app:
        nothing, found, message, retryable = await app.run("flow", target)
    assert (nothing, found, retryable) == (True, kind, False)
    assert text in message


async def test_a_message_to_itself_disappears_and_at_topics_are_refused(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local time = require("time")
        return function()
          local sent = process.send(process.pid(), "x", 1)
          local ok, err = process.send(process.pid(), "@x", 1)
          time.sleep("1ms")
          local got = channel.select({process.inbox():case_receive(), default = true})
          return {sent, ok == nil, err:kind(), got.default == true, process.pid(), process.id()}
        end
        """,
    )
    async with FlowApp(tmp_path, flow) as app:
        await app.begin("flow", id="one")
        assert await app.result("one") == [True, True, "Invalid", True, PID, "app:flow"]


async def test_messages_to_missing_and_closed_workflows_are_errors(tmp_path: Path) -> None:
    flow = workflow("flow", "return function() end")
    sender = process(
        "sender",
        """
        return function()
          local a, e1 = process.send("{app:provider@app:worker|one}", "x", 1)
          local b, e2 = process.send("{app:provider@app:worker|none}", "x", 1)
          return {a == nil, tostring(e1), b == nil, tostring(e2)}
        end
        """,
    )
    async with FlowApp(tmp_path, flow, sender) as app:
        await app.begin("flow", id="one")
        await app.result("one")
        assert await app.process("sender") == [
            True,
            "workflow execution already completed",
            True,
            "workflow not found for ID: none",
        ]


async def test_the_handler_is_done_before_the_message_behind_it_ends_main(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local funcs, time = require("funcs"), require("time")
        return function()
          local seen = {}
          local jobs = process.listen("job")
          coroutine.spawn(function()
            while true do
              local n = jobs:receive()
              time.now()
              seen[#seen + 1] = n
            end
          end)
          process.listen("end"):receive()
          return seen
        end
        """,
    )
    starter = process(
        "starter",
        """
        return function()
          local b = process.with_options({["workflow.id"] = "one"})
          for i = 1, 3 do b = b:with_message("job", i) end
          return (b:with_message("end"):spawn("app:flow", "app:worker"))
        end
        """,
    )
    async with FlowApp(tmp_path, flow, starter) as app:
        await app.process("starter")
        assert await app.result("one") == [1, 2, 3]


async def test_a_function_can_send_to_a_workflow(tmp_path: Path) -> None:
    poke = function("poke", "return function(pid) return (process.send(pid, 'poked', process.pid())) end")
    flow = workflow(
        "flow",
        """
        local funcs = require("funcs")
        return function()
          local sent, err = funcs.call("app:poke", process.pid())
          local msg = process.inbox():receive()
          return {sent, msg:topic(), msg:from() == msg:payload():data()}
        end
        """,
    )
    async with FlowApp(tmp_path, flow, poke) as app:
        assert await app.run("flow") == [True, "poked", True]

"""Where messages of a workflow go, what shape they arrive in, and names on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flows.flow_app import FlowApp, function, process, workflow
from flows.test_calls import NO_CACHE, outcome, seen


async def test_names_of_the_node(tmp_path: Path) -> None:
    listens = process("listens", "return function() return process.inbox():receive():topic() end")
    starter = process(
        "starter",
        """
        return function()
          local pid = process.spawn("app:listens", "app:processes")
          process.spawn_monitored("app:flow", "app:worker", pid)
          local event = process.events():receive()
          return event.result.value or tostring(event.result.error)
        end
        """,
    )
    flow = seen(
        """
        local pid, names = ..., process.registry
        o.absent = {tell(names.lookup, "one"), tell(process.send, "one", "x"), tell(process.cancel, "one"),
          tell(process.terminate, "one")}
        o.own = {names.register("one"), names.lookup("one") == process.pid(), names.unregister("one"),
          names.unregister("one")}
        o.other = {names.register("two", pid), process.send("two", "hello"), tell(process.cancel, "two"),
          tell(process.cancel, pid)}
        names.unregister("two")
        """
    )
    async with FlowApp(tmp_path, flow, listens, starter) as app:
        found = await app.process("starter")
    resolve = "NotFound: could not resolve 'one' as PID or registered name"
    assert found["absent"] == ["NotFound: name not registered", resolve, resolve, resolve]
    assert found["own"] == [True, True, True, False]
    assert found["other"][:2] == [True, True]
    assert all(text.startswith("Internal: unknown external workflow execution") for text in found["other"][2:])


async def test_a_name_that_was_found_stays_found_on_replay(tmp_path: Path) -> None:
    desk = process(
        "desk",
        """
        return function(back)
          process.registry.register("desk")
          process.send(back, "open")
          local first = process.inbox():receive():payload():data()
          process.registry.unregister("desk")
          process.send(back, "closed")
          return {first, process.inbox():receive():payload():data()}
        end
        """,
    )
    starter = process(
        "starter",
        """
        return function()
          local pid, inbox = process.spawn_monitored("app:desk", "app:processes", process.pid()), process.inbox()
          inbox:receive()
          local flow = process.spawn("app:flow", "app:worker", pid)
          inbox:receive()
          process.send(flow, "go")
          return process.events():receive().result.value
        end
        """,
    )
    flow = seen(
        """
        local pid = ...
        process.send("desk", "word", 1)
        process.inbox():receive()
        local _, err = process.send("desk", "word", 2)
        process.send(pid, "word", err:kind())
        """
    )
    async with FlowApp(tmp_path, flow, desk, starter, provider=NO_CACHE) as app:
        assert await app.process("starter") == [1, "NotFound"]
        assert not app.logged("is blocked")


async def test_a_name_outlives_the_workflow_that_registered_it(tmp_path: Path) -> None:
    asks = process("asks", "return function() return (process.registry.lookup('kept')) end")
    async with FlowApp(tmp_path, seen("process.registry.register('kept')"), asks) as app:
        await app.begin("flow", id="one")
        await app.result("one")
        assert await app.process("asks") == "{app:provider@app:worker|one}"


RESOLVE = "NotFound: could not resolve '{}' as PID or registered name"


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("{update|x}", "Invalid: unknown update: x"),
        ("{x@temporal|nobody}", "NotFound: unknown external workflow execution: nobody"),
        ("{app:provider@anywhere|nobody}", "NotFound: unknown external workflow execution: nobody"),
        ("{elsewhere@app:worker|nobody}", "NotFound: unknown external workflow execution: nobody"),
        ("{elsewhere@app:processes|1}", "Internal: node not found"),
        ("{", RESOLVE.format("{")),
        ("{}", RESOLVE.format("{}")),
        ("", RESOLVE.format("")),
        ("app:provider@app:worker|one", RESOLVE.format("app:provider@app:worker|one")),
        ("own", True),
    ],
)
async def test_where_a_message_goes(tmp_path: Path, target: str, text: Any) -> None:
    flow = seen(
        f"""
        local to = "{target}" == "own" and process.pid() or "{target}"
        o[1] = tell(process.send, to, "topic", 1)
        time.sleep("1ms")
        o[2] = channel.select({{process.inbox():case_receive(), default = true}}).default
        """
    )
    assert await outcome(tmp_path, flow) == [text, True]


async def test_wrong_messages(tmp_path: Path) -> None:
    flow = seen(
        """
        local nobody = "{app:provider@app:worker|nobody}"
        o = {tell(process.send, nobody), tell(process.send, nobody, "@x"), tell(process.send, nobody, "x", {1, x = 2}),
          tell(process.listen, "@x"), tell(process.listen, "")}
        """
    )
    few, system, mixed, listen, empty = await outcome(tmp_path, flow)
    assert few == "Invalid: send requires at least destination and topic arguments"
    assert system == "Invalid: cannot send to @ topics"
    assert mixed.startswith("Internal: error transcoding value")
    assert (listen, empty) == ("Invalid: cannot listen to @ topics", "Invalid: topic cannot be empty")


SHAPES = """
    for _, topic in ipairs({"raw", "other"}) do
      process.send(pid, topic)
      process.send(pid, topic, nil)
      process.send(pid, topic, 1, "two", {3})
      process.send(pid, topic, {f = print, at = time.now(), n = 5})
      process.send(pid, topic, "\\255")
    end
"""


@pytest.mark.parametrize("sender", ["process", "workflow", "function"])
async def test_the_shape_of_a_message(tmp_path: Path, sender: str) -> None:
    flow = seen(
        """
        local raw, inbox = process.listen("raw"), process.inbox()
        o.raw, o.messages, o.from = {}, {}, true
        for i = 1, 5 do
          local value, open = raw:receive()
          o.raw[i] = {type(value), i == 5 and value == "\\255" or value == nil and "nil" or value, open}
        end
        for i = 1, 5 do
          local message = inbox:receive()
          local given = message:payload()
          o.from = o.from and message:from() ~= ""
          if type(given) == "table" then
            local values = {}
            for n, one in ipairs(given) do values[n] = one:data() end
            o.messages[i] = {"list", values}
          else
            local value = given:data()
            o.messages[i] = {type(value), i == 5 and value == "\\255" or value == nil and "nil" or value}
          end
        end
        """
    )
    source = f"local time = require('time') return function(pid) {SHAPES} end"
    kinds = {"process": process, "workflow": workflow, "function": function}
    start = {
        "process": 'process.spawn("app:sends", "app:processes", pid)',
        "workflow": 'process.spawn("app:sends", "app:worker", pid)',
        "function": 'require("funcs").call("app:sends", pid)',
    }
    starter = process(
        "starter",
        f"""
        return function()
          local pid = process.spawn_monitored("app:flow", "app:worker")
          {start[sender]}
          local event = process.events():receive()
          return event.result.value or tostring(event.result.error)
        end
        """,
    )
    async with FlowApp(tmp_path, flow, kinds[sender]("sends", source, "time"), starter, provider=NO_CACHE) as app:
        assert await app.process("starter") == {
            "raw": [
                ["nil", "nil", True],
                ["nil", "nil", True],
                ["table", [1, "two", [3]], True],
                ["table", {"n": 5}, True],
                ["string", True, True],
            ],
            "messages": [
                ["nil", "nil"],
                ["nil", "nil"],
                ["list", [1, "two", [3]]],
                ["table", {"n": 5}],
                ["string", True],
            ],
            "from": True,
        }

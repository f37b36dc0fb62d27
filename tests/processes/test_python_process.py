"""Processes written in Python are processes like any other."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest

from application import HOST, application, function, process
from wippy.errors import WippyError


def python(name: str, source: str, **data: Any) -> dict[str, Any]:
    return {"name": name, "kind": "process.python", "source": textwrap.dedent(source), **data}


COUNTER = python(
    "counter",
    """
    count = 0

    async def main(process, *args):
        global count
        async for message in process.messages():
            if message.topic == "add":
                count += message.payload["n"]
            elif message.topic == "get":
                await process.send(message.sender, "total", count)
            elif message.topic == "stop":
                return {"count": count, "args": list(args), "payloads": repr(message.payloads)}
    """,
)


def test_messages_arguments_and_result() -> None:
    asks = process(
        "asks",
        """
        return function()
          local pid = process.spawn_monitored("app:counter", "app:processes", 1, "two", {x = 3})
          for i = 1, 100 do process.send(pid, "add", {n = i}) end
          process.send(pid, "get")
          local total = process.inbox():receive():payload():data()
          process.send(pid, "stop", "a", nil, 2.5)
          local event = process.events():receive()
          return {total = total, kind = event.kind, value = event.result.value, error = event.result.error}
        end
        """,
    )
    with application(COUNTER, asks) as app:
        got = app.execute("app:asks")
    assert got == {
        "total": 5050,
        "kind": "pid.exit",
        "value": {"count": 5050, "args": [1, "two", {"x": 3}], "payloads": "['a', None, 2.5]"},
    }


def test_each_process_has_a_module_of_its_own() -> None:
    asks = process(
        "asks",
        """
        return function()
          local totals = {}
          for i = 1, 3 do
            local pid = process.spawn("app:counter", "app:processes")
            process.send(pid, "add", {n = i})
            process.send(pid, "get")
            totals[i] = process.inbox():receive():payload():data()
          end
          return totals
        end
        """,
    )
    with application(COUNTER, asks) as app:
        assert app.execute("app:asks") == [1, 2, 3]


def test_it_supervises_lua_and_calls_functions() -> None:
    supervisor = python(
        "supervisor",
        """
        from wippy.errors import WippyError

        async def main(process):
            await process.set_options(trap_links=True)
            seen = []
            child = await process.spawn("app:fails", "app:processes", monitored=True, linked=True)
            for _ in range(2):
                event = await process.event()
                seen.append([event.kind, event.source == child, event.error.message.rpartition(": ")[2]])
            seen.append(await process.call("app:double", 21))
            seen.append(await process.exec("app:fine", "app:processes", "x"))
            try:
                await process.call("app:nowhere")
            except WippyError as error:
                seen.append(error.kind)
            try:
                await process.send("nobody", "topic")
            except WippyError as error:
                seen.append(error.kind)
            return seen
        """,
    )
    entries = (
        supervisor,
        process("fails", 'return function() error("broken") end'),
        process("fine", 'return function(x) return x .. "!" end'),
        function("double", "return function(n) return 2 * n end"),
    )
    with application(*entries) as app:
        assert app.execute("app:supervisor") == [
            ["pid.exit", True, "broken"],
            ["pid.link.down", True, "broken"],
            42,
            "x!",
            "NotFound",
            "NotFound",
        ]


def test_names_spawn_options_and_context() -> None:
    parent = python(
        "parent",
        """
        async def main(process):
            await process.register("parent")
            first = await process.spawn(
                "app:child", "app:processes", name="child", messages=[["hello", 1]], context={"colour": "red"}
            )
            again = await process.spawn("app:child", "app:processes", name="child", messages=[["hello", 2]])
            answers = [(await process.receive("answer")).payload for _ in range(2)]
            held = await process.lookup("parent") == process.pid
            given_up = await process.unregister("parent")
            return [first == again, answers, held, given_up]
        """,
    )
    child = process(
        "child",
        """
        return function()
          local ctx = require("ctx")
          local colour = ctx.get("colour")
          for i = 1, 2 do
            local n = process.inbox():receive():payload():data()
            process.send("parent", "answer", {n, colour})
          end
        end
        """,
        ["ctx"],
    )
    with application(parent, child) as app:
        assert app.execute("app:parent") == [True, [[1, "red"], [2, "red"]], True, True]


def test_a_receive_that_is_given_up_loses_no_message() -> None:
    impatient = python(
        "impatient",
        """
        import asyncio

        async def main(process):
            for _ in range(3):
                waiting = asyncio.ensure_future(process.receive())
                await asyncio.sleep(0)
                waiting.cancel()
            for n in range(20):
                await process.send(process.pid, "number", n)
                if n % 3 == 0:
                    waiting = asyncio.ensure_future(process.receive("other"))
                    await asyncio.sleep(0)
                    waiting.cancel()
            return [(await process.receive()).payload for _ in range(20)]
        """,
    )
    with application(impatient) as app:
        assert app.execute("app:impatient") == list(range(20))


@pytest.mark.parametrize(
    ("source", "kind", "text"),
    [
        (
            "async def main(process):\n    raise ValueError('bad thing')\n",
            "Internal",
            "app:it:2: ValueError: bad thing",
        ),
        ("x = 1 / 0\nasync def main(process): pass\n", "Internal", "failed to execute script: app:it:1: ZeroDivision"),
        ("async def start(process): pass\n", "NotFound", 'method "main" not found in module'),
        ("async def main(process): return object()\n", "Internal", "cannot travel"),
        ("async def main(process): await process.send('x', 'y', object())\n", "Invalid", "cannot travel"),
        ("def main(): pass\n", "Internal", "takes 0 positional arguments"),
    ],
)
def test_failures_say_where(source: str, kind: str, text: str) -> None:
    with application(python("it", source)) as app, pytest.raises(WippyError) as caught:
        app.execute("app:it")
    assert caught.value.kind == kind
    assert text in caught.value.message


def test_a_syntax_error_is_told_at_registration() -> None:
    with pytest.raises(WippyError, match="syntax error") as caught, application(python("it", "async def main(:\n")):
        pass
    assert "app:it" in str(caught.value)


def test_a_structured_error_keeps_its_kind() -> None:
    raises = python(
        "raises",
        """
        from wippy.errors import WippyError

        async def main(process):
            raise WippyError("Conflict", "taken", retryable=True, details={"by": "me"})
        """,
    )
    asks = process(
        "asks",
        """
        return function()
          local _, err = process.exec("app:raises", "app:processes")
          return {err:kind(), err:message(), err:retryable(), err:details().by}
        end
        """,
    )
    with application(raises, asks) as app:
        assert app.execute("app:asks") == ["Conflict", "taken", True, "me"]


def test_terminate_and_cancel() -> None:
    waits = python(
        "waits",
        """
        async def main(process):
            await process.send("asks", "ready", process.pid)
            event = await process.event()
            return [event.kind, event.reason]
        """,
    )
    asks = process(
        "asks",
        """
        return function()
          process.registry.register("asks")
          local function start()
            local pid = process.spawn_monitored("app:waits", "app:processes")
            process.inbox():receive()
            return pid
          end
          process.terminate(start())
          local first = process.events():receive()
          process.cancel(start(), "enough")
          local second = process.events():receive()
          return {first.result.error:message(), second.result.value}
        end
        """,
    )
    with application(waits, asks) as app:
        assert app.execute("app:asks") == ["process terminated", ["pid.cancel", "enough"]]


def test_upgrade_keeps_pid_mailbox_and_name_also_into_lua() -> None:
    first = python(
        "first",
        """
        async def main(process):
            await process.register("worker")
            await process.receive("go")
            await process.upgrade("app:second", "state", process.pid)
        """,
    )
    second = process(
        "second",
        """
        return function(state, pid)
          local message = process.inbox():receive()
          return {state, pid == process.pid(), message:payload():data(), process.registry.lookup("worker") == pid}
        end
        """,
    )
    asks = process(
        "asks",
        """
        return function()
          local pid = process.spawn_monitored("app:first", "app:processes")
          process.send(pid, "kept", 7)
          process.send(pid, "go")
          return process.events():receive().result.value
        end
        """,
    )
    with application(first, second, asks) as app:
        assert app.execute("app:asks") == ["state", True, 7, True]


def test_permissions_hold() -> None:
    tries = python(
        "tries",
        """
        from wippy.errors import WippyError

        async def main(process):
            kinds = []
            for attempt in (process.spawn("app:fine", "app:processes"), process.call("app:double", 1)):
                try:
                    kinds.append(await attempt)
                except WippyError as error:
                    kinds.append(error.kind)
            return kinds
        """,
    )
    asks = process(
        "asks",
        """
        return function()
          local security = require("security")
          local scope = security.new_scope({security.policy("app:calls")})
          local spawner = process.with_context({}):with_actor(security.new_actor("guest")):with_scope(scope)
          local pid = spawner:spawn_monitored("app:tries", "app:processes")
          return process.events():receive().result.value
        end
        """,
        ["security"],
    )
    policy = {
        "name": "calls",
        "kind": "security.policy",
        "policy": {"actions": "funcs.call", "resources": "*", "effect": "allow"},
    }
    entries = (
        tries,
        asks,
        policy,
        process("fine", "return function() end"),
        function("double", "return function(n) return 2 * n end"),
    )
    with application(*entries) as app:
        assert app.execute("app:asks") == ["PermissionDenied", 2]


def test_a_service_of_it_is_started_again_after_a_crash() -> None:
    crashes = python(
        "crashes",
        """
        async def main(process):
            await process.register("crashes")
            await process.receive("crash")
            raise RuntimeError("as asked")
        """,
    )
    service = {
        "name": "service",
        "kind": "process.service",
        "process": "app:crashes",
        "host": HOST,
        "lifecycle": {"auto_start": True, "restart": {"initial_delay": "1ms"}},
    }
    asks = process(
        "asks",
        """
        return function()
          local time = require("time")
          local function find(other)
            while true do
              local pid = process.registry.lookup("crashes")
              if pid and pid ~= other then return pid end
              time.sleep("1ms")
            end
          end
          local first = find(nil)
          process.send(first, "crash")
          return first ~= find(first)
        end
        """,
        ["time"],
    )
    with application(crashes, service, asks) as app:
        assert app.execute("app:asks") is True


def test_it_is_callable_as_a_function() -> None:
    adds = python("adds", "async def main(process, a, b): return a + b\n", meta={"default_host": HOST})
    asks = process("asks", 'return function() return require("funcs").call("app:adds", 2, 3) end', ["funcs"])
    with application(adds, asks) as app:
        assert app.execute("app:asks") == 5

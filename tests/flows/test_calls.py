"""What each function that a workflow may call does there: results, errors and what replay makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flows.flow_app import FlowApp, function, process, workflow

NO_CACHE = {"cache_size": 0}
ECHO = function("echo", "return function(v) return v end")
TELL = """
local function tell(call, ...)
  local ok, value, err = pcall(call, ...)
  if not ok then return "raised: " .. tostring(value) end
  if err ~= nil then return err:kind() .. ": " .. err:message() end
  return value == nil and "nil" or value
end
"""


def seen(lines: str, modules: str = "time", name: str = "flow") -> dict[str, Any]:
    """A workflow that writes into the table `o` and returns it."""
    required = "".join(f'local {module} = require("{module}")\n' for module in modules.split())
    source = f"{required}{TELL}return function(...)\nlocal o = {{}}\n{lines}\nreturn o\nend"
    return workflow(name, source, modules)


async def outcome(tmp_path: Path, flow: dict[str, Any], *others: dict[str, Any]) -> Any:
    """What the workflow returns when every task of it is replayed."""
    async with FlowApp(tmp_path, flow, *others, provider=NO_CACHE) as app:
        found = await app.run("flow")
        assert not app.logged("is blocked")
    return found


NOT_POSITIVE = "duration must be > 0"


async def test_wrong_durations(tmp_path: Path) -> None:
    flow = seen(
        """
        o.sleep = {tell(time.sleep, "soon"), tell(time.sleep), tell(time.sleep, {})}
        o.after = {tell(time.after, 0), tell(time.after, "-1s"), tell(time.after, "x")}
        o.timer = {tell(time.timer, 0)}
        o.ticker = {tell(time.ticker, 0)}
        local timer = time.timer("1h")
        o.reset = {tell(timer.reset, timer, 0), tell(timer.reset, timer, "-1s"), tell(timer.reset, timer, "x")}
        o.stopped = timer:stop()
        """
    )
    found = await outcome(tmp_path, flow)
    bad = 'time: invalid duration "{}"'
    assert found == {
        "sleep": ["Invalid: " + bad.format("soon"), *["Invalid: duration must be number or string"] * 2],
        "after": [*[f"Invalid: time.after: {NOT_POSITIVE}"] * 2, "Invalid: " + bad.format("x")],
        "timer": [f"Invalid: time.timer: {NOT_POSITIVE}"],
        "ticker": [f"Invalid: time.ticker: {NOT_POSITIVE}"],
        "reset": [*[f"raised: timer:reset: {NOT_POSITIVE}"] * 2, "raised: timer:reset: " + bad.format("x")],
        "stopped": True,
    }


async def test_timers_from_start_to_end(tmp_path: Path) -> None:
    flow = seen(
        """
        local before = time.now()
        o.results = select("#", time.sleep(1500000))
        o.passed = time.now():sub(before):nanoseconds() >= 1500000
        local timer = time.timer("1h")
        o.reset = timer:reset("5ms")
        local at, open = timer:response():receive()
        o.fired = {type(at), open, at:equal(time.now())}
        at, open = timer:response():receive()
        o.over = {tostring(at), open, timer:stop(), timer:reset("1ms")}
        local other = time.timer("1h")
        o.stopped = {other:stop(), other:stop(), other:reset("1ms")}
        local once = time.after("1ms")
        at, open = once:receive()
        o.after = {type(at), open, select(2, once:receive())}
        local ticker = time.ticker("1h")
        o.ticker = {ticker:stop(), ticker:stop()}
        """
    )
    assert await outcome(tmp_path, flow) == {
        "results": 0,
        "passed": True,
        "reset": True,
        "fired": ["userdata", True, True],
        "over": ["nil", False, False, False],
        "stopped": [True, False, False],
        "after": ["userdata", True, False],
        "ticker": [True, True],
    }


async def test_a_ticker_keeps_sixteen_ticks(tmp_path: Path) -> None:
    flow = seen(
        """
        local ticker, events = time.ticker("1ms"), 3 + 30 * 5
        while workflow.history_length() < events do time.sleep("1ms") end
        ticker:stop()
        o.kept = 0
        while true do
          local got = channel.select({ticker:response():case_receive(), default = true})
          if got.default or not got.ok then break end
          o.kept = o.kept + 1
        end
        """,
        "time workflow",
    )
    assert await outcome(tmp_path, flow) == {"kept": 16}


async def test_the_clocks_agree(tmp_path: Path) -> None:
    flow = seen(
        """
        local clock = os.clock()
        o.same = os.time() == time.now():unix()
        o.text = os.date("!%Y-%m-%d", 86400)
        time.sleep("20ms")
        o.moved = os.clock() - clock >= 0.02
        """
    )
    assert await outcome(tmp_path, flow) == {"same": True, "text": "1970-01-02", "moved": True}


async def test_chance_and_secrets(tmp_path: Path) -> None:
    flow = seen(
        """
        local key, dns = ("k"):rep(32), "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
        o.checked = {tell(crypto.random.bytes, -1), tell(crypto.random.string, 0), tell(crypto.random.bytes, "x"),
          tell(crypto.encrypt.aes, "x", "short"), tell(crypto.encrypt.chacha20, "x", "short")}
        local drawn = {crypto.random.bytes(8), crypto.random.string(8), crypto.random.uuid(), uuid.v1(), uuid.v4(),
          uuid.v7(), tostring(math.random(1 << 60)), crypto.encrypt.aes("x", key), crypto.encrypt.chacha20("x", key)}
        local again = {crypto.random.bytes(8), crypto.random.string(8), crypto.random.uuid(), uuid.v1(), uuid.v4(),
          uuid.v7(), tostring(math.random(1 << 60)), crypto.encrypt.aes("x", key), crypto.encrypt.chacha20("x", key)}
        o.other = true
        for i = 1, #drawn do o.other = o.other and drawn[i] ~= again[i] end
        local text = hash.sha256(table.concat(drawn))
        o.kept = funcs.call("app:echo", text) == text
        o.plain = {crypto.decrypt.aes(drawn[8], key), crypto.decrypt.chacha20(drawn[9], key),
          uuid.v5(dns, "x") == uuid.v5(dns, "x"), #crypto.pbkdf2("p", "saltsalt", 1000, 16), uuid.validate(drawn[5])}
        """,
        "crypto uuid hash funcs",
    )
    wrong = "Invalid: length must be a positive integer"
    assert await outcome(tmp_path, flow, ECHO) == {
        "checked": [
            wrong,
            wrong,
            "raised: bad argument #1 to bytes (number expected, got string)",
            "Invalid: key must be 16, 24, or 32 bytes",
            "Invalid: key must be 32 bytes",
        ],
        "other": True,
        "kept": True,
        "plain": ["x", "x", True, 16, True],
    }


async def test_a_token_ends_by_the_clock_of_the_run(tmp_path: Path) -> None:
    flow = seen(
        """
        local token = crypto.jwt.encode({sub = "ada", exp = time.now():unix() + 1}, "secret")
        o.first = crypto.jwt.verify(token, "secret").sub
        time.sleep("2100ms")
        o.second = tell(crypto.jwt.verify, token, "secret")
        """,
        "crypto time",
    )
    found = await outcome(tmp_path, flow)
    assert found["first"] == "ada"
    assert "token is expired" in found["second"]


async def test_what_is_there_without_being_listed(tmp_path: Path) -> None:
    present = {"process", "channel", "coroutine", "errors", "os", "payload", "print", "subscribe", "unsubscribe"}
    present |= {"string", "table", "math"}
    absent = {"time", "json", "funcs", "workflow", "logger", "io", "debug", "load", "loadstring", "dofile"}
    lines = "".join(f"o.{name} = type({name})\n" for name in sorted(present | absent))
    found = await outcome(tmp_path, seen(lines, ""))
    assert {name for name, kind in found.items() if kind != "nil"} == present


async def test_a_module_that_is_not_listed_cannot_be_required(tmp_path: Path) -> None:
    found = await outcome(tmp_path, seen("o[1] = tell(require, 'json')", ""))
    assert "module 'json' not found" in found[0]


async def test_futures(tmp_path: Path) -> None:
    fails = function(
        "fails", "return function() return nil, errors.new({kind = errors.CONFLICT, message = 'taken'}) end"
    )
    slow = function("slow", "local time = require('time') return function() time.sleep('300ms') return 1 end", "time")
    flow = seen(
        """
        local once = funcs.new():with_options({["activity.retry_policy"] = {maximum_attempts = 1}})
        local failed = once:async("app:fails")
        o.pending = {failed:is_complete(), tostring(failed:result())}
        local err, open = failed:response():receive()
        o.failed = {type(err), err:kind(), open, tell(failed.result, failed), tostring((failed:error())),
          failed:is_complete(), select(2, failed:response():receive())}
        local done = once:async("app:echo", {1})
        local value = done:response():receive()
        o.done = {value:data(), (done:result()):data(), tostring(done:error()), select(2, done:response():receive())}
        o.refused = {tell(once.async, once, "nope"), tell(once.async, once, 5)}
        local slow = funcs.async("app:slow")
        o.cancel = {slow:cancel(), tell(slow.result, slow), slow:is_canceled(), select(2, slow:response():receive())}
        time.sleep("600ms")
        o.late = tell(slow.result, slow)
        """,
        "funcs time",
    )
    assert await outcome(tmp_path, flow, fails, slow, ECHO) == {
        "pending": [False, "nil"],
        "failed": ["userdata", "Conflict", True, "Conflict: taken", "taken", True, False],
        "done": [[1], [1], "nil", False],
        "refused": [
            "Invalid: namespace required in function ID",
            "raised: bad argument #1 to async (string expected, got number)",
        ],
        "cancel": [True, "Canceled: canceled", True, False],
        "late": "Canceled: canceled",
    }


async def test_calls_carry_what_json_holds(tmp_path: Path) -> None:
    flow = seen(
        """
        local function through(v) return (funcs.call("app:echo", v)) end
        o.numbers = {math.type(through(3.0)), math.type(through(3.5)), through(math.maxinteger) == math.maxinteger}
        o.gone = {tostring(through(print)), tostring(through(time.now())), tostring(through(channel.new())),
          tostring(through(0/0)), tostring(through(payload.new(1)))}
        o.bytes = through("\\255\\0") == "\\255\\0"
        o.plain = {through(false), through(""), through({}), through({f = print, n = 1})}
        o.refused = {tell(funcs.call, "app:echo", {1, x = 2}), tell(funcs.call, "app:echo", {1, nil, 3})}
        o.arguments = {tell(funcs.call), tell(funcs.call, 5)}
        """,
        "funcs time payload",
    )
    found = await outcome(tmp_path, flow, ECHO)
    assert found["numbers"] == ["integer", "float", True]
    assert found["gone"] == ["nil"] * 5
    assert found["bytes"] is True
    assert found["plain"] == [False, "", [], {"n": 1}]
    assert all(text.startswith("Internal: error transcoding value") for text in found["refused"])
    assert found["arguments"] == [
        "raised: bad argument #1 to call (string expected, got nil)",
        "raised: bad argument #1 to call (string expected, got number)",
    ]


@pytest.mark.parametrize("target", ["app:other", "app:proc", "app:shelf", "app:absent"])
async def test_what_is_no_function_is_not_found_by_the_attempt(tmp_path: Path, target: str) -> None:
    flow = seen(
        f"""
        local once = funcs.new():with_options({{["activity.retry_policy"] = {{maximum_attempts = 1}}}})
        local _, err = once:call("{target}")
        o = {{err:kind(), err:retryable(), err:message(), err:details()._retry_state}}
        """,
        "funcs",
    )
    others = (
        workflow("other", "return function() end"),
        process("proc", "return function() end"),
        {"name": "shelf", "kind": "library.lua", "source": "return {}"},
    )
    kind, retryable, text, state = await outcome(tmp_path, flow, *others)
    assert (kind, retryable, state) == ("NotFound", True, "MaximumAttemptsReached")
    assert text.startswith(f"unable to find activityType={target}")

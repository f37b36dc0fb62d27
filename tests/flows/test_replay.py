"""Random workflow programs: a replay of any part of a history asks for the same commands as the run did."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from flows.flow_app import FlowApp, function, workflow
from wippy.errors import WippyError
from wippy.workflows import events as ev
from wippy.workflows.replay import cut, replay

ECHO = function("echo", "return function(v) if v % 7 == 0 then return nil, 'seven' end return v end")
CHILD = workflow("child", "local time = require('time') return function(v) time.sleep('1ms') return v end")
PATIENT = workflow("patient", "return function() return process.events():receive().reason end")

LEAVES = [
    'log(funcs.call("app:echo", next_value()))',
    'time.sleep(next_value() .. "ms")',
    "log(uuid.v4()) log(math.random(1000))",
    "log(time.now():unix_nano())",
    "log(workflow.version('v' .. next_value() % 3, 1, 4))",
    "workflow.attrs({search = {n = next_value()}})",
    "local f = funcs.async('app:echo', next_value()) log((f:response():receive()))",
    "local f = funcs.async('app:echo', next_value()) f:cancel() log((f:result()))",
    "local t = time.timer('3ms') log(t:stop()) log((t:response():receive()))",
    "local got = channel.select({inbox:case_receive(), time.after('2ms'):case_receive()}) log(got.channel == inbox)",
    "local t = time.ticker('2ms') log((t:response():receive())) t:stop()",
    "log(process.exec('app:child', 'app:worker', next_value()))",
    "process.spawn('app:child', 'app:worker', next_value())",
    "log(process.send('{app:provider@app:worker|nobody}', 'x', 1))",
    "local pid = process.spawn('app:patient', 'app:worker') log(process.cancel(pid, 'enough'))",
    "channel.select({process.events():case_receive(), time.after('4ms'):case_receive()})",
    "local bag = {} for i = 1, 6 do bag[i % 2 == 0 and {} or 'k' .. i] = i end for k, v in pairs(bag) do log(k, v) end",
]


def _block(statements: list[Any]) -> str:
    lines = []
    for statement in statements:
        if isinstance(statement, str):
            lines.append(f"do {statement} end")
        else:
            kind, body = statement
            inner = _block(body)
            if kind == "loop":
                lines.append(f"for _ = 1, 2 do {inner} end")
            else:
                lines.append(f"started = started + 1 coroutine.spawn(function() {inner} done:send(true) end)")
    return "\n".join(lines)


statements = st.recursive(
    st.lists(st.sampled_from(LEAVES), min_size=1, max_size=4),
    lambda inner: st.lists(
        st.one_of(st.sampled_from(LEAVES), st.tuples(st.sampled_from(["loop", "coroutine"]), inner)),
        min_size=1,
        max_size=4,
    ),
    max_leaves=10,
)


def program(body: list[Any]) -> dict[str, Any]:
    """A workflow that runs the statements, waits for its coroutines, and returns all it has seen."""
    return workflow(
        "flow",
        f"""
        local funcs, time, uuid, workflow = require("funcs"), require("time"), require("uuid"), require("workflow")
        return function()
          local seen, value, started = {{}}, 0, 0
          local done, inbox = channel.new(100), process.inbox()
          local function next_value() value = value + 1 return value end
          local function log(...)
            for i = 1, select("#", ...) do seen[#seen + 1] = tostring((select(i, ...))) end
          end
          {_block(body)}
          local n = 0
          while n < started do done:receive() n = n + 1 end
          return seen
        end
        """,
    )


async def _check(folder: Path, body: list[Any], signals: int, stops: list[int], cached: bool) -> None:
    provider = {} if cached else {"cache_size": 0}
    app = FlowApp(folder, ECHO, CHILD, PATIENT, program(body), provider=provider)
    await app.start()
    try:
        await app.begin("flow", id="one")
        for n in range(signals):
            with contextlib.suppress(WippyError):  # the run may have ended
                await app.signal("one", "s", n)
        for stop in stops:
            await asyncio.sleep(stop / 1000)
            app.engine.stop()  # as abruptly as a crash: whatever runs is left alone
            await app.restart()
        await app.result("one")
        history = await app.history("one")
        machine = app.app.site.workflow_hosts["app:worker"]._provider.__self__.machine
        whole = replay(history, machine)
        for end in range(1, len(history) + 1):
            if isinstance(history[end - 1], ev.WorkflowTaskCompleted) and end < len(history):
                part = history[: _after_commands(history, end)]
                assert replay(part, machine) == whole[: len(cut(part).batches)]
        assert whole[-1][-1].result == history[-1].result
        assert not app.logged("is blocked")
    finally:
        await app.stop()


def _after_commands(history: list[Any], end: int) -> int:
    while end < len(history) and type(history[end]) in ev.COMMAND_EVENTS:
        end += 1
    return end


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    body=statements,
    signals=st.integers(0, 3),
    stops=st.lists(st.integers(0, 8), max_size=2),
    cached=st.booleans(),
)
@example(
    body=[("coroutine", [LEAVES[0], LEAVES[1]]), ("coroutine", [LEAVES[9]]), LEAVES[11]],
    signals=2,
    stops=[3],
    cached=False,
)
def test_a_replay_asks_for_what_the_run_asked_for(
    body: list[Any], signals: int, stops: list[int], cached: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_check(Path(folder), body, signals, stops, cached))

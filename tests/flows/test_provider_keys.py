"""Keys of the embedded provider: how long closed runs are kept, and how large a run may become."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from flows.flow_app import FlowApp, function, process, workflow
from wippy.errors import WippyError
from wippy.units.clock import VirtualClock
from wippy.workflows.provider import Status

FLOW = workflow("flow", "return function() return process.inbox():receive():payload():data() end")


async def test_closed_runs_are_forgotten_open_ones_are_not(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with FlowApp(tmp_path, FLOW, clock=clock, provider={"retention": "720h"}) as app:
        for id in ("open", "old", "young"):
            await app.begin("flow", id=id)
        await app.signal("old", "end")
        await app.result("old", step=0)
        clock.advance(700 * 3600)
        await app.signal("young", "end")
        await app.result("young", step=0)
        clock.advance(21 * 3600)
        await app.restart()

        async def described(id: str) -> Any:
            return await asyncio.wrap_future(app.engine.describe(id))

        async def forgotten() -> bool:
            try:
                await described("old")
            except WippyError as error:
                return "not found" in error.message
            return False

        await app.until(forgotten)
        assert (await described("young")).status is Status.COMPLETED
        assert (await described("open")).status is Status.RUNNING


async def test_a_message_above_the_limit_is_refused(tmp_path: Path) -> None:
    sender = process(
        "sender",
        """
        return function()
          local pid = process.spawn("app:flow", "app:worker")
          local ok, err = process.send(pid, "x", ("x"):rep(2000))
          local none, e2 = process.spawn("app:flow", "app:worker", ("x"):rep(2000))
          process.send(pid, "x", "small")
          return {ok == nil, tostring(err), none == nil, tostring(e2)}
        end
        """,
    )
    async with FlowApp(tmp_path, FLOW, sender, provider={"limits": {"payload": 1000}}) as app:
        text = "Blob data size exceeds limit"
        assert await app.process("sender") == [True, text, True, text]


async def test_a_result_above_the_limit_fails_the_attempt(tmp_path: Path) -> None:
    large = function("large", "return function() return ('x'):rep(2000) end")
    flow = workflow(
        "calls",
        """
        local funcs = require("funcs")
        return function()
          local once = funcs.new():with_options({["activity.retry_policy"] = {maximum_attempts = 1}})
          local _, err = once:call("app:large")
          return {err:retryable() ~= false, err:details()._retry_state}
        end
        """,
    )
    async with FlowApp(tmp_path, large, flow, provider={"limits": {"payload": 1000}}) as app:
        assert await app.run("calls") == [True, "MaximumAttemptsReached"]


@pytest.mark.parametrize("limit", [{"events": 60}, {"history": 4000}])
async def test_a_history_that_grows_too_long_is_terminated(tmp_path: Path, limit: dict[str, int]) -> None:
    flow = workflow(
        "endless",
        "local funcs = require('funcs') return function() while true do funcs.call('app:nothing') end end",
    )
    nothing = function("nothing", "return function() end")
    async with FlowApp(tmp_path, flow, nothing, provider={"limits": limit}) as app:
        with pytest.raises(WippyError, match="terminated"):
            await app.run("endless")


async def test_a_run_takes_so_many_messages(tmp_path: Path) -> None:
    flow = workflow("waits", "return function() process.listen('end'):receive() end")
    async with FlowApp(tmp_path, flow, provider={"limits": {"signals": 3}}) as app:
        await app.begin("waits", id="one")
        for n in range(3):
            await app.signal("one", "n", n)
        with pytest.raises(WippyError):
            await app.signal("one", "n", 4)


async def test_a_run_has_so_many_calls_open(tmp_path: Path) -> None:
    flow = workflow(
        "wide",
        """
        local funcs = require("funcs")
        return function(n)
          local futures = {}
          for i = 1, n do futures[i] = funcs.async("app:echo", i) end
          for i = 1, n do futures[i]:response():receive() end
          return n
        end
        """,
    )
    echo = function("echo", "return function(n) return n end")
    async with FlowApp(tmp_path, flow, echo, provider={"limits": {"pending": 5}}) as app:
        assert await app.run("wide", 5) == 5
        await app.begin("wide", 6, id="one")
        await app.until(lambda: app.logged("is blocked"))
        assert (await app.wait(app.engine.describe("one"))).status is Status.RUNNING


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({"retention": "-1h"}, "retention cannot be negative"),
        ({"limits": {"payload": 0}}, "limits.payload must be greater than 0"),
        ({"synchronous": "sometimes"}, "synchronous must be one of full, normal"),
        ({"path": ""}, "path is required"),
    ],
)
async def test_a_bad_key_is_told(tmp_path: Path, keys: dict[str, Any], text: str) -> None:
    app = FlowApp(tmp_path, provider=keys)
    with pytest.raises(WippyError, match=text):
        await app.start()
    await app.stop()

"""Several events in one task: the order in which code sees them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flows import flow_app
from flows.flow_app import FlowApp, function, process, workflow
from flows.held import GATED, SPIN, Held, held, spinning, tell
from flows.test_types import second
from wippy.errors import WippyError
from wippy.units.clock import VirtualClock
from wippy.workflows import events as ev
from wippy.workflows.replay import cut

KID = workflow("kid", "return function() process.inbox():receive() return 'over' end")
FLOW = workflow(
    "flow",
    """
    local funcs, time = require("funcs"), require("time")
    return function(lasts)
      local seen, done, branches = {}, channel.new(20), 0
      local function branch(body)
        branches = branches + 1
        coroutine.spawn(function()
          body(function(what) seen[#seen + 1] = what end)
          done:send(true)
        end)
      end
      local elsewhere = funcs.new():with_options({["activity.task_queue"] = "second"})
      process.with_options({["workflow.id"] = "exit"}):spawn("app:kid", "app:second")
      branch(function(note)
        local events = process.events()
        for _ = 1, 2 do note(events:receive().kind == process.event.EXIT and "exit" or "cancel") end
      end)
      branch(function(note)
        for _ = 1, 3 do note(process.inbox():receive():topic()) end
      end)
      branch(function(note) note((elsewhere:async("app:gated", "async"):response():receive()):data()) end)
      branch(function(note)
        local ticker = time.ticker(lasts.tick)
        ticker:response():receive()
        note("tick")
        ticker:stop()
      end)
      branch(function(note) time.after(lasts.after):receive() note("after") end)
      branch(function(note) time.sleep(lasts.sleep) note("sleep") end)
      branch(function(note) note((elsewhere:call("app:gated", "call"))) end)
      branch(function(note)
        process.with_options({["workflow.id"] = "exec"}):exec("app:kid", "app:second")
        note("exec")
      end)
      for _ = 1, branches do done:receive() end
      return seen
    end
    """,
)
BLOCKING, SIGNALS, EXITS = ("sleep", "call", "exec"), ("s1", "s2", "s3"), ("exit",)
SCRIPTS = [
    (
        {"after": 3000, "tick": 3700, "sleep": 4400},
        ["exit", "cancel", "after", "tick", "async", "s1", "s2", "exec", "call", "sleep", "s3"],
        ["exec", "call", "sleep", "s1", "s2", "s3", "cancel", "exit", "after", "tick", "async"],
    ),
    (
        {"sleep": 3000, "tick": 3700, "after": 4400},
        ["call", "s1", "sleep", "tick", "exit", "async", "exec", "s2", "after", "cancel", "s3"],
        ["call", "sleep", "exec", "s1", "s2", "s3", "tick", "async", "after", "cancel", "exit"],
    ),
]


def labels(history: list[Any], lasts: dict[str, int]) -> list[list[str]]:
    """What came with each completed task, then what has come since."""
    names: dict[int, str] = {}
    for event in history:
        match event:
            case ev.TimerStarted():
                names[event.id] = next(what for what, ms in lasts.items() if ms * 1_000_000 == event.duration_ns)
            case ev.ActivityTaskScheduled():
                names[event.id] = event.args[0].data.decode().strip('"')
            case ev.StartChildWorkflowExecutionInitiated():
                names[event.id] = event.workflow_id

    def label(event: Any) -> str:
        match event:
            case ev.WorkflowExecutionStarted() | ev.ChildWorkflowExecutionStarted():
                return ""
            case ev.WorkflowExecutionSignaled():
                return event.name
            case ev.WorkflowExecutionCancelRequested():
                return "cancel"
        return names[event.id]

    parts = cut(history)
    return [
        [what for event in came if (what := label(event))] for came in (*(b.new for b in parts.batches), parts.rest)
    ]


async def begun(app: FlowApp, lasts: dict[str, int]) -> None:
    """Starts the program and waits until it waits everywhere."""
    await app.begin("flow", {what: f"{ms}ms" for what, ms in lasts.items()}, id="one")

    async def waits() -> bool:
        kinds = [type(event) for event in await app.history("one")]
        return kinds.count(ev.ChildWorkflowExecutionStarted) == 2 and kinds[-1] is ev.WorkflowTaskCompleted

    await app.until(waits)


async def happen(to: Held, what: str, lasts: dict[str, int]) -> None:
    """Makes one thing happen to the program."""
    if what in lasts:
        await to.until(lasts[what] / 1000)
    elif what in ("call", "async"):
        await to.release(what)
    elif what in ("exec", "exit"):
        await to.signal(what, "go")
    elif what == "cancel":
        await to.cancel("one")
    else:
        await to.signal("one", what)


@pytest.mark.parametrize("cached", [True, False])
@pytest.mark.parametrize(("lasts", "script", "seen"), SCRIPTS)
async def test_what_came_while_no_worker_ran(
    tmp_path: Path, kept: str, lasts: dict[str, int], script: list[str], seen: list[str], cached: bool
) -> None:
    provider = {} if cached else {"cache_size": 0}
    clock = VirtualClock() if kept == "embedded" else None
    async with FlowApp(tmp_path, KID, FLOW, GATED, second(), clock=clock, provider=provider) as app:
        await begun(app, lasts)
        async with held(app) as to:
            for what in script:
                await happen(to, what, lasts)

                async def arrived(what: str = what) -> bool:
                    return what in labels(await to.history("one"), lasts)[-1]

                await app.until(arrived)
        assert await app.result("one") == seen
        assert script in labels(await app.history("one"), lasts)
        assert not app.logged("is blocked")


LIVE = workflow(
    "live",
    """
    local funcs = require("funcs")
    return function()
      local seen, done = {}, channel.new(10)
      local function branch(body)
        coroutine.spawn(function()
          body(function(what) seen[#seen + 1] = what end)
          done:send(true)
        end)
      end
      process.with_options({["workflow.id"] = "exit"}):spawn("app:kid", "app:worker")
      branch(function(note) note((process.events():receive()).kind) end)
      branch(function(note) note((funcs.async("app:gated", "async"):response():receive()):data()) end)
      branch(function(note) for _ = 1, 2 do note(process.inbox():receive():topic()) end end)
      branch(function(note) note((funcs.call("app:gated", "call"))) end)
      branch(function()
        process.listen("hold"):receive()
        SPIN
      end)
      for _ = 1, 5 do done:receive() end
      return seen
    end
    """.replace("SPIN", SPIN),
)


@pytest.mark.parametrize("cached", [True, False])
async def test_what_came_while_a_task_ran(tmp_path: Path, cached: bool) -> None:
    async with FlowApp(tmp_path, KID, LIVE, GATED, provider={} if cached else {"cache_size": 0}) as app:
        await app.begin("live", id="one")

        async def called() -> bool:
            return await app.count("one", ev.ActivityTaskScheduled) == 2

        await app.until(called)
        to = Held(app)
        await to.signal("one", "hold")
        async with spinning(app):
            await to.cancel("one")
            await to.release("async")
            await to.signal("one", "s1")
            await to.release("call")
            await to.signal("one", "s2")

            async def over() -> bool:
                return not (await app.wait(app.engine.describe("one"))).activities

            await app.until(over)
        seen = await app.result("one")
        history = await app.history("one")
    (task,) = [task for task in labels(history, {}) if "s1" in task]
    assert sorted(task) == ["async", "call", "cancel", "s1", "s2"]
    rest = ["pid.cancel" if what == "cancel" else what for what in task if what in ("cancel", "async")]
    assert seen == ["call", "s1", "s2", *rest]


@pytest.mark.parametrize("cached", [True, False])
@pytest.mark.parametrize("close", ["return", "fail", "upgrade"])
async def test_a_close_is_refused_while_a_message_waits(tmp_path: Path, close: str, cached: bool) -> None:
    closer = workflow(
        "closer",
        """
        local funcs, workflow = require("funcs"), require("workflow")
        return function(close, seen)
          if seen then return seen end
          process.listen("hold"):receive()
          funcs.async("app:echo", 1)
          process.send(process.registry.lookup("listener"), "noted")
          local task = workflow.history_length()
          SPIN
          local seen, inbox = {}, process.inbox()
          while true do
            local got = channel.select({inbox:case_receive(), default = true})
            if got.default then break end
            seen[#seen + 1] = got.value:topic()
          end
          if close == "fail" then return nil, table.concat(seen, " ") end
          if close == "upgrade" then process.upgrade(nil, close, table.concat(seen, " ")) end
          return table.concat(seen, " ")
        end
        """.replace("SPIN", SPIN),
    )
    listener = process(
        "listener",
        """
        return function()
          process.registry.register("listener")
          local count, inbox = 0, process.inbox()
          while inbox:receive():topic() == "noted" do count = count + 1 end
          return count
        end
        """,
    )
    echo = function("echo", "return function(v) return v end")
    async with FlowApp(tmp_path, closer, listener, echo, provider={} if cached else {"cache_size": 0}) as app:
        heard = app.spawn("listener", host="app:processes", exec=True)
        names = app.app.runtime.router.names
        await app.until(lambda: names.holder(b"listener"))
        await app.begin("closer", close, id="one")
        run_id = (await app.wait(app.engine.describe("one"))).run_id
        to = Held(app)
        await to.signal("one", "hold")
        async with spinning(app):
            await to.signal("one", "s1")
            await to.signal("one", "s2")
        if close == "fail":
            with pytest.raises(WippyError, match="s1 s2"):
                await app.result("one")
        else:
            assert await app.result("one") == "s1 s2"
        history = await app.wait(app.engine.history("one", run_id))
        await tell(app, "listener", "end")
        noted = await app.wait(heard)
    kinds = [type(event) for event in history]
    failed = kinds.index(ev.WorkflowTaskFailed)
    assert history[failed].cause.replace("_", "").upper() == "UNHANDLEDCOMMAND"
    assert kinds[failed + 1 : failed + 6] == [
        ev.WorkflowExecutionSignaled,
        ev.WorkflowExecutionSignaled,
        ev.WorkflowTaskScheduled,
        ev.WorkflowTaskStarted,
        ev.WorkflowTaskCompleted,
    ]
    assert kinds.count(ev.ActivityTaskScheduled) == 1
    assert kinds[-2] is ev.ActivityTaskScheduled
    assert noted >= 1
    if flow_app.TEMPORAL is None:
        assert noted == 1

"""Code that does not fit a history is named with its line, wherever the difference is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flows.flow_app import FlowApp, function
from flows.test_desk import ask
from wippy.workflows import events as ev

ECHO = function("echo", "return function(v) return v end")
CODE = """\
local funcs, time = require("funcs"), require("time")

local function work(n)
  return funcs.call("app:echo", n)
end

return function()
  local one = work(1)
  local two = work(2)
  process.inbox():receive()
  return one + two
end
"""
CHANGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "another command": (
        CODE.replace("local two = work(2)", 'local two = 0 time.sleep("1ms")'),
        (
            "StartTimer (id=2)",
            "ActivityTaskScheduled (id=2, type='app:echo')",
            "asked for by src/flow.lua:9 (app:flow)",
        ),
    ),
    "one more": (
        CODE.replace("process.inbox()", "time.timer('1h')\n  process.inbox()"),
        ("StartTimer (id=3)", "no more commands", "asked for by src/flow.lua:10 (app:flow)"),
    ),
    "one less": (
        CODE.replace("work(2)", "2"),
        (
            "nothing more",
            "ActivityTaskScheduled (id=2, type='app:echo')",
            "the code stands at src/flow.lua:10 (app:flow)",
        ),
    ),
    "in a function that is called": (
        CODE.replace('return funcs.call("app:echo", n)', 'time.sleep("1ms")\n  return n'),
        ("StartTimer (id=1)", "ActivityTaskScheduled (id=1", "asked for by src/flow.lua:4 (app:flow)"),
    ),
}
FLOW = {"name": "flow", "kind": "workflow.lua", "source": "file://flow.lua", "modules": ["funcs", "time"]}


@pytest.mark.parametrize("cached", [True, False])
@pytest.mark.parametrize("change", CHANGES)
async def test_the_line_is_named(tmp_path: Path, change: str, cached: bool) -> None:
    code, wanted = CHANGES[change]
    app = FlowApp(tmp_path, ECHO, FLOW, provider={} if cached else {"cache_size": 0})
    file = tmp_path / "src" / "flow.lua"
    file.write_text(CODE)
    await app.start()

    async def waits() -> bool:
        events = await app.history("one")
        return await app.count("one", ev.ActivityTaskCompleted) == 2 and isinstance(
            events[-1], ev.WorkflowTaskCompleted
        )

    try:
        await app.begin("flow", id="one")
        await app.until(waits)
        exported = json.loads(json.dumps(await ask(app, "export", id="one")))
        await app.stop()
        file.write_text(code)
        await app.start()
        await app.signal("one", "go")
        await app.until(lambda: app.logged("workflow one (app:flow"))
        told = [
            app.logged("workflow one (app:flow")[0],
            (await ask(app, "show", id="one"))["blocked"],
            (await ask(app, "list"))[0]["blocked"],
            (await ask(app, "replay", history=exported))["reason"],
        ]
        await app.restart()
        told.append((await ask(app, "show", id="one"))["blocked"])
        for text in told:
            for part in wanted:
                assert part in text
        await app.stop()
        file.write_text(CODE)
        await app.start()
        assert await app.result("one") == 3
    finally:
        await app.stop()

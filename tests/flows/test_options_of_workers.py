"""`worker_options`, and what a bad worker is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flows.flow_app import FlowApp, function, workflow
from flows.test_types import second
from wippy.errors import WippyError
from wippy.registry.entry import ID
from wippy.registry.project import load_project

NO_CACHE = {"cache_size": 0}


def worker(**options: Any) -> dict[str, Any]:
    return {**second(), "worker_options": options}


WIDE = workflow(
    "wide",
    """
    local funcs = require("funcs")
    return function(n)
      local futures, seen = {}, {}
      for i = 1, n do futures[i] = funcs.async("app:spell") end
      for i = 1, n do seen[i] = futures[i]:response():receive():data() end
      return seen
    end
    """,
)
SPELL = function(
    "spell",
    """
    local time = require("time")
    return function()
      local began = time.now():unix_nano()
      time.sleep("20ms")
      return {began, time.now():unix_nano()}
    end
    """,
    "time",
)


def at_once(spells: list[list[int]]) -> int:
    return max(sum(began <= one[0] < ended for began, ended in spells) for one in spells)


async def test_activities_at_a_time(tmp_path: Path) -> None:
    async with FlowApp(tmp_path, WIDE, SPELL, worker(max_concurrent_activity_execution_size=1)) as app:
        assert at_once(await app.run("wide", 5, host="app:second")) == 1
        assert at_once(await app.run("wide", 5)) > 1


async def test_sizes_that_are_not_positive_are_the_default(tmp_path: Path) -> None:
    async with FlowApp(tmp_path, WIDE, SPELL, worker(max_concurrent_activity_execution_size=-3)) as app:
        assert at_once(await app.run("wide", 5, host="app:second")) > 1


async def test_activities_in_a_second(tmp_path: Path) -> None:
    async with FlowApp(tmp_path, WIDE, SPELL, worker(worker_activities_per_second=4.0)) as app:
        spells = await app.run("wide", 8, host="app:second")
    begins = sorted(began for began, _ in spells)
    assert begins[-1] - begins[0] >= 700_000_000  # the first second's may come at once


@pytest.mark.parametrize("on", [True, False])
async def test_lines_of_a_replay(tmp_path: Path, on: bool, capsys: pytest.CaptureFixture[str]) -> None:
    flow = workflow(
        "flow",
        """
        return function()
          print("a line of the flow")
          process.inbox():receive()
        end
        """,
    )
    app = FlowApp(tmp_path, flow, worker(enable_logging_in_replay=on), provider=NO_CACHE)
    await app.start()
    try:
        pid = await app.wait(app.spawn("flow", host="app:second", options={"workflow.id": "one"}))
        assert pid

        async def printed() -> bool:
            return any("a line of the flow" in line for line in app.lines)

        await app.until(printed)
        await app.restart()
        await app.signal("one", "go")
        await app.result("one")
    finally:
        await app.stop()
    count = sum("a line of the flow" in line for line in app.lines) + capsys.readouterr().out.count(
        "a line of the flow"
    )
    assert count == (2 if on else 1)


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({"task_queue": ""}, "task queue is required"),
        ({"task_queue": "main"}, "task queue main is served by app:"),
        ({"worker_options": {"worker_activities_per_second": -1}}, "worker activities per second cannot be negative"),
        (
            {"worker_options": {"task_queue_activities_per_second": -0.5}},
            "task queue activities per second cannot be negative",
        ),
    ],
)
async def test_a_bad_worker_is_told(tmp_path: Path, keys: dict[str, Any], text: str) -> None:
    app = FlowApp(tmp_path, {**second(), **keys})
    with pytest.raises(WippyError, match=text):
        await app.start()
    await app.stop()


async def test_a_worker_names_its_provider(tmp_path: Path) -> None:
    entry = second()
    entry.pop("provider", None)
    entry.pop("client", None)
    app = FlowApp(tmp_path, entry)
    with pytest.raises(WippyError, match="reference is required"):
        await app.start()
    await app.stop()


async def test_changed_options_hold_from_the_next_start_on(tmp_path: Path) -> None:
    app = FlowApp(tmp_path, WIDE, SPELL, worker(max_concurrent_activity_execution_size=1))
    worker_id = ID.parse("app:second")
    async with app:
        changed = {**worker(), "task_queue": "else", "lifecycle": {"auto_start": True, "stop_timeout": "7s"}}
        app.write(WIDE, SPELL, changed)
        await app.app.reload(load_project(str(tmp_path)))
        await app.app.supervisor.settled()
        assert at_once(await app.run("wide", 3, host="app:second")) == 1
        await app.app.supervisor.stop(worker_id)
        await app.app.supervisor.start(worker_id)
        assert at_once(await app.run("wide", 5, host="app:second")) > 1


async def test_the_time_of_a_worker_to_stop_is_added_to_that_of_its_service(tmp_path: Path) -> None:
    slow = {**worker(worker_stop_timeout="15s"), "lifecycle": {"auto_start": True, "stop_timeout": "3s"}}
    async with FlowApp(tmp_path, WIDE, SPELL, slow) as app:
        (found,) = [one for id, one in app.app.supervisor._services.items() if str(id) == "app:second"]
        assert found.lifecycle.stop_timeout == 18_000_000_000

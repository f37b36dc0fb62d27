"""Search attributes and memo: what they may hold, and what becomes of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from flows.flow_app import FlowApp, process, workflow
from wippy.workflows import events as ev

ATTRS = workflow(
    "attrs",
    """
    local workflow, time = require("workflow"), require("time")
    return function()
      local ok, err = workflow.attrs(GIVEN)
      return {ok = ok, kind = err and err:kind(), text = err and err:message(), retryable = err and err:retryable()}
    end
    """,
)


def attrs(given: str) -> dict[str, Any]:
    return {**ATTRS, "source": ATTRS["source"].replace("GIVEN", given)}


@pytest.mark.parametrize(
    ("given", "kind", "text"),
    [
        ("{}", "Invalid", "at least one of search or memo required"),
        ("{search = 1}", "Invalid", "search must be a table"),
        ("{memo = 'x'}", "Invalid", "memo must be a table"),
        ("{search = {counted = print}}", "Internal", 'search attribute "counted": unsupported value type'),
        ("{search = {counted = channel.new()}}", "Internal", 'search attribute "counted": unsupported value type'),
        ("{search = {counted = {a = 1}}}", "Internal", 'search attribute "counted": unsupported value type'),
        ("{search = {counted = '\\255'}}", "Internal", 'search attribute "counted": unsupported value type'),
        ("{search = {counted = {'a', 5}}}", "Internal", 'search attribute "counted": item 2 must be a string'),
        ("{search = {counted = 0/0}}", "Internal", 'search attribute "counted": unsupported value'),
        ("{memo = {mixed = {1, x = 2}}}", "Internal", "error transcoding value"),
    ],
)
async def test_attributes_that_cannot_be_kept(tmp_path: Path, given: str, kind: str, text: str) -> None:
    async with FlowApp(tmp_path, attrs(given)) as app:
        await app.begin("attrs", id="one")
        found = await app.result("one")
        assert await app.count("one", ev.UpsertWorkflowSearchAttributes) == 0
        assert await app.count("one", ev.WorkflowPropertiesModified) == 0
    assert (found.get("ok"), found["kind"], found["retryable"]) == (None, kind, False)
    assert found["text"].startswith(text)


@pytest.mark.parametrize("given", ["5", "nil", "channel.new()"])
async def test_attributes_are_a_table(tmp_path: Path, given: str) -> None:
    flow = workflow(
        "flow",
        f"""
        local workflow = require("workflow")
        return function()
          local ok, err = pcall(workflow.attrs, {given})
          return {{ok, tostring(err)}}
        end
        """,
    )
    async with FlowApp(tmp_path, flow) as app:
        ok, text = await app.run("flow")
    assert ok is False
    assert "bad argument #1 to attrs (table expected, got" in text


async def test_what_a_memo_keeps(tmp_path: Path) -> None:
    given = (
        "{search = {}, memo = {n = 5, f = print, at = time.now(), list = {1, 'x'}, [1] = 'no', deep = {a = {true}}}}"
    )
    async with FlowApp(tmp_path, attrs(given)) as app:
        await app.begin("attrs", id="one")
        assert (await app.result("one"))["ok"] is True
        memo = (await app.wait(app.engine.describe("one"))).memo
    assert {name: value for name, value in memo.items() if value is not None} == {
        "n": 5,
        "list": [1, "x"],
        "deep": {"a": [True]},
    }


async def test_integral_numbers_are_integers(tmp_path: Path) -> None:
    async with FlowApp(tmp_path, attrs("{search = {counted = 5.0}}")) as app:
        await app.begin("attrs", id="one")
        await app.result("one")
        found = (await app.wait(app.engine.describe("one"))).search_attributes["counted"]
    assert found == 5
    assert isinstance(found, int)


async def test_times_are_times(tmp_path: Path) -> None:
    starter = process(
        "starter",
        """
        local time = require("time")
        return function()
          return process.with_options({["workflow.id"] = "one",
            ["workflow.search_attributes"] = {moment = time.unix(1600000000, 0)}}):spawn("app:waits", "app:worker")
        end
        """,
    )
    waits = attrs("{search = {moment = time.unix(1700000000, 500000000)}}")
    waits["name"] = "waits"
    waits["source"] = waits["source"].replace("return function()", "return function()\nprocess.inbox():receive()")
    async with FlowApp(tmp_path, starter, waits) as app:
        await app.process("starter")
        assert await moment(app) == datetime.fromtimestamp(1600000000, UTC)
        await app.signal("one", "go")
        await app.result("one")
        assert await moment(app) == datetime.fromtimestamp(1700000000.5, UTC)

        async def found() -> bool:
            earlier = await app.wait(app.engine.find("moment < '2023-11-14T00:00:00Z'", 5))
            later = await app.wait(app.engine.find("moment > '2023-11-14T00:00:00Z'", 5))
            return (earlier, [one.workflow_id for one in later]) == ([], ["one"])

        await app.until(found)


async def moment(app: FlowApp) -> datetime:
    found = (await app.wait(app.engine.describe("one"))).search_attributes["moment"]
    return datetime.fromisoformat(found) if isinstance(found, str) else found

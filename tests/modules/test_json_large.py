"""Large JSON documents do not hold their worker, wherever they are read and written."""

from __future__ import annotations

from pathlib import Path

import pytest

from application import Application, application, host, process
from flows.flow_app import FlowApp, workflow

DOCUMENTS = {
    "records": """
      for i = 1, 20000 do
        parts[i] = '{"id": ' .. i .. ', "name": "user", "score": ' .. i .. '.5, "tags": ["a"], "at": {"city": "Paris"}}'
      end
      return "[" .. table.concat(parts, ", ") .. "]"
    """,
    "one long text": "return '[\"' .. string.rep('x', 4000000) .. '\"]'",
    "one long text with escapes": "return '[\"' .. string.rep('line\\\\\\\\n', 200000) .. '\"]'",
    "numbers": "for i = 1, 200000 do parts[i] = i end return '[' .. table.concat(parts, ',') .. ']'",
    "many names": """
      for i = 1, 50000 do parts[i] = '"' .. i .. 'k":' .. i end
      return "{" .. table.concat(parts, ",") .. "}"
    """,
    "deep": """
      for i = 1, 3000 do parts[i] = string.rep("[", 100) .. string.rep("]", 100) end
      return "[" .. table.concat(parts, ",") .. "]"
    """,
}

WATCHER = """
return function(sender)
  local inbox = process.inbox()
  while true do
    local message = inbox:receive()
    process.send(message:from(), "ran", message:topic())
  end
end
"""

# Tells whether another process ran between the beginning and the end of `work`.
WORKER = """
local json = require("json")
local function document() local parts = {} %s end
return function(watcher)
  local ran = process.listen("ran")
  local text = document()
  local function others_ran(what, work, ...)
    process.send(watcher, what)
    local value, err = work(...)
    if err then error(err) end
    local result = channel.select({ran:case_receive(), default = true})
    return result.ok and not result.default, value
  end
  local decoding, value = others_ran("decode", json.decode, text)
  local encoding, again = others_ran("encode", json.encode, value)
  local _, twice = others_ran("again", json.decode, again)
  return {decoding, encoding, json.encode(twice) == again}
end
"""


@pytest.fixture(scope="module")
def app() -> object:
    with application(host("processes", 1), process("watcher", WATCHER)) as running:
        yield running


@pytest.mark.parametrize("name", DOCUMENTS)
def test_others_run_while_a_large_document_is_read_and_written(app: Application, name: str) -> None:
    watcher = app.spawn("app:watcher")
    unit = name.replace(" ", "_")
    app.define(process(unit, WORKER % DOCUMENTS[name], ["json"]))
    assert app.execute(f"app:{unit}", watcher) == [True, True, True]


def test_a_process_is_terminated_while_it_reads_or_writes(app: Application) -> None:
    source = """
    local json = require("json")
    return function(watcher, what)
      local parts = {}
      for i = 1, 30000 do parts[i] = '{"id": ' .. i .. ', "name": "user"}' end
      local text = "[" .. table.concat(parts, ", ") .. "]"
      local value = json.decode(text)
      process.send(watcher, "begin")
      while true do
        local ok, why = pcall(what == "decode" and json.decode or json.encode, what == "decode" and text or value)
        if not ok or not why then error("ended by " .. tostring(why)) end
      end
    end
    """
    app.define(process("busy", source, ["json"]))
    for what in ("decode", "encode"):
        reason = app.lua(
            """
            local what = ...
            local events, watcher = process.events(), process.pid()
            local began = process.listen("begin")
            local pid = process.spawn_monitored("app:busy", "app:processes", watcher, what)
            began:receive()
            process.terminate(pid)
            local event = events:receive()
            return event.kind == process.event.EXIT and event.from == pid
            """,
            what,
        )
        assert reason is True


def test_it_works_where_code_cannot_wait(app: Application) -> None:
    source = """
    local json = require("json")
    local parts = {}
    for i = 1, 5000 do parts[i] = '{"id": ' .. i .. ', "name": "user"}' end
    local text = "[" .. table.concat(parts, ", ") .. "]"
    local at_the_top = #json.encode(json.decode(text))
    return function()
      local found = {}
      table.sort({2, 1}, function(a, b) found[1] = #json.encode(json.decode(text)) return a < b end)
      string.gsub("x", "x", function() found[2] = #json.encode(json.decode(text)) end)
      return {at_the_top, found[1], found[2]}
    end
    """
    app.define(process("everywhere", source, ["json"]))
    sizes = app.execute("app:everywhere")
    assert len(set(sizes)) == 1
    assert sizes[0] > 100_000


async def test_a_workflow_reads_and_writes_the_same_on_replay(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local json, time = require("json"), require("time")
        return function()
          local order, parts = {}, {}
          coroutine.spawn(function() order[#order + 1] = "other" end)
          for i = 1, 5000 do parts[i] = '{"id": ' .. i .. ', "name": "user", "at": {"city": "Paris"}}' end
          local value = json.decode("[" .. table.concat(parts, ", ") .. "]")
          order[#order + 1] = "read"
          time.sleep("1ms")
          local text = json.encode(value)
          order[#order + 1] = "written"
          time.sleep("1ms")
          return {table.concat(order, " "), #text, json.encode(json.decode(text)) == text}
        end
        """,
        "json time",
    )
    async with FlowApp(tmp_path, flow, provider={"cache_size": 0}) as app:
        await app.begin("flow", id="one")
        order, size, same = await app.result("one")
        assert (order.split()[-1], same) == ("written", True)
        assert size > 100_000

"""An application with a workflow of every sort, and the process that runs it until it is killed or all runs are over.

Each effect leaves a row in a ledger: `attempt` keeps every call with the number of the boot that made it, `effect` what
was the first for its key.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import sys
import textwrap
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import yaml

from wippy.app import App
from wippy.kernel import codec
from wippy.observe.log import Log
from wippy.registry.config import Config
from wippy.registry.project import load_project
from wippy.workflows.machine import decode_value
from wippy.workflows.provider import Result

LEDGER = """
CREATE TABLE IF NOT EXISTS boot (n INTEGER PRIMARY KEY);
CREATE TABLE IF NOT EXISTS effect (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS attempt (key TEXT NOT NULL, value TEXT NOT NULL, boot INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS attempt_key ON attempt (key);
CREATE TRIGGER IF NOT EXISTS once AFTER INSERT ON attempt
  BEGIN INSERT OR IGNORE INTO effect VALUES (new.key, new.value); END;
INSERT INTO boot VALUES (NULL);
"""

RUNNING = {"auto_start": True}
PROVIDER, WORKER = "app:provider", "app:worker"


def unit(kind: str, name: str, modules: str, source: str) -> dict[str, Any]:
    text = textwrap.dedent(source)
    return {"name": name, "kind": kind, "method": "main", "modules": modules.split(), "source": text}


EFFECT = unit(
    "function.lua",
    "effect",
    "sql",
    """
    local sql = require("sql")
    -- The value that was the first for the key. Raises until the key has been asked for often enough.
    return function(key, value, times)
      local db, err = sql.get("app:ledger")
      if err then error(err) end
      local _, err = db:execute("INSERT INTO attempt SELECT ?, ?, max(n) FROM boot", {key, value})
      if err then error(err) end
      local rows, err = db:query(
        "SELECT value, (SELECT count(*) FROM attempt WHERE key = ?) AS times FROM effect WHERE key = ?", {key, key})
      db:release()
      if err then error(err) end
      if rows[1].times < (times or 1) then error("not yet") end
      return rows[1].value
    end
    """,
)
STEPS = unit(
    "workflow.lua",
    "steps",
    "funcs time uuid workflow",
    """
    local funcs, time, uuid, workflow = require("funcs"), require("time"), require("uuid"), require("workflow")
    return function(count)
      local id, out = workflow.info().workflow_id, {}
      for i = 1, count do
        local token = uuid.v4() .. "@" .. time.now():unix_nano()
        local kept, err = funcs.call("app:effect", id .. "/" .. i, token)
        if err then return nil, err end
        if kept ~= token then return nil, "the token of step " .. i .. " was " .. kept .. " and is " .. token end
        out[i] = kept
        if i % 3 == 0 then time.sleep("2ms") end
      end
      return out
    end
    """,
)
LISTENER = unit(
    "workflow.lua",
    "listener",
    "funcs workflow",
    """
    local funcs, workflow = require("funcs"), require("workflow")
    return function(count)
      local id, inbox, out, last = workflow.info().workflow_id, process.inbox(), {}, 0
      while last < count do
        local number = inbox:receive():payload():data()
        out[#out + 1] = number
        if number > last + 1 then return nil, "number " .. number .. " came after " .. last end
        if number > last then
          last = number
          local _, err = funcs.call("app:effect", id .. "/" .. number, tostring(number))
          if err then return nil, err end
        end
      end
      return out
    end
    """,
)
FAMILY = unit(
    "workflow.lua",
    "family",
    "workflow",
    """
    local workflow = require("workflow")
    return function(count)
      local id, events, told = workflow.info().workflow_id, process.events(), process.listen("child")
      local sum, heard = 0, 0
      for i = 1, count do
        local value, err = process.exec("app:child", "app:worker", id .. "/called" .. i, i, process.pid())
        if err then return nil, err end
        sum = sum + value
      end
      for i = 1, count do
        local pid, err = process.spawn("app:child", "app:worker", id .. "/spawned" .. i, i, process.pid())
        if err then return nil, err end
      end
      local waiter, err = process.spawn("app:waiter", "app:worker", id .. "/waiter")
      if err then return nil, err end
      local ok, err = process.cancel(waiter, "enough")
      if err then return nil, err end
      local reason
      for _ = 1, count + 1 do
        local event = events:receive()
        if event.result.error then return nil, event.result.error end
        if event.from == waiter then reason = event.result.value else sum = sum + event.result.value end
      end
      for _ = 1, 2 * count do heard = heard + told:receive() end
      return {sum, heard, reason}
    end
    """,
)
CHILD = unit(
    "workflow.lua",
    "child",
    "funcs time uuid",
    """
    local funcs, time, uuid = require("funcs"), require("time"), require("uuid")
    return function(key, value, parent)
      local token = uuid.v4()
      local kept, err = funcs.call("app:effect", key, token)
      if err then return nil, err end
      if kept ~= token then return nil, "the token of " .. key .. " has changed" end
      time.sleep(value .. "ms")
      local ok, err = process.send(parent, "child", value)
      if err then return nil, err end
      return 2 * value
    end
    """,
)
WAITER = unit(
    "workflow.lua",
    "waiter",
    "funcs",
    """
    local funcs = require("funcs")
    return function(key)
      local event = process.events():receive()
      local kept, err = funcs.call("app:effect", key, event.reason)
      if err then return nil, err end
      return kept
    end
    """,
)
STUBBORN = unit(
    "workflow.lua",
    "stubborn",
    "funcs workflow",
    """
    local funcs, workflow = require("funcs"), require("workflow")
    return function(count)
      local id, out = workflow.info().workflow_id, {}
      local caller = funcs.new():with_options({["activity.retry_policy"] = {initial_interval = "2ms"}})
      for i = 1, count do
        local kept, err = caller:call("app:effect", id .. "/retry" .. i, "v" .. i, 3)
        if err then return nil, err end
        out[i] = kept
      end
      return out
    end
    """,
)
CHAIN = unit(
    "workflow.lua",
    "chain",
    "funcs workflow",
    """
    local funcs, workflow = require("funcs"), require("workflow")
    return function(left, sum)
      local id = workflow.info().workflow_id
      local _, err = funcs.call("app:effect", id .. "/" .. left, tostring(sum))
      if err then return nil, err end
      if left == 0 then return sum end
      process.upgrade("app:chain", left - 1, sum + left)
    end
    """,
)
SLEEPER = unit(
    "workflow.lua",
    "sleeper",
    "funcs time workflow",
    """
    local funcs, time, workflow = require("funcs"), require("time"), require("workflow")
    return function(count)
      local id, out = workflow.info().workflow_id, {}
      for i = 1, count do
        local before = time.now():unix_nano()
        if i % 2 == 0 then
          time.sleep(i .. "ms")
        else
          local fired = time.after(i .. "ms")
          channel.select({fired:case_receive(), process.inbox():case_receive()})
        end
        local after = time.now():unix_nano()
        if after - before < i * 1000000 then return nil, "woken " .. (after - before) .. " ns after " .. i .. " ms" end
        out[i] = after
      end
      local ticker, ticks = time.ticker("2ms"), 0
      while ticks < 3 do
        ticker:response():receive()
        ticks = ticks + 1
      end
      ticker:stop()
      local at = tostring(time.now():unix_nano())
      local kept, err = funcs.call("app:effect", id .. "/end", at)
      if err then return nil, err end
      if kept ~= at then return nil, "the time has changed" end
      return out
    end
    """,
)
UNLUCKY = unit(
    "workflow.lua",
    "unlucky",
    "funcs workflow",
    """
    local funcs, workflow = require("funcs"), require("workflow")
    return function(attempts)
      local info = workflow.info()
      local _, err = funcs.call("app:effect", info.workflow_id .. "/" .. info.attempt, "x")
      if err then return nil, err end
      if info.attempt < attempts then error("attempt " .. info.attempt) end
      return info.attempt
    end
    """,
)
SERVICES: list[dict[str, Any]] = [
    {"name": "ledger", "kind": "db.sql.sqlite", "file": "ledger.db", "lifecycle": RUNNING},
    {
        "name": "worker",
        "kind": "workflow.worker",
        "provider": "provider",
        "task_queue": "main",
        "lifecycle": RUNNING,
    },
]
UNITS = [EFFECT, STEPS, LISTENER, FAMILY, CHILD, WAITER, STUBBORN, CHAIN, SLEEPER, UNLUCKY]


def write(folder: Path, provider: dict[str, Any]) -> None:
    """Writes the application; `provider` are keys of its provider entry."""
    own = {"name": "provider", "kind": "workflow.provider.sqlite", "path": "workflows.db", "lifecycle": RUNNING}
    document = {"version": "1.0", "namespace": "app", "entries": [own | provider, *SERVICES, *UNITS]}
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "_index.yaml").write_text(yaml.safe_dump(document, sort_keys=False))


class Desk:
    """One life of the application. Lines come in on `commands`, lines go out on `answers`.

    In: `["send", id, number]`. Out: `["up"]`, `["started", id]`, `["sent", id, number]`, and when all runs are closed
    and the application has stopped `["done", {id: [result, error]}]`.

    Args:
        runs: `(id, entry, arguments, options)`; those that were started before go on.
    """

    def __init__(self, folder: Path, runs: list[Any], commands: int, answers: int) -> None:
        self.folder = folder
        self.runs = runs
        self.commands = os.fdopen(commands, "rb", 0)
        self.answers = answers
        self.results: dict[str, Any] = {}

    def say(self, *words: Any) -> None:
        os.write(self.answers, json.dumps(words).encode() + b"\n")

    async def live(self) -> None:
        with sqlite3.connect(self.folder / "ledger.db", timeout=30) as ledger:
            ledger.execute("PRAGMA journal_mode=WAL")
            ledger.execute("PRAGMA synchronous=NORMAL")
            ledger.executescript(LEDGER)
        ledger.close()
        self.loop = asyncio.get_running_loop()
        self.over = asyncio.Event()
        self.app = App(load_project(str(self.folder)), Config.load(str(self.folder)), Log.open())
        await self.app.start()
        await self.app.supervisor.settled()
        self.say("up")
        self.provider = self.app.site.workflow_hosts[WORKER]._provider()
        for run in self.runs:
            self.begin(*run)
        self.loop.add_reader(self.commands.fileno(), self.read)
        await self.over.wait()
        await self.app.stop()
        self.say("done", self.results)

    def begin(self, id: str, entry: str, arguments: list[Any], options: dict[str, Any]) -> None:
        wanted = {**options, "workflow.id": id, "workflow.id_reuse_policy": "reject_duplicate"}
        packed = codec.pack([{"options": wanted}])[1:]
        future = self.app.runtime.router.request("spawn", WORKER, f"app:{entry}", b"", packed, codec.pack(arguments))

        def started(answer: Future[Any]) -> None:
            answer.result()
            self.say("started", id)
            self.provider.watch(id, None, lambda result: self.loop.call_soon_threadsafe(self.closed, id, result))

        future.add_done_callback(started)

    def closed(self, id: str, result: Result) -> None:
        failure = result.failure
        self.results[id] = [decode_value(result.result), f"{failure.kind}: {failure.message}" if failure else None]
        if len(self.results) == len(self.runs):
            self.over.set()

    def read(self) -> None:
        line = self.commands.readline()
        if not line:  # the parent has gone
            os._exit(1)
        _, id, number = json.loads(line)
        pid = f"{{{PROVIDER}@{WORKER}|{id}}}"

        def sent(answer: Future[Any]) -> None:
            error = answer.exception()
            if error is not None and "already completed" not in str(error):
                raise error
            self.say("sent", id, number)

        self.app.runtime.router.request("send", pid, "number", "", b"", codec.pack([number])).add_done_callback(sent)


def live(folder: Path, runs: list[Any], commands: int, answers: int) -> None:
    """Runs the application in this process and ends it."""
    os.chdir(folder)
    code = 1
    try:
        asyncio.run(Desk(folder, runs, commands, answers).live())
        code = 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)

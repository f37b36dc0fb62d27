"""Processes: isolation, messages, supervision, upgrades, hosts."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from application import application, function, host, process
from promises.parts import RUNNING, eventually
from wippy.errors import WippyError
from wippy.lang.cache import CompileCache
from wippy.registry.entry import ID

SUPERVISOR = process(
    "supervisor",
    """
    return function(crashes)
      local log = {}
      local events = process.events()
      process.spawn_monitored("app:work", "app:processes", 1, crashes)
      while true do
        local event = events:receive()
        if event.kind == process.event.EXIT then
          if not event.result.error then
            log[#log + 1] = event.result.value
            return log
          end
          local n = #log + 1
          log[n] = "crash " .. n
          process.spawn_monitored("app:work", "app:processes", n + 1, crashes)
        end
      end
    end
    """,
)
WORKER_PROCESS = process(
    "work", "return function(n, crashes) if n <= crashes then error('crash') end return 'done' end"
)


def test_p12_processes_share_nothing() -> None:
    mutate = process(
        "mutate",
        """
        shared = (shared or 0) + 1
        return function()
          local msg = process.inbox():receive()
          local t = msg:payload():data()
          t.n = t.n + 1
          process.send(msg:from(), "seen", {t.n, shared})
        end
        """,
    )
    body = """
        local seen = process.listen("seen")
        local t = {n = 1}
        local out = {}
        for i = 1, 2 do
          process.send(process.spawn("app:mutate", "app:processes"), "take", t)
          out[i] = seen:receive()
        end
        return {t.n, out[1], out[2], shared == nil}
        """
    with application(mutate) as app:
        assert app.lua(body) == [1, [2, 1], [2, 1], True]


def test_p13_a_process_initialises_steps_and_closes() -> None:
    steps = process(
        "steps",
        """
        local time = require("time")
        local begun = "initialised"
        return function(parent)
          process.send(parent, "step", begun)
          process.inbox():receive()
          process.send(parent, "step", "resumed by a message")
          time.sleep("1ms")
          process.send(parent, "step", "resumed by a timer")
          return "closed"
        end
        """,
        ["time"],
    )
    body = """
        local steps, out = process.listen("step"), {}
        local pid = process.spawn_monitored("app:steps", "app:processes", process.pid())
        out[1] = steps:receive()
        process.send(pid, "go")
        out[2], out[3] = steps:receive(), steps:receive()
        out[4] = process.events():receive().result.value
        local ok, err = process.send(pid, "late")
        out[5] = err:kind()
        return out
        """
    with application(steps) as app:
        assert app.lua(body) == [
            "initialised",
            "resumed by a message",
            "resumed by a timer",
            "closed",
            "NotFound",
        ]


def test_p13_the_states_of_a_process_are_visible_to_introspection() -> None:
    watched = process(
        "watched",
        """
        local system, funcs = require("system"), require("funcs")
        return function(parent)
          local seen
          for _, row in ipairs(system.hosts.processes("app:processes")) do
            if row.pid == process.pid() then seen = row.state end
          end
          process.send(parent, "step", seen)
          process.inbox():receive()
          funcs.call("app:gate", parent)
          return "closed"
        end
        """,
        ["system", "funcs"],
    )
    gate = function(
        "gate",
        """
        return function(parent)
          process.send(parent, "gate", process.pid())
          process.inbox():receive()
        end
        """,
    )
    body = """
        local system = require("system")
        local steps, gates = process.listen("step"), process.listen("gate")
        local function state_of(pid)
          for _, row in ipairs(system.hosts.processes("app:processes")) do
            if row.pid == pid then return row.state end
          end
          return "complete"
        end
        local pid = process.spawn_monitored("app:watched", "app:processes", process.pid())
        local states = {state_of(pid)}
        states[2] = steps:receive()
        while state_of(pid) ~= "idle" do coroutine.yield() end
        states[3] = state_of(pid)
        process.send(pid, "go on")
        states[4] = state_of(pid)
        local gate = gates:receive()
        while state_of(pid) ~= "blocked" do coroutine.yield() end
        states[5] = state_of(pid)
        process.send(gate, "open")
        process.events():receive()
        states[6] = state_of(pid)
        return states
        """
    with application(host("processes", 1), watched, gate) as app:
        states = app.lua(body, modules=["system"])
    assert states == ["ready", "running", "idle", "ready", "blocked", "complete"]


def test_p14_one_process_waits_for_several_things_at_once() -> None:
    nap = function(
        "nap", "local time = require('time') return function(n) time.sleep(n .. 'ms') return n end", ["time"]
    )
    body = """
        local funcs, time = require("funcs"), require("time")
        local futures = {}
        for i, n in ipairs({40, 1, 20}) do futures[i] = funcs.async("app:nap", n) end
        local cases, left = {}, {}
        for i, f in ipairs(futures) do left[i] = f:response() end
        local limit = time.after("10s")
        local order = {}
        while #order < 3 do
          local cases = {limit:case_receive()}
          for _, ch in pairs(left) do cases[#cases + 1] = ch:case_receive() end
          local got = channel.select(cases)
          for i, ch in pairs(left) do
            if ch == got.channel then left[i] = nil end
          end
          order[#order + 1] = got.value:data()
        end
        return order
        """
    with application(nap) as app:
        before = app.host().figures()["spawned"]
        assert app.lua(body, modules=["funcs", "time"]) == [1, 20, 40]
        assert app.host().figures()["spawned"] == before + 1


def test_p15_processes_need_not_be_lua(tmp_path: Path) -> None:
    wasmtime = pytest.importorskip("wasmtime", reason="the package wasmtime (extra `wasm`) is not installed")
    adds = wasmtime.wat2wasm(
        '(module (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add))'
    )
    (tmp_path / "add.wasm").write_bytes(adds)
    files = {"name": "files", "kind": "fs.directory", "directory": str(tmp_path)}
    wasm = {
        "name": "wasm",
        "kind": "process.wasm",
        "fs": "files",
        "path": "add.wasm",
        "hash": "sha256:" + hashlib.sha256(adds).hexdigest(),
        "method": "add",
        "wit": "add: func(a: s32, b: s32) -> s32;",
    }
    python = {
        "name": "python",
        "kind": "process.python",
        "source": "async def main(process, a, b):\n    return a + b + (await process.receive()).payload\n",
    }
    body = """
        local wasm = process.spawn_monitored("app:wasm", "app:processes", 2, 3)
        local first = process.events():receive().result.value
        local python = process.spawn_monitored("app:python", "app:processes", 2, 3)
        process.send(python, "more", 10)
        return {first, process.events():receive().result.value}
        """
    with application(files, wasm, python) as app:
        assert app.lua(body) == [5, 15]


def test_p16_each_host_has_its_own_limits() -> None:
    wait = process("wait", "return function() process.inbox():receive() end")
    body = """
        local out = {}
        for _, host in ipairs({"app:small", "app:large"}) do
          local n, last = 0, nil
          for i = 1, 5 do
            local pid, err = process.spawn("app:wait", host)
            if pid then n = n + 1 else last = err:kind() end
          end
          out[#out + 1] = {n, last or "none"}
        end
        return out
        """
    with application(host("small", max_processes=2), host("large"), wait) as app:
        assert app.lua(body) == [[2, "LimitExceeded"], [5, "none"]]


def test_p16_a_process_that_eats_memory_takes_only_its_own_host_to_the_limit() -> None:
    greedy = process("greedy", "return function() local t = {} while true do t[#t + 1] = ('x'):rep(1000) .. #t end end")
    small = process("small-one", "return function() return 1 end")
    with application(host("small", max_memory="32M"), greedy, small) as app:
        with pytest.raises(WippyError, match="memory"):
            app.execute("app:greedy", host="app:small")
        assert app.execute("app:small-one") == 1
        assert app.execute("app:small-one", host="app:small") == 1


def test_p17_only_the_program_of_a_terminal_host_has_the_terminal(tmp_path: Path) -> None:
    entries = [
        {"name": "terminal", "kind": "terminal.host", "lifecycle": RUNNING},
        {"name": "processes", "kind": "process.host", "lifecycle": RUNNING},
        process("child", "return function() local ok, err = require('io').print('x') return err:message() end", ["io"]),
        process(
            "main",
            """
            local io = require("io")
            return function()
              io.print("mine")
              io.print(process.exec("app:child", "app:processes"))
              return 7
            end
            """,
            ["io"],
        ),
    ]
    (tmp_path / "src").mkdir()
    document = {"version": "1.0", "namespace": "app", "entries": entries}
    (tmp_path / "src" / "_index.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    done = subprocess.run(
        [sys.executable, "-m", "wippy", "run", "-s", "-x", "app:main"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.stdout.split("\n"), done.returncode) == (["mine", "no terminal context", ""], 7), done.stderr


SECURED = [
    {
        "name": "no-spawn",
        "kind": "security.policy",
        "policy": {"actions": ["process.spawn", "process.send"], "resources": "*", "effect": "deny"},
    },
    {"name": "rest", "kind": "security.policy", "policy": {"actions": "*", "resources": "*", "effect": "allow"}},
]


def test_p18_p19_a_service_runs_under_its_actor_and_its_policies() -> None:
    tries = process(
        "tries",
        """
        local funcs = require("funcs")
        return function()
          local out = {}
          local pid, err = process.spawn("app:tries", "app:processes")
          out[1] = err and err:kind() or "allowed"
          local ok, why = process.send(process.pid(), "x")
          out[2] = why and why:kind() or "allowed"
          local sum, failure = funcs.call("app:add", 1, 2)
          out[3] = sum or failure:kind()
          return nil, table.concat(out, " ")
        end
        """,
        ["funcs"],
    )
    service = {
        "name": "service",
        "kind": "process.service",
        "process": "tries",
        "host": "app:processes",
        "lifecycle": {
            "auto_start": True,
            "security": {"actor": {"id": "system"}, "policies": ["app:no-spawn", "app:rest"]},
        },
    }
    add = function("add", "return function(a, b) return a + b end")
    with application(*SECURED, tries, add, service) as app:
        state = eventually(lambda: _failed(app.app.supervisor.state(ID("app", "service"))))
    assert "PermissionDenied PermissionDenied 3" in str(state.plain())


def _failed(state: object) -> object:
    return state if getattr(state, "status", "") in ("exited", "failed") else None


def test_p20_spawn_monitored_tells_of_an_end_and_linked_of_a_crash_both_ways() -> None:
    crash = process("crash", "return function() process.inbox():receive() error('crash') end")
    deaf = process("deaf", "return function(parent) process.link(parent) process.inbox():receive() end")
    body = """
        process.set_options({trap_links = true})
        local events = process.events()
        local a = process.spawn_monitored("app:crash", "app:processes")
        process.send(a, "go")
        local e1 = events:receive()
        local b = process.spawn_linked("app:crash", "app:processes")
        process.send(b, "go")
        local e2 = events:receive()
        return {e1.kind, e1.from == a, e2.kind, e2.from == b}
        """
    parent = process(
        "parent",
        """
        return function(watcher)
          local pid = process.spawn_linked("app:crash", "app:processes")
          process.send(watcher, "child", pid)
          process.inbox():receive()
          error("parent fails")
        end
        """,
    )
    other_way = """
        local child = process.listen("child")
        local pid = process.spawn("app:parent", "app:processes", process.pid())
        local kid = child:receive()
        process.monitor(kid)
        process.send(pid, "fail")
        local e = process.events():receive()
        return {e.from == kid, e.result.error:message()}
        """
    with application(crash, deaf, parent) as app:
        assert app.lua(body) == ["pid.exit", True, "pid.link.down", True]
        assert app.lua(other_way) == [True, "linked process failed"]


def test_p21_messages_of_one_sender_keep_their_order() -> None:
    sender = process("sender", "return function(to, name) for i = 1, 200 do process.send(to, name, i) end end")
    body = """
        local inbox, last = process.inbox(), {}
        for _, name in ipairs({"a", "b", "c"}) do
          process.spawn("app:sender", "app:others", process.pid(), name)
          last[name] = 0
        end
        for _ = 1, 600 do
          local msg = inbox:receive()
          local n = msg:payload():data()
          if n ~= last[msg:topic()] + 1 then return "out of order" end
          last[msg:topic()] = n
        end
        return "in order"
        """
    with application(host("others", 2), sender) as app:
        assert app.lua(body) == "in order"


def test_p22_any_process_can_supervise() -> None:
    with application(SUPERVISOR, WORKER_PROCESS) as app:
        assert app.execute("app:supervisor", 2) == ["crash 1", "crash 2", "done"]


def test_p23_a_service_starts_with_the_application_and_again_after_a_crash(tmp_path: Path) -> None:
    unstable = process(
        "unstable",
        """
        local fs = require("fs")
        return function(greeting)
          local home = fs.get("app:files")
          local n = home:exists("n") and tonumber(home:readfile("n")) or 0
          home:writefile("n", tostring(n + 1))
          if n < 2 then error("crash") end
          home:writefile("said", greeting)
          process.inbox():receive()
        end
        """,
        ["fs"],
    )
    files = {"name": "files", "kind": "fs.directory", "directory": str(tmp_path / "files"), "auto_init": True}
    service = {
        "name": "service",
        "kind": "process.service",
        "process": "unstable",
        "host": "app:processes",
        "input": ["hello"],
        "lifecycle": {"auto_start": True, "restart": {"initial_delay": "1ms", "max_delay": "5ms"}},
    }
    with application(files, unstable, service):
        said = tmp_path / "files" / "said"
        eventually(lambda: said.exists() and said.read_text() == "hello")
        assert (tmp_path / "files" / "n").read_text() == "3"


V1 = """
    return function(state)
      state = state or {seen = {}}
      while true do
        local msg = process.inbox():receive()
        if msg:topic() == "upgrade" then process.upgrade(TARGET, state) end
        if msg:topic() == "ask" then process.send(msg:from(), "state", {"v1", state.seen}) end
        if msg:topic() == "note" then state.seen[#state.seen + 1] = msg:payload():data() end
      end
    end
    """


def test_p24_an_upgrade_keeps_pid_mailbox_and_monitors() -> None:
    v1 = process("v1", V1.replace("TARGET", "'app:v2'"))
    v2 = process("v2", V1.replace("TARGET", "nil").replace('"v1"', '"v2"'))
    body = """
        local pid = process.spawn_monitored("app:v1", "app:processes")
        local states = process.listen("state")
        process.send(pid, "note", 1)
        process.send(pid, "upgrade")
        process.send(pid, "note", 2)
        process.send(pid, "ask")
        local state = states:receive()
        process.terminate(pid)
        local e = process.events():receive()
        return {state, e.from == pid}
        """
    with application(v1, v2) as app:
        assert app.lua(body) == [["v2", [1, 2]], True]


def test_p24_an_upgrade_to_nil_takes_the_current_definition() -> None:
    source = V1.replace("TARGET", "nil")
    with application(process("v1", source)) as app:
        pid = app.spawn("app:v1")
        app.define(process("v1", source.replace('"v1"', '"changed"')))
        ask = "local s = process.listen('state') process.send(..., 'ask') return (s:receive())[1]"
        assert app.lua(ask, pid) == "v1"
        app.lua("process.send(..., 'upgrade')", pid)
        assert app.lua(ask, pid) == "changed"


def test_p25_an_upgrade_does_not_compile_again(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []
    original = CompileCache.compile

    def compile(self: CompileCache, source: str, name: str) -> object:
        compiled.append(name)
        return original(self, source, name)

    monkeypatch.setattr(CompileCache, "compile", compile)
    again = process("again", "return function(pid) for _ = 1, 5 do process.send(pid, 'upgrade') end end")
    with application(process("v1", V1.replace("TARGET", "nil")), again) as app:
        pid = app.spawn("app:v1")
        ask = "local s = process.listen('state') process.send(..., 'ask') return (s:receive())[1]"
        assert app.lua(ask, pid) == "v1"
        app.execute("app:again", pid)
        assert app.lua(ask, pid) == "v1"
    assert compiled.count("app:v1") == 1


def test_p26_a_failed_upgrade_is_a_crash() -> None:
    v1 = process("v1", V1.replace("TARGET", "'app:missing'"))
    body = """
        local pid = process.spawn_monitored("app:v1", "app:processes")
        process.send(pid, "upgrade")
        local e = process.events():receive()
        return {e.kind, e.from == pid, e.result.error:message()}
        """
    with application(v1) as app:
        kind, mine, text = app.lua(body)
    assert (kind, mine) == ("pid.exit", True)
    assert "upgrade" in text


def test_p27_an_idle_worker_takes_work_that_has_not_begun() -> None:
    work = process(
        "work", "return function(parent) local n = 0 for i = 1, 20000 do n = n + i end process.send(parent, 'd') end"
    )
    body = """
        local done = process.listen("d")
        for i = 1, 2000 do process.spawn("app:work", "app:pair", process.pid()) end
        for i = 1, 2000 do done:receive() end
        """
    with application(host("pair", 2), work) as app:
        app.lua(body, host="app:pair")
        figures = app.host("app:pair").figures()
    assert figures["given"] > 0
    assert figures["given"] == figures["adopted"]

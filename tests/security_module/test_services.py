"""Identities that the application gives: services, workers, programs; permissive and strict mode."""

from __future__ import annotations

import pytest

from application import application, function, process, workflow
from security_module.identity import WORKFLOWS, identity, policy

REPORT = """
local security, events = require("security"), require("events")
return function(name)
  local actor, scope = security.actor(), security.scope()
  local ids = {}
  for i, p in ipairs(scope and scope:policies() or {}) do ids[i] = p:id() end
  table.sort(ids)
  local report = {actor and actor:id() or false, actor and actor:meta() or false, scope and ids or false}
  process.registry.register("report." .. name)
  local asked = process.listen("ask")
  while true do
    local who = asked:receive()
    if who == "crash" then error("crashed") end
    process.send(who, "report", report)
  end
end"""


def service(name, security=None):
    lifecycle = {"auto_start": True, "stop_timeout": "10ms", "restart": {"initial_delay": "1ms"}}
    if security is not None:
        lifecycle["security"] = security
    return {
        "name": name,
        "kind": "process.service",
        "process": "app:report",
        "host": "app:processes",
        "input": [name],
        "lifecycle": lifecycle,
    }


ASK = """
local name, crash = ...
local answers, service = process.listen("report"), nil
repeat
  service = process.registry.lookup("report." .. name)
until service
if crash then
  process.monitor(service)
  process.send(service, "ask", "crash")
  return process.events():receive().result.error ~= nil
end
process.send(service, "ask", process.pid())
return answers:receive()
"""


@pytest.fixture(scope="module")
def app():
    read = ["app:read"]
    with application(
        service("nobody"),
        service("full", {"actor": {"id": "clerk", "meta": {"n": 1}}, "policies": read, "groups": ["app:group"]}),
        service("no_actor", {"policies": read}),
        service("no_policy", {"actor": {"id": "clerk"}}),
        service("unknown", {"actor": {"id": "clerk"}, "policies": ["read", "app:gone"], "groups": ["app:none"]}),
        service("some", {"actor": {"id": "clerk"}, "policies": ["app:gone", "app:read"], "groups": ["group"]}),
        process("report", REPORT, ["security", "events"]),
        policy("read", "*"),
        policy("grouped", "*", groups=["group"]),
        policy("foreign", "*", groups=["other:group"]),
    ) as app:
        yield app


@pytest.mark.parametrize(
    ("name", "actor", "meta", "policies"),
    [
        ("nobody", False, False, False),
        ("full", "clerk", {"n": 1}, ["app:grouped", "app:read"]),
        ("no_actor", "", {}, ["app:read"]),
        ("no_policy", "clerk", {}, False),
        ("unknown", "clerk", {}, False),
        ("some", "clerk", {}, ["app:read"]),
    ],
)
def test_a_service_runs_as_its_security_block_says(app, name, actor, meta, policies):
    assert app.lua(ASK, name) == [actor, meta, policies]


def test_a_service_keeps_its_identity_when_it_is_restarted(app):
    app.define(policy("grouped", "*", "*", "deny", groups=["group"]))
    app.define(policy("newcomer", "*", groups=["group"]))
    assert app.lua(ASK, "full", True)
    assert app.lua(ASK, "full") == ["clerk", {"n": 1}, ["app:grouped", "app:read"]]


def test_a_wrong_security_block_is_refused_with_its_place(app):
    with pytest.raises(Exception, match="security"):
        app.define(service("wrong", {"actor": "clerk"}))


def test_a_worker_gives_its_identity_to_runs_that_carry_none():
    worker = WORKFLOWS[1] | {
        "lifecycle": {"auto_start": True, "security": {"actor": {"id": "worker"}, "policies": ["app:all"]}}
    }
    report = """
    local security = require("security")
    return function()
      local actor, scope = security.actor(), security.scope()
      return {actor and actor:id() or false, scope and #scope:policies() or false}
    end"""
    with application(
        WORKFLOWS[0],
        worker,
        policy("all", "*"),
        policy("more", "*"),
        function("who", report, ["security"]),
        workflow("flow", "local f = require('funcs') return function() return f.call('app:who') end", ["funcs"]),
        process("start", "return function() return process.exec('app:flow', 'app:flows') end"),
    ) as app:
        assert app.execute("app:start") == ["worker", 1]
        assert app.execute("app:start", frame=identity(app, "ann", "all", "more")) == ["ann", 2]
        assert app.execute("app:start", frame=identity(app, "ann")) == ["ann", False]


PROGRAM = """
local io, security = require("io"), require("security")
return function()
  local actor = security.actor()
  io.print(actor and actor:id() or "nobody", security.can("read", "x"))
end"""


def test_a_program_runs_as_its_command_says(capsys):
    terminal = {"name": "terminal", "kind": "terminal.host", "lifecycle": {"auto_start": True}}
    with application(terminal, process("main", PROGRAM, ["io", "security"]), policy("all", "*")) as app:
        assert app.run(app.app.run_program("app:main", [])) == 0
        block = {"actor": {"id": "runner"}, "policies": ["app:all"]}
        assert app.run(app.app.run_program("app:main", [], security=block)) == 0
        with pytest.raises(Exception, match=r"security.*actor"):
            app.run(app.app.run_program("app:main", [], security={"actor": 5}))
    out = capsys.readouterr().out.split("\n")
    assert [line.split() for line in out if line] == [["nobody", "false"], ["runner", "true"]]


TRIES = """
local funcs, security, events = require("funcs"), require("security"), require("events")
return function()
  local called, e1 = funcs.call("app:one")
  local sent, e2 = process.send(process.pid(), "topic", 1)
  local spawned, e3 = process.spawn("app:echo", "app:processes")
  local made = pcall(security.new_actor, "x")
  local published, e5 = events.send("system", "kind", "path")
  return {called == 1 or e1:kind(), sent or e2:kind(), spawned ~= nil or e3:kind(), made, published or e5:kind(),
    security.can("read", "x")}
end"""


@pytest.mark.parametrize("strict", [False, True])
def test_an_incomplete_identity_is_free_and_in_strict_mode_denied(strict):
    tries = process("tries", TRIES, ["funcs", "security", "events"])
    one = function("one", "return function() return 1 end")
    echo = process("echo", "return function() end")
    with application(tries, one, echo, policy("all", "*"), config={"security": {"strict_mode": strict}}) as app:
        free = [True, True, True, True, True, False]
        for frame in (b"", identity(app, "ann"), identity(app, None, "all")):
            wanted = ["PermissionDenied"] * 3 + [False, "Invalid", False] if strict else free
            assert app.execute("app:tries", frame=frame) == wanted
        assert app.execute("app:tries", frame=identity(app, "", "all")) == [*free[:5], True]

"""Actor, scope and values travel with calls, spawns, activities and children; nothing flows back."""

import pytest

from application import application, function, host, process, workflow
from security_module.identity import WORKFLOWS, identity, policy
from wippy.registry.entry import ID
from wippy.registry.order import delete

REPORT = """
local security, ctx = require("security"), require("ctx")
return function()
  local actor, scope = security.actor(), security.scope()
  local ids = {}
  for i, p in ipairs(scope and scope:policies() or {}) do ids[i] = p:id() end
  table.sort(ids)
  return {actor = actor and {actor:id(), actor:meta()}, scope = scope and table.concat(ids, " "), values = ctx.all()}
end"""
REPORTS = ["security", "ctx"]
ALL = ["security", "ctx", "funcs", "workflow"]

CALLS = """
local funcs, workflow = require("funcs"), require("workflow")
-- Each step of the way takes one word and hands over to the next: call, async, spawn, exec, flow, child, service.
local ways = {}
function ways.call(rest) return funcs.call("app:way", rest) end
function ways.async(rest)
  local future, err = funcs.async("app:way", rest)
  if err then return nil, err end
  local value, ok = future:response():receive()
  if not ok then return nil, "closed" end
  if type(value.data) ~= "function" then return nil, value end
  return value:data()
end
function ways.pinned(rest) return funcs.call("app:pinned", rest) end
function ways.spawn(rest, host)
  local pid, err = process.spawn_monitored("app:way_process", host or "app:processes", rest)
  if err then return nil, err end
  local result = process.events():receive().result
  return result.value, result.error
end
function ways.other(rest) return ways.spawn(rest, "app:other") end
function ways.exec(rest) return process.exec("app:way_process", "app:processes", rest) end
function ways.exec_other(rest) return process.exec("app:way_process", "app:other", rest) end
function ways.execute(rest) return workflow.execute("app:way_flow", rest) end
function ways.child(rest)
  local pid, err = process.spawn("app:way_flow", "app:flows", rest)
  if err then return nil, err end
  local result = process.events():receive().result
  return result.value, result.error
end
function ways.renewed(rest) return process.upgrade(nil, rest) end
return function(way)
  if way == "" then return funcs.call("app:report") end
  local first, rest = way:match("^(%S+)%s*(.*)$")
  return ways[first](rest)
end"""
MODULES = ["funcs", "workflow"]


@pytest.fixture(scope="module")
def app():
    with application(
        *WORKFLOWS,
        host("processes", 2),
        host("other", 1),
        policy("all", "*"),
        policy("more", "funcs.call", "app:report"),
        policy("no_way_back", "way.back", "*", "deny"),
        function("report", REPORT, REPORTS),
        function("way", CALLS, MODULES),
        function("pinned", CALLS, MODULES, pool={"size": 1}),
        process("way_process", CALLS, MODULES),
        workflow("way_flow", CALLS, MODULES),
    ) as app:
        yield app


WAYS = [
    "",
    "call call",
    "async async",
    "pinned",
    "spawn other spawn",
    "exec exec_other exec",
    "call spawn async exec_other call pinned",
    "exec renewed call",
    "execute",
    "execute call spawn call",
    "execute async exec async",
    "execute execute",
    "call execute child execute call other async",
    "execute renewed call",
]


def prepare(app, body):
    app._count += 1
    name = f"body{app._count}"
    source = f"local funcs, security, ctx = require('funcs'), require('security'), require('ctx')\n{body}"
    app.define(process(name, f"return function(...)\n{source}\nend", ALL))
    return f"app:{name}"


@pytest.mark.parametrize("way", WAYS)
def test_the_whole_frame_arrives(app, way):
    entry = prepare(
        app,
        """
        local me = security.new_actor("ann", {team = "a", level = 3})
        local scope = security.new_scope({security.policy("app:all"), security.policy("app:no_way_back")})
        local f = funcs.new():with_context({request = "r1", n = 4, t = {1, {x = "y"}}}):with_actor(me):with_scope(scope)
        return f:call("app:way", ...)
        """,
    )
    assert app.execute(entry, way) == {
        "actor": ["ann", {"team": "a", "level": 3}],
        "scope": "app:all app:no_way_back",
        "values": {"request": "r1", "n": 4.0, "t": [1.0, {"x": "y"}]},
    }


@pytest.mark.parametrize("way", WAYS)
def test_without_a_frame_nothing_arrives(app, way):
    assert app.call("app:way", way) == {"values": {}}


@pytest.mark.parametrize("way", ["call", "spawn", "execute call", "execute child call"])
def test_an_actor_alone_and_a_scope_alone_travel(app, way):
    body = "return funcs.new():with_{0}:call('app:way', ...)"
    actor = prepare(app, body.format("actor(security.new_actor('ann'))"))
    assert app.execute(actor, way) == {"actor": ["ann", {}], "values": {}}
    scope = prepare(app, body.format("scope(security.new_scope({security.policy('app:all')}))"))
    assert app.execute(scope, way) == {"scope": "app:all", "values": {}}


def test_with_actor_keeps_the_callers_scope_and_the_reverse(app):
    entry = prepare(
        app,
        """
        local f = funcs.new()
        local bob, more = security.new_actor("bob"), security.new_scope({security.policy("app:more")})
        return {f:with_actor(bob):call("app:report"), f:with_scope(more):call("app:report"), f:call("app:report")}
        """,
    )
    actor, scope, plain = app.execute(entry, frame=identity(app, "ann", "all"))
    assert (actor["actor"][0], actor["scope"]) == ("bob", "app:all")
    assert (scope["actor"][0], scope["scope"]) == ("ann", "app:more")
    assert (plain["actor"][0], plain["scope"]) == ("ann", "app:all")


def test_nothing_flows_back_to_the_caller(app):
    app.define(
        function(
            "overrides",
            """
            local funcs, security = require("funcs"), require("security")
            return function()
              return funcs.new():with_context({k = "inner", more = 1}):with_actor(security.new_actor("inner"))
                :call("app:report")
            end""",
            ALL,
        )
    )
    entry = prepare(
        app,
        """
        local f = funcs.new():with_context({k = "outer", o = "o"})
        local inner = f:call("app:overrides")
        return {inner, f:call("app:report"), funcs.call("app:report"), ctx.all()}
        """,
    )
    inner, outer, plain, own = app.execute(entry, frame=identity(app, "ann", "all"))
    assert inner == {"actor": ["inner", {}], "scope": "app:all", "values": {"k": "inner", "o": "o", "more": 1.0}}
    assert outer == {"actor": ["ann", {}], "scope": "app:all", "values": {"k": "outer", "o": "o"}}
    assert plain == {"actor": ["ann", {}], "scope": "app:all", "values": {}}
    assert own == {}


@pytest.mark.parametrize("where", ["app:processes", "app:other"])
def test_a_spawner_overrides_and_merges(app, where):
    entry = prepare(
        app,
        """
        local where = ...
        local function result(pid, err)
          if err then error(err) end
          return process.events():receive().result.value
        end
        local bob, more = security.new_actor("bob", {x = 1}), security.new_scope({security.policy("app:more")})
        local base = process.with_context({a = 1, b = 1})
        local full = base:with_context({b = 2}):with_actor(bob):with_scope(more)
        return {
          result(full:spawn_monitored("app:way_process", where, "")),
          result(base:spawn_monitored("app:way_process", where, "")),
          result(process.spawn_monitored("app:way_process", where, "")),
          full:exec("app:way_process", where, ""),
          result(process.with_options({}):with_actor(bob):spawn_monitored("app:way_process", where, "")),
        }
        """,
    )
    full, base, plain, executed, options = app.execute(entry, where, frame=identity(app, "ann", "all"))
    assert full == {"actor": ["bob", {"x": 1}], "scope": "app:more", "values": {"a": 1.0, "b": 2.0}}
    assert base == {"actor": ["ann", {}], "scope": "app:all", "values": {"a": 1.0, "b": 1.0}}
    assert plain == {"actor": ["ann", {}], "scope": "app:all", "values": {}}
    assert executed == full
    assert options["actor"][0] == "bob"


def test_a_workflow_reads_its_values_and_adds_to_them(app):
    app.define(
        workflow(
            "reader",
            """
            local ctx, funcs = require("ctx"), require("funcs")
            return function()
              local v = ctx.get("n")
              local inner = funcs.new():with_context({more = v + 1}):call("app:report")
              return {math.type(v), v, inner, ctx.all()}
            end""",
            ["ctx", "funcs"],
        )
    )
    entry = prepare(app, "return process.with_context({n = 4}):exec('app:reader', 'app:flows')")
    kind, value, inner, own = app.execute(entry, frame=identity(app, "ann", "all"))
    assert (kind, value) == ("float", 4.0)
    assert inner == {"actor": ["ann", {}], "scope": "app:all", "values": {"n": 4.0, "more": 5.0}}
    assert own == {"n": 4.0}


def test_policies_that_are_gone_are_skipped_in_a_workflow(app):
    app.define(policy("passing", "*"))
    frame = identity(app, "ann", "all", "passing")
    entry = prepare(app, "return process.exec('app:way_flow', 'app:flows', 'call')")
    assert app.execute(entry, frame=frame)["scope"] == "app:all app:passing"
    app.run(app.app.registry.apply([delete(ID("app", "passing"))]))
    assert app.execute(entry, frame=frame)["scope"] == "app:all"


@pytest.mark.parametrize(
    "call",
    [
        "funcs.new():with_actor(nil)",
        "funcs.new():with_actor('ann')",
        "funcs.new():with_actor(security.new_scope())",
        "funcs.new():with_scope(nil)",
        "funcs.new():with_scope(security.new_actor('a'))",
        "funcs.new():with_context('x')",
        "process.with_options({}):with_actor(nil)",
        "process.with_options({}):with_actor({})",
        "process.with_options({}):with_scope(1)",
        "process.with_context({[1] = 2})",
        "process.with_context(nil)",
    ],
)
def test_wrong_identities_and_contexts_raise(app, call):
    entry = prepare(app, f"local ok, err = pcall(function() return {call} end) return {{ok, tostring(err)}}")
    ok, text = app.execute(entry)
    assert not ok
    assert "bad argument #" in text


def test_identities_are_checked_where_the_module_is_not_loaded():
    source = """
    local funcs = require("funcs")
    return function()
      local a, actor = pcall(function() return funcs.new():with_actor({}) end)
      local b, scope = pcall(function() return process.with_options({}):with_scope(0) end)
      return {a, tostring(actor), b, tostring(scope)}
    end"""
    with application(process("main", source, ["funcs"])) as app:
        a, actor, b, scope = app.execute("app:main")
    assert (a, b) == (False, False)
    assert "security.Actor expected, got table" in actor
    assert "security.Scope expected, got number" in scope

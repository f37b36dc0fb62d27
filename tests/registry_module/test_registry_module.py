"""The Lua module `registry`: snapshots, changes, versions."""
# ruff: noqa: E501 - Lua code in the tests is easier to read on one line

from __future__ import annotations

import pytest

from application import application, function

ENTRIES = """
- name: one
  kind: registry.entry
  meta: {type: thing, tags: [a, b]}
  data: {n: 1, list: [], map: {}}
- name: two
  kind: registry.entry
- name: secret
  kind: registry.entry
- name: f
  kind: function.lua
  method: main
  source: return function() return "old" end
- name: deny
  kind: security.policy
  policy: {actions: "*", resources: "*", effect: allow}
- name: no_secret
  kind: security.policy
  policy: {actions: registry.get, resources: "app:secret", effect: deny}
- name: no_apply
  kind: security.policy
  policy: {actions: [registry.apply, registry.apply_version], resources: "*", effect: deny}
"""
HEAD = "local registry, funcs, security = require('registry'), require('funcs'), require('security')\n"


@pytest.fixture
def app():
    with application(ENTRIES) as running:
        yield running


def lua(app, body, *args):
    return app.lua(HEAD + body, *args, modules=["registry", "funcs", "security", "events"])


def test_a_snapshot_is_fixed(app):
    assert lua(
        app,
        """
        local snap = assert(registry.snapshot())
        local ids = {}
        for i, e in ipairs(snap:find({[".kind"] = "registry.entry"})) do ids[i] = e.id end
        assert(snap:changes():delete("app:two"):apply())
        local gone, err = registry.get("app:two")
        local _, missing = snap:get("app:nothing")
        return {ids, snap:get("app:two").kind, err:kind(), missing:kind(), #snap:namespace("app") == #(snap:entries()),
          tostring(snap):match("version=v%d+") ~= nil, snap:get("app:one").data.n, #snap:namespace("other")}
        """,
    ) == [["app:one", "app:secret", "app:two"], "registry.entry", "NotFound", "NotFound", True, True, 1, 0]


def test_changes_chain_and_count(app):
    assert lua(
        app,
        """
        local snap = registry.snapshot()
        local c = snap:changes()
        local same = c:create({id = "app:new", kind = "registry.entry", meta = 5, data = {print, {}, x = 1}})
        local n = select("#", c:update({id = {ns = "app", name = "one"}, kind = "registry.entry", meta = {[1] = 2, k = 3}}))
        c:delete({ns = "app", name = "two"})
        local kinds = {}
        for i, op in ipairs(c:ops()) do kinds[i] = {op.kind, op.entry.id} end
        local version, err = c:apply()
        local new, one = registry.get("app:new"), registry.get("app:one")
        return {same == c, n, tostring(c), kinds, tostring(version) == "registry.Version{" .. version:string() .. "}", err == nil,
          new.meta, type(new.data[1]), #new.data, one.meta, one.data == nil, (registry.get("app:two")) == nil}
        """,
    ) == [
        True,
        1,
        "registry.Changes{ops=3}",
        [["entry.create", "app:new"], ["entry.update", "app:one"], ["entry.delete", "app:two"]],
        True,
        True,
        {},
        "string",
        2,
        {"k": 3},
        True,
        True,
    ]


@pytest.mark.parametrize(
    ("call", "text"),
    [
        ("c:create({kind = 'registry.entry'})", "convert entry: entry must have valid id field"),
        ("c:create(5)", "convert entry: entry must have valid id field"),
        ("c:create({id = {ns = 'a'}, kind = 'k'})", "convert entry: id requires ns and name fields"),
        ("c:update({id = 'app:x', kind = 5})", "convert entry: entry must have kind field"),
        ("c:delete('x')", "invalid ID format"),
        ("c:delete({name = 'x'})", "invalid ID format"),
        ("c:apply()", "no changes to apply"),
        ("registry.snapshot_at(0)", "invalid version ID"),
        ("registry.history():get_version(-1)", "invalid version ID"),
        ("registry.apply_version(c)", "expected version object"),
    ],
)
def test_wrong_use(app, call, text):
    body = (
        f"local c = registry.snapshot():changes() local v, err = {call} return {{v == nil, err:kind(), err:message()}}"
    )
    assert lua(app, body) == [True, "Invalid", text]


def test_a_failed_change_changes_nothing_and_says_why(app):
    assert lua(
        app,
        """
        local before = registry.current_version():id()
        local c = registry.snapshot():changes()
        c:update({id = "app:one", kind = "registry.entry", data = {n = 2}})
        c:create({id = "app:bad", kind = "function.lua", data = {source = "return function(", method = "main"}})
        local v, err = c:apply()
        local d = registry.snapshot():changes():create({id = "app:dep", kind = "ns.dependency", data = {component = "a/b"}})
        local _, hub = d:apply()
        return {v == nil, err:kind(), err:message():match("^apply changes: failed to apply changes: ") ~= nil,
          err:details().cause ~= nil, registry.get("app:one").data.n, registry.current_version():id() == before,
          hub:kind(), hub:message():match("failed to expand changeset") ~= nil}
        """,
    ) == [True, "Internal", True, True, 1, True, "Internal", True]


def test_code_changes_itself(app):
    assert lua(
        app,
        """
        local seen = {funcs.call("app:f")}
        local e = registry.get("app:f")
        e.data.source = "return function() return 'new' end"
        local snap = registry.snapshot()
        assert(snap:changes():update(e):apply())
        seen[2] = funcs.call("app:f")
        assert(snap:changes():delete("app:f"):apply())
        local _, err = funcs.call("app:f")
        seen[3] = err:kind()
        e.data.source, e.data.modules, e.data.pool = "return function() return 'again' end", {}, {}
        assert(snap:changes():create(e):apply())
        seen[4] = funcs.call("app:f")
        return seen
        """,
    ) == ["old", "new", "NotFound", "again"]


def test_versions_back_and_forth(app):
    assert lua(
        app,
        """
        local function set(n)
          return assert(registry.snapshot():changes():update({id = "app:one", kind = "registry.entry", data = {n = n}}):apply())
        end
        local function value() return registry.get("app:one").data.n end
        local zero = registry.versions()[1]
        local base = registry.current_version()
        local a, b = set(2), set(3)
        local out = {zero:id(), zero:string(), zero:previous() == nil, a:previous():id() == base:id(), a:next():id() == b:id()}
        out[6] = {registry.apply_version(a)}
        out[7] = value()
        local c = set(4)
        out[8] = {c:id() > b:id(), c:previous():id() == a:id(), a:next():id() == c:id(), b:next() == nil}
        assert(registry.apply_version(b))
        out[9] = value()
        out[10] = {registry.apply_version(registry.current_version())}
        local ids = {}
        for i, v in ipairs(registry.versions()) do ids[i] = v:id() end
        local sorted = {table.unpack(ids)}
        table.sort(sorted)
        out[11] = table.concat(ids, ",") == table.concat(sorted, ",")
        local h = registry.history()
        out[12] = {tostring(h), #h:versions() == #ids, h:snapshot_at(a):get("app:one").data.n, h:snapshot_at(zero):get("app:one").data.n,
          h:snapshot_at(a):version():id() == a:id(), registry.snapshot_at(c:id()):get("app:one").data.n}
        local _, err = registry.snapshot_at(999)
        out[13] = err:kind()
        return out
        """,
    ) == [
        0,
        "v0",
        True,
        True,
        True,
        [True],
        2,
        [True, True, True, True],
        3,
        [True],
        True,
        ["registry.History{}", True, 2, 1, True, 4],
        "NotFound",
    ]


def test_delta(app):
    assert lua(
        app,
        """
        local function e(id, n, kind) return {id = id, kind = kind or "registry.entry", meta = {}, data = {n = n}} end
        local ops = registry.build_delta({e("a:x", 1), e("a:y", 1), e("a:k", 1), 5},
          {e("a:x", 1.0), e("a:y", 2), e("a:z", 1), e("a:k", 1, "other"), {id = 3}})
        local out = {}
        for i, op in ipairs(ops) do out[i] = op.kind .. " " .. op.entry.id end
        table.sort(out)
        return out
        """,
    ) == ["entry.create a:k", "entry.create a:z", "entry.delete a:k", "entry.update a:y"]


def test_permissions(app):
    guarded = function(
        "guarded",
        HEAD
        + """
        return {main = function()
          local snap = registry.snapshot()
          local found = {}
          for i, e in ipairs(snap:find({[".kind"] = "registry.entry"})) do found[i] = e.id end
          local _, denied = snap:get("app:secret")
          local _, apply = snap:changes():delete("app:two"):apply()
          local none, go = registry.apply_version(registry.current_version())
          return {found, denied:kind(), apply:kind(), none == nil, go:kind()}
        end}
        """,
        ["registry", "funcs", "security"],
    )
    app.define(guarded)
    assert lua(
        app,
        """
        local scope = security.new_scope({security.policy("app:deny"), security.policy("app:no_secret"), security.policy("app:no_apply")})
        return funcs.new():with_actor(security.new_actor("u")):with_scope(scope):call("app:guarded")
        """,
    ) == [["app:one", "app:two"], "PermissionDenied", "PermissionDenied", True, "PermissionDenied"]


def test_events_on_the_bus(app):
    assert lua(
        app,
        """
        local events = require("events")
        local sub = events.subscribe("registry")
        registry.snapshot():changes():create({id = "app:g", kind = "function.lua", meta = {m = 1},
          data = {source = "return function() end", method = "main"}}):apply()
        local out = {}
        for i = 1, 4 do
          local e = sub:channel():receive()
          out[i] = {e.kind, (e.path:gsub("%d+", "N")), e.data and e.data.id.name or false, e.data and e.data.meta.m or false}
        end
        return out
        """,
    ) == [
        ["registry.begin", "registry.tx/N/begin", False, False],
        ["entry.create", "app:g", "g", 1],
        ["entry.accept", "app:g", "g", 1],
        ["registry.commit", "registry.tx/N/commit", False, False],
    ]


def test_a_refusal_is_told_with_its_error(app):
    assert lua(
        app,
        """
        local events = require("events")
        local sub = events.subscribe("registry", "*")
        registry.snapshot():changes():create({id = "app:g", kind = "function.lua", data = {source = "x(", method = "main"}}):apply()
        local kinds, reason = {}, nil
        for i = 1, 4 do
          local e = sub:channel():receive()
          kinds[i] = e.kind
          if e.kind == "entry.reject" then reason = e.data end
        end
        return {kinds, type(reason), reason:kind(), tostring(reason):find("app:g", 1, true) ~= nil}
        """,
    ) == [["registry.begin", "entry.create", "entry.reject", "registry.discard"], "userdata", "Invalid", True]


def test_without_history():
    with application(ENTRIES, config={"registry": {"enable_history": False}}) as app:
        assert lua(
            app,
            """
            local snap = registry.snapshot()
            local v = snap:changes():delete("app:two"):apply()
            local _, a = registry.versions()
            local _, b = registry.snapshot_at(1)
            local back, c = registry.apply_version(v:previous())
            return {v:id() > 0, a:kind(), b:kind(), back, c:kind()}
            """,
        ) == [True, "Internal", "Internal", False, "Internal"]

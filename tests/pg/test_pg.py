"""Process groups as applications see them."""

import pytest

from application import application, function, host, process, workflow
from security_module.identity import WORKFLOWS, identity, policy
from wippy.errors import WippyError

MEMBER = """
local pg = require("pg")
-- Joins the groups it is told to, and leaves when it is told anything.
return function(scope, groups, boss, fails)
  local g = pg.open(scope)
  for _, group in ipairs(groups) do assert(g:join(group)) end
  process.send(boss, "joined")
  process.inbox():receive()
  if fails then error("bang") end
end"""

ECHO = """
local pg = require("pg")
return function(scope, group, boss, n)
  pg.open(scope):join(group)
  process.send(boss, "joined")
  local out = {}
  for i = 1, n do
    local m = process.inbox():receive()
    local p = m:payload()
    out[i] = {m:topic(), m:from() == boss, p and (p.data and p:data() or #p)}
  end
  return out
end"""


def scope(name, **data):
    return {"name": name, "kind": "pg.scope", "lifecycle": {"auto_start": True}, **data}


@pytest.fixture(scope="module")
def app():
    with application(
        host("processes", 2),
        host("other", 1),
        scope("groups"),
        scope("apart"),
        scope("small", max_groups=2, max_members_per_group=3),
        {"name": "idle", "kind": "pg.scope"},
        {"name": "memory", "kind": "db.sql.sqlite", "file": ":memory:"},
        process("member", MEMBER, ["pg"]),
        process("echo", ECHO, ["pg"]),
        policy("all", "*"),
    ) as app:
        yield app


HEAD = """
local pg = require("pg")
local me = process.pid()
local function pack(...) return {n = select("#", ...), ...} end
"""


def lua(app, body, *args, scope="app:groups", **more):
    return app.lua(HEAD + f'local g = assert(pg.open("{scope}"))\n' + body, *args, modules=["pg", "funcs"], **more)


def test_joins_count(app):
    assert lua(
        app,
        """
        local out = {}
        g:join("a") g:join("a") g:join("b")
        out[1] = {#g:get_members("a"), g:get_members("a")[2] == me, #g:get_local_members("b"), #g:get_members("none")}
        local groups = g:which_groups() table.sort(groups)
        local here = g:which_local_groups() table.sort(here)
        out[2] = {groups, here}
        out[3] = {g:leave("a"), #g:get_members("a"), g:leave("a"), #g:get_members("a"), g:which_groups()}
        local ok, err = g:leave("a")
        out[4] = {ok == nil, err:kind(), err:message(), err:retryable()}
        return out
    """,
    ) == [
        [2, True, 1, 0],
        [["a", "b"], ["a", "b"]],
        [True, 1, True, 0, ["b"]],
        [True, "NotFound", "pg: process not joined in group", False],
    ]


def test_members_stand_in_join_order_and_leaving_takes_back_the_latest(app):
    assert lua(
        app,
        """
        local other = process.spawn("app:member", "app:other", "app:groups", {"order"}, me)
        process.inbox():receive()
        g:join("order")
        local third = process.spawn("app:member", "app:processes", "app:groups", {"order", "order"}, me)
        process.inbox():receive()
        g:join("order")
        local seen = {}
        local short = {[me] = "me", [other] = "other", [third] = "third"}
        local function list()
          local out = {}
          for i, pid in ipairs(g:get_members("order")) do out[i] = short[pid] end
          seen[#seen + 1] = table.concat(out, " ")
        end
        list() g:leave("order") list()
        process.send(other, "end") process.send(third, "end")
        return seen
    """,
    ) == ["other me third third me", "other me third third"]


def test_a_list_of_groups_is_joined_as_a_whole_and_left_as_far_as_joined(app):
    assert lua(
        app,
        """
        local out = {g:join({"x", 7, "y", {}, "x"}), #g:get_members("x"), #g:get_members("y")}
        out[4] = g:leave({"x", "never"})
        out[5] = #g:get_members("x")
        local ok, err = g:leave({"never", "nor this"})
        out[6] = {ok == nil, err:kind()}
        return out
    """,
    ) == [True, 2, 1, True, 1, [True, "NotFound"]]


def test_limits_refuse_a_list_as_a_whole(app):
    assert lua(
        app,
        """
        local out = {}
        local function try(groups)
          local ok, err = g:join(groups)
          out[#out + 1] = ok or {err:kind(), err:message(), err:retryable()}
        end
        try({"a", "b", "c"}) try({"a", "a", "a", "a"}) try({"a", "b"})
        try("c") try({"a", "a"}) try("a")
        out[7] = {#g:get_members("a"), #g:get_members("b"), #g:get_members("c")}
        g:leave("b") g:leave("a")
        try("c")
        return out
    """,
        scope="app:small",
    ) == [
        ["RateLimited", "pg: maximum number of groups reached", True],
        ["RateLimited", "pg: maximum members per group reached", True],
        True,
        ["RateLimited", "pg: maximum number of groups reached", True],
        True,
        ["RateLimited", "pg: maximum members per group reached", True],
        [3, 1, 0],
        True,
    ]


def test_scopes_are_apart(app):
    assert lua(
        app,
        """
        g:join("a")
        local other = pg.open("app:apart")
        return {#other:get_members("a"), other:which_groups(), #pg.open("app:groups"):get_members("a")}
    """,
    ) == [0, [], 1]


def test_broadcast_reaches_every_member_once_per_join_and_the_caller_too(app):
    assert lua(
        app,
        """
        local out, done = {}, channel.new(2)
        for _, host in ipairs({"app:processes", "app:other"}) do
          coroutine.spawn(function() done:send((process.exec("app:echo", host, "app:groups", "all", me, 3))) end)
        end
        local inbox = process.inbox()
        inbox:receive() inbox:receive()
        g:join({"all", "all"})
        out[1] = {g:broadcast("all", "news", {n = 1}), g:broadcast_local("all", "none")}
        out[1][3] = g:broadcast("all", "two", 1, 2)
        local seen = {}
        for i = 1, 6 do
          local m = inbox:receive()
          seen[i] = m:topic() .. (m:from() == me and "!" or "")
        end
        out[2] = seen
        out[3], out[4] = done:receive(), done:receive()
        return out
    """,
    ) == [
        [True, True, True],
        ["news!", "news!", "none!", "none!", "two!", "two!"],
        [["news", True, {"n": 1}], ["none", True], ["two", True, 2]],
        [["news", True, {"n": 1}], ["none", True], ["two", True, 2]],
    ]


def test_broadcasts_and_sends_of_one_process_arrive_in_order(app):
    assert lua(
        app,
        """
        local out = {}
        for _, host in ipairs({"app:processes", "app:other", "app:processes"}) do
          local done = channel.new(1)
          coroutine.spawn(function() done:send(process.exec("app:echo", host, "app:groups", "order", me, 200)) end)
          process.inbox():receive()
          local to = g:get_members("order")[1]
          for i = 1, 100 do
            g:broadcast("order", tostring(2 * i - 1))
            process.send(to, tostring(2 * i))
          end
          local wrong = 0
          for i, m in ipairs((done:receive())) do if m[1] ~= tostring(i) then wrong = wrong + 1 end end
          out[#out + 1] = wrong
        end
        return out
    """,
    ) == [0, 0, 0]


def test_each_member_gets_its_own_copy(app):
    assert lua(
        app,
        """
        g:join({"copy", "copy"})
        local sent = {inner = {1}}
        g:broadcast("copy", "t", sent)
        local a, b = process.inbox():receive(), process.inbox():receive()
        a, b = a:payload():data(), b:payload():data()
        a.inner[1] = 2
        return {b.inner[1], sent.inner[1]}
    """,
    ) == [1, 1]


def test_broadcast_to_nobody_succeeds(app):
    assert lua(app, "return {g:broadcast('nobody', 't', 1), g:broadcast_local('nobody', 't')}") == [True, True]


def test_events_of_one_group(app):
    assert lua(
        app,
        """
        g:join("m")
        local sub, members, err = g:monitor("m")
        local ch = sub:channel()
        g:join({"m", "n", "m"}) g:leave("m") g:leave({"m", "n", "m"})
        local function short(e)
          local keys = {}
          for k in pairs(e) do keys[#keys + 1] = k end
          for k in pairs(e.data) do keys[#keys + 1] = k end
          table.sort(keys)
          for _, pid in ipairs(e.data.PIDs) do assert(pid == me) end
          return {e.system, e.kind, e.path, e.data.Group, #e.data.PIDs, table.concat(keys, " ")}
        end
        return {#members, members[1] == me, err == nil, short(ch:receive()), short(ch:receive()), short(ch:receive()),
          tostring(sub), sub:channel() == ch}
    """,
    ) == [
        1,
        True,
        True,
        ["pg", "member.joined", "m", "m", 2, "Group PIDs data kind path system"],
        ["pg", "member.left", "m", "m", 1, "Group PIDs data kind path system"],
        ["pg", "member.left", "m", "m", 2, "Group PIDs data kind path system"],
        "pg.Subscription{}",
        True,
    ]


def test_events_of_all_groups(app):
    assert lua(
        app,
        """
        g:join({"e1", "e2", "e1"})
        local sub, groups, err = g:events()
        local before = {#groups.e1, #groups.e2, groups.e1[1] == me, err == nil}
        g:join("e3") g:leave("e2")
        local a, b = sub:channel():receive(), sub:channel():receive()
        return {before, {a.kind, a.path}, {b.kind, b.path}}
    """,
        scope="app:apart",
    ) == [[2, 1, True, True], ["member.joined", "e3"], ["member.left", "e2"]]


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("place", ["app:processes", "app:other"])
def test_a_process_that_ends_leaves_with_all_its_joins(app, place, fails):
    assert lua(
        app,
        """
        local place, fails = ...
        local sub = g:events()
        local pid = process.spawn_monitored("app:member", place, "app:groups", {"q1", {"q2", "q1"}, "q1"}, me, fails)
        local inbox, events = process.inbox(), process.events()
        inbox:receive()
        local before = #g:get_members("q1")
        process.send(pid, "end")
        assert(events:receive().from == pid)
        local after = {#g:get_members("q1"), #g:get_members("q2")}
        local left = {}
        while true do
          local e = sub:channel():receive()
          if e.kind == "member.left" then
            for _, one in ipairs(e.data.PIDs) do assert(one == pid) end
            left[e.path] = #e.data.PIDs
            if left.q1 and left.q2 then break end
          end
        end
        sub:close()
        return {before, after, left}
    """,
        place,
        fails,
    ) == [3, [0, 0], {"q1": 3, "q2": 1}]


def test_a_terminated_process_leaves(app):
    assert lua(
        app,
        """
        local pid = process.spawn("app:member", "app:other", "app:groups", {"t", "t"}, me)
        process.inbox():receive()
        local sub, members = g:monitor("t")
        process.terminate(pid)
        local e = sub:channel():receive()
        return {#members, e.kind, #e.data.PIDs}
    """,
    ) == [2, "member.left", 2]


def test_a_snapshot_and_its_events_make_the_whole(app):
    """Members come and go on another worker while this one takes snapshots: none is missed, none counted twice."""
    app.define(
        process(
            "restless",
            """
            local pg = require("pg")
            return function(n)
              local g = pg.open("app:groups")
              for i = 1, n do
                g:join("busy")
                if i % 3 == 0 then g:leave("busy") g:leave("busy") end
              end
              for _ = 1, #g:get_members("busy") do g:leave("busy") end
              g:join("busy_end")
            end""",
            ["pg"],
        )
    )
    assert (
        lua(
            app,
            """
        local stop = g:monitor("busy_end")
        process.spawn("app:restless", "app:other", 600)
        local wrong = {}
        local subs = {}
        for _ = 1, 30 do
          local sub, members = g:monitor("busy")
          subs[#subs + 1] = {sub:channel(), #members, sub}
          for _ = 1, 2000 do end
          coroutine.yield()
        end
        stop:channel():receive()
        for i, s in ipairs(subs) do
          local count = s[2]
          while true do
            local r = channel.select({s[1]:case_receive(), default = true})
            if r.default then break end
            count = count + (r.value.kind == "member.joined" and 1 or -1) * #r.value.data.PIDs
          end
          if count ~= 0 then wrong[#wrong + 1] = i .. ":" .. count end
          s[3]:close({flush = true})
        end
        return table.concat(wrong, " ")
    """,
        )
        == ""
    )


def test_closing_keeps_what_is_buffered_unless_flushed(app):
    assert lua(
        app,
        """
        local function left(ch)
          local n = 0
          while true do
            local _, ok = ch:receive()
            if not ok then return n end
            n = n + 1
          end
        end
        local kept, flushed, witness = g:monitor("c"), g:monitor("c"), g:monitor("c")
        for _ = 1, 5 do g:join("c") end
        for _ = 1, 5 do witness:channel():receive() end
        local out = {kept:close(), flushed:close({flush = true}), kept:close(), flushed:close({flush = true})}
        g:join("c")
        witness:channel():receive()
        out[5], out[6] = left(kept:channel()), left(flushed:channel())
        return out
    """,
    ) == [True, True, True, True, 5, 0]


def test_more_events_than_the_buffer_holds_arrive_in_order(app):
    assert (
        lua(
            app,
            """
        local sub = g:events()
        for i = 1, 200 do g:join("g" .. i) end
        local wrong = 0
        for i = 1, 200 do if sub:channel():receive().path ~= "g" .. i then wrong = wrong + 1 end end
        return wrong
    """,
        )
        == 0
    )


def test_an_instance_that_was_released(app):
    assert lua(
        app,
        """
        g:join("r")
        local out = {tostring(g), g:release(), g:release(), tostring(g)}
        local function try(...)
          local r = pack(...)
          out[#out + 1] = r.n .. " " .. r[2]:kind() .. " " .. r[2]:message()
        end
        try(g:join("r")) try(g:leave("r")) try(g:get_members("r")) try(g:which_groups()) try(g:broadcast("r", "t"))
        try(g:monitor("r")) try(g:events())
        out[#out + 1] = #pg.open("app:groups"):get_members("r")
        return out
    """,
    ) == [
        "pg.Instance{app:groups}",
        True,
        True,
        "pg.Instance{app:groups, released}",
        *["2 Invalid pg instance is released"] * 7,
        1,
    ]


def test_errors_of_arguments(app):
    assert lua(
        app,
        """
        local out = {}
        local function try(...)
          local r = pack(...)
          out[#out + 1] = {r[1] == nil, r[2]:kind(), r[2]:message()}
        end
        try(g:join("")) try(g:join({})) try(g:join({1, 2})) try(g:join(5)) try(g:join(nil)) try(g:join({"a", ""}))
        try(g:leave("")) try(g:leave({})) try(g:leave(true))
        try(g:get_members("")) try(g:get_local_members(""))
        try(g:broadcast("", "t")) try(g:broadcast("g", "")) try(g:broadcast("g", "@pid/events"))
        try(g:monitor(""))
        out[#out + 1] = {pcall(g.broadcast, g, "g"), pcall(g.get_members, g), pcall(g.monitor, g, {})}
        return out
    """,
    ) == [
        [True, "Invalid", "group name is required"],
        [True, "Invalid", "groups table must not be empty"],
        [True, "Invalid", "groups table must not be empty"],
        *[[True, "Invalid", "group name (string) or groups table required"]] * 2,
        [True, "Invalid", "group name is required"],
        [True, "Invalid", "group name is required"],
        [True, "Invalid", "groups table must not be empty"],
        [True, "Invalid", "group name (string) or groups table required"],
        *[[True, "Invalid", "group name is required"]] * 3,
        [True, "Invalid", "topic is required"],
        [True, "Invalid", "cannot broadcast to @ topics"],
        [True, "Invalid", "group name is required"],
        [False, False, False, "bad argument #2 to monitor (string expected, got table)"],
    ]


def test_objects_cannot_be_written_to(app):
    assert lua(
        app,
        """
        local sub = g:monitor("a")
        return {type(g), type(sub), g.nothing == nil, type(g.join), (pcall(function() g.x = 1 end)),
          (pcall(function() sub.x = 1 end)), (pcall(function() pg.open = nil end))}
    """,
    ) == ["userdata", "userdata", True, "function", False, False, False]


def test_errors_of_open(app):
    assert app.lua(
        HEAD
        + """
        local out = {}
        for _, id in ipairs({"", "app:nothing", "app:idle", "app:memory"}) do
          local g, err = pg.open(id)
          out[#out + 1] = {g == nil, err:kind(), err:message()}
        end
        out[5] = pcall(pg.open)
        return out
    """,
        modules=["pg"],
    ) == [
        [True, "Invalid", "resource id is required"],
        [True, "Internal", "failed to acquire pg scope: resource not found: app:nothing"],
        [True, "Internal", "failed to acquire pg scope: app:idle is not running"],
        [True, "Invalid", "resource is not a pg scope: app:memory"],
        False,
    ]


@pytest.mark.parametrize(
    ("action", "resource", "call", "text"),
    [
        ("pg.open", "app:groups", "pg.open('app:groups')", "not allowed to access pg scope: app:groups"),
        ("pg.join", "g", "g:join('g')", "not allowed to join pg group: g"),
        ("pg.join", "h", "g:join({'g', 'h'})", "not allowed to join pg group: h"),
        ("pg.leave", "g", "g:leave('g')", "not allowed to leave pg group: g"),
        ("pg.get_members", "g", "g:get_members('g')", "not allowed to get_members pg group: g"),
        ("pg.get_local_members", "g", "g:get_local_members('g')", "not allowed to get_local_members pg group: g"),
        ("pg.which_groups", "*", "g:which_groups()", "not allowed to which_groups of pg scope"),
        ("pg.which_local_groups", "*", "g:which_local_groups()", "not allowed to which_local_groups of pg scope"),
        ("pg.broadcast", "g", "g:broadcast('g', 't')", "not allowed to broadcast pg group: g"),
        ("pg.broadcast_local", "g", "g:broadcast_local('g', 't')", "not allowed to broadcast_local pg group: g"),
        ("pg.monitor", "g", "g:monitor('g')", "not allowed to monitor pg group: g"),
        ("pg.events", "*", "g:events()", "not allowed to events of pg scope"),
    ],
)
def test_permissions(app, action, resource, call, text):
    app._count += 1
    name = f"deny{app._count}"
    app.define(policy(name, action, resource, "deny"))
    body = f"""
        local pg = require("pg")
        local function pack(...) return {{n = select("#", ...), ...}} end
        return function()
          local g = pg.open("app:groups")
          local r = pack({call})
          return {{r.n, r[1] == nil, r[2]:kind(), r[2]:message()}}
        end"""
    app.define(process(f"body{app._count}", body, ["pg"]))
    got = app.execute(f"app:body{app._count}", frame=identity(app, "kim", "all", name))
    assert got == [2, True, "PermissionDenied", text]


def test_nothing_is_joined_when_one_group_is_forbidden(app):
    app.define(policy("no_h", "pg.join", "h", "deny"))
    body = """
        local pg = require("pg")
        return function()
          local g = pg.open("app:groups")
          g:join({"free", "h"})
          return #g:get_members("free")
        end"""
    app.define(process("half", body, ["pg"]))
    assert app.execute("app:half", frame=identity(app, "kim", "all", "no_h")) == 0


def test_upgrade_keeps_memberships_and_ends_subscriptions(app):
    app.define(
        process(
            "old",
            """
            local pg = require("pg")
            return function(boss)
              local g = pg.open("app:groups")
              g:join({"kept", "kept"})
              g:monitor("other")
              process.upgrade("app:new", boss)
            end""",
            ["pg"],
        ),
        process(
            "new",
            """
            local pg = require("pg")
            return function(boss)
              local g = pg.open("app:groups")
              process.send(boss, "upgraded")
              local m = process.inbox():receive()
              g:join("other")
              local out = {m:topic(), #g:get_members("kept"), g:leave("kept")}
              g:join("kept")
              return out
            end""",
            ["pg"],
        ),
    )
    assert lua(
        app,
        """
        local watch, other = g:monitor("kept"), g:monitor("other")
        local pid = process.spawn_monitored("app:old", "app:processes", me)
        local inbox, events = process.inbox(), process.events()
        inbox:receive()
        local members = #g:get_members("kept")
        g:broadcast("kept", "hello")
        local result = events:receive().result.value
        local kinds = {}
        for i = 1, 4 do
          local e = watch:channel():receive()
          kinds[i] = e.kind .. " " .. #e.data.PIDs
        end
        return {members, result, kinds, #g:get_members("kept")}
    """,
    ) == [
        2,
        ["hello", 2, True],
        ["member.joined 2", "member.left 1", "member.joined 1", "member.left 2"],
        0,
    ]


def test_a_function_is_a_member_while_it_runs(app):
    app.define(
        function(
            "joins",
            """
            local pg = require("pg")
            return function(boss)
              local g = pg.open("app:groups")
              g:join("functions")
              process.send(boss, "joined", process.pid())
              local m = process.inbox():receive()
              return m:topic() .. #g:get_members("functions")
            end""",
            ["pg"],
        )
    )
    assert lua(
        app,
        """
        local funcs = require("funcs")
        local call = funcs.async("app:joins", me)
        local pid = process.inbox():receive():payload():data()
        local same = g:get_members("functions")[1] == pid
        g:broadcast("functions", "go")
        local result = call:response():receive():data()
        return {same, result, #g:get_members("functions")}
    """,
    ) == [True, "go1", 0]


def test_top_level_code_is_no_member(app):
    app.define(
        process(
            "early",
            """
            local g, err = require("pg").open("app:groups")
            local found = {g == nil, err:kind(), err:message()}
            return function() return found end""",
            ["pg"],
        )
    )
    assert app.execute("app:early") == [True, "Internal", "no process PID"]


def test_a_stopped_scope(app):
    app.define(scope("stops"))
    body = """
        local pg = require("pg")
        return function(boss)
          local g = pg.open("app:stops")
          g:join({"a", "a"})
          local sub = g:monitor("a")
          local inbox = process.inbox()
          process.registry.register("watches")
          inbox:receive()
          local e = sub:channel():receive()
          local out = {e.kind, #e.data.PIDs}
          for _, call in ipairs({"join", "leave", "get_members"}) do
            local v, err = g[call](g, "a")
            out[#out + 1] = {v == nil, err:kind(), err:message(), err:retryable()}
          end
          local s, members, err = g:monitor("a")
          out[#out + 1] = {s == nil, members == nil, err:message()}
          s, members, err = g:events()
          out[#out + 1] = {s == nil, members == nil, err:message()}
          process.registry.register("stopped")
          inbox:receive()
          out[#out + 1] = {#g:get_members("a"), g:join("a"), #g:get_members("a")}
          return out
        end"""
    app.define(process("stops_user", body, ["pg"]))
    from wippy.registry.entry import ID

    id = ID("app", "stops")
    future = app.begin("app:stops_user")

    def until(name):
        while (found := app.app.runtime.router.names.holder(name)) is None:
            assert not future.done(), future.exception()
        return found.decode()

    def tell():
        app.app.runtime.router.request("send", pid, "go", "", "", b"\x90").result(10)

    pid = until(b"watches")
    app.run(app.app.supervisor.stop(id))
    tell()
    until(b"stopped")
    app.run(app.app.supervisor.start(id))
    tell()
    stopped = [True, "Unavailable", "pg: service stopped", False]
    assert future.result(10) == [
        "member.left",
        2,
        *[stopped] * 3,
        *[[True, True, "pg: service stopped"]] * 2,
        [0, True, 1],
    ]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"max_groups": -1}, "pg: max groups must be non-negative"),
        ({"max_members_per_group": -2}, "pg: max members per group must be non-negative"),
        ({"monitor_buffer": -1}, "pg: monitor buffer must be non-negative"),
        ({"broadcast_timeout": "-1s"}, "pg: broadcast timeout must be non-negative"),
        ({"action_queue_size": 2000}, "action queue max size"),
        ({"retry_base_delay": "soon"}, "retry_base_delay"),
    ],
)
def test_wrong_entries(app, data, text):
    with pytest.raises(WippyError, match=text) as caught:
        app.define(scope("wrong", **data))
    assert caught.value.kind == "Invalid"


def test_all_keys_of_an_entry(app):
    app.define(
        scope(
            "full",
            protocol_timeout="1s",
            broadcast_timeout="2s",
            anti_entropy_interval="1m",
            circuit_breaker_failures=1,
            circuit_breaker_reset_time="1s",
            max_retries=0,
            retry_base_delay="5ms",
            retry_max_delay="1s",
            action_queue_size=10,
            action_queue_max_size=1024,
            monitor_buffer=1,
            max_groups=0,
        )
    )
    assert lua(app, "g:join('a') return #g:get_members('a')", scope="app:full") == 1


def test_a_changed_entry_replaces_the_scope(app):
    app.define(scope("changes", max_groups=1))
    assert lua(app, "return {g:join('a'), (g:join('b'))}", scope="app:changes") == [True]
    app.define(scope("changes", max_groups=2))
    app.run(app.app.supervisor.settled())
    assert lua(app, "return {g:join('a'), (g:join('b'))}", scope="app:changes") == [True, True]


def test_a_workflow_cannot_reach_it():
    flow = workflow("flow", "return function() return require('pg') end", ["pg"])
    with pytest.raises(WippyError, match="a workflow cannot use 'pg'"), application(*WORKFLOWS, scope("groups"), flow):
        pass

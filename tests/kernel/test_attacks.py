"""A hostile unit against the others of its VM, and against the VM: what it can reach it cannot change, what it sends
carries no code, and what it computes ends."""

from __future__ import annotations

import time

import pytest

from application import application, host, library, process

MODULES = (
    *("base64", "crypto", "ctx", "env", "events", "expr", "fs", "funcs", "hash", "io", "json", "logger", "payload"),
    *("pg", "registry", "security", "sql", "system", "text", "time", "uuid", "workflow", "yaml"),
)
TYPES = 'type User = {name: string, tags: {string}, kind: "a" | "b"}\n'
WALK = """
    -- Everything that can be reached by reading: out lists it, nodes has what could be written to.
    local seen, out, nodes = {}, {}, {}
    local function visit(v, path, depth)
      if depth > 8 then return end
      local t = type(v)
      if t ~= "table" and t ~= "userdata" and t ~= "type" then
        local shown = (t == "string" or t == "number" or t == "boolean") and tostring(v) or ""
        out[#out + 1] = path .. ": " .. t .. " " .. shown
        return
      end
      if seen[v] then return end
      seen[v] = true
      nodes[#nodes + 1] = {v, path}
      local keys = {}
      pcall(function() for k in pairs(v) do keys[#keys + 1] = k end end)
      out[#out + 1] = path .. ": " .. t .. " " .. #keys
      table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
      for _, k in ipairs(keys) do visit(v[k], path .. "." .. tostring(k), depth + 1) end
      local mt = getmetatable(v)
      if mt ~= nil then visit(mt, path .. "<metatable>", depth + 1) end
    end
    local modules = ...
    for k, v in pairs(_G) do if k ~= "_G" then visit(v, tostring(k), 0) end end
    for _, m in ipairs(modules) do visit(require(m), m, 0) end
    visit(User, "User", 0)
    visit(getmetatable(""), "strings", 0)
    process.send(process.pid(), "t", 1)
    local m = process.inbox():receive()
    local clock = require("time")
    local objects = {channel = channel.new(), message = m, payload = m:payload(), error = errors.new("x"),
      spawner = process.with_context({}), case = channel.new():case_receive(), now = clock.now(),
      duration = clock.parse_duration("1s"), timer = clock.timer("1h"), zone = clock.utc}
    for name, o in pairs(objects) do visit(o, "object " .. name, 0) end
"""
DIGEST = f"{TYPES}return function(...)\n{WALK}\ntable.sort(out) return table.concat(out, '\\n') end"
ATTACK = f"""{TYPES}return function(...)
{WALK}
    local hits = {{}}
    for _, node in ipairs(nodes) do
      local v, path = node[1], node[2]
      local function try(name, f, ...)
        if pcall(f, ...) then hits[#hits + 1] = path .. " " .. name end
      end
      local function evil() return "owned" end
      try("set", function() v.leak = evil end)
      try("set first", function() v[1] = "owned" end)
      local keys = {{}}
      pcall(function() for k in pairs(v) do keys[#keys + 1] = k end end)
      for _, k in ipairs(keys) do try("overwrite " .. tostring(k), function() v[k] = evil end) end
      try("rawset", rawset, v, "leak", 1)
      try("insert", table.insert, v, "owned")
      try("remove", table.remove, v)
      try("sort", table.sort, v, function() return true end)
      try("setmetatable", setmetatable, v, {{__index = evil, __newindex = evil, __call = evil}})
    end
    pcall(function() getmetatable("").__index = nil end)
    return hits
end"""
OWN = ("arg", "object channel", "object message")
"""What belongs to the attacker alone."""


@pytest.fixture(scope="module")
def app():
    with application(
        host("processes", 1),
        host("other", 1),
        process("digest", DIGEST, list(MODULES)),
        process("attack", ATTACK, list(MODULES)),
        library("shared", "return {value = 1, nested = {list = {1, 2}}}"),
        process(
            "receive",
            """
            return function()
              local e = process.inbox():receive():payload():data()
              local d, out = e:details(), {}
              for k, v in pairs(d) do out[k] = type(v) end
              out.called = pcall(function() return d.f() end)
              out.indexed = pcall(function() return d.t.anything.more end)
              return out
            end
            """,
        ),
        process("echo", "return function(x) return x end"),
    ) as app:
        yield app


def test_nothing_that_is_shared_can_be_changed(app) -> None:
    before = app.execute("app:digest", list(MODULES))
    assert len(before.splitlines()) > 300
    hits = app.execute("app:attack", list(MODULES))
    assert [hit for hit in hits if not hit.startswith(OWN)] == []
    assert app.execute("app:digest", list(MODULES)) == before


@pytest.mark.parametrize("where", ["app:processes", "app:other"])
def test_errors_carry_no_code(app, where: str) -> None:
    source = """
        local secret = "mine"
        local t = setmetatable({x = 1}, {__index = function() return secret end})
        local e = errors.new({message = "x", details = {f = function() return secret end, t = t,
          ch = channel.new(), co = coroutine.create(function() return secret end)}})
        local pid = process.spawn_monitored("app:receive", ...)
        process.send(pid, "t", e)
        return process.events():receive().result.value
    """
    found = app.lua(source, where)
    assert found.pop("called") is False
    assert found.pop("indexed") is False
    assert set(found.values()) <= {"string", "table"}


def test_the_details_of_an_error_are_a_copy(app) -> None:
    source = """
        local t = {n = 1, deep = {n = 1}}
        local e = errors.new({message = "x", details = t})
        process.send(process.pid(), "t", e)
        local got = process.inbox():receive():payload():data()
        t.n, t.deep.n = 2, 2
        local d = got:details()
        d.n, d.deep.m = 3, 3
        return {got:details().deep.n, e:details().n, e:details().deep.m == nil, t.deep.m == nil}
    """
    assert app.lua(source)[1:] == [1, True, True]


def test_a_message_that_is_changed_stays_with_its_receiver(app) -> None:
    source = """
        process.send(process.pid(), "t", {n = 1})
        local m = process.inbox():receive()
        pcall(function() m[2] = "{forged@pid|0x1}" end)
        local pid = process.spawn_monitored("app:echo", "app:processes", m, m:payload(), {m})
        local value = process.events():receive().result.value
        return value == nil
    """
    assert app.lua(source) is True


ENDLESS = {
    "rep of nothing": "return #(''):rep(1 << 60) == 0",
    "rep beyond memory": "return not pcall(string.rep, 'x', 1 << 62)",
    "concat of a table that makes itself up": """
        local t = setmetatable({}, {__index = function() return "" end, __len = function() return math.maxinteger end})
        return not pcall(table.concat, t, "", 1, math.maxinteger)""",
    "sort of a table that lies about its length": """
        table.sort(setmetatable({}, {__len = function() return 1 << 40 end})) return true""",
    "sort with a comparison that lies": """
        local t = {} for i = 1, 300 do t[i] = i % 7 end
        pcall(table.sort, t, function() return true end) return true""",
    "unpack of everything": "return not pcall(unpack, {}, math.mininteger, math.maxinteger)",
    "unpack of a hundred million": "return not pcall(unpack, {}, 1, 100000000)",
    "insert far away": "pcall(table.insert, {}, math.maxinteger, 1) return true",
    "select from the end of nothing": "return not pcall(select, math.mininteger, 1)",
    "format of great width": "return not pcall(string.format, '%99999d', 1)",
    "pack of sixteen bytes": "return not pcall(string.pack, 'i17', 1)",
    "unpack of a length that is a lie": "return not pcall(string.unpack, 's8', ('\\255'):rep(16))",
    "unpack far behind": "return not pcall(string.unpack, 'i4', 'abcd', math.maxinteger)",
    "bytes of ten megabytes": "return not pcall(string.byte, ('x'):rep(10000000), 1, -1)",
    "a plain search at its worst": """
        local a = ("a"):rep(500000)
        return (a .. a):find(a .. "b", 1, true) == nil""",
    "a pattern at its worst": """
        return not pcall(string.find, ("a"):rep(100), ("a*"):rep(3) .. "b") or true""",
    "a pattern of many captures": "return not pcall(string.find, 'x', ('('):rep(100))",
    "gsub that grows without end": "return #('x'):gsub('', ('y'):rep(1000)) > 0",
    "a metatable that is its own index": """
        local t = {} setmetatable(t, {__index = t})
        return not pcall(function() return t.x end)""",
    "a chain of a hundred thousand indexes": """
        local t = {} for _ = 1, 100000 do t = setmetatable({}, {__index = t}) end
        return not pcall(function() return t.x end) or true""",
    "coroutines in coroutines": """
        local function nest(n) return coroutine.wrap(function() return nest(n + 1) end)() end
        return not pcall(nest, 1)""",
    "recursion through gsub": """
        local function f() return (("x"):gsub("x", f)) end
        return not pcall(f)""",
    "recursion through sort": """
        local function f() table.sort({2, 1}, function() f() return true end) end
        return not pcall(f)""",
    "recursion through tostring": """
        local t = setmetatable({}, {}) getmetatable(t).__tostring = function() return tostring(t) end
        return not pcall(tostring, t)""",
    "recursion through eq": """
        local mt = {} mt.__eq = function(a, b) return a == b end
        return not pcall(function() return setmetatable({}, mt) == setmetatable({}, mt) end)""",
    "recursion through concat": """
        local mt = {} mt.__concat = function(a, b) return a .. b end
        return not pcall(function() return setmetatable({}, mt) .. "x" end)""",
    "a date of long ago": """
        pcall(os.date, "%c", -1e18) pcall(os.time, {year = math.huge, month = 1, day = 1}) return true""",
    "a long date format": "return #os.date(('%c'):rep(5000), 0) > 5000",
    "a deep table to json": """
        local t = {} for _ = 1, 100000 do t = {t} end
        return not pcall(require("json").encode, t) or select(2, require("json").encode(t)) ~= nil""",
    "a deep text to json": "return (require('json').decode(('['):rep(1000000))) == nil",
    "a deep text to yaml": "return pcall(require('yaml').decode, ('['):rep(10000)) or true",
    "a million handlers": """
        local f = function() error("x") end
        for _ = 1, 150 do local g = f f = function() return pcall(g) end end
        f() return true""",
}


@pytest.mark.parametrize("name", ENDLESS)
def test_it_ends_and_holds_nobody(app, name: str) -> None:
    app.define(process("hostile", f"return function()\n{ENDLESS[name]}\nend", ["json", "yaml"]))
    hostile = app.begin("app:hostile")
    began = time.monotonic()
    assert app.execute("app:echo", 1) == 1
    assert time.monotonic() - began < 5  # an unbroken loop takes far longer
    error = hostile.exception(30)
    if error is None:
        assert hostile.result() is True
    else:
        assert any(word in str(error) for word in ("overflow", "ran too long", "memory"))


def test_a_pattern_that_never_ends_can_be_terminated(app) -> None:
    source = "return function() string.find(('a'):rep(3000), ('a*'):rep(12) .. 'b') end"
    app.define(process("hostile", source))
    stop = """
        local pid = process.spawn_monitored("app:hostile", "app:processes")
        for _ = 1, 5 do coroutine.yield() end
        process.terminate(pid)
        return process.events():receive().result.error:message()
    """
    assert app.lua(stop) == "process terminated"

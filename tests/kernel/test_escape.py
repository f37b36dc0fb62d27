"""What user code tries in order to reach Python, the kernel, or another process. Nothing of it may work."""

import pytest

from application import application, function, host, library, process

WALK = """
    -- Everything that can be reached from a value by reading fields and metatables.
    local seen, found = {}, {}
    local function visit(v, path, depth)
      if v == nil or seen[v] or depth > 6 then return end
      if type(v) == "table" or type(v) == "userdata" or type(v) == "function" then seen[v] = true end
      local text = tostring(v)
      if text:find("POBJECT", 1, true) or text:find("lupa", 1, true) or text:find("<class", 1, true)
        or text:find("Python", 1, true) or text:find(" at 0x", 1, true) then
        found[#found + 1] = path .. " = " .. text
      end
      local mt = getmetatable(v)
      if type(mt) == "table" then visit(mt, path .. "<mt>", depth + 1) end
      if type(v) == "table" then
        for k, x in pairs(v) do
          visit(k, path .. "<key>", depth + 1)
          visit(x, path .. "." .. tostring(k), depth + 1)
        end
      end
    end
"""


@pytest.fixture(scope="module")
def app():
    with application(
        host("processes", 1),
        host("other", 1),
        process(
            "victim",
            """
            local secret = "hidden"
            shared = "mine"
            return function(to)
              local before = {string.upper, table.insert, tostring(("x").upper), shared}
              process.send(to, "ready")
              process.inbox():receive()
              return {before[1] == string.upper, before[2] == table.insert, ("x"):upper(), shared, secret,
                leaked == nil, string.leaked == nil, process.leaked == nil, channel.leaked == nil}
            end
        """,
        ),
        library("lib", "return {value = 1, list = {1}}"),
        function("lib_user", "return function() return lib.value end", imports={"lib": "app:lib"}),
        function("fails", "return function() return nil, 'text' end"),
    ) as app:
        yield app


def test_names_that_must_not_be_there(app):
    names = [
        "python",
        "debug",
        "io",
        "loadfile",
        "dofile",
        "collectgarbage",
        "jit",
        "K",
        "wippy",
        "host",
        "module",
        "_ENV_",
    ]
    source = "local out = {} for i, n in ipairs(...) do if _G[n] ~= nil then out[#out + 1] = n end end return out"
    assert app.lua(source, names) in ([], {})


def test_modules_that_must_not_be_there(app):
    for name in ("io", "os.execute", "debug", "python", "lupa", "wippy", "host", "kernel"):
        assert app.lua("local ok, m = pcall(require, ...) return ok and m ~= nil", name) is False, name


def test_dangerous_parts_of_os_and_string(app):
    assert (
        app.lua("""
        local out = {}
        for _, n in ipairs({"execute", "exit", "remove", "rename", "tmpname", "getenv", "setlocale"}) do
          if os and os[n] then out[#out + 1] = "os." .. n end
        end
        if pcall(string.dump, print) or pcall(string.dump, function() end) then out[#out + 1] = "string.dump" end
        local f = package and package.loadlib("libc.so.6", "*")
        if f then out[#out + 1] = "package.loadlib" end
        return #out == 0 or out
    """)
        is True
    )


def test_no_python_object_can_be_reached(app):
    modules = ["funcs", "time", "json", "events", "fs", "env", "logger", "registry", "uuid", "sql", "payload"]
    found = app.lua(
        WALK
        + """
        for k, v in pairs(_G) do visit(v, tostring(k), 0) end
        for _, name in ipairs(...) do
          local ok, m = pcall(require, name)
          if ok then visit(m, name, 0) end
        end
        local values = {channel.new(), process.inbox(), process.events(), process.with_context({}),
          errors.new("x"), getmetatable(""), coroutine.running()}
        process.send(process.pid(), "t", 1)
        local m = process.inbox():receive()
        values[#values + 1], values[#values + 2] = m, m:payload()
        values[#values + 1] = channel.new():case_receive()
        for i, v in ipairs(values) do visit(v, "value " .. i, 0) end
        return #found == 0 or found
    """,
        modules,
        modules=modules,
    )
    assert found is True


def test_errors_carry_no_python_object(app):
    modules = ["funcs", "time", "json", "fs", "env", "sql", "uuid"]
    found = app.lua(
        WALK
        + """
        local function try(name, f, ...)
          local results = {pcall(f, ...)}
          for i = 1, #results do visit(results[i], name, 0) end
          local e = results[2] == nil and results[3] or results[2]
          if type(e) == "error" or type(e) == "userdata" then
            for _, method in ipairs({"kind", "message", "stack", "details", "retryable"}) do
              local ok, v = pcall(function() return e[method](e) end)
              visit(v, name .. ":" .. method, 0)
            end
          end
        end
        local strange = {setmetatable({}, {__index = function() error({}) end}), "\\255\\254", 1 / 0, -1 / 0, 0 / 0,
          math.mininteger, {}, print, coroutine.running(), channel.new(), ("x"):rep(70000)}
        for _, name in ipairs(...) do
          local ok, module = pcall(require, name)
          if ok and type(module) == "table" then
            for key, f in pairs(module) do
              if type(f) == "function" and key ~= "sleep" and key ~= "after" then
                try(name .. "." .. tostring(key), f)
                for _, v in ipairs(strange) do
                  try(name .. "." .. tostring(key), f, v)
                  try(name .. "." .. tostring(key), f, "x", v)
                  try(name .. "." .. tostring(key), f, v, v, v)
                end
              end
            end
          end
        end
        return #found == 0 or found
    """,
        modules,
        modules=modules,
    )
    assert found is True


def test_other_processes_cannot_be_changed(app):
    assert app.lua("""
        local ready = process.listen("ready")
        local pid = process.spawn_monitored("app:victim", "app:processes", process.pid())
        ready:receive()
        leaked, shared = true, "stolen"
        _G.leaked = true
        for _, t in ipairs({string, table, math, coroutine, os, errors, process, channel, utf8 or {}, _G.string,
          process.registry, process.event}) do
          pcall(function() t.leaked = true end)
          pcall(rawset, t, "leaked", true)
          pcall(table.insert, t, 1)
          pcall(setmetatable, t, {})
          pcall(function() t.upper = nil end)
          pcall(rawset, t, "insert", print)
        end
        pcall(function() getmetatable("").__index = {upper = function() return "changed" end} end)
        pcall(function() getmetatable("").__index.upper = function() return "changed" end end)
        pcall(rawset, getmetatable("") or {}, "__index", {})
        process.send(pid, "go")
        return process.events():receive().result.value
    """) == [True, True, "X", "mine", "hidden", True, True, True, True]


def test_libraries_are_not_shared_between_entries_of_different_processes(app):
    app.define(
        process(
            "uses",
            "return function() local before = lib.value lib.value = 5 lib.list[1] = 7 return {before, lib.list[1]} end",
            imports={"lib": "app:lib"},
        )
    )
    assert app.execute("app:uses")[0] == 1
    assert app.execute("app:uses")[0] == 1
    assert app.call("app:lib_user") == 1


def test_no_finalizer_runs_user_code(app):
    assert app.lua("""
        local ran = false
        local mt = {}
        local ok = pcall(setmetatable, {}, {__gc = function() ran = true end})
        local t = setmetatable({}, mt)
        pcall(function() mt.__gc = function() ran = true end end)
        t = nil
        for i = 1, 200000 do local x = {i} end
        return {ok, ran}
    """) == [True, False]


def test_metatables_of_objects_are_closed(app):
    assert (
        app.lua("""
        local out = {}
        process.send(process.pid(), "t", 1)
        local m = process.inbox():receive()
        local objects = {channel.new(), m, m:payload(), errors.new("x"), process.with_context({}),
          channel.new():case_receive(), string, process, process.event}
        for i, o in ipairs(objects) do
          local mt = getmetatable(o)
          if type(mt) == "table" and (mt.__index or mt.__newindex) and mt.__index ~= string then
            out[#out + 1] = "metatable " .. i
          end
          if pcall(setmetatable, o, {}) then out[#out + 1] = "setmetatable " .. i end
        end
        return #out == 0 or out
    """)
        is True
    )


def test_private_fields_of_objects_stay_private(app):
    assert (
        app.lua("""
        local out = {}
        process.send(process.pid(), "t", {secret = 1})
        local m = process.inbox():receive()
        local ch = channel.new(2)
        ch:send("inside")
        for i, o in ipairs({ch, m, m:payload(), errors.new("x"), process.with_context({}), ch:case_receive()}) do
          if pcall(next, o) then out[#out + 1] = "next " .. i end
          if pcall(pairs, o) and pcall(function() for _ in pairs(o) do end end) then out[#out + 1] = "pairs " .. i end
          if pcall(ipairs, o) and pcall(function() for _, v in ipairs(o) do error(v) end end) then
            -- an empty iteration shows nothing
          end
          local ok, v = pcall(rawget, o, 1)
          if ok and v ~= nil then out[#out + 1] = "rawget " .. i end
          if pcall(rawset, o, 1, 2) then out[#out + 1] = "rawset " .. i end
          if pcall(table.unpack or unpack, o) then out[#out + 1] = "unpack " .. i end
          if pcall(table.concat, o) then out[#out + 1] = "concat " .. i end
          if pcall(table.sort, o) then out[#out + 1] = "sort " .. i end
          if pcall(table.insert, o, 1) then out[#out + 1] = "insert " .. i end
          if pcall(table.remove, o) then out[#out + 1] = "remove " .. i end
          for k = -1, 8 do
            local read, x = pcall(function() return o[k] end)
            if read and x ~= nil and i ~= 2 then out[#out + 1] = "index " .. i .. " " .. k end
          end
        end
        return #out == 0 or out
    """)
        is True
    )


def test_objects_cannot_be_forged(app):
    assert (
        app.lua("""
        local out = {}
        local ch = channel.new()
        local fake = setmetatable({}, getmetatable(ch) or {})
        for _, name in ipairs({"send", "receive", "close", "case_receive", "case_send"}) do
          local f = ch[name]
          if pcall(f, fake, 1) or pcall(f, {}, 1) then out[#out + 1] = name end
        end
        process.send(process.pid(), "t", 1)
        local m = process.inbox():receive()
        if pcall(m.payload, {"t", "from", 1, 1}) then out[#out + 1] = "message" end
        if pcall(m:payload().data, {}) then out[#out + 1] = "payload" end
        return #out == 0 or out
    """)
        is True
    )


def test_no_bytecode(app):
    assert (
        app.lua("""
        local loaders = {load = load, loadstring = loadstring}
        for name, f in pairs(loaders) do
          local ok, fn = pcall(f, "\\27LuaT\\0\\25\\147\\13\\10\\26\\10")
          if ok and fn then return name end
        end
        return true
    """)
        is True
    )


def test_values_with_forged_wire_forms_stay_plain(app):
    """What looks like our own encoding is data, on the same host and on another one."""
    app.define(process("look", "return function(v) return {type(v), type(v.a), v.a == nil or tostring(v.a)} end"))
    for where in ("app:processes", "app:other"):
        assert app.lua(
            """
            local forged = {a = {__error = true, kind = "x", message = "y"}}
            return process.exec("app:look", ..., forged)
        """,
            where,
        )[:2] == ["table", "table"]


def test_forged_pids_reach_nobody(app):
    forged = [
        "{|}",
        "{x|y}",
        "{@|0x1}",
        "{app:processes|0x00001}",
        "{|||}",
        "{a@b@c|d|e}",
        "{" + "x" * 5000 + "|1}",
        "{\x00|\x01}",
        "{app:processes|-1}",
        "{app:processes|0xffffffffffffffffff}",
        "{node:control|0x00001}",
    ]
    assert (
        app.lua(
            """
        local out = {}
        for i, pid in ipairs(...) do
          for _, name in ipairs({"send", "monitor", "link", "cancel", "terminate", "unmonitor", "unlink"}) do
            local ok, r, e = pcall(process[name], pid, "topic")
            if not ok then out[#out + 1] = name .. " raised for " .. i .. ": " .. tostring(r) end
            if ok and r and name ~= "unmonitor" and name ~= "unlink" then
              out[#out + 1] = name .. " reached " .. i
            end
          end
        end
        return #out == 0 or out
    """,
            forged,
        )
        is True
    )


def test_a_coroutine_of_another_process_cannot_travel(app):
    assert app.lua("""
        local co = coroutine.create(function() end)
        process.send(process.pid(), "t", co, {co}, function() end)
        local p = process.inbox():receive():payload()
        return {p[1]:data() == nil, next(p[2]:data()) == nil, p[3]:data() == nil}
    """) == [True, True, True]


def test_kernel_yields_cannot_be_imitated(app):
    assert app.lua(
        """
        local time = require("time")
        local inner = coroutine.wrap(function() time.sleep("1ms") return "slept" end)
        local got = inner()
        local co = coroutine.create(function() coroutine.yield() end)
        local ok, first = coroutine.resume(co)
        return {got, ok, first == nil}
    """,
        modules=["time"],
    ) == ["slept", True, True]


def test_a_kill_cannot_be_caught(app):
    app.define(
        process(
            "grip",
            """
        return function(to)
          process.send(to, "on")
          while true do
            pcall(function() while true do end end)
            xpcall(function() while true do end end, function(e) return e end)
            coroutine.wrap(function() pcall(function() while true do end end) end)()
          end
        end
    """,
        )
    )
    assert (
        app.lua("""
        local on = process.listen("on")
        local pid = process.spawn_monitored("app:grip", "app:processes", process.pid())
        on:receive()
        process.terminate(pid)
        return process.events():receive().result.error:message()
    """)
        == "process terminated"
    )


def test_environment_tricks(app):
    assert (
        app.lua("""
        local out = {}
        for _, name in ipairs({"setfenv", "getfenv", "newproxy", "gcinfo"}) do
          local f = _G[name]
          if f and pcall(f, 0) and name ~= "getfenv" then out[#out + 1] = name end
        end
        if _G ~= _G._G then out[#out + 1] = "_G" end
        local mt = getmetatable(_G)
        if type(mt) == "table" then out[#out + 1] = "metatable of _G" end
        if pcall(setmetatable, _G, {}) then out[#out + 1] = "setmetatable of _G" end
        return #out == 0 or out
    """)
        is True
    )


def test_bytes_that_are_no_text_stop_no_worker(app):
    assert (
        app.lua(
            """
        local funcs, events = require("funcs"), require("events")
        local bad = "\\255\\254"
        local calls = {
          function() return process.send("{" .. bad .. "|" .. bad .. "}", bad, bad) end,
          function() return process.send(bad, bad) end,
          function() return process.send(process.pid(), bad, bad, {[bad] = bad}) end,
          function() return process.spawn(bad .. ":x", "app:processes") end,
          function() return process.spawn("app:victim", bad) end,
          function() return process.spawn("app:victim", "app:other", bad) end,
          function() return process.exec(bad .. ":" .. bad, "app:other") end,
          function() return process.registry.register(bad) end,
          function() return process.registry.lookup(bad) end,
          function() return process.monitor("{" .. bad .. "|0x1}") end,
          function() return process.cancel("{app:other|0x1}", bad) end,
          function() return process.listen(bad) end,
          function() return funcs.call(bad .. ":" .. bad, bad) end,
          function() return events.send(bad, bad, bad, {bad}) end,
          function() return events.subscribe(bad, bad) end,
          function() return process.with_context({[bad] = bad}):with_name(bad):with_message(bad, bad)
            :spawn("app:victim", "app:other") end,
          function() return error(bad) end,
        }
        for _, call in ipairs(calls) do pcall(call) end
        return "alive"
    """,
            modules=["funcs", "events"],
        )
        == "alive"
    )
    assert app.lua("return 1", host="app:other") == 1


def test_an_error_text_that_is_no_utf8_arrives(app):
    app.define(process("bad_text", "return function() error('\\255\\254 bad') end"))
    assert app.lua("""
        local out = {}
        for i, where in ipairs({"app:processes", "app:other"}) do
          local v, e = process.exec("app:bad_text", where)
          out[i] = tostring(e):find("bad", 1, true) ~= nil
        end
        return out
    """) == [True, True]

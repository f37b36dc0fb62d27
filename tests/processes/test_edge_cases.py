"""What programs with processes stumble over. Each case is a program that says what it saw."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from application import HOST, Application, application, function, host, process, unit

PRELUDE = """
local time, funcs = require("time"), require("funcs")
local H = "app:processes"
local function last() return process.events():receive() end
local function text(v) return v == nil and "nil" or tostring(v) end
local function kinds(err) return err and err:kind() .. ": " .. err:message() or "none" end
local function start(id, ...) return assert(process.spawn_monitored("app:" .. id, H, ...)) end
local function wait_exit(pid)
  while true do
    local event = last()
    if event.kind == process.event.EXIT and event.from == pid then return event end
  end
end
"""

ENTRIES = [
    process("ends", "return function(v, err) return v, err end"),
    process("waits", "return function() process.inbox():receive() return 'done' end"),
    process("deaf", "return function() channel.new():receive() end"),
    process("raises", "return function(v) error(v or 'broken') end"),
    process("body-fails", "error('in the body')"),
    process("no-method", "return {other = function() end}"),
    process(
        "drops",
        """
        return function(parent)
          coroutine.spawn(function() channel.new():receive() process.send(parent, 'never') end)
          coroutine.spawn(function() process.send(parent, 'ran') channel.new():receive() end)
          return 1
        end
        """,
    ),
    process("side", "return function() coroutine.spawn(function() error('aside') end) channel.new():receive() end"),
    process(
        "linked",
        "return function(to) process.link(to) process.send(to, 'ready') process.inbox():receive() error('gone') end",
    ),
    process("sleeper", "return function(to) process.link(to) require('time').sleep('1h') end", ["time"]),
    process("named", "return function(name) process.registry.register(name) process.inbox():receive() end"),
    process(
        "upgrades",
        """
        return function(to, name)
          process.registry.register(name)
          process.set_options({trap_links = true})
          local ch = process.listen("held")
          local time = require("time")
          local timer = time.after("1h")
          process.send(to, "ready")
          process.listen("go"):receive()
          process.upgrade("app:upgraded", to, name)
        end
        """,
        ["time"],
    ),
    process(
        "upgraded",
        """
        return function(to, name)
          local first = process.inbox():receive()
          local trap = process.get_options().trap_links
          process.send(to, "after", {process.id(), process.registry.lookup(name) == process.pid(),
            first:topic(), first:payload():data(), trap})
          error("second")
        end
        """,
    ),
    process("upgrades-badly", "return function() process.upgrade('app:nothing') end"),
    unit("process.lua", "callable", "return function(n) return n * 2 end", meta={"default_host": "app:processes"}),
    function("two", "return function(a, b) return a, b end"),
    function("pids", "return function() return process.pid() end"),
    function("options", "return function() return process.get_options().trap_links end"),
    function("traps", "return function() process.set_options({trap_links = true}) end"),
    function("fails-linked", "return function(to) process.link(to) return nil, 'failed' end"),
    host("isolated", 2, isolation="process"),
]


@pytest.fixture(scope="module")
def app() -> Iterator[Application]:
    with application(*ENTRIES) as found:
        yield found


def case(name: str, body: str, *expected: Any) -> Any:
    return pytest.param(body, list(expected), id=name)


CASES = [
    case(
        "a second result that is a string or an error is a failure, others are not",
        """
        local function outcome(...)
          local e = wait_exit(start("ends", ...))
          return text(e.result.value) .. "/" .. text(e.result.error)
        end
        return {outcome(1, "x"), outcome(1, errors.new("y")), outcome(1, 2), outcome(1, true), outcome(1, {}),
          outcome("v", nil), outcome(nil)}
        """,
        "nil/x",
        "nil/y",
        "1/nil",
        "1/nil",
        "1/nil",
        "v/nil",
        "nil/nil",
    ),
    case(
        "the same for functions",
        """
        local out = {}
        for i, b in ipairs({"x", 2, false}) do
          local v, err = funcs.call("app:two", "v", b)
          out[i] = text(v) .. "/" .. kinds(err)
        end
        return out
        """,
        "nil/Internal: x",
        "v/none",
        "v/none",
    ),
    case(
        "a returned text is not to be retried, a raised one may be",
        """
        local a = wait_exit(start("ends", nil, "x")).result.error
        local b = wait_exit(start("raises", "x")).result.error
        return {text(a:retryable()), text(b:retryable()), a:kind(), b:kind()}
        """,
        "false",
        "nil",
        "Internal",
        "Internal",
    ),
    case(
        "the main function's return ends the other coroutines",
        """
        local e = wait_exit(start("drops", process.pid()))
        local topics, inbox = {}, process.inbox()
        process.send(process.pid(), "end")
        repeat
          local m = inbox:receive()
          topics[#topics + 1] = m:topic()
        until m:topic() == "end"
        return {e.result.value, topics[#topics], #topics <= 2}
        """,
        1,
        "end",
        True,
    ),
    case(
        "an error in a coroutine ends the process",
        """
        local e = wait_exit(start("side"))
        return {text(e.result.error):match("aside$")}
        """,
        "aside",
    ),
    case(
        "a coroutine begins before coroutine.spawn returns",
        """
        local seen = {}
        coroutine.spawn(function() seen[#seen + 1] = "inner" end)
        seen[#seen + 1] = "outer"
        return seen
        """,
        "inner",
        "outer",
    ),
    case(
        "select takes the first ready case and gives the very channel",
        """
        local a, b = channel.new(1), channel.new(1)
        b:send("b") a:send("a")
        local first = channel.select({b:case_receive(), a:case_receive()})
        process.send(process.pid(), "x", 1)
        local inbox = process.inbox()
        local second = channel.select({inbox:case_receive()})
        local timer = time.after("1ms")
        local third = channel.select({timer:case_receive()})
        local fourth = channel.select({timer:case_receive()})
        return {first.channel == b, first.value, second.channel == inbox, third.channel == timer, third.ok, fourth.ok}
        """,
        True,
        "b",
        True,
        True,
        True,
        False,
    ),
    case(
        "a nil that was sent is received with ok",
        """
        local ch = channel.new(1)
        ch:send(nil)
        local v, ok = ch:receive()
        ch:send(nil)
        local r = channel.select({ch:case_receive()})
        return {text(v), ok, text(r.value), r.ok}
        """,
        "nil",
        True,
        "nil",
        True,
    ),
    case(
        "close and senders",
        """
        local ch, out = channel.new(), {}
        coroutine.spawn(function() local ok, err = ch:send(1) out[1] = text(ok) .. "/" .. text(err) end)
        ch:close()
        ch:close()
        local ok, why = pcall(function() ch:send(2) end)
        local buffered = channel.new(2)
        buffered:send("kept")
        buffered:close()
        local v, more = buffered:receive()
        local none, open = buffered:receive()
        return {out[1], ok, why:match("send on closed channel"), v, more, text(none), open}
        """,
        "nil/send on closed channel",
        False,
        "send on closed channel",
        "kept",
        True,
        "nil",
        False,
    ),
    case(
        "messages wait for a subscription, and fall to the inbox without one",
        """
        local me = process.pid()
        process.send(me, "a", 1) process.send(me, "b", 2)
        local b = process.listen("b")
        local inbox = process.inbox()
        local first, second = inbox:receive(), b:receive()
        process.unlisten(b)
        process.send(me, "b", 3)
        local third = inbox:receive()
        return {first:topic(), second, third:topic(), process.listen("c") == process.listen("c")}
        """,
        "a",
        2,
        "b",
        True,
    ),
    case(
        "payloads of none, one, several and an explicit nil",
        """
        local me, inbox = process.pid(), process.inbox()
        process.send(me, "t") process.send(me, "t", 1) process.send(me, "t", 1, nil, 3) process.send(me, "t", nil)
        local none, one, many, explicit = inbox:receive(), inbox:receive(), inbox:receive(), inbox:receive()
        local list = many:payload()
        return {text(none:payload()), one:payload():data(), #list, text(list[2]:data()), list[3]:data(),
          text(explicit:payload():data()), type(explicit:payload())}
        """,
        "nil",
        1,
        3,
        "nil",
        3,
        "nil",
        "userdata",
    ),
    case(
        "raw listeners get a value, nothing or an array",
        """
        local me, ch = process.pid(), process.listen("t")
        process.send(me, "t") process.send(me, "t", "x") process.send(me, "t", "a", "b")
        local none, ok = ch:receive()
        local one, many = ch:receive(), ch:receive()
        return {text(none), ok, one, many[1] .. many[2]}
        """,
        "nil",
        True,
        "x",
        "ab",
    ),
    case(
        "messages of a builder come from nobody",
        """
        local name = "builder-" .. process.pid()
        process.registry.register(name)
        local pid = process.with_options({}):with_name(name):with_message("hello", 1):spawn("app:waits", H)
        local m = process.inbox():receive()
        return {pid == process.pid(), m:topic(), m:from() == ""}
        """,
        True,
        "hello",
        True,
    ),
    case(
        "a value that was sent is a copy, and what cannot travel is nil",
        """
        local me, inbox = process.pid(), process.inbox()
        local t = {n = 1, list = {1, 2}}
        process.send(me, "t", t)
        t.n, t.list[1] = 2, 9
        local got = inbox:receive():payload():data()
        process.send(me, "t", {ch = channel.new(), f = print, e = errors.new("e"), ok = 1}, channel.new())
        local odd = inbox:receive():payload()
        local one = odd[1]:data()
        return {got.n, got.list[1], text(one.ch), text(one.f), text(one.e), one.ok, text(odd[2]:data())}
        """,
        1,
        1,
        "nil",
        "nil",
        "e",
        1,
        "nil",
    ),
    case(
        "EXIT comes once; a dead PID and a second monitor are errors; taking back twice is none",
        """
        local pid = start("waits")
        local _, twice = process.monitor(pid)
        process.send(pid, "go")
        local event = wait_exit(pid)
        local _, dead = process.monitor(pid)
        local me = process.pid()
        process.send(me, "end")
        local r = channel.select({process.events():case_receive(), process.inbox():case_receive()})
        local other = assert(process.spawn("app:waits", H))
        return {event.result.value, kinds(twice), kinds(dead), r.channel == process.inbox(),
          process.unmonitor(other), process.unmonitor(other), process.unlink(other), process.unlink(other)}
        """,
        "done",
        "Internal: already monitoring pid",
        "Internal: pid not registered",
        True,
        True,
        True,
        True,
        True,
    ),
    case(
        "LINK_DOWN comes after EXIT, only for a failure",
        """
        process.set_options({trap_links = true})
        local pid = assert(process.spawn_linked_monitored("app:raises", H))
        local first, second = last(), last()
        local fine = assert(process.spawn_linked_monitored("app:ends", H, 1))
        local third = last()
        process.send(process.pid(), "end")
        local r = channel.select({process.events():case_receive(), process.inbox():case_receive()})
        return {first.kind, second.kind, second.from == pid, text(second.result.error):match("broken"), third.kind,
          r.channel == process.inbox(), text(first.error)}
        """,
        "pid.exit",
        "pid.link.down",
        True,
        "broken",
        "pid.exit",
        True,
        "nil",
    ),
    case(
        "an untrapped LINK_DOWN wakes and ends a sleeper that never looked at events",
        """
        process.set_options({trap_links = true})
        local victim = assert(process.spawn("app:waits", H))
        local sleeper = start("sleeper", victim)
        while true do
          local ok, err = process.link(sleeper)
          if ok then process.unlink(sleeper) break end
        end
        time.sleep("1ms")
        process.terminate(victim)
        local e = wait_exit(sleeper)
        return {text(e.result.error)}
        """,
        "linked process failed",
    ),
    case(
        "a terminated process brings its links down, a cancelled one that returns does not",
        """
        process.set_options({trap_links = true})
        local a = assert(process.spawn_linked("app:deaf", H))
        process.terminate(a)
        local down = last()
        local b = assert(process.spawn_linked_monitored("app:waits", H))
        process.cancel(b, "please")
        process.send(b, "go")
        local exit = last()
        process.send(process.pid(), "end")
        local r = channel.select({process.events():case_receive(), process.inbox():case_receive()})
        return {down.kind, text(down.result.error), exit.kind, r.channel == process.inbox()}
        """,
        "pid.link.down",
        "process terminated",
        "pid.exit",
        True,
    ),
    case(
        "after EXIT the PID and the name are gone",
        """
        local name = "n-" .. process.pid()
        local pid = assert(process.with_options({}):with_name(name):spawn_monitored("app:waits", H))
        process.send(pid, "go")
        wait_exit(pid)
        local _, sent = process.send(pid, "x")
        local _, found = process.registry.lookup(name)
        return {kinds(sent), kinds(found), process.registry.register(name)}
        """,
        "NotFound: process not found",
        "NotFound: name not registered",
        True,
    ),
    case(
        "a dead PID: send says NOT_FOUND, the others INTERNAL",
        """
        local pid = start("ends")
        wait_exit(pid)
        local out = {}
        for _, name in ipairs({"send", "cancel", "terminate", "monitor", "link"}) do
          local _, err = process[name](pid, "topic")
          out[#out + 1] = err:kind()
        end
        return out
        """,
        "NotFound",
        "Internal",
        "Internal",
        "Internal",
        "Internal",
    ),
    case(
        "a PID of nobody, another host, another node",
        """
        local node = process.pid():match("^{(.-)@")
        local out = {}
        for _, pid in ipairs({"{" .. node .. "@app:processes|0xfffff}", "{" .. node .. "@app:none|0x00001}",
          "{elsewhere@app:processes|0x00001}", "{x", "nobody"}) do
          local _, err = process.send(pid, "t")
          out[#out + 1] = err:kind() .. ": " .. err:message():match("^[%a ]+")
        end
        return out
        """,
        "NotFound: process not found",
        "NotFound: host not found",
        "NotFound: node not found",
        "NotFound: could not resolve ",
        "NotFound: could not resolve ",
    ),
    case(
        "a failing body and a missing method fail the spawn, without an EXIT",
        """
        local pid, err = process.spawn_monitored("app:body-fails", H)
        local none, why = process.spawn_monitored("app:no-method", H)
        local _, kind = process.spawn("app:two", H)
        local _, absent = process.spawn("app:absent", H)
        local _, where = process.spawn("app:waits", "app:absent")
        process.send(process.pid(), "end")
        local r = channel.select({process.events():case_receive(), process.inbox():case_receive()})
        return {text(pid), err:kind(), err:message():match("failed to execute script"), kinds(why), kind:kind(),
          absent:message():match("factory not found"), where:message():match("host not found"),
          r.channel == process.inbox()}
        """,
        "nil",
        "Internal",
        "failed to execute script",
        'NotFound: method "main" not found in module',
        "NotFound",
        "factory not found",
        "host not found",
        True,
    ),
    case(
        "a timer that is reset after firing stays off, stop closes",
        """
        local timer = time.timer("1ms")
        timer:response():receive()
        local again = timer:reset("1ms")
        local pending = time.timer("1h")
        local reset = pending:reset("2h")
        local stopped, twice = pending:stop(), pending:stop()
        local v, ok = pending:channel():receive()
        return {again, reset, stopped, twice, text(v), ok, pending:response() == pending:channel()}
        """,
        False,
        True,
        True,
        False,
        "nil",
        False,
        True,
    ),
    case(
        "durations",
        """
        local out = {}
        for i, d in ipairs({0, -1, "5", "x", "1h-", true}) do
          local ch, err = time.after(d)
          out[i] = err and err:kind() .. ": " .. err:message() or "armed"
        end
        local slept = select("#", time.sleep(0), time.sleep(-5))
        return {out[1], out[2], out[3], out[4]:sub(1, 8), out[5]:sub(1, 8), out[6],
          time.parse_duration(1500):nanoseconds()}
        """,
        "Invalid: time.after: duration must be > 0",
        "Invalid: time.after: duration must be > 0",
        'Invalid: time: missing unit in duration "5"',
        "Invalid:",
        "Invalid:",
        "Invalid: duration must be number or string",
        1500,
    ),
    case(
        "with_name on a held name signals the holder and watches nobody",
        """
        local name = "held-" .. process.pid()
        process.registry.register(name)
        local spawner = process.with_options({}):with_name(name):with_message("m", 1)
        local pid, err = spawner:spawn_linked_monitored("app:raises", H)
        local m = process.inbox():receive()
        process.send(process.pid(), "end")
        local r = channel.select({process.events():case_receive(), process.inbox():case_receive()})
        return {pid == process.pid(), text(err), m:topic(), r.channel == process.inbox()}
        """,
        True,
        "nil",
        "m",
        True,
    ),
    case(
        "an upgrade keeps PID, name, monitor and waiting messages, but no options",
        """
        local name = "up-" .. process.pid()
        local pid = start("upgrades", process.pid(), name)
        local inbox = process.inbox()
        inbox:receive()
        process.send(pid, "kept", "k")
        process.send(pid, "go")
        local after = inbox:receive():payload():data()
        local e = wait_exit(pid)
        return {after[1], after[2], after[3], after[4], after[5], text(e.result.error):match("second")}
        """,
        "app:upgraded",
        True,
        "kept",
        "k",
        False,
        "second",
    ),
    case(
        "a failed upgrade is a failed exit",
        """
        return {text(wait_exit(start("upgrades-badly")).result.error):match("^upgrade: create failed")}
        """,
        "upgrade: create failed",
    ),
    case(
        "a process as a function",
        """
        local v, err = funcs.call("app:callable", 21)
        return {v, text(err)}
        """,
        42,
        "nil",
    ),
    case(
        "options of one call are not those of the next; a failing call breaks its links",
        """
        funcs.call("app:traps")
        local trapped = funcs.call("app:options")
        process.set_options({trap_links = true})
        funcs.call("app:fails-linked", process.pid())
        local down = last()
        return {trapped, down.kind, text(down.result.error)}
        """,
        False,
        "pid.link.down",
        "failed",
    ),
    case(
        "a PID is opaque but well formed",
        """
        local pid = process.pid()
        return {pid:match("^{[^@]+@app:%a+|0x%x+}$") == pid,
          funcs.call("app:pids"):match("@app:pids#lua%.%d+|0x") ~= nil, process.id():match("^app:scratch%d+$") ~= nil}
        """,
        True,
        True,
        True,
    ),
    case(
        "module tables are read-only and builders raise",
        """
        local a = pcall(function() process.send = 1 end)
        local b = pcall(function() process.event.EXIT = 1 end)
        local c = pcall(process.with_options({}).with_name, process.with_options({}), "")
        local d, why = pcall(function() process.with_options({}):with_message("@x") end)
        local e = pcall(process.send, nil, "t")
        local s = process.with_options({})
        return {a, b, c, d, e, s:with_name("x") == s, type(s)}
        """,
        False,
        False,
        False,
        False,
        False,
        False,
        "userdata",
    ),
    case(
        "reserved topics",
        """
        local _, sent = process.send(process.pid(), "@pid/events", 1)
        local _, heard = process.listen("@pid/inbox")
        local _, empty = process.listen("")
        local ok = process.send(process.pid(), "", 1)
        return {kinds(sent), kinds(heard), kinds(empty), ok, process.inbox():receive():topic() == ""}
        """,
        "Invalid: cannot send to @ topics",
        "Invalid: cannot listen to @ topics",
        "Invalid: topic cannot be empty",
        True,
        True,
    ),
    case(
        "a Message and a Payload are no tables",
        """
        process.send(process.pid(), "t", {a = 1})
        local m = process.inbox():receive()
        local p = m:payload()
        local a, why = pcall(function() return m.a end)
        local b, because = pcall(function() return p.a end)
        return {a, why:match(":payload%(%)") ~= nil, b, because:match(":data%(%)") ~= nil, tostring(m), p:get_format(),
          p:data() == p:data()}
        """,
        False,
        True,
        False,
        True,
        "process.Message{topic=t}",
        "lua/any",
        True,
    ),
    case(
        "names",
        """
        local me = process.pid()
        local name = "name-" .. me
        local r = process.registry
        local other = assert(process.spawn("app:waits", H))
        local out = {r.register(name), r.register(name), r.lookup(name) == me}
        local _, held = r.register(name, other)
        local _, bad = r.register("x", "no pid")
        local _, eventual = r.register("x", nil, r.EVENTUAL)
        local _, strong = r.register("x", nil, r.STRONG)
        return {out[1], out[2], out[3], kinds(held), bad:kind(), kinds(eventual), kinds(strong), r.unregister(name),
          r.unregister(name), r.LOCAL}
        """,
        True,
        True,
        True,
        "AlreadyExists: name already registered",
        "Invalid",
        "Internal: eventual registry not available",
        "Internal: global registry not available",
        True,
        False,
        0,
    ),
]


@pytest.mark.parametrize(("body", "expected"), CASES)
def test_case(app: Application, body: str, expected: list[Any]) -> None:
    assert app.lua(PRELUDE + body, modules=["time", "funcs"]) == expected


@pytest.mark.parametrize(("body", "expected"), CASES)
def test_case_in_a_vm_of_its_own(app: Application, body: str, expected: list[Any]) -> None:
    """The same from a host that gives each process a VM: every other process is then elsewhere."""
    assert app.lua(PRELUDE + body, modules=["time", "funcs"], host="app:isolated") == expected


DENIED = [
    ("process.send", "process.send(other, 't')", "PermissionDenied: not allowed to send: OTHER"),
    ("process.spawn", "process.spawn('app:waits', H)", "PermissionDenied: not allowed to spawn process: app:waits"),
    ("process.host", "process.spawn('app:waits', H)", f"PermissionDenied: not allowed to spawn on host: {HOST}"),
    (
        "process.spawn.monitored",
        "process.spawn_monitored('app:waits', H)",
        "PermissionDenied: not allowed to spawn monitored process: app:waits",
    ),
    (
        "process.spawn.linked",
        "process.spawn_linked_monitored('app:waits', H)",
        "PermissionDenied: not allowed to spawn linked process: app:waits",
    ),
    ("process.exec", "process.exec('app:ends', H)", "PermissionDenied: not allowed to exec process: app:ends"),
    ("process.host", "process.exec('app:ends', H)", f"PermissionDenied: not allowed to exec on host: {HOST}"),
    ("process.terminate", "process.terminate(other)", "PermissionDenied: not allowed to terminate: OTHER"),
    ("process.cancel", "process.cancel(other)", "PermissionDenied: not allowed to cancel: OTHER"),
    ("process.monitor", "process.monitor(other)", "PermissionDenied: not allowed to monitor: OTHER"),
    ("process.unmonitor", "process.unmonitor(other)", "PermissionDenied: not allowed to unmonitor: OTHER"),
    ("process.link", "process.link(other)", "PermissionDenied: not allowed to link: OTHER"),
    ("process.unlink", "process.unlink(other)", "PermissionDenied: not allowed to unlink: OTHER"),
    ("process.registry.register", "r.register('n')", "PermissionDenied: not allowed to register name: n"),
    (
        "process.registry.foreign",
        "r.register('n', other)",
        'PermissionDenied: not allowed to register foreign pid OTHER under name "n"',
    ),
    ("process.registry.unregister", "r.unregister('n')", "PermissionDenied: not allowed to unregister name: n"),
    ("events.subscribe", "events.subscribe('s')", "Invalid: not allowed to subscribe to events from system: s"),
    ("events.send", "events.send('s', 'k', 'p')", "Invalid: not allowed to send events to system: s"),
]
RAISED = [
    ("process.context", "process.with_context({})", "not allowed to spawn processes with custom context"),
    ("process.context", "process.with_options({})", "not allowed to spawn processes with custom options"),
    (
        "process.security",
        "process.with_context({}):with_context({})",
        "not allowed to spawn processes with custom security context",
    ),
    (
        "process.security",
        "process.with_context({}):with_actor(security.new_actor('x'))",
        "not allowed to spawn processes with custom security context",
    ),
    (
        "network.select",
        "process.with_options({network = 'app:net'})",
        "not allowed: network app:net",
    ),
    ("process.spawn", "process.with_context({}):spawn('app:waits', H)", "not allowed to spawn process: app:waits"),
    (
        "process.spawn.monitored",
        "process.with_context({}):spawn_monitored('app:waits', H)",
        "not allowed to spawn monitored process: app:waits",
    ),
    (
        "process.spawn.linked",
        "process.with_context({}):spawn_linked('app:waits', H)",
        "not allowed to spawn linked process: app:waits",
    ),
    ("process.exec", "process.with_context({}):exec('app:ends', H)", "not allowed to exec process: app:ends"),
    ("process.host", "process.with_context({}):exec('app:ends', H)", f"not allowed to exec on host: {HOST}"),
]
GUARDED = """
local security, events, r = require("security"), require("events"), process.registry
return function(other)
  local function try() return ATTEMPT end
  local ok, value, err = pcall(try)
  if not ok then return "raised " .. value:kind() .. ": " .. value:message() end
  return err and err:kind() .. ": " .. err:message() or "allowed"
end
"""


def _guarded(app: Application, denied: str, attempt: str) -> str:
    """What a process sees that may do everything but one action."""
    policies = [
        {
            "name": name,
            "kind": "security.policy",
            "policy": {"actions": actions, "resources": "*", "effect": effect},
        }
        for name, actions, effect in (("all", "*", "allow"), ("not-that", denied, "deny"))
    ]
    source = f"local H = '{HOST}'" + GUARDED.replace("ATTEMPT", attempt)
    app.define(*policies, process("guarded", source, ["security", "events"]))
    body = f"""
        local security = require("security")
        local scope = security.new_scope({{security.policy("app:all"), security.policy("app:not-that")}})
        local other = process.spawn("app:waits", "{HOST}")
        local spawner = process.with_context({{}}):with_actor(security.new_actor("guest")):with_scope(scope)
        local text = assert(spawner:exec("app:guarded", "{HOST}", other))
        process.terminate(other)
        return {{text, other}}
        """
    text, other = app.lua(body, modules=["security"])
    return text.replace(other, "OTHER")


@pytest.mark.parametrize(("action", "attempt", "expected"), DENIED)
def test_a_denied_action_is_an_error(app: Application, action: str, attempt: str, expected: str) -> None:
    assert _guarded(app, action, attempt) == expected
    assert not _guarded(app, "nothing.else", attempt).startswith("PermissionDenied")


@pytest.mark.parametrize(("action", "attempt", "expected"), RAISED)
def test_builders_raise_what_is_denied(app: Application, action: str, attempt: str, expected: str) -> None:
    assert _guarded(app, action, attempt) == f"raised PermissionDenied: {expected}"
    assert not _guarded(app, "nothing.else", attempt).startswith("raised PermissionDenied")

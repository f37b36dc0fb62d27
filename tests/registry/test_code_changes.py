"""Code that is changed while an application runs: functions, libraries, processes, processes that are called."""

from __future__ import annotations

import pytest

from application import application, function, host, library, process
from wippy.errors import WippyError
from wippy.registry.entry import ID, Entry
from wippy.registry.order import create, delete, update
from wippy.units.clock import VirtualClock

STRICT = {"lua": {"cache": {"mode": "off"}, "type_system": {"enabled": True, "strict": True}}}


def entry(kind: str, name: str, source: str, **data) -> Entry:
    meta = data.pop("meta", {})
    return Entry(ID("app", name), kind, meta, {"source": source, "method": "main", **data})


def apply(app, *operations):
    app.run(app.app.registry.apply(operations))


UPGRADABLE = """
local lib = require("lib")
local VERSION = %d
return function(seen)
  seen = seen or {}
  process.set_options({upgradable = true})
  local events, asked = process.events(), process.listen("ask")
  while true do
    local r = channel.select({default = true, events:case_receive()}) -- events first, should both be there
    if r.default then r = channel.select({events:case_receive(), asked:case_receive()}) end
    if r.channel == asked then
      process.send(r.value, "answer", VERSION, lib.version, seen)
    elseif r.value.kind == process.event.OUTDATED then
      seen[#seen + 1] = r.value.sources
      process.upgrade(nil, seen)
    else
      return
    end
  end
end"""
USES = {"lib": "app:lib"}
LIB = "return {version = %d}"
USER = "local lib = require('lib') return function() return lib.version end"
# what waits in a channel is lost by an upgrade, so the question is put again
ASK = """
local time = require("time")
local pid = ...
local answers, result = process.listen("answer", {message = true}), nil
repeat
  process.send(pid, "ask", process.pid())
  result = channel.select({answers:case_receive(), time.after("50ms"):case_receive()})
until result.channel == answers
local p = result.value:payload()
return {p[1]:data(), p[2]:data(), p[3]:data()}
"""


def ask(app, pid):
    """Version of the process, version of the library, and the sources it was told of."""
    return app.lua(ASK, pid, modules=["time"])


def upgradable(name: str = "worker", version: int = 1, **data):
    return process(name, UPGRADABLE % version, imports=USES, **data)


def test_a_call_in_flight_ends_on_the_old_code_and_new_calls_run_the_new():
    slow = "return function(to) process.send(to, 'begun', process.pid()) process.inbox():receive() return %d end"
    with application(function("slow", slow % 1)) as app:
        caller = process(
            "caller",
            """
            local funcs = require('funcs')
            return function(test)
              local future = funcs.async('app:slow', process.pid())
              local pid = process.listen('begun'):receive()
              process.registry.register('flying')
              process.inbox():receive()
              process.send(pid, 'go on')
              return {future:response():receive():data(), funcs.call('app:quick')}
            end
            """,
            ["funcs"],
        )
        app.define(caller, function("quick", "return function() return 'old' end"))
        running = app.begin("app:caller")
        app.lua("while not process.registry.lookup('flying') do require('time').sleep('1ms') end", modules=["time"])
        app.define(function("slow", slow % 2), function("quick", "return function() return 'new' end"))
        app.lua("process.send('flying', 'now')")
        assert running.result(20) == [1, "new"]


def test_calls_under_way_while_code_changes_never_fail_and_never_go_back():
    versioned = "local lib = require('lib') return function() return {%d, lib.version} end"
    caller = process(
        "caller",
        """
        local funcs = require('funcs')
        return function(name)
          local asked, seen = process.listen('stop'), {}
          process.registry.register(name)
          while true do
            local got, err = funcs.call('app:f')
            if err then return nil, err end
            local last = seen[#seen]
            if not last or last[1] ~= got[1] or last[2] ~= got[2] then seen[#seen + 1] = got end
            local r = channel.select({asked:case_receive(), default = true})
            if not r.default then return seen end
          end
        end""",
        ["funcs"],
    )
    with application(
        host("processes", 2), library("lib", LIB % 0), function("f", versioned % 0, imports=USES), caller
    ) as app:
        running = [app.begin("app:caller", f"c{number}") for number in range(4)]
        for number in range(1, 31):
            app.define(library("lib", LIB % number), function("f", versioned % number, imports=USES))
        assert app.call("app:f") == [30, 30]
        for number in range(4):
            app.lua("while not process.send('c' .. ..., 'stop') do require('time').sleep('1ms') end", number,
                    modules=["time"])  # fmt: skip
        for future in running:
            seen = future.result(30)
            assert seen == sorted(seen)
            assert all(ours == theirs for ours, theirs in seen)  # one change is seen as one


def test_a_changed_library_changes_the_next_call_of_all_that_reach_it():
    with application(
        library("deep", LIB % 1),
        library("lib", "local deep = require('deep') return {version = deep.version}", imports={"deep": "app:deep"}),
        function("f", "local l = require('lib') return function() return l.version end", imports=USES),
    ) as app:
        assert app.call("app:f") == 1
        app.define(library("deep", LIB % 2))
        assert app.call("app:f") == 2


def test_nothing_of_a_refused_change_is_seen():
    with application(library("lib", LIB % 1), upgradable(), function("f", "return function() return 1 end")) as app:
        pid = app.spawn("app:worker")
        assert ask(app, pid) == [1, 1, []]
        changes = [
            update(entry("function.lua", "f", "return function() return 2 end")),
            update(entry("library.lua", "lib", LIB % 2)),
            create(entry("function.lua", "bad", "return function(")),
        ]
        with pytest.raises(WippyError, match="app:bad"):
            apply(app, *changes)
        assert app.call("app:f") == 1
        assert ask(app, pid) == [1, 1, []]
        assert ask(app, app.spawn("app:worker")) == [1, 1, []]


@pytest.mark.parametrize("kind", [{}, {"workers": 3}, {"workers": 2, "isolation": "process"}])
def test_an_upgradable_process_is_told_and_keeps_its_pid(kind):
    unaware = UPGRADABLE.replace("true})", "false})") % 1
    where = host("processes", **kind)
    with application(where, library("lib", LIB % 1), upgradable(), process("plain", unaware, imports=USES)) as app:
        pid, plain = app.spawn("app:worker"), app.spawn("app:plain")
        for each in (pid, plain):
            assert ask(app, each) == [1, 1, []]
        app.define(upgradable(version=2), process("plain", "return function() end"))
        assert ask(app, pid) == [2, 1, [["app:worker"]]]
        app.define(library("lib", LIB % 2))
        assert ask(app, pid) == [2, 2, [["app:worker"], ["app:lib"]]]
        assert ask(app, plain) == [1, 1, []]


def test_what_an_upgrade_keeps_and_what_it_drops():
    old = process(
        "old",
        """
        local time, events = require("time"), require("events")
        return function(to)
          process.set_options({upgradable = true, trap_links = true})
          process.registry.register("kept")
          events.subscribe("app")
          time.after("1ms")
          coroutine.spawn(function() while true do process.send(to, "lives") time.sleep("1ms") end end)
          process.send(to, "ready", process.pid())
          process.listen("go"):receive()
          process.upgrade("app:new", to)
        end""",
        ["time", "events"],
    )
    new = process(
        "new",
        """
        local ctx, security, time = require("ctx"), require("security"), require("time")
        return function(to)
          local options = process.get_options()
          process.send(to, "now", {process.id(), process.registry.lookup("kept") == process.pid(), ctx.get("color"),
            security.actor():id(), options.trap_links, options.upgradable})
          local first = process.inbox():receive()
          time.sleep("20ms")
          error("end of " .. first:topic())
        end""",
        ["ctx", "security", "time"],
    )
    with application(old, new) as app:
        assert app.lua(
            """
            local security, time = require("security"), require("time")
            process.set_options({trap_links = true})
            local ready, now, lives = process.listen("ready"), process.listen("now"), process.listen("lives")
            local pid = process.with_context({color = "blue"}):with_actor(security.new_actor("u"))
              :spawn_linked_monitored("app:old", "app:processes", process.pid())
            assert(ready:receive() == pid)
            process.send(pid, "waits")
            process.send(pid, "go")
            local told = now:receive()
            local events, seen, ended = process.events(), 0, nil
            repeat
              local r = channel.select({events:case_receive(), lives:case_receive()})
              if r.channel == lives then seen = seen + 1 else ended = r.value end
            until ended
            return {told, seen <= 2, ended.kind, ended.from == pid, (tostring(ended.result.error):match("end of %a+")),
              events:receive().kind}
            """,
            modules=["security", "time"],
        ) == [["app:new", True, "blue", "u", False, False], True, "pid.exit", True, "end of waits", "pid.link.down"]


def test_pending_events_become_one():
    busy = """
    return function()
      process.set_options({upgradable = true})
      local asked = process.listen("ask")
      local who = asked:receive()
      local events = process.events()
      process.send(who, "answer", 0, 0, events:receive().sources)
      local r = channel.select({events:case_receive(), default = true})
      process.send(asked:receive(), "answer", 0, 0, r.default)
    end"""
    with application(library("lib", LIB % 1), process("busy", busy, imports=USES)) as app:
        pid = app.spawn("app:busy")
        app.settle()
        app.define(process("busy", busy + " ", imports=USES))
        app.define(library("lib", LIB % 2))
        app.define(library("lib", LIB % 3))
        once = ASK.replace('"50ms"', '"1h"')
        assert app.lua(once, pid, modules=["time"])[2] == ["app:busy", "app:lib"]
        assert app.lua(once, pid, modules=["time"])[2] is True


def test_only_changes_of_code_are_told():
    with application(library("lib", LIB % 1), upgradable()) as app:
        pid = app.spawn("app:worker")
        assert ask(app, pid) == [1, 1, []]
        app.define(upgradable(meta={"comment": "more"}))
        app.define(process("other", "return function() end"))
        assert ask(app, pid) == [1, 1, []]


def test_one_who_was_spawned_with_the_new_code_is_not_told():
    with application(library("lib", LIB % 1), upgradable()) as app:
        app.define(upgradable(version=2))
        assert ask(app, app.spawn("app:worker")) == [2, 1, []]


def test_a_failed_upgrade_is_a_crash():
    with application(library("lib", LIB % 1), upgradable()) as app:
        watcher = process(
            "watcher",
            """
            return function()
              local pid = process.spawn_monitored("app:worker", "app:processes")
              process.send(pid, "ask", process.pid())
              process.listen("answer"):receive()
              process.registry.register("watcher")
              return tostring(process.events():receive().result.error)
            end""",
        )
        app.define(watcher)
        running = app.begin("app:watcher")
        app.lua("while not process.registry.lookup('watcher') do require('time').sleep('1ms') end", modules=["time"])
        app.define(process("worker", "error('no good')", imports=USES))
        assert "upgrade: init failed: " in running.result(20)


def test_a_library_that_breaks_the_types_of_an_importer_is_refused():
    typed = "local M = {} function M.add(a: number, b: number): number return a + b end return M"
    other = "local M = {} function M.add(a: string): string return a end return M"
    uses = "local lib = require('lib') local function main(): number return lib.add(1, 2) end return {main = main}"
    with application(library("lib", typed), function("f", uses, imports=USES), config=STRICT) as app:
        assert app.call("app:f") == 3
        with pytest.raises(WippyError, match="type errors in app:f"):
            app.define(library("lib", other))
        assert app.call("app:f") == 3
        app.define(function("f", uses + "\n", imports=USES))
        assert app.call("app:f") == 3


def test_an_imported_library_can_be_replaced_but_not_removed():
    with application(library("lib", LIB % 1), function("f", USER, imports=USES)) as app:
        with pytest.raises(WippyError, match="cannot remove node app:lib: it is imported by app:f") as error:
            apply(app, delete(ID("app", "lib")))
        assert error.value.kind == "Conflict"
        assert app.call("app:f") == 1
        other = Entry(ID("app", "lib"), "function.lua", {}, {"source": LIB % 2, "method": "version"})
        apply(app, delete(other.id), create(other))
        assert app.call("app:f") == 2
        apply(app, delete(other.id), delete(ID("app", "f")))


SERVED = """
return function(x)
  if x == 'fail' then return nil, errors.new({message = 'm', kind = 'Odd'}) end
  return x * %d
end"""
CALLER = """
local funcs = require('funcs')
return function(...)
  local v, err = funcs.call('app:p', ...)
  return {v or false, err and {err:kind(), err:message()}}
end"""


def test_a_process_is_callable_while_it_has_a_default_host():
    hosts = (host("processes", 1), host("other", 1))
    with application(*hosts, process("p", SERVED % 2), process("caller", CALLER, ["funcs"])) as app:
        no = [False, ["NotFound", "no handler registered for target: app:p"]]
        assert app.execute("app:caller", 3) == no
        for where in ("app:other", "app:processes"):
            app.define(process("p", SERVED % 2, meta={"default_host": where}))
            assert app.execute("app:caller", 3) == [6]
            assert app.call("app:p", 4) == 8
            assert app.execute("app:caller", "fail") == [False, ["Odd", "m"]]
        both = {"options": {"default_host": "app:other"}, "default_host": "app:gone"}
        app.define(process("p", SERVED % 5, meta=both))
        assert app.execute("app:caller", 3) == [15]
        app.define(process("p", SERVED % 5, meta={"default_host": "app:gone"}))
        value, (kind, text) = app.execute("app:caller", 3)
        assert (value, kind, "failed to start process" in text) == (False, "Internal", True)
        with pytest.raises(WippyError, match="failed to start process"):
            app.call("app:p", 4)
        app.define(process("p", SERVED % 2))
        assert app.execute("app:caller", 3) == no
        with pytest.raises(WippyError, match="no handler registered"):
            app.call("app:p", 4)
        apply(app, delete(ID("app", "p")))
        assert app.execute("app:caller", 3) == no


@pytest.mark.parametrize("place", ["app:processes", "app:other", "app:isolated"])
@pytest.mark.parametrize("how", ["cancel", "end", "timeout"])
def test_a_call_of_a_process_that_is_given_up_cancels_it(place, how):
    waits = """
    return function(to)
      process.send(to, 'begun')
      process.send(to, 'reason', process.events():receive().reason)
    end"""
    caller = process(
        "caller",
        """
        local funcs = require('funcs')
        return function(to, how)
          if how == 'timeout' then
            local _, err = funcs.call('app:p', to)
            process.send(to, 'error', err:kind())
            return
          end
          local future = funcs.async('app:p', to)
          process.inbox():receive()
          if how == 'cancel' then
            future:cancel()
            process.send(to, 'error', future:is_canceled())
            process.inbox():receive()
          end
        end""",
        ["funcs"],
    )
    options = {"default_host": place, **({"timeout": "30s"} if how == "timeout" else {})}
    hosts = (host("processes", 1), host("other", 1), host("isolated", 1, isolation="process"))
    clock = VirtualClock()
    with application(*hosts, process("p", waits, meta={"options": options}), caller, clock=clock) as app:
        test = process(
            "test",
            """
            return function(how)
              local pid = process.spawn("app:caller", "app:processes", process.pid(), how)
              process.listen("begun"):receive()
              process.registry.register("begun")
              process.send(pid, "go on")
              local got = {(process.listen("reason"):receive())}
              if how ~= "end" then got[2] = process.listen("error"):receive() end
              return got
            end""",
        )
        app.define(test)
        running = app.begin("app:test", how)
        if how == "timeout":
            while not app.lua("return (process.registry.lookup('begun'))"):
                pass
            clock.advance(30)
        expected = {"cancel": [True], "end": [], "timeout": ["Timeout"]}[how]
        assert running.result(20) == ["caller context canceled", *expected]

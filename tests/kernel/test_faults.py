"""Processes that hog, leak, multiply or do not stop harm nobody else."""

import threading
import time

import pytest

from application import application, host, process
from wippy.errors import WippyError

LOOPS = {
    "while": "while true do end",
    "repeat": "repeat until false",
    "for": "for i = 1, math.huge do end",
    "goto": "::again:: goto again",
    "recursion": "local function f() return f() end f()",
    "pcall": "while true do pcall(function() while true do end end) end",
    "pcall that swallows": "while true do pcall(error, 'x') end",
    "sort": "table.sort({1, 2, 3, 4}, function() while true do end end)",
    "gsub": "('aaa'):gsub('a', function() while true do end end)",
    "string methods": "while true do ('x'):rep(100):upper():find('y') end",
    "metamethod": "local t = setmetatable({}, {__index = function() while true do end end}) return t.x",
    "tostring": "local t = setmetatable({}, {__tostring = function() while true do end end}) return tostring(t)",
    "iterator": "for _ in function() return 1 end do end",
    "coroutine": "local co = coroutine.wrap(function() while true do end end) co()",
    "channel": "local c = channel.new(1) while true do c:send(1) c:receive() end",
    "messages to itself": "local me = process.pid() local i = process.inbox()"
    " while true do process.send(me, 'x') i:receive() end",
}


@pytest.mark.parametrize("name", LOOPS)
def test_an_endless_loop_does_not_stop_others(name):
    with application(
        host("processes", 1),
        process("loop", f"return function() {LOOPS[name]} end"),
        process("echo", "return function(x) return x end"),
    ) as app:
        pid = app.spawn("app:loop")
        for i in range(20):
            assert app.execute("app:echo", i) == i
        # a loop in code that cannot be suspended ends by itself with an error after a while
        source = "local m, e = process.monitor(...) local ok, err = process.terminate(...) return err and err:message()"
        app.lua(source, pid)
        deadline = time.monotonic() + 20
        while app.host().figures()["processes"] and time.monotonic() < deadline:
            app.execute("app:echo", 1)
        assert app.host().figures()["processes"] == 0


@pytest.mark.parametrize("body", ["while true do end", "while true do local s = ('x'):rep(10000) end"])
def test_top_level_code_that_never_ends_fails_the_spawn(body):
    with application(
        process("endless", body),
        process("echo", "return function(x) return x end"),
    ) as app:
        with pytest.raises(WippyError, match=r"failed to execute script: .*cannot be suspended ran too long"):
            app.spawn("app:endless")
        assert app.execute("app:echo", 1) == 1


def test_unbounded_memory_ends_the_process_alone():
    leaks = {
        "table": "local t = {} while true do t[#t + 1] = {#t} end",
        "string": "local s = 'x' while true do s = s .. s end",
        "rep": "return ('x'):rep(1 << 27)",
        "concat": "local t = {} for i = 1, 200 do t[i] = ('x'):rep(1 << 20) end return table.concat(t)",
        "pcall": "local t = {} while true do pcall(function() while true do t[#t + 1] = {#t} end end) end",
        "coroutines": "local t = {} while true do t[#t + 1] = coroutine.create(function() end) end",
        "recursion": "local function f(t) local n = {t} return 1 + f(n) end return f({})",
    }
    with application(
        host("processes", 1, max_memory="48M"),
        process("echo", "return function(x) return x end"),
        process("wait", "return function() return process.inbox():receive():payload():data() end"),
        *[process(f"leak{number}", f"return function() {body} end") for number, body in enumerate(leaks.values())],
    ) as app:
        bystander = app.spawn("app:wait")
        for number, name in enumerate(leaks):
            with pytest.raises(WippyError) as caught:
                app.execute(f"app:leak{number}")
            assert "memory" in caught.value.message or "overflow" in caught.value.message, name
            for i in range(3):
                assert app.execute("app:echo", i) == i, name
        assert (
            app.lua(
                "process.monitor(...) process.send(..., 't', 'alive') return process.events():receive().result.value",
                bystander,
            )
            == "alive"
        )


def test_a_fork_bomb_hits_max_processes():
    with application(
        host("processes", 2, max_processes=40),
        process(
            "bomb",
            """
            return function()
              while true do
                local pid, err = process.spawn("app:bomb", "app:processes")
                if not pid then return {err:kind(), err:message()} end
              end
            end
            """,
        ),
    ) as app:
        assert app.execute("app:bomb") == ["LimitExceeded", "max processes limit exceeded"]


def test_a_full_mailbox_answers():
    with application(
        host("processes", 1, max_mailbox=10),
        host("other", 1, max_mailbox=10),
        process("deaf", "return function() channel.new():receive() end"),
    ) as app:
        for where in ("app:processes", "app:other"):
            sent, kind, text, retryable = app.lua(
                """
                local pid = process.spawn("app:deaf", ...)
                local n = 0
                while true do
                  local ok, err = process.send(pid, "t", n)
                  if not ok then return {n, err:kind(), err:message(), err:retryable()} end
                  n = n + 1
                end
                """,
                where,
            )
            assert sent == 10
            assert kind == "RateLimited"
            assert "mailbox" in text
            assert retryable is True


def test_idle_workers_take_unstarted_processes():
    with application(
        host("processes", 2),
        process(
            "spin",
            """
            return function(to)
              local n = 0
              for i = 1, 200000 do n = n + i % 7 end
              process.send(to, "done", n)
            end
            """,
        ),
    ) as app:
        before = [worker.steps for worker in app.host().workers]
        assert (
            app.lua(
                """
            local done = process.inbox()
            local me, pids = process.pid(), {}
            for i = 1, 24 do pids[process.spawn("app:spin", "app:processes", me)] = true end
            local from = {}
            for i = 1, 24 do from[done:receive():from()] = true end
            local n = 0
            for pid in pairs(from) do if pids[pid] then n = n + 1 end end
            return n
            """
            )
            == 24
        )
        figures = app.host().figures()
        assert figures["adopted"] > 0
        assert figures["adopted"] == figures["given"]
        assert all(now > then for now, then in zip([w.steps for w in app.host().workers], before, strict=True))


def test_a_moved_process_keeps_its_pid_monitor_link_and_messages():
    with application(
        host("processes", 2),
        process(
            "slow",
            "return function(to) for i = 1, 100000 do end"
            " local m = process.inbox():receive()"
            " return {process.pid(), m:payload():data()} end",
        ),
    ) as app:
        assert (
            app.lua(
                """
            local events, me = process.events(), process.pid()
            local pids = {}
            for i = 1, 30 do
              local pid = process.spawn_linked_monitored("app:slow", "app:processes", me)
              pids[i] = pid
            end
            for i = 1, 30 do
              coroutine.yield()
              if not process.send(pids[i], "go", i) then return "not sent " .. i end
            end
            local right = 0
            for i = 1, 30 do
              local e = events:receive()
              local v = e.result.value
              if e.kind == "pid.exit" and v[1] == e.from and pids[v[2]] == e.from then right = right + 1 end
            end
            return right
            """
            )
            == 30
        )


def test_stopping_a_host_cancels_and_then_kills():
    with application(
        host("processes", 2, stop_timeout="300ms"),
        host("watch", 1),
        process(
            "polite", "return function() local e = process.events():receive() return {e.kind, e.reason, e.from} end"
        ),
        process("stubborn", "return function() while true do end end"),
        process(
            "watcher",
            """
            return function(targets)
              for _, pid in ipairs(targets) do process.monitor(pid) end
              process.registry.register("watching")
              local out = {}
              for i = 1, #targets do
                local e = process.events():receive()
                out[i] = e.result.value or {e.result.error:kind(), e.result.error:message()}
              end
              return out
            end
            """,
        ),
    ) as app:
        polite = [app.spawn("app:polite") for _ in range(3)]
        stubborn = app.spawn("app:stubborn")
        seen = app.begin("app:watcher", [*polite, stubborn], host="app:watch")
        while app.app.runtime.router.names.holder(b"watching") is None:
            time.sleep(0.001)
        stop = threading.Thread(target=app.host().stop, args=(0.3,))
        stop.start()
        found = seen.result(20)
        stop.join(20)
        assert found[:3] == [["pid.cancel", "scheduler shutdown", "{|}"]] * 3
        assert found[3][0] == "Canceled"
        assert app.host().state == "not running"
        with pytest.raises(WippyError, match="host is not running"):
            app.spawn("app:polite")


def test_a_stopping_host_refuses_spawns():
    with application(
        host("processes", 1),
        process(
            "last",
            """
            return function()
              process.events():receive()
              local pid, err = process.spawn("app:last", "app:processes")
              return {pid == nil, err:kind(), err:message()}
            end
            """,
        ),
    ) as app:
        future = app.begin("app:last")
        app.settle()
        app.host().stop(5)
        assert future.result(5) == [True, "Unavailable", "host is shutting down"]


def test_values_nested_too_deeply_fail_alone():
    deep = "local t = {} for i = 1, 300000 do t = {t} end "
    with application(
        host("processes", 1),
        host("other", 1),
        process("result", f"return function() {deep} return t end"),
        process("send", f"return function() {deep} process.send(process.pid(), 't', t) end"),
        process("exec", f"return function() {deep} return process.exec('app:echo', 'app:other', t) end"),
        process("echo", "return function(x) return x end"),
    ) as app:
        for name in ("result", "send", "exec"):
            with pytest.raises(WippyError, match="stack overflow"):
                app.execute(f"app:{name}")
        assert app.execute("app:echo", 1) == 1
        assert app.execute("app:echo", 1, host="app:other") == 1


def test_a_result_that_contains_itself_is_an_error_for_python():
    cycle = process("cycle", "return function() local t = {} t[1] = t return t end")
    with application(cycle) as app, pytest.raises(WippyError, match="table contains itself"):
        app.execute("app:cycle")


def test_max_processes_counts_the_whole_host():
    with application(
        host("processes", 1),
        host("limited", 3, max_processes=5),
        process("wait", "return function() process.inbox():receive() end"),
        process("bad", "error('x')"),
    ) as app:
        assert app.lua("""
            for i = 1, 20 do process.spawn("app:bad", "app:limited") end
            local b, out = process.with_context({}):with_name("one"), {}
            local first
            for i = 1, 7 do
              local pid, err = process.spawn_monitored("app:wait", "app:limited")
              first = first or pid
              out[i] = pid and "ok" or err:kind()
            end
            process.send(first, "end")
            process.events():receive()
            out[8] = b:spawn("app:wait", "app:limited") ~= nil
            out[9] = b:spawn("app:wait", "app:limited") ~= nil -- the name is held: no further process
            out[10] = select(2, process.spawn("app:wait", "app:limited")):kind()
            return out
        """) == ["ok"] * 5 + ["LimitExceeded"] * 2 + [True, True, "LimitExceeded"]

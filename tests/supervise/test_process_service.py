"""`process.service` in a real application: starts, ends, restarts, order, commands."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from application import HOST, application, function, host, process
from wippy.errors import WippyError
from wippy.registry.entry import ID, Entry
from wippy.registry.order import delete, update
from wippy.units.clock import VirtualClock

from .service_app import Watch, service, state_of

WORKER = process("worker", "return function(...) process.registry.register('w') process.events():receive() end")
ENDS = process(
    "ends",
    """
    local errors = require('errors')
    return function(how)
      if how == 'value' then return 7 end
      if how == 'text' then return nil, 'final' end
      if how == 'object' then error(errors.new({message = 'final', retryable = false})) end
      if how == 'open' then error(errors.new({message = 'again', retryable = true})) end
      error('crash')
    end
    """,
)


@contextlib.contextmanager
def running(*entries, clock=None):
    watch, clock = Watch(), clock or VirtualClock()
    with application(host("processes", 1), *entries, clock=clock, before=watch.attach) as app:
        yield app, watch, clock


def test_input_items_are_arguments_and_the_pid_is_shown():
    echo = process("echo", "return function(...) process.registry.register('e', nil) "
                           "local n, args = select('#', ...), {...} "
                           "local m = process.inbox():receive() process.send(m:from(), 'got', n, args) "
                           "process.events():receive() end")  # fmt: skip
    with running(echo, service("svc", "echo", 1, "two", {"three": [3]})) as (app, watch, _):
        details = watch.wait("svc", "running")["details"]
        assert app.lua("return process.registry.lookup('e')") == details
        assert app.lua(
            "process.send('e', 'ask') local m = process.inbox():receive() local p = m:payload() "
            "return {p[1]:data(), p[2]:data()}"
        ) == [3, [1, "two", {"three": [3]}]]


@pytest.mark.parametrize(
    ("how", "status", "details"),
    [("value", "exited", None), ("text", "exited", "final"), ("object", "exited", "final")],
)
def test_ends_that_are_final(how, status, details):
    with running(ENDS, service("svc", "ends", how)) as (_, watch, clock):
        assert watch.wait("svc", status).get("details") == details
        clock.advance(1000)
        assert watch.history("svc") == ["unknown", "starting", "running", status]


@pytest.mark.parametrize("how", ["crash", "open"])
def test_ends_that_are_followed_by_a_restart(how):
    with running(ENDS, service("svc", "ends", how)) as (_, watch, clock):
        state = watch.wait("svc", "failed")
        assert ("crash" if how == "crash" else "again") in state["details"]
        assert (state["retry_count"], state["desired"]) == (1, "running")
        clock.advance(1.2)  # one second and the jitter
        assert watch.wait("svc", "failed", 2)["retry_count"] == 2
        assert [s["details"] for s in watch.of("svc") if s["status"] == "starting"] == ["attempt 1", "attempt 2"]


def test_terminated_and_brought_down_by_a_link_are_crashes():
    linked = process("linked", "return function() local ok = process.link('w') process.inbox():receive() end")
    with running(WORKER, linked, service("w", "worker"), service("l", "linked", requires="w")) as (app, watch, clock):
        watch.wait("l", "running")
        first = state_of(app, "w").details
        app.lua("process.terminate(...)", first)
        assert watch.wait("w", "failed")["details"] == "process terminated"
        assert watch.wait("l", "failed")["details"] == "linked process failed"
        clock.advance(1.2)
        assert watch.wait("w", "running", 2)["details"] != first
        watch.wait("l", "running", 2)
        assert app.lua("return process.registry.lookup('w')") == state_of(app, "w").details


def test_the_waits_grow_and_a_stable_run_begins_anew():
    crasher = process("crasher", "return function() process.registry.register('c') process.inbox():receive() "
                                 "error('boom') end")  # fmt: skip
    block = {"initial_delay": "1s", "max_delay": "3s", "backoff_factor": 2.0, "jitter": 0.1}
    with running(crasher, service("svc", "crasher", restart=block, stable_threshold="5s")) as (app, watch, clock):
        for number, base in enumerate((1, 2, 3, 3), 1):
            watch.wait("svc", "running", number)
            app.lua("process.send('c', 'now')")
            assert watch.wait("svc", "failed", number)["retry_count"] == number
            clock.advance(base * 0.89)
            app.settle()
            assert state_of(app, "svc").status == "failed"
            clock.advance(base * 0.22)
        watch.wait("svc", "running", 5)
        clock.advance(5)
        app.lua("process.send('c', 'now')")
        assert watch.wait("svc", "failed", 5)["retry_count"] == 1


@pytest.mark.parametrize(("attempts", "runs"), [(1, 1), (3, 3)])
def test_max_attempts_counts_runs(attempts, runs):
    block = {"max_attempts": attempts, "delay": "10ms"}
    with running(ENDS, service("svc", "ends", "crash", restart=block)) as (app, watch, clock):
        for number in range(1, runs + 1):
            watch.wait("svc", "failed", number)
            clock.advance(1)
        app.settle(3)
        assert watch.history("svc").count("running") == runs
        assert state_of(app, "svc").status == "failed"


def test_an_unknown_entry_or_host_is_terminal():
    with running(WORKER, service("svc", "worker", auto_start=False)) as (app, watch, clock):
        found = app.app.registry.get("app:worker")
        app.run(app.app.registry.apply([delete(found.id)]))
        with pytest.raises(WippyError, match="app:worker"):
            app.run(app.app.supervisor.start(ID("app", "svc")))
        assert "app:worker" in watch.wait("svc", "exited")["details"]
        clock.advance(1000)
        assert watch.history("svc").count("starting") == 1


def test_a_stop_is_a_cancel_and_any_end_will_do():
    rude = process("rude", "return function() local e = process.events():receive() error(e.reason) end")
    with running(rude, service("svc", "rude")) as (app, watch, _):
        watch.wait("svc", "running")
        app.run(app.app.supervisor.stop(ID("app", "svc")))
        assert watch.history("svc")[-3:] == ["running", "stopping", "stopped"]
        assert watch.of("svc")[-1]["desired"] == "stopped"


def test_a_stop_that_is_ignored_times_out_and_leaves_the_process_alive():
    deaf = process("deaf", "return function() process.registry.register('deaf') process.inbox():receive() end")
    with running(deaf, service("svc", "deaf", stop_timeout="3s")) as (app, watch, clock):
        pid = watch.wait("svc", "running")["details"]
        stopping = app.app.supervisor.stop(ID("app", "svc"))
        future = asyncio.run_coroutine_threadsafe(stopping, app.loop)
        watch.wait("svc", "stopping")
        clock.advance(3)
        with pytest.raises(WippyError, match="stop timeout after 3s") as error:
            future.result(20)
        assert error.value.kind == "Timeout"
        assert watch.wait("svc", "failed")["details"] == "stop timeout after 3s"
        assert app.lua("return process.registry.lookup('deaf')") == pid


def test_the_bus_starts_and_stops_services():
    commander = function(
        "command",
        "local events = require('events') return {main = function(kind, id) "
        "return events.send('supervisor', kind, id) end}",
        ["events"],
    )
    with running(WORKER, commander, service("svc", "worker", auto_start=False)) as (app, watch, _):
        assert app.call("app:command", "service.start", "app:svc") is True
        state = watch.wait("svc", "running")
        assert set(state) == {"path", "id", "status", "desired", "retry_count", "started_at", "last_update", "details"}
        app.call("app:command", "service.stop", "app:svc")
        watch.wait("svc", "stopped")
        app.call("app:command", "service.start", "app:gone")
        app.call("app:command", "service.start", "app:svc")
        watch.wait("svc", "running", 2)


def test_lua_sees_the_updates():
    with running(WORKER, service("svc", "worker", auto_start=False)) as (app, _, _):
        assert app.lua(
            """
            local events = require('events')
            local sub = events.subscribe('supervisor', 'service.update')
            events.send('supervisor', 'service.start', 'app:svc')
            local seen = {}
            while true do
              local e = sub:channel():receive()
              if e.path == 'app:svc' then
                if seen[#seen] ~= e.data.status then seen[#seen + 1] = e.data.status end
                if e.data.status == 'running' then return {seen, e.data.desired, e.data.retry_count} end
              end
            end
            """,
            modules=["events"],
        ) == [["unknown", "starting", "running"], "running", 0]


def test_a_start_that_was_given_up_leaves_no_process_behind():
    with running(WORKER, service("svc", "worker", auto_start=False, start_timeout="3s")) as (app, watch, clock):
        host, held = app.host(), []
        deliver, host._begin_unit = host._begin_unit, held.append
        starting = asyncio.run_coroutine_threadsafe(app.app.supervisor.start(ID("app", "svc")), app.loop)
        watch.wait("svc", "starting")
        while not held:
            pass
        clock.advance(3)
        with pytest.raises(WippyError, match="start timeout") as error:
            starting.result(20)
        assert error.value.kind == "Timeout"
        assert watch.wait("svc", "failed")["retry_count"] == 1
        app.run(app.app.supervisor.stop(ID("app", "svc")))
        host._begin_unit = deliver
        for envelope in held:
            deliver(envelope)
        app.settle(4)
        assert app.lua("return process.registry.lookup('w') == nil") is True
        app.run(app.app.supervisor.start(ID("app", "svc")))
        assert app.lua("return process.registry.lookup('w')") == state_of(app, "svc").details


def test_a_program_finds_the_services_that_wait():
    namer = process(
        "namer",
        "return function(name) local n = 0 for i = 1, 200000 do n = n + i end "
        "process.registry.register(name) process.events():receive() end",
    )
    names = [f"n{number}" for number in range(12)]
    services = [service(f"s_{name}", "namer", name, host="app:wide") for name in names]
    failing = service("failing", "ends", "crash")
    program = process(
        "program",
        "return function(...) for _, name in ipairs({...}) do "
        "if not process.registry.lookup(name) then return 3 end end end",
    )
    terminal = {"name": "terminal", "kind": "terminal.host"}
    with running(host("wide", 4), namer, ENDS, failing, program, terminal, *services) as (app, _, _):
        assert app.run(app.app.run_program("app:program", names)) == 0


@pytest.mark.parametrize(
    "waiting",
    [
        "process.inbox():receive()",
        "channel.select({process.inbox():case_receive(), process.events():case_receive()})",
        "require('time').sleep('1h')",
    ],
)
def test_it_is_told_when_a_service_comes_to_wait(waiting: str) -> None:
    entry = process("waiter", f"return function() {waiting} end", ["time"])
    with running(entry, service("svc", "waiter")) as (app, watch, _):
        pid = watch.wait("svc", "running")["details"]
        assert app.app.runtime.router.request("first_wait", pid, "", "", "", b"").result(30) == []


def test_host_and_process_are_needed_without_being_named():
    late = host("late")
    late["lifecycle"]["auto_start"] = False
    with running(WORKER, late, service("svc", "worker", host="app:late")) as (_, watch, _):
        watch.wait("svc", "running")
        names = [s["path"] for s in watch.states if s["status"] == "running"]
        assert names.index("app:late") < names.index("app:svc")


def test_a_required_service_that_is_missing_blocks_and_the_others_start():
    with running(
        WORKER, service("b", "worker"), service("opt", "worker", startup="optional", requires=["gone"]), clock=None
    ) as (_, watch, _):
        assert watch.wait("b", "running")
        text = [s["details"] for s in watch.of("opt") if s.get("details")][-1]
        assert text == "service startup blocked by missing dependencies: app:opt requires app:gone"


def test_a_changed_service_takes_effect_at_the_next_start_and_a_deleted_one_stops():
    says = process("says", "return function(x) process.registry.register('s:' .. x) process.events():receive() end")
    with running(says, service("svc", "says", "old")) as (app, watch, _):
        watch.wait("svc", "running")
        old = app.app.registry.get("app:svc")
        app.run(app.app.registry.apply([update(Entry(old.id, old.kind, {}, {**old.data, "input": ["new"]}))]))
        assert app.lua("return process.registry.lookup('s:old')") == state_of(app, "svc").details
        app.run(app.app.supervisor.stop(old.id))
        app.run(app.app.supervisor.start(old.id))
        assert app.lua("return process.registry.lookup('s:new')") == state_of(app, "svc").details
        app.run(app.app.registry.apply([delete(old.id)]))
        watch.wait("svc", "stopped", 2)
        app.run(app.app.supervisor.settled())
        assert state_of(app, "svc") is None


def test_a_change_that_is_refused_leaves_hosts_and_services_running():
    with running(WORKER, service("svc", "worker")) as (app, watch, _):
        pid = watch.wait("svc", "running")["details"]
        registry = app.app.registry
        found = registry.get(HOST)
        bad = Entry(ID("app", "worker"), "process.lua", {}, {"source": "return function("})
        for change in (update(Entry(found.id, found.kind, {}, {"host": {"workers": 2}})), delete(found.id)):
            with pytest.raises(WippyError):
                app.run(registry.apply([change, delete(ID("app", "svc")), update(bad)]))
        assert state_of(app, "svc").details == pid
        assert app.lua("return process.registry.lookup('w')") == pid


def test_a_change_waits_neither_for_stops_nor_for_starts():
    deaf = process("deaf", "return function() process.inbox():receive() end")
    with running(deaf, ENDS, service("svc", "deaf", stop_timeout="5s")) as (app, watch, clock):
        watch.wait("svc", "running")
        failing = service("failing", "ends", "crash")
        app.define(failing)
        assert app.app.registry.get("app:failing") is not None
        watch.wait("failing", "failed")
        app.run(app.app.registry.apply([delete(ID("app", "svc"))]))
        watch.wait("svc", "stopping")
        app.define(process("more", "return function() return 1 end"))  # further changes go on meanwhile
        assert app.execute("app:more") == 1
        assert state_of(app, "svc").status == "stopping"
        clock.advance(5)
        watch.wait("svc", "failed")
        app.run(app.app.supervisor.settled())
        assert state_of(app, "svc") is None


def test_a_changed_host_takes_its_services_along():
    with running(WORKER, service("svc", "worker")) as (app, watch, _):
        pid = watch.wait("svc", "running")["details"]
        found = app.app.registry.get(HOST)
        larger = Entry(found.id, found.kind, {}, {**found.data, "host": {"workers": 2}})
        app.run(app.app.registry.apply([update(larger)]))
        watch.wait("svc", "running", 2)
        assert state_of(app, "svc").details != pid
        assert len(app.host().workers) == 2


def test_stops_of_one_change_go_dependents_first_though_all_entries_are_gone():
    told = process("told", "return function(n) process.events():receive() end")
    chain = (service("a", "told"), service("b", "told", requires="a"), service("c", "told", requires="b"))
    with running(told, *chain) as (app, watch, _):
        watch.wait("c", "running")
        ids = [ID("app", name) for name in "abc"]
        app.run(app.app.registry.apply([*(delete(id) for id in ids), delete(ID("app", "told"))]))
        app.run(app.app.supervisor.settled())
        order = [(s["path"], s["status"]) for s in watch.states if s["status"] in ("stopping", "stopped")]
        assert order.index(("app:c", "stopped")) < order.index(("app:b", "stopping"))
        assert order.index(("app:b", "stopped")) < order.index(("app:a", "stopping"))

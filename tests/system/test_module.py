"""The module `system`."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from application import Application, application, function, host, process, workflow
from wippy.errors import WippyError
from wippy.modules.system import UNLIMITED
from wippy.registry.lifecycle import Actor, Security

TERMINAL = {"name": "terminal", "kind": "terminal.host", "lifecycle": {"auto_start": True}}
STATS = {
    *("alloc", "total_alloc", "sys", "num_gc", "next_gc", "stack_in_use", "stack_sys", "mspan_in_use", "mspan_sys"),
    *("heap_alloc", "heap_sys", "heap_idle", "heap_in_use", "heap_released", "heap_objects"),
}
CALLS = {
    "system.read": {
        "memory": ["memory.stats()", "memory.allocated()", "memory.heap_objects()"],
        "memory_limit": ["memory.get_limit()"],
        "goroutines": ["runtime.goroutines()"],
        "gomaxprocs": ["runtime.max_procs()"],
        "cpu": ["runtime.cpu_count()"],
        "pid": ["process.pid()"],
        "cwd": ["process.cwd()"],
        "hostname": ["process.hostname()"],
        "modules": ["modules()"],
        "hosts": ["hosts.list()", "hosts.processes('app:processes')"],
        "supervisor": ["supervisor.states()", "supervisor.state('app:processes')"],
        "node": ["node.id()", "node.addr()", "node.role()"],
        "cluster": ["cluster.members()", "cluster.leader()", "cluster.size()"],
        "raft": ["raft.is_leader()", "raft.is_member()", "raft.role()", "raft.term()", "raft.commit_index()"],
        "raft_stats": ["raft.stats()"],
    },
    "system.control": {"memory_limit": ["memory.set_limit(1)"], "gomaxprocs": ["runtime.max_procs(1)"]},
    "system.gc": {"gc": ["gc.collect()"], "gc_percent": ["gc.get_percent()", "gc.set_percent(50)"]},
}


@pytest.fixture(scope="module")
def app() -> Iterator[Application]:
    with application(
        host("processes", 2),
        TERMINAL,
        process("idle", "return function() process.inbox():receive() end"),
        function("ask", "return function(id) return require('system').hosts.processes(id) end", ["system"]),
    ) as made:
        yield made


def ask(app: Application, expression: str) -> Any:
    """`[value, kind, message]` of `system.<expression>`."""
    body = f"""
        local value, err = require("system").{expression}
        return {{value = value, kind = err and err:kind(), text = err and err:message(),
          retryable = err and err:retryable()}}
        """
    return app.lua(body, modules=["system"])


def refused(app: Application, expression: str) -> tuple[str, str]:
    found = ask(app, expression)
    assert "value" not in found
    assert found["retryable"] is False
    return found["kind"], found["text"]


def value(app: Application, expression: str) -> Any:
    found = ask(app, expression)
    assert "kind" not in found, found
    return found["value"]


def test_memory_figures(app: Application) -> None:
    stats = value(app, "memory.stats()")
    assert set(stats) == STATS
    assert all(isinstance(figure, float) and figure >= 0 for figure in stats.values())
    for name in ("alloc", "total_alloc", "sys", "heap_alloc", "heap_sys", "heap_objects"):
        assert stats[name] > 0, name
    assert value(app, "memory.allocated()") > 1_000_000
    assert value(app, "memory.heap_objects()") > 1000


def test_memory_limit(app: Application) -> None:
    assert value(app, "memory.get_limit()") == float(UNLIMITED)
    assert value(app, "memory.set_limit(1048576)") == float(UNLIMITED)
    assert value(app, "memory.get_limit()") == 1048576.0
    assert value(app, "memory.set_limit(-1)") == 1048576.0
    assert value(app, "memory.get_limit()") == float(UNLIMITED)
    assert refused(app, "memory.set_limit()") == ("Invalid", "memory limit value required")
    assert refused(app, "memory.set_limit(-2)") == ("Invalid", "limit must be non-negative or -1")
    assert "number expected" in app.lua(
        "return tostring(select(2, pcall(require('system').memory.set_limit, 'x')))", modules=["system"]
    )


def test_garbage(app: Application) -> None:
    assert value(app, "gc.collect()") is True
    assert value(app, "gc.get_percent()") == 100.0
    assert value(app, "gc.set_percent(50)") == 100.0
    assert value(app, "gc.set_percent(-1)") == 50.0
    assert value(app, "gc.get_percent()") == 100.0
    assert refused(app, "gc.set_percent()") == ("Invalid", "percent value required")
    kept = """
        local gone = setmetatable({}, {__mode = "v"})
        gone[1] = {}
        require("system").gc.collect()
        return gone[1] == nil
        """
    assert app.lua(kept, modules=["system"]) is True


def test_runtime(app: Application) -> None:
    assert value(app, "runtime.cpu_count()") == float(os.cpu_count() or 1)
    before = value(app, "runtime.max_procs()")
    assert before > 0
    assert value(app, "runtime.max_procs(1000)") == before
    assert value(app, "runtime.max_procs()") == 1000.0
    for wrong in ("0", "-1"):
        assert refused(app, f"runtime.max_procs({wrong})")[0] == "Invalid"
    alive = value(app, "runtime.goroutines()")
    pid = app.spawn("app:idle", host="app:processes")
    assert alive >= 1
    assert app.lua(f"return process.terminate('{pid}')") is True


def test_process_of_the_operating_system(app: Application) -> None:
    assert value(app, "process.pid()") == float(os.getpid())
    assert value(app, "process.hostname()") == socket.gethostname()
    assert value(app, "process.cwd()") == os.getcwd()


def test_modules(app: Application) -> None:
    found = {module["name"]: module for module in value(app, "modules()")}
    assert {"system", "process", "time", "json"} <= set(found)
    assert found["system"]["class"] == ["nondeterministic", "process"]
    assert found["system"]["description"]


def test_hosts(app: Application) -> None:
    hosts = value(app, "hosts.list()")
    assert [each["id"] for each in hosts] == ["app:processes", "app:terminal"]
    first = hosts[0]
    assert set(first) == {"id", "workers", "processes", "executed", "stolen", "queue_depth"}
    assert (first["workers"], hosts[1]["workers"]) == (2.0, 1.0)
    assert first["processes"] >= 1
    assert first["executed"] >= 1
    again = value(app, "hosts.list()")[0]
    assert again["executed"] > first["executed"]


def test_figures_are_of_now(app: Application) -> None:
    body = """
        local system = require("system")
        local before = system.hosts.list()[1].processes
        for i = 1, 3 do process.spawn("app:idle", "app:processes") end
        return system.hosts.list()[1].processes - before
        """
    with application(host("processes", 1), process("idle", "return function() process.inbox():receive() end")) as one:
        assert one.lua(body, modules=["system"]) == 3.0


def test_processes_of_a_host(app: Application) -> None:
    body = """
        local system = require("system")
        local pid = process.spawn("app:idle", "app:processes")
        local out = {}
        for _, row in ipairs(system.hosts.processes("app:processes")) do
          if row.pid == pid then out.child = row end
          if row.pid == process.pid() then out.self = row end
        end
        out.me = process.pid()
        process.terminate(pid)
        return out
        """
    found = app.lua(body, modules=["system"])
    child, own = found["child"], found["self"]
    assert child["source"] == "app:idle"
    assert child["host"] == "app:processes"
    assert child["parent"] == found["me"]
    assert child["state"] in ("ready", "idle")
    assert child["started_at"] >= own["started_at"] > 1.6e18
    assert isinstance(child["steps"], float)
    assert own["steps"] >= 1.0
    assert "actor_id" not in own


def test_processes_seen_by_a_function(app: Application) -> None:
    pid = app.spawn("app:idle")
    seen = [row["pid"] for row in app.call("app:ask", "app:processes")]
    assert pid in seen
    assert app.lua(f"return process.terminate('{pid}')") is True


def test_processes_of_no_host(app: Application) -> None:
    assert value(app, "hosts.processes('app:gone')") == []
    assert refused(app, "hosts.processes('')") == ("Invalid", "host ID required")


def test_more_processes_than_a_page(app: Application) -> None:
    body = """
        local system = require("system")
        for i = 1, 3000 do process.spawn("app:idle", "app:processes") end
        local seen, n = {}, 0
        for _, row in ipairs(system.hosts.processes("app:processes")) do
          if row.source == "app:idle" and not seen[row.pid] then
            seen[row.pid] = true
            n = n + 1
          end
        end
        return n
        """
    with application(host("processes", 2), process("idle", "return function() process.inbox():receive() end")) as many:
        assert many.lua(body, modules=["system"]) == 3000


def test_services(app: Application) -> None:
    states = value(app, "supervisor.states()")
    assert [state["id"] for state in states] == ["app:processes", "app:terminal"]
    state = value(app, "supervisor.state('app:processes')")
    assert (state["status"], state["desired"], state["retry_count"]) == ("running", "running", 0.0)
    assert state["last_update"] >= state["started_at"] > 1.6e18
    assert refused(app, "supervisor.state('')") == ("Invalid", "service ID required")
    for unknown in ("app:gone", "gone", ":", "a:b:c"):
        kind, text = refused(app, f"supervisor.state('{unknown}')")
        assert kind == "Internal", unknown
        assert "service not found" in text


def test_a_node_alone(app: Application) -> None:
    id = app.app.runtime.router.node
    assert value(app, "node.id()") == id
    assert value(app, "node.role()") == "non-member"
    assert refused(app, "node.addr()") == ("Internal", "local node address not available")
    assert value(app, "cluster.members()") == [{"id": id, "is_local": True}]
    assert value(app, "cluster.size()") == 1.0
    assert value(app, "cluster.leader()") == ""
    for name in ("is_leader", "is_member", "role", "term", "commit_index", "stats"):
        assert refused(app, f"raft.{name}()") == ("Internal", "raft not available")
    for name in ("acquire", "release"):
        assert refused(app, f"lock.{name}('door')") == ("Internal", "lock service not available")


def test_tables_are_read_only(app: Application) -> None:
    body = """
        local system = require("system")
        return {pcall(function() system.x = 1 end), pcall(function() system.memory.stats = 1 end)}
        """
    assert app.lua(body, modules=["system"])[0] is False
    assert app.lua(body.replace("system.x", "system.memory.x"), modules=["system"])[0] is False


def test_exit_stops_the_application_with_the_last_code() -> None:
    with application(process("leave", "return function() end")) as app:
        body = """
            local system = require("system")
            local first = system.exit()
            return {first, system.exit(3)}
            """
        assert app.lua(body, modules=["system"]) == [True, True]
        app.run(app.app.wait())
        assert app.run(app.app.stop()) == 3


def test_every_function_asks_for_its_permission() -> None:
    lines = [
        f"told[#told + 1] = check({action!r}, {resource!r}, function() return system.{call} end)"
        for action, resources in CALLS.items()
        for resource, calls in resources.items()
        for call in calls
    ]
    source = f"""
        local system = require("system")
        return function()
          local told = {{}}
          local function check(action, resource, f)
            local value, err = f()
            local text = "permission denied: " .. action .. " on " .. resource
            if value == nil and err and err:kind() == "Invalid" and err:message() == text then return true end
            return text .. " -> " .. tostring(value) .. " " .. tostring(err)
          end
          {chr(10).join(lines)}
          local value, err = system.exit(9)
          told[#told + 1] = value == nil and err:kind() .. " " .. err:message()
          value, err = system.lock.acquire("door")
          told[#told + 1] = value == nil and err:kind()
          return told
        end
        """
    asker = process("asker", source, ["system"])
    deny = """
        - name: deny
          kind: security.policy
          policy: {actions: "*", resources: "*", effect: deny}
        """
    with application(asker, deny) as app:
        frame = app.app.site.frame_for(Security(actor=Actor(id="nobody"), policies=["app:deny"]))
        told = app.execute("app:asker", frame=frame.blob())
    assert told[-1] == "PermissionDenied"
    assert told[-2] == "Invalid permission denied: system.exit"
    assert set(told[:-2]) == {True}, [each for each in told if each is not True]
    assert len(told) == sum(len(calls) for resources in CALLS.values() for calls in resources.values()) + 2


def test_a_permission_is_for_one_resource() -> None:
    asker = process(
        "asker",
        """
        local system = require("system")
        return function()
          local stats = system.memory.stats()
          local hosts, err = system.hosts.list()
          local limit, refused = system.memory.set_limit(1)
          return {stats ~= nil, hosts == nil and err:message(), limit == nil and refused:message()}
        end
        """,
        ["system"],
    )
    grants = """
        - name: some
          kind: security.policy
          policy: {actions: system.read, resources: [memory, memory_limit], effect: allow}
        """
    with application(asker, grants) as app:
        frame = app.app.site.frame_for(Security(actor=Actor(id="nobody"), policies=["app:some"]))
        assert app.execute("app:asker", frame=frame.blob()) == [
            True,
            "permission denied: system.read on hosts",
            "permission denied: system.control on memory_limit",
        ]


def test_workflows_cannot_have_it() -> None:
    with pytest.raises(WippyError, match="system"), application(workflow("w", "return function() end", ["system"])):
        pass

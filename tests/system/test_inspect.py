"""Processes as they are seen from outside: state, mailbox, what they wait for, where they stand."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator
from typing import Any

import pytest

from application import HOST, Application, application, function, host, process
from promises.parts import eventually
from wippy.errors import WippyError
from wippy.kernel import codec
from wippy.registry.lifecycle import Actor, Security
from wippy.units.clock import VirtualClock

START = 1_700_000_000_000_000_000
WAITING = [
    process("inbox", "return function()\n  process.inbox():receive()\nend"),
    process("events", "return function()\n\n  process.events():receive()\nend"),
    process("topic", "return function() process.listen('news'):receive() end"),
    process("channel", "return function() channel.new(0):receive() end"),
    process("sender", "return function() channel.new(0):send(1) end"),
    process(
        "select",
        "return function() channel.select{process.inbox():case_receive(), process.events():case_receive()} end",
    ),
    process("sleeper", "local time = require('time') return function() time.sleep('90s') end", ["time"]),
    process("caller", "local funcs = require('funcs') return function() funcs.call('app:never') end", ["funcs"]),
    process(
        "limited",
        "local funcs = require('funcs') "
        "return function() funcs.new():with_options({timeout = '1h'}):call('app:never') end",
        ["funcs"],
    ),
    process("executor", f"return function() process.exec('app:inbox', '{HOST}') end"),
    process("remote", "return function() process.exec('app:inbox', 'app:other') end"),
    process("future", "local funcs = require('funcs') return function() f = funcs.async('app:never') "
            "process.inbox():receive() end", ["funcs"]),
    process("generator", "return function() coroutine.wrap(function() process.inbox():receive() end)() end"),
    function("never", "local time = require('time') return function() time.sleep('24h') end", ["time"]),
    host("other"),
]  # fmt: skip


@pytest.fixture(scope="module")
def app() -> Iterator[Application]:
    with application(host("processes"), *WAITING, clock=VirtualClock(START)) as made:
        yield made


def rows(app: Application, host: str = HOST, **options: Any) -> list[dict[str, Any]]:
    """What a listing of the host's processes gives."""
    return app.app.system.inspection.processes(app.host(host).workers, options)[0]


def one(app: Application, pid: str) -> dict[str, Any]:
    return next(row for row in rows(app) if row["pid"] == pid)


def settled(app: Application, entry: str, *args: Any) -> str:
    """The PID of a new process that has done all it can do."""
    pid = app.spawn(entry, *args)
    app.settle(3)
    return pid


def end(app: Application, *pids: str) -> None:
    """Terminates processes; some may have ended with others."""
    for pid in pids:
        with contextlib.suppress(WippyError):
            app.app.runtime.router.request("terminate", pid, "", "", "", b"").result(10)


@pytest.mark.parametrize(
    ("entry", "state", "waits"),
    [
        ("inbox", "idle", "receive inbox"),
        ("events", "idle", "receive events"),
        ("topic", "idle", "receive topic news"),
        ("channel", "idle", "receive channel"),
        ("sender", "idle", "send to channel"),
        ("select", "idle", "select inbox, events"),
        ("sleeper", "idle", "sleep 90.0s"),
        ("caller", "blocked", "call app:never"),
        ("limited", "blocked", "call app:never"),
        ("executor", "blocked", "exec app:inbox"),
        ("remote", "blocked", "spawn app:other"),
        ("future", "blocked", "receive inbox"),
        ("generator", "idle", "receive inbox"),
    ],
)
def test_what_a_process_waits_for(app: Application, entry: str, state: str, waits: str) -> None:
    pid = settled(app, f"app:{entry}")
    row = one(app, pid)
    assert (row["state"], row.get("waits")) == (state, waits)
    assert row["source"] == f"app:{entry}"
    end(app, *(row["pid"] for row in rows(app)))


def test_what_it_waits_for_is_gone_once_it_can_go_on(app: Application) -> None:
    body = """
        local system = require("system")
        local pid = process.spawn("app:inbox", "app:processes")
        local relay = process.spawn("app:relay", "app:processes", pid)
        while true do
          local state = nil
          for _, row in ipairs(system.hosts.processes("app:processes")) do
            if row.pid == pid then state = row end
          end
          if state.state == "idle" then break end
          coroutine.yield()
        end
        process.send(pid, "go")
        for _, row in ipairs(system.hosts.processes("app:processes")) do
          if row.pid == pid then return {row.state, row.waits or "nothing", row.mailbox} end
        end
        """
    with application(
        host("processes", 1),
        process("inbox", "return function() process.inbox():receive() process.inbox():receive() end"),
        process("relay", "return function() end"),
    ) as fresh:
        assert fresh.lua(body, modules=["system"]) == ["ready", "nothing", 0.0]


def test_the_line_where_the_code_stands(app: Application) -> None:
    first, second = settled(app, "app:inbox"), settled(app, "app:events")
    assert one(app, first)["at"] == "app:inbox:2"
    assert one(app, second)["at"] == "app:events:3"
    end(app, first, second)


def test_start_parent_names_and_actor(app: Application) -> None:
    app.define(
        process(
            "parent",
            f"""
            return function()
              process.registry.register("mother")
              process.spawn("app:inbox", "{HOST}")
              process.inbox():receive()
            end
            """,
        )
    )
    pid = settled(app, "app:parent")
    own = one(app, pid)
    child = next(row for row in rows(app) if row["source"] == "app:inbox")
    assert own["names"] == ["mother"]
    assert own["started_at"] == child["started_at"] == app.app.clock.time_ns()
    assert child["parent"] == pid
    assert "parent" not in own
    frame = app.app.site.frame_for(Security(actor=Actor(id="ada")))
    other = app.host().spawn("app:inbox", [], frame.blob()).result(10)
    assert one(app, other)["actor_id"] == "ada"
    end(app, pid, child["pid"], other)


def test_messages_that_wait(app: Application) -> None:
    pid = settled(app, "app:sleeper")
    for number in range(3):
        app.lua(f"return process.send('{pid}', 'x', {number})")
    assert one(app, pid)["mailbox"] == 3
    end(app, pid)


def test_a_busy_process_has_the_processor_and_its_reductions_grow() -> None:
    with application(
        host("processes", 1),
        process("busy", "return function() while true do end end"),
        process("inbox", "return function() process.inbox():receive() end"),
    ) as app:
        pid = app.spawn("app:busy")
        eventually(lambda: one(app, pid)["reductions"] > 0)
        first = one(app, pid)
        assert first["state"] == "running"
        eventually(lambda: one(app, pid)["reductions"] > first["reductions"])
        assert one(app, pid)["steps"] > 1
        assert app.lua("return 1") == 1
        end(app, pid)


def test_filters_orders_and_limits(app: Application) -> None:
    sleepers = [settled(app, "app:sleeper") for _ in range(5)]
    others = [settled(app, "app:inbox"), settled(app, "app:caller")]
    for number, pid in enumerate(sleepers):
        for _ in range(number):
            app.lua(f"return process.send('{pid}', 'x', 1)")
    top = rows(app, sort="mailbox", limit=2)
    assert [row["pid"] for row in top] == [sleepers[4], sleepers[3]]
    assert {row["pid"] for row in rows(app, entry="app:sleeper")} == set(sleepers)
    assert {row["pid"] for row in rows(app, entry="sleeper")} == set(sleepers)
    assert {row["pid"] for row in rows(app, entry="app:sl*")} == set(sleepers)
    assert [row["pid"] for row in rows(app, state="blocked")] == [others[1]]
    _, found, silent = app.app.system.inspection.processes(app.host().workers, {"limit": 1})
    assert (found, silent) == (7, 0)
    oldest = rows(app, sort="age", limit=1)[0]
    assert oldest["pid"] == min(sleepers + others)
    end(app, *sleepers, *others)


def test_a_listing_goes_on_page_by_page_while_processes_end() -> None:
    with application(host("processes", 1), process("inbox", "return function() process.inbox():receive() end")) as app:
        app.lua("for i = 1, 5000 do process.spawn('app:inbox', 'app:processes') end")
        app.settle(3)
        worker = app.host().workers[0]
        inspection = app.app.system.inspection
        packed = codec.pack([{"memory": True}])[1:]
        listing, page, _ = inspection._page(worker, 0, packed).result(10)
        assert listing != 0, "5000 processes were looked at in one go"
        assert 0 < len(page) < 5000
        gone = {row["pid"] for row in page}
        still = [row["pid"] for row in rows(app) if row["pid"] not in gone]
        end(app, *still[:1000])
        seen = len(page)
        while listing:
            listing, page, _ = inspection._page(worker, listing, packed).result(10)
            seen += len(page)
        assert seen == 4000
        assert len(rows(app)) == 4000


def test_a_listing_that_is_no_longer_kept() -> None:
    with application() as app, pytest.raises(WippyError, match="no longer kept"):
        app.app.system.inspection._page(app.host().workers[0], 77, codec.pack([{}])[1:]).result(10)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("list", "local t = {} for i = 1, 300 do t[i] = {i, i + 1} end"),
        ("map", "local t = {} for i = 1, 300 do t['key ' .. i] = i end"),
        ("texts", "local t = {} for i = 1, 100 do t[i] = ('x'):rep(90) .. process.pid() .. i end"),
        ("closures", "local t = {} for i = 1, 300 do local a, b = {i}, i t[i] = function() return a, b end end"),
        ("global", "t = {} for i = 1, 300 do t[i] = {i, i + 1} end"),
        ("threads", "local t = {} for i = 1, 20 do t[i] = coroutine.create(function() end) end"),
        ("nothing", "local t = nil"),
    ],
)
def test_the_estimate_of_memory_is_near_the_truth(name: str, source: str) -> None:
    count = 80
    with application(
        host("processes", 1), process("holder", f"return function() {source} process.inbox():receive() return t end")
    ) as app:
        worker = app.host().workers[0]

        def used() -> int:
            app.app.runtime.router.request("collect", "", "", "", "", b"", target=worker).result(10)
            gc.collect()
            app.settle()
            return worker.vm.memory()

        app.lua("process.spawn('app:holder', 'app:processes')")
        app.settle(3)
        before = used()
        app.lua(f"for i = 1, {count} do process.spawn('app:holder', 'app:processes') end")
        app.settle(3)
        real = (used() - before) / count
        told = [row["memory"] for row in rows(app, memory=True, entry="holder")]
        assert len(told) == count + 1
        assert 0.7 * real < sum(told) / len(told) < 1.4 * real, (real, sum(told) / len(told))


def test_a_large_process_is_looked_at_only_so_far() -> None:
    source = "return function() local t = {} for i = 1, 40000 do t[i] = {} end process.inbox():receive() return t end"
    with application(host("processes", 1), process("large", source)) as app:
        pid = app.spawn("app:large")
        eventually(lambda: one(app, pid)["state"] == "idle")
        row = rows(app, memory=True)[0]
        assert row["memory_cut"] is True
        assert row["memory"] > 16 * 40_000
        detail = app.app.system.inspection.process([pid])
        assert detail["memory"] > row["memory"] + 40 * 40_000
        assert detail["memory_cut"] is False


def test_one_process_in_detail(app: Application) -> None:
    app.define(
        process(
            "rich",
            f"""
            local time = require("time")
            local funcs = require("funcs")
            local function inner()
              process.inbox():receive()
            end
            return function()
              process.set_options({{trap_links = true}})
              local other = process.spawn_linked("app:inbox", "{HOST}")
              process.monitor(other)
              process.listen("news")
              funcs.async("app:never")
              coroutine.spawn(function() time.sleep("10s") end)
              inner()
            end
            """,
            ["time", "funcs"],
        )
    )
    pid = settled(app, "app:rich")
    found = app.app.system.inspection.process([pid])
    other = found["links"][0]
    assert found["pid"] == pid
    assert found["monitors"] == [other]
    assert "news" in found["topics"]
    assert found["calls"] == ["app:never"]
    assert found["trap_links"] is True
    assert found["coroutines"] == 2
    assert found["threads"] == [{"at": "app:rich:13", "waits": "sleep 10.0s"}]
    assert [(frame["line"], frame.get("name")) for frame in found["stack"]] == [(5, "inner"), (14, None)]
    assert other in {row["pid"] for row in rows(app)}
    assert app.app.system.inspection.process([other])["monitored_by"] == [pid]
    end(app, pid)
    end(app, other)


def test_after_an_upgrade_the_new_entry_is_seen(app: Application) -> None:
    app.define(process("old", "return function() process.inbox():receive() process.upgrade('app:inbox') end"))
    pid = settled(app, "app:old")
    assert one(app, pid)["source"] == "app:old"
    app.lua(f"return process.send('{pid}', 'go')")
    app.settle(3)
    row = one(app, pid)
    assert (row["source"], row["coroutines"], row["state"]) == ("app:inbox", 1, "idle")
    assert (row["at"], row["waits"]) == ("app:inbox:2", "receive inbox")
    end(app, pid)


def test_processes_with_a_vm_of_their_own() -> None:
    with application(
        host("processes", 2, isolation="process"),
        process("inbox", "return function() process.inbox():receive() end"),
    ) as app:
        pids = {app.spawn("app:inbox") for _ in range(3)}
        eventually(lambda: {row["state"] for row in rows(app)} == {"idle"})
        assert {row["pid"] for row in rows(app)} == pids
        seen = app.lua("return require('system').hosts.processes('app:processes')", modules=["system"])
        assert pids < {row["pid"] for row in seen}
        before = app.app.system.hosts()[0]
        assert before["executed"] >= 3
        end(app, *pids)
        eventually(lambda: not rows(app))
        assert app.app.system.hosts()[0]["executed"] >= before["executed"]


def test_function_calls_under_way(app: Application) -> None:
    app.define(
        function(
            "outer", "local funcs = require('funcs') return function() return funcs.call('app:never') end", ["funcs"]
        ),
        process("asks", "local funcs = require('funcs') return function() funcs.call('app:outer') end", ["funcs"]),
        function("one", "return function() process.inbox():receive() end", pool={"type": "static", "size": 1}),
    )
    pid = settled(app, "app:asks")
    assert [row["source"] for row in rows(app)] == ["app:asks"]
    found = {row["source"]: row for row in rows(app, calls=True)}
    assert set(found) == {"app:asks", "app:outer", "app:never"}
    assert (found["app:outer"]["state"], found["app:outer"]["waits"]) == ("blocked", "call app:never")
    assert (found["app:never"]["state"], found["app:never"]["waits"]) == ("idle", "sleep 24h")
    assert found["app:never"]["call"] is True
    assert "call" not in found["app:asks"]
    assert [row["source"] for row in rows(app, calls=True, limit=1, entry="app:outer")] == ["app:outer"]
    app.begin_call("app:one")
    app.begin_call("app:one")

    def outside() -> list[tuple[str, str, str]]:
        home = app.app.functions().workers
        found = app.app.system.inspection.processes(home, {"calls": True})[0]
        return sorted((row["source"], row["state"], row.get("waits", "")) for row in found)

    eventually(
        lambda: outside() == [("app:one", "blocked", "a turn in the pool"), ("app:one", "idle", "receive inbox")]
    )
    end(app, pid)
    assert rows(app, calls=True) == []


def test_a_process_in_python() -> None:
    source = """
import asyncio

async def main(process, *args):
    async for message in process.messages():
        await asyncio.Event().wait()
"""
    with application({"name": "guest", "kind": "process.python", "source": source}) as app:
        pid = app.spawn("app:guest")
        eventually(lambda: one(app, pid)["state"] == "idle")
        assert one(app, pid)["waits"] == "receive inbox"
        app.lua(f"return process.send('{pid}', 'x', 1)")
        eventually(lambda: one(app, pid).get("waits") == "its own code")
        assert one(app, pid)["state"] == "blocked"
        assert app.app.system.inspection.process([pid])["stack"] == []
        end(app, pid)


@pytest.mark.parametrize(("left", "seen"), [(30_000, False), (60_000, False), (1_000_000, True)])
def test_looking_into_a_full_host_takes_nothing_from_its_processes(left: int, seen: bool) -> None:
    limit = 6_000_000
    keep = """
        return function(n)
          local t = {}
          for i = 1, n do t[i] = ("x"):rep(5000) .. i end
          process.inbox():receive()
          return t
        end
        """
    with application(host("processes", 1, max_memory=limit), process("keep", keep)) as app:
        worker = app.host().workers[0]

        def free() -> int:
            app.settle(3)
            app.app.runtime.router.request("collect", "", "", "", "", b"", target=worker).result(10)
            return limit - worker.vm.memory()

        spawned = 0
        while (room := free()) > left + 20_000:
            app.spawn("app:keep", (room - left) // 20_000)
            spawned += 1
        page = app.app.system.inspection._page(worker, 0, codec.pack([{"memory": True}])[1:])
        if seen:
            assert len(page.result(10)[1]) == spawned
        else:
            with pytest.raises(WippyError, match="not enough memory left in the host") as caught:
                page.result(10)
            assert caught.value.kind == "LimitExceeded"
            assert room - free() < 10_000
        assert app.host().figures()["processes"] == spawned

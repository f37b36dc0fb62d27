"""Hosts that give each process a VM of its own."""

from __future__ import annotations

from typing import Any

import pytest

from application import WAIT, Application, application, host, process
from wippy.errors import WippyError
from wippy.kernel.cell import Cell
from wippy.kernel.station import Envelope
from wippy.units.isolated_host import IsolatedHost

from .wait import eventually

SPIN = process("spin", "return function() while true do end end")
WAITS = process("wait", "return function() return process.inbox():receive():payload():data() end")


def isolated(app: Application, id: str = "app:processes") -> IsolatedHost:
    found = app.host(id)
    assert isinstance(found, IsolatedHost)
    return found


def test_a_process_that_computes_moves_between_the_workers() -> None:
    with application(host("processes", 2, isolation="process"), SPIN) as app:
        for _ in range(3):
            app.spawn("app:spin")
        eventually(lambda: all(cell.moves > 3 for cell in isolated(app).workers))


def test_each_process_has_a_vm_and_lets_go_of_it() -> None:
    with application(host("processes", 2, isolation="process"), WAITS) as app:
        pids = [app.spawn("app:wait") for _ in range(5)]
        cells = isolated(app).workers
        assert len({id(cell.vm) for cell in cells}) == 5
        numbers = [cell.number for cell in cells]
        app.lua("for _, pid in ipairs(...) do process.send(pid, 't', 1) end", pids)
        eventually(lambda: not isolated(app).workers)
        assert app.host().figures()["spawned"] == 6
        assert not set(numbers) & set(app.app.runtime.router.workers)
        assert app.lua("local ok, e = process.send(..., 't') return e:message()", pids[0]) == "process not found"


def test_globals_of_libraries_are_not_shared_and_the_host_reaches_other_hosts() -> None:
    with application(
        host("processes", 1, isolation="process"),
        host("shared", 1),
        process("echo", "return function(to) process.send(to, 'pid', process.pid()) end"),
    ) as app:
        assert app.lua(
            """
            local inbox = process.inbox()
            local there = process.spawn("app:echo", "app:shared", process.pid())
            local here = process.spawn("app:echo", "app:processes", process.pid())
            local seen = {}
            for _ = 1, 2 do seen[inbox:receive():payload():data()] = true end
            return {seen[there], seen[here]}
            """
        ) == [True, True]


def test_memory_is_limited_for_each_process_alone() -> None:
    with application(
        host("processes", 2, isolation="process", max_memory="8M"),
        WAITS,
        process("greedy", "return function() local t = {} while true do t[#t + 1] = {#t} end end"),
        process("large", "return function() local t = {} for i = 1, 60000 do t[i] = {i} end return #t end"),
    ) as app:
        waits = app.begin("app:wait")
        # three times 5 MB fit into 8 MB each
        sizes = [app.begin("app:large") for _ in range(3)]
        with pytest.raises(WippyError, match="memory limit of the process exceeded: not enough memory") as caught:
            app.execute("app:greedy")
        assert caught.value.kind == "LimitExceeded"
        assert [size.result(WAIT) for size in sizes] == [60000] * 3
        assert not waits.done()


def test_messages_that_do_not_fit_into_the_memory_end_the_process_that_does_not_read_them() -> None:
    """It has no code that could meet the limit: the sender is told, and the process ends with a reason."""
    with application(
        host("processes", 1, isolation="process", max_memory="4M"),
        host("shared", 1),
        WAITS,
        process("deaf", "return function() channel.new():receive() end"),
        process(
            "flood",
            """
            return function(pid)
              local text, sent, ok, err = ("x"):rep(10000), 0
              process.monitor(pid)
              repeat
                ok, err = process.send(pid, "t", {text .. sent})
                if ok then sent = sent + 1 end
              until not ok
              local failure = process.events():receive().result.error
              return {sent > 100, err:kind(), err:message(), failure:kind(), failure:message()}
            end
            """,
        ),
    ) as app:
        bystander = app.begin("app:wait")
        text = "memory limit of the process exceeded: not enough memory"
        found = app.execute("app:flood", app.spawn("app:deaf"), host="app:shared")
        assert found == [True, "LimitExceeded", text, "LimitExceeded", text]
        assert not bystander.done()


@pytest.mark.parametrize("isolation", ["shared", "process"])
def test_a_kernel_that_cannot_go_on_ends_its_processes_with_a_reason(
    isolation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host goes on: with a fresh VM, where the processes shared it."""
    watch = process(
        "watch",
        """
        return function(pid)
          process.monitor(pid)
          process.registry.register("watching")
          local e = process.events():receive()
          return {e.from == pid, e.result.error:kind(), e.result.error:message()}
        end
        """,
    )
    with application(host("processes", 1, isolation=isolation), host("other", 1), WAITS, watch) as app:
        pid = app.spawn("app:wait")
        result = app.begin("app:wait")
        seen = app.begin("app:watch", pid, host="app:other")
        names = app.app.runtime.router.names
        eventually(lambda: names.holder(b"watching"))

        for worker in list(app.host().workers):
            monkeypatch.setattr(worker.vm, "K", Exhausted(worker.vm.K))
            worker.post(["wake", "", 0, 0])
        owner = "host" if isolation == "shared" else "process"
        text = f"memory limit of the {owner} exceeded: not enough memory"
        assert seen.result(WAIT) == [True, "LimitExceeded", text]
        with pytest.raises(WippyError, match=text):
            result.result(WAIT)
        assert app.lua("return 1") == 1
        assert app.lua("local ok, e = process.send(..., 't') return e:message()", pid) == "process not found"


class Exhausted:
    """A kernel in which no slice can be run any more."""

    def __init__(self, kernel: Any) -> None:
        self._kernel = kernel

    def __getattr__(self, name: str) -> Any:
        if name in ("step", "step_again"):
            raise MemoryError
        return getattr(self._kernel, name)


def test_a_limit_too_small_for_a_vm_is_told_at_the_start() -> None:
    with (
        pytest.raises(WippyError, match="max_memory of 100000 bytes is too small for a VM"),
        application(host("processes", 1, isolation="process", max_memory=100000)),
    ):
        pass


def test_max_processes_counts_cells_and_a_refusal_costs_no_vm() -> None:
    with application(host("processes", 2, isolation="process", max_processes=3), WAITS) as app:
        for _ in range(3):
            app.spawn("app:wait", name=None)
        made = app.app.runtime.router.new_worker_number()
        for _ in range(5):
            with pytest.raises(WippyError, match="max processes limit exceeded") as caught:
                app.spawn("app:wait")
            assert caught.value.kind == "LimitExceeded"
            assert caught.value.details == {"max_processes": 3}
        assert app.app.runtime.router.new_worker_number() == made + 1


def test_stopping_cancels_and_then_ends_by_force() -> None:
    polite = process("polite", "return function() local e = process.events():receive() return e.reason end")
    with application(host("processes", 2, isolation="process"), polite, SPIN) as app:
        asked, forced = app.begin("app:polite"), app.begin("app:spin")
        eventually(lambda: sum(cell.living for cell in isolated(app).workers) == 2)
        assert app.host().stop(0.1) is False
        assert asked.result(WAIT) == "scheduler shutdown"
        with pytest.raises(WippyError) as caught:
            forced.result(WAIT)
        assert caught.value.kind == "Canceled"
        assert app.host().state == "not running"
        assert not isolated(app).workers
        assert not any(thread.is_alive() for thread in isolated(app).queue.threads)


def test_every_process_is_cancelled_while_others_end(monkeypatch: pytest.MonkeyPatch) -> None:
    polite = process("polite", "return function() process.events():receive() return 'asked' end")
    with application(host("processes", 2, isolation="process"), polite) as app:
        futures = [app.begin("app:polite") for _ in range(6)]
        eventually(lambda: sum(cell.living for cell in isolated(app).workers) == 6)
        post = Cell.post

        def patient(cell: Cell, envelope: Envelope) -> None:
            """Goes on with the next cell when this one has ended."""
            post(cell, envelope)
            if envelope[0] == "cancel_all":
                eventually(lambda: cell not in isolated(app).workers)

        monkeypatch.setattr(Cell, "post", patient)
        assert app.host().stop(WAIT) is True
        assert [future.result(WAIT) for future in futures] == ["asked"] * 6


def test_processes_that_are_being_stopped_still_talk_to_each_other() -> None:
    with application(
        host("processes", 2, isolation="process"),
        WAITS,
        process(
            "parting",
            """
            return function(friend)
              process.events():receive()
              local pid, err = process.spawn("app:wait", "app:processes")
              return {process.send(friend, "t", "goodbye"), err:message()}
            end
            """,
        ),
    ) as app:
        friend = app.spawn("app:wait")
        eventually(lambda: sum(cell.living for cell in isolated(app).workers) == 1)
        result = app.begin("app:parting", friend)
        eventually(lambda: sum(cell.living for cell in isolated(app).workers) == 2)
        assert app.host().stop(WAIT) is True
        assert result.result(WAIT) == [True, "host is shutting down"]


def test_a_host_can_be_started_again() -> None:
    with application(host("processes", 1, isolation="process"), WAITS) as app:
        pid = app.spawn("app:wait")
        app.host().stop(0.05)
        app.host().start()
        assert app.lua("local ok, e = process.send(..., 't') return e:message()", pid) == "process not found"


def test_a_caller_that_ends_cancels_the_process_it_called() -> None:
    slow = process(
        "slow",
        """
        return function(watcher)
          process.send(watcher, "started", process.pid())
          local e = process.events():receive()
          process.send(watcher, "ended", e.reason)
        end
        """,
        meta={"default_host": "app:processes"},
    )
    caller = process("caller", "return function(w) require('funcs').call('app:slow', w) end", ["funcs"])
    for isolation in ("shared", "process"):
        with application(host("processes", 1, isolation=isolation), host("other", 1), slow, caller) as app:
            for place in ("app:processes", "app:other"):
                assert (
                    app.lua(
                        """
                        local inbox = process.inbox()
                        local pid = process.spawn("app:caller", ..., process.pid())
                        inbox:receive()
                        process.terminate(pid)
                        return inbox:receive():payload():data()
                        """,
                        place,
                        host=place,
                    )
                    is not None
                )

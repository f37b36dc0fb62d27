"""Hosts that are changed or removed while their processes work."""

from __future__ import annotations

from typing import Any

import pytest

from application import WAIT, Application, application, host, process
from wippy.errors import WippyError
from wippy.registry.entry import ID
from wippy.registry.order import delete

from .wait import eventually

POLITE = process(
    "polite",
    """
    return function()
      local events, inbox, n = process.events(), process.inbox(), 0
      while true do
        local r = channel.select({events:case_receive(), inbox:case_receive()})
        if r.channel == events then return {r.value.reason, n} end
        n = n + 1
      end
    end
    """,
)
DEAF = process("deaf", "return function() channel.new():receive() end")
TALK = process(
    "talk",
    """
    return function(pids)
      process.registry.register("talking")
      local sent, errors = 0, {}
      for i = 1, math.huge do
        local alive = false
        for _, pid in ipairs(pids) do
          local ok, err = process.send(pid, "m", i)
          if ok then sent, alive = sent + 1, true else errors[err:message()] = true end
        end
        if not alive then return {sent = sent, errors = errors} end
      end
    end
    """,
)
ISOLATIONS = ["shared", "process"]


def remove(app: Application, name: str) -> None:
    app.run(app.app.registry.apply([delete(ID("app", name))]))


def talking(app: Application, pids: list[str]) -> Any:
    future = app.begin("app:talk", pids, host="app:other")
    eventually(lambda: app.app.runtime.router.names.holder(b"talking"))
    return future


def settled(app: Application) -> None:
    """Services of the last change have started."""
    app.run(app.app.supervisor.settled())


@pytest.mark.parametrize("isolation", ISOLATIONS)
@pytest.mark.parametrize("later", ISOLATIONS)
def test_a_changed_host_is_replaced_under_load(isolation: str, later: str) -> None:
    with application(host("processes", 2, isolation=isolation), host("other", 1), POLITE, TALK) as app:
        old = app.host()
        running = [app.begin("app:polite") for _ in range(4)]
        pids = [app.spawn("app:polite") for _ in range(4)]
        eventually(lambda: sum(worker.living for worker in old.workers) == 8)
        talk = talking(app, pids)
        app.define(host("processes", 1, isolation=later))
        settled(app)
        assert [future.result(WAIT) for future in running] == [["scheduler shutdown", 0]] * 4
        heard = talk.result(WAIT)
        assert heard["sent"] > 0
        assert set(heard["errors"]) <= {"process not found", "host is shutting down", "host is not running"}
        assert app.host() is not old
        assert old.state == "not running"
        assert not old.workers
        assert app.lua("local ok, e = process.send(..., 't') return e:message()", pids[0]) == "process not found"
        assert app.lua("local ok, e = process.monitor(...) return e:message()", pids[0]) == "pid not registered"
        pid = app.spawn("app:polite")
        assert app.lua("return process.send(..., 't')", pid, host="app:other") is True


@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_a_removed_host_ends_its_processes(isolation: str) -> None:
    with application(
        host("processes", 1), host("going", 2, isolation=isolation), host("other", 1), POLITE, TALK
    ) as app:
        running = [app.begin("app:polite", host="app:going") for _ in range(4)]
        pids = [app.spawn("app:polite", host="app:going") for _ in range(4)]
        eventually(lambda: sum(worker.living for worker in app.host("app:going").workers) == 8)
        talk = talking(app, pids)
        remove(app, "going")
        assert [future.result(WAIT) for future in running] == [["scheduler shutdown", 0]] * 4
        assert talk.result(WAIT)["sent"] > 0
        eventually(lambda: "app:going" not in app.app.runtime.router.hosts)
        for body in ("process.send(..., 't')", "process.spawn('app:polite', 'app:going')"):
            assert "host not found" in app.lua(f"local ok, e = {body} return e:message()", pids[0])


@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_a_process_that_reads_no_events_is_ended_by_force(isolation: str) -> None:
    """It costs the host its whole stop_timeout, no more."""
    with application(host("processes", 1), host("going", 1, isolation=isolation, stop_timeout="50ms"), DEAF) as app:
        future = app.begin("app:deaf", host="app:going")
        eventually(lambda: sum(worker.living for worker in app.host("app:going").workers))
        remove(app, "going")
        with pytest.raises(WippyError) as caught:
            future.result(WAIT)
        assert caught.value.kind == "Canceled"


@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_services_of_a_changed_host_start_again_on_the_new_one(isolation: str) -> None:
    service = {
        "name": "service",
        "kind": "process.service",
        "process": "app:named",
        "host": "app:processes",
        "lifecycle": {"auto_start": True},
    }
    named = process(
        "named",
        """
        return function()
          process.registry.register("here")
          process.events():receive()
        end
        """,
    )
    with application(host("processes", 1), named, service) as app:
        names = app.app.runtime.router.names
        eventually(lambda: names.holder(b"here"))
        first = names.holder(b"here")
        app.define(host("processes", 2, isolation=isolation))
        settled(app)
        eventually(lambda: names.holder(b"here"))
        assert names.holder(b"here") != first


def test_a_refused_change_leaves_the_host_as_it_is() -> None:
    with application(host("processes", 1), POLITE) as app:
        old = app.host()
        future = app.begin("app:polite")
        with pytest.raises(WippyError):
            app.define(host("processes", 2), process("broken", "return function("))
        assert app.host() is old
        assert app.lua("return 1") == 1
        assert not future.done()


def test_many_replacements_leave_nothing_behind() -> None:
    with application(host("processes", 2), DEAF) as app:
        router = app.app.runtime.router
        known = len(router.workers)
        for round in range(5):
            app.begin("app:deaf")
            app.define(host("processes", 2, isolation=ISOLATIONS[round % 2], stop_timeout="20ms"))
            settled(app)
        app.define(host("processes", 2))
        settled(app)
        assert len(router.workers) == known
        assert app.lua("return 1") == 1

"""The profiling server."""

from __future__ import annotations

import json
import os
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from application import Application, application, function, host, process
from promises.parts import eventually
from wippy.errors import WippyError
from wippy.registry.config import Config
from wippy.services.profiler import Profiler

BUSY = """
local function inner(n)
  local x = 0
  for i = 1, n do
    x = x + i
  end
  return x
end
return function()
  while true do
    inner(1000)
  end
end
"""


@pytest.fixture(scope="module")
def app() -> Iterator[Application]:
    with application(
        host("processes", 1),
        process("busy", BUSY),
        process("inbox", "return function() process.inbox():receive() end"),
        function("short", "return function(n) return n end"),
        process(
            "calls",
            "local funcs = require('funcs') return function() while true do funcs.call('app:short', 1) end end",
            ["funcs"],
        ),
    ) as made:
        yield made


@pytest.fixture
def profiler(app: Application) -> Iterator[Profiler]:
    config = Config({"profiler": {"address": "localhost:0"}})
    made = Profiler(config, lambda: app.app.system)
    made.open()
    yield made
    made.close()


def get(profiler: Profiler, path: str, **headers: str) -> str:
    request = urllib.request.Request(f"http://{profiler.address}{path}", headers=headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read().decode()


def refused(profiler: Profiler, path: str, **headers: str) -> tuple[int, str]:
    with pytest.raises(urllib.error.HTTPError) as caught:
        get(profiler, path, **headers)
    with caught.value:
        return caught.value.code, caught.value.read().decode()


def ended(app: Application, pid: str) -> None:
    app.app.runtime.router.request("terminate", pid, "", "", "", b"").result(10)


def test_where_the_time_goes(app: Application, profiler: Profiler) -> None:
    pid = app.spawn("app:busy")
    lines = get(profiler, "/debug/pprof/profile?seconds=0.2").splitlines()
    ended(app, pid)
    found = {stack: int(number) for stack, _, number in (line.rpartition(" ") for line in lines)}
    assert list(found.values()) == sorted(found.values(), reverse=True)
    inside = sum(number for stack, number in found.items() if stack.startswith("app:busy:11;app:busy:"))
    assert inside > 0.9 * sum(found.values())
    assert get(profiler, "/debug/pprof/profile?seconds=0.01") == ""


def test_code_that_runs_in_short_turns_is_met_too(app: Application, profiler: Profiler) -> None:
    pid = app.spawn("app:calls")
    text = get(profiler, "/debug/pprof/profile?seconds=0.5")
    ended(app, pid)
    assert "app:short:1 " in text
    assert "app:calls:1 " in text


def test_a_profile_that_nobody_fetches_ends(app: Application) -> None:
    worker = app.host().workers[0]
    app.app.runtime.router.request("profile", "", 1, "", "", b"", target=worker).result(10)
    pid = app.spawn("app:busy")
    step = [app.app.system.inspection.process([pid])["reductions"]]
    eventually(lambda: app.app.system.inspection.process([pid])["reductions"] > step[0] + 100_000)
    ended(app, pid)
    assert app.app.runtime.router.request("profile", "", 0, "", "", b"", target=worker).result(10) == [[]]


def test_stacks(app: Application, profiler: Profiler) -> None:
    pid = app.spawn("app:inbox")
    app.settle(3)
    text = get(profiler, "/debug/pprof/goroutine")
    ended(app, pid)
    assert f"{pid} app:inbox at app:inbox:1: idle, waits for receive inbox\n" in text
    assert f"\nthread {threading.main_thread().name}\n" in text


def test_memory_and_figures(app: Application, profiler: Profiler) -> None:
    pid = app.spawn("app:inbox")
    heap = json.loads(get(profiler, "/debug/pprof/heap"))
    assert heap["memory"]["alloc"] > 0
    assert heap["processes"][0]["source"] == "app:inbox"
    stats = json.loads(get(profiler, "/debug/stats"))
    assert stats["machine"]["os_pid"] == os.getpid()
    assert get(profiler, "/debug/gc") == "collected\n"
    assert "/debug/pprof/profile" in get(profiler, "/debug/pprof/")
    ended(app, pid)


@pytest.mark.parametrize(
    ("path", "code", "text"),
    [
        ("/debug/pprof/profile?seconds=long", 400, "seconds must be a number up to 300"),
        ("/debug/pprof/profile?seconds=301", 400, "seconds must be"),
        ("/debug/pprof/profile?seconds=nan", 400, "seconds must be"),
        ("/elsewhere", 404, "no such page"),
    ],
)
def test_wrong_pages(profiler: Profiler, path: str, code: int, text: str) -> None:
    found = refused(profiler, path)
    assert found[0] == code
    assert text in found[1]


def test_pages_of_other_sites_are_refused(profiler: Profiler) -> None:
    assert refused(profiler, "/debug/stats", Host="evil.example:6060")[0] == 403
    assert json.loads(get(profiler, "/debug/stats", Host="127.0.0.1:6060"))


def test_an_application_that_boots() -> None:
    made = Profiler(Config({"profiler": {"address": "127.0.0.1:0"}}), lambda: None)
    made.open()
    assert refused(made, "/debug/stats") == (503, "the application is still starting\n")
    made.close()
    made.close()


@pytest.mark.parametrize("address", ["localhost", "localhost:x", "localhost:70000"])
def test_a_wrong_address(address: str) -> None:
    with pytest.raises(WippyError, match=r"profiler\.address must be host:port"):
        Profiler(Config({"profiler": {"address": address}}), lambda: None)

"""Messages that reach nobody are counted, and told in the log once a second at most."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from application import Application, application, host, process
from wippy.units.dead_letters import DeadLetters, Letter, host_of

from .wait import eventually

GONE = process("gone", "return function() end")


class Desk:
    """Dead letters on a clock that is moved by hand."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self.time = 0.0
        self.planned: list[tuple[float, Callable[[], None]]] = []
        self.letters = DeadLetters(lambda *line: self.lines.append(line[3]), self._later, lambda: self.time)

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        self.planned.append((self.time + seconds, act))

    def pass_time(self, seconds: float) -> None:
        self.time += seconds
        due = [act for at, act in self.planned if at <= self.time]
        self.planned = [(at, act) for at, act in self.planned if at > self.time]
        for act in due:
            act()

    def add(self, topic: str, count: int = 1) -> None:
        self.letters.add(Letter(topic, "{n@app:a|0x1}", "{n@app:b|0x2}", "process not found"), count)

    def counts(self) -> list[int]:
        return [line["count"] for line in self.lines]


def test_the_first_is_told_at_once_and_the_rest_after_a_second() -> None:
    desk = Desk()
    desk.add("first")
    assert desk.lines == [
        {
            "count": 1,
            "total": 1,
            "topic": "first",
            "from": "{n@app:a|0x1}",
            "to": "{n@app:b|0x2}",
            "reason": "process not found",
        }
    ]
    for _ in range(100):
        desk.add("more", 10)
    desk.pass_time(0.9)
    assert desk.counts() == [1]
    desk.pass_time(0.2)
    assert desk.counts() == [1, 1000]
    assert desk.lines[1]["total"] == 1001
    desk.pass_time(5)
    assert desk.counts() == [1, 1000]
    desk.add("again")
    assert desk.counts() == [1, 1000, 1]


def test_counts_are_kept_by_host_and_made_up_hosts_do_not_fill_the_memory() -> None:
    letters = DeadLetters(lambda *line: None)
    letters.add(Letter("t", "", "{n@app:b|0x2}", "r"), 3)
    letters.add(Letter("t", "", "{n@app:f#lua.4|0x2}", "r"))
    for number in range(2000):
        letters.add(Letter("t", "", f"{{n@app:made_up{number}|0x2}}", "r"))
    assert letters.count("app:b") == 3
    assert letters.count("app:f") == 1
    assert letters.count("app:made_up1999") == 0
    assert letters.count("") > 0
    assert host_of("{app:b|0x1}") == "app:b"


@pytest.fixture(scope="module")
def app():
    with application(
        host("processes", 1),
        host("other", 2),
        host("isolated", 1, isolation="process"),
        GONE,
        host("full", max_mailbox=1),
    ) as app:
        yield app


def count(app: Application, host: str) -> int:
    return app.app.runtime.dead_letters.count(host)


@pytest.mark.parametrize("place", ["app:processes", "app:other", "app:isolated"])
def test_messages_to_a_process_that_has_gone(app: Application, place: str) -> None:
    before = count(app, place)
    assert (
        app.lua(
            """
        local pid = process.spawn_monitored("app:gone", ...)
        process.events():receive()
        local out = {}
        for i = 1, 3 do
          local ok, err = process.send(pid, "late", i)
          out[i] = err:message()
        end
        return out
        """,
            place,
        )
        == ["process not found"] * 3
    )
    assert count(app, place) == before + 3
    assert app.host(place).figures()["dead_letters"] == before + 3


def test_messages_to_a_host_that_is_unknown(app: Application) -> None:
    app.lua("process.send('{' .. process.pid():match('{(.-)@') .. '@app:nowhere|0x00001}', 't', 1)")
    assert count(app, "app:nowhere") == 1


def test_messages_of_the_runtime(app: Application) -> None:
    """Nobody waits for an answer to them."""
    pid = app.lua("return process.pid()")
    before = count(app, "app:processes")
    app.app.runtime.router.dispatch(["send", pid, 0, 0, "@tick", "", "", b"\x91\x01"])
    eventually(lambda: count(app, "app:processes") == before + 1)


def test_messages_to_a_full_mailbox_that_nobody_answers_for(app: Application) -> None:
    app.define(process("deaf", "return function() channel.new():receive() end"))
    pid = app.spawn("app:deaf", host="app:full")
    for _ in range(3):
        app.app.runtime.router.dispatch(["send", pid, 0, 0, "t", "", "", b"\x91\x01"])
    eventually(lambda: count(app, "app:full") == 2)


def test_delivered_messages_are_not_counted(app: Application) -> None:
    before = count(app, "app:processes")
    app.lua("for i = 1, 100 do process.send(process.pid(), 't', i) end")
    assert count(app, "app:processes") == before


def test_the_log_has_an_example(app: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[Any] = []
    monkeypatch.setattr(app.app.runtime.dead_letters, "_log", lambda *line: lines.append(line))
    pid = app.lua("return process.pid()")
    sender = app.lua("process.send(..., 'hello', 1) return process.pid()", pid)
    app.app.runtime.dead_letters.flush()
    level, logger, _, fields = lines[-1]
    assert (level, logger) == ("warn", "process")
    assert fields["topic"] == "hello"
    assert fields["to"] == pid
    assert fields["from"] == sender
    assert fields["reason"] == "process not found"

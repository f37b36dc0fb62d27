"""The control socket: who may open it, where it stands, what it answers."""

from __future__ import annotations

import json
import os
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from application import HOST, Application, application, host, process
from wippy.errors import WippyError
from wippy.kernel.station import Envelope, Station
from wippy.services import control_place as places
from wippy.services.control import CALLERS, Control
from wippy.services.control_answers import Answers


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / ".wippy" / "run"


@pytest.fixture
def control(folder: Path) -> Iterator[Control]:
    made = Control(folder, lambda request: {"echo": request["request"]})
    made.open()
    yield made
    made.close()


def talk(file: Path, *lines: bytes) -> list[Any]:
    """What comes back for lines sent over one connection."""
    connection = places.connect(file, 5)
    assert connection is not None
    with connection, connection.makefile("rwb") as stream:
        out = []
        for line in lines:
            stream.write(line + b"\n")
            stream.flush()
            answer = stream.readline()
            out.append(json.loads(answer) if answer else None)
        return out


def ask(file: Path, request: str, **values: Any) -> Any:
    found = talk(file, json.dumps({"protocol": places.PROTOCOL, "request": request, **values}).encode())[0]
    if found["ok"]:
        return found["result"]
    raise WippyError(found["error"]["kind"], found["error"]["message"])


def test_only_the_owner_may_reach_it(control: Control, folder: Path) -> None:
    assert control.file == folder / f"{os.getpid()}.sock"
    assert stat.S_IMODE(os.stat(control.file).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700


def test_a_lax_folder_is_closed(folder: Path) -> None:
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    control = Control(folder, lambda request: None)
    control.open()
    assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
    control.close()


def test_a_folder_that_is_a_link_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    folder.parent.mkdir()
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(WippyError, match="not a folder of this user"):
        Control(folder, lambda request: None).open()


def test_other_users_are_turned_away(control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    line = json.dumps({"protocol": places.PROTOCOL, "request": "hello"}).encode()
    assert talk(control.file, line)[0]["ok"] is True
    monkeypatch.setattr(places, "peer_user", lambda connection: os.geteuid() + 1)
    connection = places.connect(control.file, 5)
    assert connection is not None
    with connection:
        assert connection.recv(1) == b""


def test_the_user_at_the_other_end_is_known() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        assert places.peer_user(ours) == os.geteuid()


def test_a_foreign_socket_is_not_talked_to(control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert places.connect(control.file, 5) is None


def test_it_is_gone_after_the_end(control: Control) -> None:
    assert places.sockets(control.file.parent) == [control.file]
    control.close()
    assert places.sockets(control.file.parent) == []
    control.close()


def test_sockets_of_the_dead_are_removed(folder: Path) -> None:
    folder.mkdir(parents=True)
    dead = folder / "1.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(dead))
    (folder / "notes.txt").write_text("mine")
    control = Control(folder, lambda request: None)
    control.open()
    assert places.sockets(folder) == [control.file]
    assert (folder / "notes.txt").exists()
    control.close()


def test_a_deep_folder(tmp_path: Path) -> None:
    folder = tmp_path / ("deep" * 20) / ("deeper" * 20) / "run"
    control = Control(folder, lambda request: {"echo": request["request"]})
    control.open()
    target = os.readlink(control.file)
    assert stat.S_IMODE(os.stat(os.path.dirname(target)).st_mode) == 0o700
    assert ask(control.file, "there?") == {"echo": "there?"}
    control.close()
    assert not os.path.exists(os.path.dirname(target))
    assert places.sockets(folder) == []


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"{", "not JSON"),
        (b"[1]", "a request is a JSON object"),
        (b"\xff\xfe", "not JSON"),
        (b'{"request": "hello"}', "speaks protocol 1"),
        (b'{"protocol": 99, "request": "hello"}', "speaks protocol 1"),
    ],
)
def test_what_is_no_request(control: Control, line: bytes, text: str) -> None:
    good = json.dumps({"protocol": places.PROTOCOL, "request": "x"}).encode()
    wrong, right = talk(control.file, line, good)
    assert wrong["ok"] is False
    assert wrong["error"]["kind"] == "Invalid"
    assert text in wrong["error"]["message"]
    assert right == {"ok": True, "result": {"echo": "x"}}


def test_a_fault_is_an_answer_too(folder: Path) -> None:
    control = Control(folder, lambda request: 1 // 0)
    control.open()
    with pytest.raises(WippyError, match="ZeroDivisionError") as caught:
        ask(control.file, "x")
    assert caught.value.kind == "Internal"
    control.close()


def test_too_many_callers_are_turned_away(folder: Path) -> None:
    inside, go_on = threading.Semaphore(0), threading.Event()

    def wait(request: Any) -> int:
        inside.release()
        assert go_on.wait(20)
        return 1

    control = Control(folder, wait)
    control.open()
    held = []
    for _ in range(CALLERS):
        connection = places.connect(control.file, 5)
        assert connection is not None
        connection.sendall(json.dumps({"protocol": places.PROTOCOL, "request": "x"}).encode() + b"\n")
        assert inside.acquire(timeout=20)
        held.append(connection)
    late = places.connect(control.file, 5)
    assert late is not None
    assert late.recv(1) == b""
    go_on.set()
    for connection in held:
        assert json.loads(connection.makefile().readline()) == {"ok": True, "result": 1}
        connection.close()
    late.close()
    control.close()


# Answers


@pytest.fixture(scope="module")
def app() -> Iterator[Application]:
    with application(
        host("processes", 2),
        host("other"),
        process("inbox", "return function() process.inbox():receive() end"),
        process("named", "return function() process.registry.register('bob') process.inbox():receive() end"),
    ) as made:
        made.spawn("app:inbox")
        made.spawn("app:named")
        made.spawn("app:inbox", host="app:other")
        made.settle(3)
        made.settle(3, "app:other")
        yield made


def answer(app: Application, request: str, **values: Any) -> Any:
    return Answers(lambda: app.app.system)({"request": request, **values})


def test_processes_of_all_hosts_and_of_one(app: Application) -> None:
    found = answer(app, "processes")
    assert (found["total"], found["silent"]) == (3, 0)
    assert [(row["host"], row["source"]) for row in found["rows"]] == [
        ("app:other", "app:inbox"),
        (HOST, "app:inbox"),
        (HOST, "app:named"),
    ]
    assert answer(app, "processes", host="app:other")["total"] == 1
    assert answer(app, "processes", limit=1, sort="age")["total"] == 3
    assert len(answer(app, "processes", limit=1, sort="age")["rows"]) == 1
    assert all("memory" in row for row in answer(app, "processes", sort="memory")["rows"])


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"host": "app:gone"}, "host not found: app:gone (there is: app:other, app:processes)"),
        ({"state": "tired"}, "unknown state 'tired'"),
        ({"sort": "beauty"}, "unknown order 'beauty'"),
    ],
)
def test_what_cannot_be_listed(app: Application, values: dict[str, Any], text: str) -> None:
    with pytest.raises(WippyError) as caught:
        answer(app, "processes", **values)
    assert text in caught.value.message


def test_a_process_by_pid_number_or_name(app: Application) -> None:
    pid = next(row["pid"] for row in answer(app, "processes", entry="named")["rows"])
    number = pid.rpartition("|")[2][:-1]
    for text in (pid, number, str(int(number, 16)), "bob"):
        assert answer(app, "process", pid=text)["pid"] == pid
    for text in ("0xfffff", "nobody", "{x|y}", "{"):
        with pytest.raises(WippyError, match="process not found") as caught:
            answer(app, "process", pid=text)
        assert caught.value.kind == "NotFound"


def test_figures(app: Application) -> None:
    first = answer(app, "figures")
    assert [each["id"] for each in first["hosts"]] == ["app:other", HOST]
    of_host = first["hosts"][1]
    assert (of_host["workers"], of_host["processes"], of_host["state"], of_host["silent"]) == (2, 2, "running", 0)
    assert of_host["memory"] > 100_000
    assert {each["id"]: each["status"] for each in first["services"]} == {"app:other": "running", HOST: "running"}
    assert first["machine"]["os_pid"] == os.getpid()
    app.lua("process.send(process.spawn('app:inbox', 'app:processes'), 'x')")
    second = answer(app, "figures")
    assert second["hosts"][1]["messages"] == of_host["messages"] + 1
    assert second["hosts"][1]["executed"] > of_host["executed"]


def test_it_answers_while_the_event_loop_is_stuck(app: Application, folder: Path) -> None:
    go_on = threading.Event()
    control = Control(folder, Answers(lambda: app.app.system))
    control.open()
    app.loop.call_soon_threadsafe(go_on.wait, 20)
    try:
        assert ask(control.file, "processes", entry="named")["total"] == 1
        assert ask(control.file, "process", pid="bob")["names"] == ["bob"]
        assert ask(control.file, "figures")["services"]
        assert not go_on.is_set()
    finally:
        go_on.set()
        control.close()


def test_an_application_that_boots() -> None:
    answers = Answers(lambda: None)
    assert answers({"request": "hello"})["os_pid"] == os.getpid()
    with pytest.raises(WippyError, match="still starting"):
        answers({"request": "processes"})


def test_an_unknown_request(app: Application) -> None:
    with pytest.raises(WippyError, match="unknown request 'stop'"):
        answer(app, "stop")


class Deaf(Station):
    """A VM whose code never lets go."""

    def __init__(self) -> None:
        self.number = 0

    def post(self, envelope: Envelope) -> None:
        pass


def test_a_worker_that_does_not_answer_is_left_out(app: Application) -> None:
    inspection = app.app.system.inspection
    rows, found, silent = inspection.processes([*app.host().workers, Deaf()], {}, wait=0.5)
    assert (len(rows), found, silent) == (2, 2, 1)
    sums, silent = inspection.vitals([Deaf()], wait=0.01)
    assert (sums, silent) == ({}, 1)

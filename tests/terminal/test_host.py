"""What a terminal host gives to its processes, and what their end means."""

import math
import subprocess
import sys

import pytest

from application import application, process
from terminal.screen import LONGEST, piped, program, project
from wippy.services.terminal_end import exit_code

TERMINAL = {"name": "terminal", "kind": "terminal.host", "lifecycle": {"auto_start": True}}
SAYS = "local io = require('io') return function(...) {body} end"


def says(name, body):
    return process(name, SAYS.replace("{body}", body), ["io"])


def test_the_host_grants_the_terminal_and_not_the_parent(capfd):
    with application(
        TERMINAL,
        says("ui", "local ok = io.print('from the terminal') process.exec('app:deep', 'app:processes') return ok"),
        says("deep", "local ok, err = io.print('from elsewhere') process.send('boss', 'deep', tostring(ok))"),
        process(
            "boss",
            """return function()
              process.registry.register("boss")
              local ok = process.exec("app:ui", "app:terminal")
              return {ok, process.inbox():receive():payload():data()}
            end""",
        ),
    ) as app:
        assert app.execute("app:boss") == [True, "nil"]
    assert capfd.readouterr().out == "from the terminal\n"


def test_nobody_terminates_a_process_of_the_terminal():
    with application(
        TERMINAL,
        process("ui", "return function() return process.inbox():receive():topic() end"),
        process(
            "boss",
            """return function()
              local pid = process.spawn_monitored("app:ui", "app:terminal")
              local ok, err = process.terminate(pid)
              process.send(pid, "goes on")
              return {ok, err == nil, process.events():receive().result.value}
            end""",
        ),
    ) as app:
        assert app.execute("app:boss") == [True, True, "goes on"]


@pytest.mark.parametrize(
    ("value", "code"),
    [
        *((7, 7), (7.9, 7), (-1.5, -1), (math.nan, 1), (math.inf, 1), (0, 0), (True, 0), (False, 1)),
        *(("text", 0), ([1], 0), ({}, 0), (None, 0)),
    ],
)
def test_exit_codes(value, code):
    assert exit_code(value) == code


@pytest.mark.parametrize(
    ("body", "code", "error"),
    [
        ("return -1", 255, ""),
        ("return false", 1, ""),
        ("return 'text'", 0, ""),
        ("return nil, 'no good: no good: because'", 1, "no good: because\n"),
    ],
)
def test_a_service_on_the_terminal_takes_the_application_with_it(tmp_path_factory, body, code, error):
    service = {"name": "ui", "kind": "process.service", "process": "app:main", "host": "app:terminal"}
    service["lifecycle"] = {"auto_start": True}
    folder = project(tmp_path_factory.mktemp("service"), service, program("main", body))
    done = subprocess.run(
        [sys.executable, "-m", "wippy", "run", "-s"],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=LONGEST,
        check=False,
    )
    assert (done.returncode, done.stdout.decode(), done.stderr.decode()) == (code, "", error)


def test_programs(tmp_path):
    folder = project(
        tmp_path,
        program("number", "return 7.9"),
        program("wrong", "return nil, 'no good: no good: because'"),
    )
    assert piped(folder, "number").returncode == 7
    done = piped(folder, "wrong")
    assert (done.returncode, done.stderr) == (1, b"no good: because\n")

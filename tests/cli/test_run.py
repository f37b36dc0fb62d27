from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .conftest import FAKE, Wippy


def test_program_prints_nothing_but_its_own(project: Path, wippy: Wippy) -> None:
    result = wippy("run", "-x", "app:other", "a", "--", "--b")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "app:other ['a', '--b'] None None\n"


def test_program_by_its_command_name(project: Path, wippy: Wippy) -> None:
    result = wippy("run", "greet", "Ada", "--host", "app:t")
    assert result.stdout == "app:greet ['Ada'] app:t None\n"


def test_program_by_a_name_that_only_one_process_has(project: Path, wippy: Wippy) -> None:
    assert wippy("run", "-x", "other").stdout.startswith("app:other ")


@pytest.mark.parametrize(("does", "code"), [("", 0), ("7", 7), ("300", 300 & 0xFF)])
def test_exit_code_is_that_of_the_program(project: Path, wippy: Wippy, does: str, code: int) -> None:
    assert wippy("run", "greet", does=does).returncode == code


@pytest.mark.parametrize("flag", ["-v", "-c", "--very-verbose", "--log=json"])
def test_log_flag_brings_the_log_back(project: Path, wippy: Wippy, flag: str) -> None:
    result = wippy("run", flag, "greet")
    assert "initializing runtime" in result.stdout + result.stderr


def test_log_in_a_pipe(project: Path, wippy: Wippy) -> None:
    result = wippy("run", "-v", "greet")
    lines = [line.split("\t") for line in result.stderr.splitlines()]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", line[0]) for line in lines)
    messages = [line[1:4] for line in lines]
    assert messages[0] == ["INFO", "run", "initializing runtime"]
    assert ["INFO", "run", "loading entries from lock file"] in messages
    assert ["DEBUG", "app", "details"] in messages
    loaded = next(line for line in lines if line[3] == "loaded entries")
    assert loaded[4] == '{"count": 4}'


def test_log_for_machines(project: Path, wippy: Wippy) -> None:
    result = wippy("run", "--log", "json", "greet")
    *lines, program, last = result.stdout.splitlines()
    assert [json.loads(line)["level"] for line in lines] == ["info"] * len(lines)
    assert program.startswith("app:greet")
    assert json.loads(last)["msg"] == "stopped"
    assert result.stderr == ""


def test_encoding_from_the_configuration_file(project: Path, wippy: Wippy) -> None:
    (project / ".wippy.yaml").write_text('version: "1.0"\nlogger:\n  encoding: json\nlogmanager:\n  min_level: 2\n')
    result = wippy("run", "-v", "greet")
    assert json.loads(result.stdout.splitlines()[0])["msg"] == "initializing runtime"
    silent = wippy("run", "-v", "--set", "logmanager.min_level=2", "greet")
    assert silent.stdout == "app:greet [] None None\n"


def test_console_log(project: Path, wippy: Wippy) -> None:
    result = wippy("run", "-c", "greet")
    assert result.stderr == ""
    assert "\x1b[34mINFO \x1b[0m" in result.stdout
    plain = wippy("run", "-c", "greet", NO_COLOR="1").stdout.splitlines()[0]
    assert re.fullmatch(r" +\d+\.\d\ds\tINFO \trun         \tinitializing runtime\t\{.*\}", plain)


def test_memory_limit(project: Path, wippy: Wippy) -> None:
    def shown(*flags: str, **environment: str) -> str:
        return wippy("run", "-v", *flags, "greet", **environment).stderr.splitlines()[0].rsplit("\t", 1)[1]

    assert shown() == '{"memory_limit": "1.0 GiB"}'
    assert shown("-m", "512M") == '{"memory_limit": "512.0 MiB"}'
    assert shown(GOMEMLIMIT="2GB") == '{"memory_limit": "2.0 GiB"}'
    assert shown("-m", "64k", GOMEMLIMIT="2GB") == '{"memory_limit": "64.0 KiB"}'
    assert shown("-m", "lots") == '{"memory_limit": "1.0 GiB"}'


def test_overrides_reach_the_entries(project: Path, wippy: Wippy) -> None:
    result = wippy("run", "-o", "app:greet:meta.command.name=salute", "salute")
    assert result.stdout.startswith("app:greet ")


def test_disabled_entries_are_not_there(project: Path, wippy: Wippy) -> None:
    (project / ".wippy.yaml").write_text(
        'version: "1.0"\nprofiles:\n  quiet:\n    disable:\n      entries:\n        add: ["app:greet"]\n'
    )
    assert wippy("run", "greet").returncode == 0
    result = wippy("run", "--profile", "quiet", "greet")
    assert (result.returncode, result.stdout) == (1, "")
    assert 'unknown profile "quite"; did you mean quiet?' in wippy("run", "--profile", "quite").stderr


def test_a_folder_without_an_application(tmp_path: Path, wippy: Wippy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = wippy("run", "greet")
    assert (result.returncode, result.stdout) == (1, "")
    assert 'command "greet" not found' in result.stderr
    assert "`wippy init` makes" in result.stderr


def test_a_command_whose_kind_is_misspelt(project: Path, wippy: Wippy) -> None:
    index = project / "src" / "_index.yaml"
    index.write_text(index.read_text().replace("process.lua", "proces.lua", 1))
    result = wippy("run", "greet")
    assert (result.returncode, result.stdout) == (1, "")
    assert "src/_index.yaml:5:5" in result.stderr
    assert "its kind is proces.lua" in result.stderr
    assert "did you mean process.lua?" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["nothing"], "command \"nothing\" not found. Use 'wippy run list' to see available commands"),
        (["gret"], "command \"gret\" not found; did you mean greet? Use 'wippy run list'"),
        (["-x", "app:gone"], "process not found: app:gone"),
        (["-x", "app:othr"], "process not found: app:othr; did you mean app:other?"),
        (["-x", "app:add"], "app:add is a function.lua, not a process"),
        (["-x", "app:host"], "app:host is a process.host, not a process"),
        (["-x", "app:"], 'invalid process "app:": expected namespace:name'),
        (["-x", ":x"], 'invalid process ":x": expected namespace:name'),
        (["-x", "nothing"], 'invalid process "nothing": expected namespace:name'),
        (["app.wapp"], "app.wapp: packed applications cannot be run by this build"),
        (["acme/tools@1.0"], "acme/tools@1.0: modules cannot be fetched by this build"),
        (["--set", "x=1"], 'invalid --set "x=1": key must be section.path (e.g. cluster.enabled)'),
        (["--set", "a.b"], 'invalid --set "a.b": expected section.path=value'),
        (["-o", "app:x"], "invalid override: app:x"),
        (["-o", "app:gone:a=1", "greet"], "no entry found for app:gone"),
    ],
)
def test_wrong_input(project: Path, wippy: Wippy, arguments: list[str], text: str) -> None:
    result = wippy("run", *arguments)
    assert result.returncode == 1
    line = next(line for line in result.stderr.splitlines() if line.startswith("Error: "))
    assert text in line
    assert "Traceback" not in result.stderr


def test_mistakes_in_files_are_all_told_with_their_places(project: Path, wippy: Wippy) -> None:
    (project / "src" / "a.yaml").write_text('version: "1.0"\nnamespace: a\nentries:\n  - kind: function.lua\n')
    (project / "src" / "b.yaml").write_text("namespace: b\nentries: [\n")
    result = wippy("run")
    assert result.returncode == 1
    assert "--> src/a.yaml:4" in result.stderr
    assert "--> src/b.yaml:" in result.stderr
    assert "2 errors found" in result.stderr
    assert "Traceback" not in result.stderr


def test_boot_failure_is_one_message(project: Path, wippy: Wippy) -> None:
    result = wippy("run", "-s", does="port")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == "Error: failed to load state: app:web: port 8080 is in use; choose another one\n"
    console = wippy("run", "-c", does="port")
    assert console.stderr.startswith("failed to load state: ")


def test_mistake_in_source_shows_the_line(project: Path, wippy: Wippy) -> None:
    result = wippy("run", "-s", does="source")
    assert result.stderr == (
        "Error: unexpected symbol\n  --> src/a.lua:3:5\n  |\n3 | if x then then\n  |     ^\n  = remove one\n"
    )
    coloured = wippy("run", "-s", does="source", FORCE_COLOR="1").stderr
    assert "\x1b[1;31mError:\x1b[0m" in coloured
    assert re.sub(r"\x1b\[[\d;]+m", "", coloured) == result.stderr


def test_internal_fault_shows_no_traceback_unless_asked(project: Path, wippy: Wippy) -> None:
    result = wippy("run", "-s", does="fault")
    assert result.returncode == 1
    assert result.stderr.splitlines() == [
        "Error: internal fault: ZeroDivisionError: inside",
        "Run again with --very-verbose to see where; please report it.",
    ]
    assert "Traceback" in wippy("run", "--very-verbose", does="fault").stderr


@contextmanager
def started(does: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A run that has printed its first line of program output."""
    process = subprocess.Popen(
        [sys.executable, str(FAKE), "run", *arguments],
        env={**os.environ, "FAKE_APP": does},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        while process.stdout.readline() not in ("serving\n", "running\n"):
            assert process.poll() is None
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.mark.parametrize(("number", "name"), [(signal.SIGINT, "interrupt"), (signal.SIGTERM, "terminated")])
def test_first_signal_stops_in_order(project: Path, number: signal.Signals, name: str) -> None:
    with started("serve") as process:
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 0
    told = [line.split("\t", 3)[3] for line in err.splitlines()]
    assert told[-3:] == [
        f'received shutdown signal\t{{"signal": "{name}"}}',
        "shutting down (press Ctrl+C again to force exit)",
        "stopped",
    ]


def test_signal_ends_a_program_too(project: Path) -> None:
    with started("wait", "greet") as process:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 0


def test_signal_during_boot_is_acted_on_after_it(project: Path) -> None:
    with started("boot", "greet") as process:
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, "")


def test_second_signal_ends_at_once_even_when_the_loop_is_busy(project: Path) -> None:
    with started("busy") as process:
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert err.splitlines()[-1].endswith("\tWARN\trun\tforce exit")


@pytest.mark.parametrize("does", ["thread", "executor"])
def test_busy_threads_do_not_hold_the_process(project: Path, wippy: Wippy, does: str) -> None:
    assert wippy("run", "greet", does=does).returncode == 0


def test_banner_and_silence(project: Path) -> None:
    with started("serve", "-v") as process:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    with started("serve", "-s") as process:
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30) == ("", "")


def test_output_for_machines_has_no_banner(project: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, str(FAKE), "run", "--log", "json"],
        env={**os.environ, "FAKE_APP": "serve"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    lines = []
    while (line := process.stdout.readline()) != "serving\n":
        lines.append(json.loads(line)["msg"])
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert lines[0] == "initializing runtime"


def test_on_a_terminal_the_log_is_for_people(project: Path) -> None:
    parent, child = pty.openpty()
    environment = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR")}
    process = subprocess.Popen(
        [sys.executable, str(FAKE), "run"],
        env={**environment, "FAKE_APP": "serve", "TERM": "xterm"},
        stdout=child,
        stderr=child,
    )
    os.close(child)
    text = ""
    while "serving" not in text:
        assert select.select([parent], [], [], 60)[0]
        text += os.read(parent, 65536).decode()
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    os.close(parent)
    lines = text.splitlines()
    assert lines[0].startswith("wippy ")
    assert re.fullmatch(
        r"\x1b\[2m\d\d:\d\d:\d\d\x1b\[0m \x1b\[34mINFO \x1b\[0m \x1b\[36mapp  \x1b\[0mstarted  "
        r"\x1b\[2mentries=\x1b\[0m3",
        next(line for line in lines if "started" in line),
    )


def test_a_slow_end_of_a_quiet_program_says_how_to_force_it(project: Path) -> None:
    parent, child = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, str(FAKE), "run", "greet"], env={**os.environ, "FAKE_APP": "slow"}, stdout=child, stderr=child
    )
    os.close(child)
    text = ""
    while "waiting for the program to end (press Ctrl+C again to force exit)" not in text:
        assert select.select([parent], [], [], 60)[0], text
        text += os.read(parent, 65536).decode()
        if "running" in text and "waiting" not in text:
            process.send_signal(signal.SIGINT)
            text = text.replace("running", "")
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 1
    os.close(parent)


def test_reader_that_goes_away_is_no_fault(project: Path) -> None:
    listing = subprocess.run(
        ["bash", "-c", f"{sys.executable} {FAKE} help run | true; echo ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
    )
    assert listing.stderr == ""
    assert listing.stdout.strip() in ("0", "1")

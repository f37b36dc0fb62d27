"""The commands and the files of docs/first-steps.md, tried."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "first-steps.md"
WIPPY = [sys.executable, "-m", "wippy"]


def wippy(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*WIPPY, *arguments], cwd=folder, capture_output=True, text=True, timeout=60)


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    assert wippy(tmp_path, "init").returncode == 0
    text = PAGE.read_text()
    blocks = re.findall(r"```(yaml|lua)\n(.*?)```", text, re.DOTALL)
    files = re.findall(r"`src/(\w+\.lua)`", text)
    lua = [body for language, body in blocks if language == "lua"]
    for name, body in zip(dict.fromkeys(files), lua, strict=False):
        (tmp_path / "src" / name).write_text(body)
    with (tmp_path / "src" / "_index.yaml").open("a") as index:
        for language, body in blocks:
            if language == "yaml":
                index.write("\n" + body)
    return tmp_path


def test_the_tour_of_the_first_steps(desk: Path) -> None:
    first = subprocess.Popen([*WIPPY, "run", "day", "Ada"], cwd=desk, stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None
    lines = [first.stdout.readline().rstrip() for _ in range(4)]
    assert lines == [
        "Hello, Ada, you are number 1",
        "failed: whom shall I greet?",
        "Hello, Bob, you are number 2",
        "waiting for an answer to {app:history@app:workflows|visit-Ada}",
    ]
    first.send_signal(signal.SIGKILL)
    first.communicate()

    answered = wippy(desk, "run", "answer", "Ada", "Good to see you")
    assert (answered.returncode, answered.stderr) == (0, "")
    again = wippy(desk, "run", "answer", "Nobody", "hello?")
    assert again.returncode == 1
    assert "workflow not found for ID: visit-Nobody" in again.stderr

    second = subprocess.Popen(
        [*WIPPY, "run", "day", "Ada"], cwd=desk, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert second.stdout is not None
    waiting = [second.stdout.readline() for _ in range(4)]
    assert waiting[3].startswith("waiting for an answer")
    refused = wippy(desk, "run", "answer", "Ada", "me too")
    second.send_signal(signal.SIGINT)
    assert second.communicate() == ("", "")
    assert refused.returncode == 1
    assert ".wippy/workflows.db" in refused.stderr, refused.stderr
    assert "app:workflows is not running" in refused.stderr


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("_index.yaml", "kind: function.lua", "kind: function", ["src/_index.yaml", "function.lua"]),
        ("greet.lua", "return {", "local x = = 1\nreturn {", ["src/greet.lua", "^"]),
        ("_index.yaml", "modules: [funcs, time]", "modules: [funcs, time, fs]", ["a workflow cannot use 'fs'"]),
    ],
)
def test_mistakes_are_shown_where_they_are(desk: Path, file: str, old: str, new: str, words: list[str]) -> None:
    path = desk / "src" / file
    path.write_text(path.read_text().replace(old, new))
    result = wippy(desk, "run", "hello")
    assert result.returncode == 1
    for word in words:
        assert word in result.stderr
    assert "Traceback" not in result.stderr

"""The programs of docs/terminal.md do what the page says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from terminal.screen import LONGEST, Screen

PAGE = (Path(__file__).parents[2] / "docs" / "terminal.md").read_text()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    (folder / "src").mkdir()
    (folder / "wippy.lock").write_text("directories:\n  src: ./src\n  modules: .wippy\n")
    for language, text in re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        name = text.split()[1] if language == "lua" else "_index.yaml"
        (folder / "src" / name).write_text(text)
    return folder


def words(*arguments):
    return [sys.executable, "-m", "wippy", *arguments]


def test_lines(folder):
    done = subprocess.run(
        words("run", "sum"), cwd=folder, input=b"1\n2\n", capture_output=True, timeout=LONGEST, check=False
    )
    assert (done.stdout, done.stderr, done.returncode) == (b"3\n", b"end:\tEOF\n", 0)


def test_keys(folder):
    with Screen(folder, "", words=words("run", "pick", "red", "green", "blue")) as screen:
        screen.until("╰───────╯")
        screen.send(b"jj\x1b[A")
        for _ in range(3):
            screen.until("╰───────╯")
        screen.send(b"\r")
        screen.until("\x1b[?1049l")
        screen.until("green")
        assert screen.end() == 0
        assert screen.as_before
    with Screen(folder, "", words=words("run", "pick", "red")) as screen:
        screen.until("╰─────╯")
        screen.send(b"\x03")
        assert screen.end() == 1
        assert screen.as_before


def test_the_page_passes_lint(folder):
    done = subprocess.run(words("lint", "--rules"), cwd=folder, capture_output=True, timeout=LONGEST, check=False)
    assert (done.returncode, b"No issues found" in done.stdout) == (0, True), done.stdout

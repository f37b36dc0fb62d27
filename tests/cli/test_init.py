from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from wippy.cli.main import execute

README = Path(__file__).parents[2] / "README.md"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def wippy(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "wippy", *arguments], capture_output=True, text=True, timeout=60)


def test_init_writes_the_lock_file_and_an_application(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["init"]) == 0
    assert yaml.safe_load((folder / "wippy.lock").read_text()) == {"directories": {"src": "./src", "modules": ".wippy"}}
    names = sorted(path.name for path in (folder / "src").iterdir())
    assert names == ["_index.yaml", "counter.lua", "hello.lua", "order.lua", "price.lua"]
    assert "created src/_index.yaml" in capsys.readouterr().out


def test_application_of_init_runs(folder: Path) -> None:
    assert wippy("init").returncode == 0
    result = wippy("run", "hello", "Ada", "3")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "Hello, Ada!",
        "3 of them cost 13.5",
        "the counter says 3",
        "the counter says 6",
        "the counter says 9",
        "Ada pays 13.5",
    ]


def test_tour_of_the_readme_runs(folder: Path) -> None:
    tour = README.read_text().split("## A tour")[1].split("\n## ")[0]
    assert len(tour.splitlines()) < 60
    blocks = re.findall(r"```(yaml|lua)\n(.*?)```", tour, re.DOTALL)
    names = ["_index.yaml", "price.lua", "counter.lua", "order.lua", "hello.lua"]
    assert [language for language, _ in blocks] == [name.rsplit(".")[1] for name in names]
    (folder / "src").mkdir()
    for name, (_, text) in zip(names, blocks, strict=True):
        (folder / "src" / name).write_text(text)
    result = wippy("run", "hello")
    assert (result.stderr, result.stdout, result.returncode) == ("", "2\n9\n", 0)


def test_init_never_overwrites(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "src").mkdir()
    (folder / "src" / "mine.lua").write_text("return {}")
    (folder / ".gitignore").write_text("mine\n")
    assert execute(["init"]) == 0
    assert os.listdir(folder / "src") == ["mine.lua"]
    assert (folder / ".gitignore").read_text() == "mine\n"
    assert capsys.readouterr().out == "created wippy.lock\n"


def test_init_keeps_the_rest_of_the_lock_file(folder: Path) -> None:
    (folder / "code").mkdir()
    (folder / "code" / "x.lua").write_text("")
    lock = "directories: {src: code}\nreplacements: [{from: a/b, to: code}]\n"
    (folder / "wippy.lock").write_text(lock)
    assert execute(["init", "--modules-dir", "vendor"]) == 0
    assert yaml.safe_load((folder / "wippy.lock").read_text()) == {
        "directories": {"src": "code", "modules": "vendor"},
        "replacements": [{"from": "a/b", "to": "code"}],
    }


def test_init_elsewhere(folder: Path) -> None:
    assert execute(["init", "-d", "app/code", "-l", "my.lock"]) == 0
    assert (folder / "app" / "code" / "_index.yaml").exists()
    assert yaml.safe_load((folder / "my.lock").read_text())["directories"]["src"] == "app/code"


def test_init_says_why_it_cannot(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "src").write_text("")
    assert execute(["init"]) == 1
    assert capsys.readouterr() == ("", "Error: src is a file; give another folder with --src-dir\n")
    assert not (folder / "wippy.lock").exists()
    assert execute(["init", "-d", ""]) == 1
    assert "folders may not be empty" in capsys.readouterr().err
    (folder / "wippy.lock").write_text("directories: [\n")
    assert execute(["init"]) == 1
    assert "wippy.lock:" in capsys.readouterr().err


def test_python_m_wippy(folder: Path) -> None:
    assert wippy("version").stdout.startswith("wippy ")
    assert wippy("nonsense").returncode == 1

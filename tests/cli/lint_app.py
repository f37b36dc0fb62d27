"""The project that the tests of lint work on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from wippy.cli.main import execute

INDEX = """\
version: "1.0"
namespace: app
entries:
  - name: main
    kind: process.lua
    source: file://main.lua
    modules: [json]
    imports: {shapes: lib:shapes}
  - name: store
    kind: fs.directory
    directory: ./data
"""
LIBRARY = """\
version: "1.0"
namespace: lib
entries:
  - name: shapes
    kind: library.lua
    source: file://shapes.lua
"""
SHAPES = """\
type Point = {x: number, y: number}
local M = {}
function M.area(w: number, h: number): number
  return w * h
end
return M
"""
CLEAN = "return {main = function() return 1 end}\n"


def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of a process and a library, which is the working directory."""
    for name, index in (("app", INDEX), ("lib", LIBRARY)):
        (tmp_path / "src" / name).mkdir(parents=True)
        (tmp_path / "src" / name / "_index.yaml").write_text(index)
    (tmp_path / "src" / "lib" / "shapes.lua").write_text(SHAPES)
    (tmp_path / "wippy.lock").write_text("directories:\n  src: ./src\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    write(tmp_path, CLEAN)
    return tmp_path


def write(app: Path, source: str) -> None:
    (app / "src" / "app" / "main.lua").write_text(source)


def lint(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = execute(("lint", *arguments))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def found(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    code, out, _ = lint(capsys, "--json", *arguments)
    assert code == 0
    return json.loads(out)["diagnostics"]


def codes(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    return [each["code"] for each in found(capsys, *arguments)]

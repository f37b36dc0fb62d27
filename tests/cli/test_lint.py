from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from wippy.cli.lint_check import CACHE, Project
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


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
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


def test_nothing_found(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lint(capsys) == (0, "No issues found\nChecked 2 entries\n", "")


def test_text(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(app, 'local n: number = "x"\nreturn {main = n}\n')
    code, out, err = lint(capsys)
    assert code == 1
    assert out == (
        'error[E0000]: cannot use "x" as number (assignment)\n'
        "  --> app:main:1:19 (src/app/main.lua:1)\n"
        "  |\n"
        '1 | local n: number = "x"\n'
        "  |                   ^\n"
        "\n"
        "Checked 2 entries: 1 errors, 0 warnings\n"
    )
    assert err == "lint failed: 1 errors, 0 warnings\n"


def test_json(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(app, "return 1 +\n")
    code, out, _ = lint(capsys, "--json")
    assert code == 0
    assert json.loads(out) == {
        "diagnostics": [
            {
                "entry_id": "app:main",
                "code": "P0001",
                "severity": "error",
                "message": "unexpected symbol near <eof>",
                "line": 2,
                "column": 1,
            }
        ],
        "total_entries": 2,
        "error_count": 1,
        "warning_count": 0,
        "hint_count": 0,
    }


def test_github(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(app, 'local n: number = "x"\nreturn {main = n}\n')
    code, out, _ = lint(capsys, "--format", "github")
    assert code == 1
    assert out.startswith(
        '::error file=src/app/main.lua,line=1,col=19,title=E0000 app%3Amain::cannot use "x" as number (assignment)\n'
    )


def test_requires(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(
        app,
        'local a, b, c, d = require("json"), require("shapes"), require("sql"), require("string")\nreturn {a, b, c, d}',
    )
    (row,) = found(capsys)
    assert (row["code"], row["line"]) == ("E0001", 1)
    assert "module 'sql' not found" in row["message"]


def test_unknown_modules_and_imports(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    index = INDEX.replace("[json]", "[json, jsn]").replace("lib:shapes", "lib:shape")
    (app / "src" / "app" / "_index.yaml").write_text(index)
    messages = [row["message"] for row in found(capsys)]
    assert messages == ["unknown module 'jsn' in modules:", "import 'shapes' names lib:shape, which does not exist"]
    assert "line" not in found(capsys)[0]


def test_types_of_a_library(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(
        app,
        """\
local shapes = require("shapes")
local p: shapes.Point = {x = 1}
local q: shapes.Point = {x = 1, y = 2}
shapes.area("x", 1)
shapes.area(1)
shapes.area(q.x, q.z)
return {main = p}
""",
    )
    assert [(row["line"], row["code"]) for row in found(capsys)] == [
        (2, "E0000"),
        (4, "E0000"),
        (5, "E0003"),
        (6, "E0004"),
    ]


def test_signatures_of_modules(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(
        app, 'local json = require("json")\njson.decode()\njson.decode({})\nlocal v = json.decode("1")\nreturn {v.x}\n'
    )
    assert [(row["line"], row["code"]) for row in found(capsys)] == [(2, "E0003"), (3, "E0000")]


def test_rules(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(
        app,
        """\
local json = require("json")
local shapes = require("shapes")
local unused, _quiet = 1, 2
total = 0
function helper() end
local function main(a: shapes.Point, b, _c)
  if a then end
  while b do end
  for i = 1, 2 do local a = 1 print(a) end
  for k, v in pairs({}) do print(v) end
  return a == a, b ~= b
end
return main
""",
    )
    rows = [
        (row["line"], row["code"], row["severity"], row["message"])
        for row in found(capsys, "--rules", "--level", "hint")
    ]
    assert sorted(rows) == [
        (1, "W0006", "warning", "imported module 'json' is never used"),
        (3, "W0004", "warning", "variable 'unused' is declared but never used"),
        (4, "W0002", "warning", "assignment to global variable 'total'; consider using 'local'"),
        (5, "W0002", "warning", "function 'helper' declared as global; consider using 'local function'"),
        (7, "W0001", "warning", "empty if block"),
        (8, "W0001", "warning", "empty while block"),
        (9, "W0004", "warning", "loop variable 'i' is declared but never used"),
        (9, "W0007", "hint", "variable 'a' shadows a variable in an outer scope"),
        (10, "W0004", "warning", "loop variable 'k' is declared but never used"),
        (11, "W0003", "error", "comparison of identical expressions; result is always false"),
        (11, "W0003", "error", "comparison of identical expressions; result is always true"),
    ]
    assert codes(capsys) == []
    assert codes(capsys, "--rules", "--code", "W0001,W0003", "--level", "error") == ["W0003", "W0003"]


def test_unused_parameters(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(app, "return {main = function(a, b, _c) return b end}\n")
    assert codes(capsys, "--rules") == []
    assert codes(capsys, "--rules", "--level", "hint") == ["W0005"]


def test_namespaces(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (app / "src" / "lib" / "shapes.lua").write_text('local n: number = "x"\nreturn {n = n}\n')
    assert lint(capsys, "--ns", "app")[1] == "No issues found\nChecked 2 entries\n"
    assert lint(capsys, "--ns", "lib,none")[0] == 1
    assert lint(capsys, "--ns", "lib.*")[0] == 1
    assert lint(capsys, "--ns", "li.*")[1] == "No issues found\nChecked 0 entries\n"


def test_summary_and_limit(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(app, 'local a: number, b: string = "x", 1\nprint(a.x, b)\nreturn {main = a}\n')
    _, out, _ = lint(capsys, "--summary")
    assert out.split("\n\n") == [
        "By namespace:\n  app  3",
        "By error code:\n  E0000  2\n  E0005  1",
        "Checked 2 entries: 3 errors, 0 warnings\n",
    ]
    _, out, _ = lint(capsys, "--limit", "1")
    assert out.count("error[") == 1
    assert "3 errors" in out
    assert execute(("lint", "--limit", "x")) == 1


def test_no_lock_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = lint(capsys)
    assert code == 1
    assert "lock file not found: wippy.lock" in err


def test_results_are_kept_until_something_changes(
    app: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[str] = []
    check = Project._check

    def counted(self: Project, id: str) -> Any:
        checked.append(id)
        return check(self, id)

    monkeypatch.setattr(Project, "_check", counted)
    write(app, 'local shapes = require("shapes")\nreturn {main = shapes.area("x", 1)}\n')
    first = found(capsys)
    assert (len(first), checked) == (1, ["lib:shapes", "app:main"])
    assert found(capsys) == first
    assert len(checked) == 2
    write(app, 'local shapes = require("shapes")\nreturn {main = shapes.area(1, {})}\n')
    assert codes(capsys) == ["E0000"]
    assert checked[2:] == ["app:main"]
    (app / "src" / "lib" / "shapes.lua").write_text(SHAPES.replace("h: number", "h: string"))
    assert codes(capsys) == ["E0000", "E0019"]
    assert checked[3:] == ["lib:shapes", "app:main"]
    codes(capsys, "--cache-reset")
    assert len(checked) == 7
    (CACHE / "results").write_bytes(b"nonsense")
    assert codes(capsys) == ["E0000", "E0019"]

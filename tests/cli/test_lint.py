"""What lint finds in a project, and when it looks again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from wippy.cli.lint_check import CACHE, Project
from wippy.cli.main import execute
from wippy.lang.check.types import ANY
from wippy.modules.module_types import ModuleTypes

from .lint_app import CLEAN, INDEX, SHAPES, codes, found, lint, make, write


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return make(tmp_path, monkeypatch)


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
    assert (row["code"], row["line"], row["column"]) == ("E0001", 1, 64)
    assert row["message"] == "module 'sql' not found: it is in neither modules: nor imports: of app:main"


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("sql", "add `sql` to modules: of app:main"),
        ("shape", "did you mean shapes?"),
        ("tme", "did you mean time?"),
        ("lib:shapes", "add it to imports: under a name of its own, and require that: `imports: {lib: lib:shapes}`"),
        ("nothing like it", "name a module in modules: or an entry in imports:"),
    ],
)
def test_advice_on_a_require(app: Path, capsys: pytest.CaptureFixture[str], name: str, advice: str) -> None:
    write(app, f'local x = require("{name}")\nreturn {{main = x}}\n')
    assert f"  |                   ^\n  = {advice}\n" in lint(capsys)[1]


def test_unknown_modules_and_imports(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    index = INDEX.replace("[json]", "[json, jsn]").replace("lib:shapes", "lib:shape")
    (app / "src" / "app" / "_index.yaml").write_text(index)
    messages = [row["message"] for row in found(capsys)]
    assert messages == ["unknown module 'jsn' in modules:", "import 'shapes' names lib:shape, which does not exist"]
    assert "line" not in found(capsys)[0]
    assert lint(capsys)[1].startswith(
        """\
error[E0001]: unknown module 'jsn' in modules:
  --> app:main (src/app/_index.yaml:7)
  |
7 |     modules: [json, jsn]
  |                     ^
  = did you mean json?

error[E0001]: import 'shapes' names lib:shape, which does not exist
  --> app:main (src/app/_index.yaml:8)
  |
8 |     imports: {shapes: lib:shape}
  |               ^
  = did you mean lib:shapes?
"""
    )
    assert "::error file=src/app/_index.yaml,line=7,col=21," in lint(capsys, "--format", "github")[1]


def test_a_module_that_was_installed_later(
    app: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (app / "src" / "app" / "_index.yaml").write_text(INDEX.replace("[json]", "[later]"))
    assert codes(capsys) == ["E0001"]
    monkeypatch.setattr(ModuleTypes, "get", lambda self, name: ANY)
    assert codes(capsys) == []


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


def test_signatures_in_the_tables_of_a_module(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (app / "src" / "app" / "_index.yaml").write_text(INDEX.replace("[json]", "[crypto, text]"))
    write(
        app,
        """\
local crypto, text = require("crypto"), require("text")
crypto.random.bytes("many")
crypto.hmac.sha256("key")
crypto.encrypt.aes({}, "key")
text.regexp.compile()
return {crypto.random.bytes(3), crypto.hmac.sha256("a", "b"), text.regexp.compile("a"), crypto.random.other}
""",
    )
    rows = [(row["line"], row["code"], row["message"]) for row in found(capsys)]
    assert rows == [
        (2, "E0000", "cannot use \"many\" as number (argument 1 'length' of crypto.random.bytes)"),
        (3, "E0003", "crypto.hmac.sha256 takes at least 2 arguments, 1 given"),
        (4, "E0000", "cannot use a table as string (argument 1 'data' of crypto.encrypt.aes)"),
        (5, "E0003", "text.regexp.compile takes at least 1 argument, 0 given"),
    ]


def test_undefined_names(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(app, "return {main = function() return jsn.encode(1), json end}\n")
    assert [(row["code"], row["severity"]) for row in found(capsys, "--level", "hint")] == [("E0001", "hint")]
    (app / "src" / "app" / "_index.yaml").write_text(INDEX.replace("    imports: {shapes: lib:shapes}\n", ""))
    assert [(row["code"], row["severity"]) for row in found(capsys)] == [("E0001", "warning")]
    code, out, err = lint(capsys)
    assert (code, err) == (0, "")
    assert out.endswith("Checked 2 entries: 0 errors, 1 warnings\n")


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
    assert lint(capsys, "--ns", "li.*") == (
        0,
        "No issues found\nChecked 0 entries\n",
        "no Lua entries in namespace li.*\n",
    )


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


@pytest.mark.parametrize(
    ("files", "arguments", "advice"),
    [
        ([], [], "run `wippy init` to make one"),
        (["_index.yaml"], [], "run `wippy init --src-dir .` to make one for the entries in ."),
        (["app/_index.yaml", "docs/x.md"], [], "run `wippy init --src-dir app` to make one for the entries in app"),
        (["src/_index.yaml", "app/_index.yaml"], [], "run `wippy init` to make one"),
        (["_index.yaml"], ["-l", "my.lock"], "run `wippy init --src-dir . --lock-file my.lock`"),
    ],
)
def test_no_lock_file(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    files: list[str],
    arguments: list[str],
    advice: str,
) -> None:
    for file in files:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(INDEX if file.endswith(".yaml") else "")
    monkeypatch.chdir(tmp_path)
    code, out, err = lint(capsys, *arguments)
    assert (code, out) == (1, "")
    assert f"lock file not found: {arguments[-1] if arguments else 'wippy.lock'}; {advice}" in err


def test_the_advice_without_a_lock_file_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "_index.yaml").write_text(INDEX.replace("lib:shapes", "app:shapes"))
    (tmp_path / "main.lua").write_text(CLEAN)
    monkeypatch.chdir(tmp_path)
    _, _, err = lint(capsys)
    command = err.split("`")[1].split()
    assert execute(tuple(command[1:])) == 0
    capsys.readouterr()
    assert "import 'shapes' names app:shapes, which does not exist" in lint(capsys)[1]


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

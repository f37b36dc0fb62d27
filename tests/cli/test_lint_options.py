"""The options of lint, its forms of output, and what it says of definitions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from wippy.cli.lint_check import Project
from wippy.cli.main import execute
from wippy.lang.check.checker import Checker

from .lint_app import CLEAN, INDEX, LIBRARY, codes, found, lint, make, write


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return make(tmp_path, monkeypatch)


def test_levels(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(app, "local a = {b = 1, b = 2}\nlocal function f(x) end\nf(a)\nreturn {main = 1 + {}}\n")
    assert codes(capsys, "--level", "error") == ["E0019"]
    assert codes(capsys) == codes(capsys, "--level", "warning") == ["E0019", "E0017"]
    assert codes(capsys, "--level", "hint") == ["E0019", "E0017"]
    assert codes(capsys, "--level", "hint", "--rules") == ["E0019", "E0017", "W0005"]
    assert execute(("lint", "--level", "all")) == 1
    assert lint(capsys, "--level", "error", "--code", "E0017")[:2] == (0, "No issues found\nChecked 2 entries\n")


def test_codes(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(app, 'local a = {b = 1, b = 2}\nlocal n: number = "x"\nreturn {main = 1 + {}, a, n}\n')
    assert codes(capsys, "--code", "E0000,E0017") == ["E0000", "E0017"]
    assert codes(capsys, "--code", "E0019", "--code", "E0000") == ["E0000", "E0019"]
    assert lint(capsys, "--code", "E0017")[0] == 0


def test_results_are_sorted(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(app, 'local a = {b = 1, b = 2}\nlocal n: number, m: number = "x", "y"\nreturn {main = a, n, m}\n')
    (app / "src" / "lib" / "shapes.lua").write_text('local n: number = "x"\nreturn {n = n}\n')
    rows = [(row["entry_id"], row["severity"], row["line"], row["column"]) for row in found(capsys)]
    assert rows == [
        ("app:main", "error", 2, 30),
        ("app:main", "error", 2, 35),
        ("app:main", "warning", 1, 19),
        ("lib:shapes", "error", 1, 19),
    ]


def test_json_is_one_object_and_counts_what_a_limit_hides(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(app, 'local a: number, b: string = "x", 1\nreturn {main = a, b}\n')
    for form in (["--json"], ["--format", "json"]):
        code, out, err = lint(capsys, *form, "--limit", "1")
        result = json.loads(out)
        assert (code, err, len(result["diagnostics"]), result["error_count"]) == (0, "", 1, 2)
    write(app, CLEAN)
    result = json.loads(lint(capsys, "--json")[1])
    assert (result["diagnostics"], result["total_entries"]) == ([], 2)


def test_github_shows_definitions_hints_and_special_characters(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(app, 'local p: "50%" | "a,b" = "x"\nlocal p = 1\nreturn {main = p}\n')
    code, out, err = lint(capsys, "--format", "github", "--level", "hint")
    assert code == 1
    lines = out.split("\n")
    assert lines[0].endswith('::cannot use "x" as "50%25" | "a,b" (assignment)')
    assert lines[1].startswith(
        "::notice file=src/app/main.lua,line=2,col=1,title=E0017 app%3Amain::'p' is declared again"
    )
    assert lines[2] == "Checked 2 entries: 1 errors, 0 warnings"
    assert err == "lint failed: 1 errors, 0 warnings\n"


def test_inline_source_is_shown_in_its_definition_file(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = "source: |\n      local a = 1\n      return {main = a + 'x'}"
    (app / "src" / "app" / "_index.yaml").write_text(INDEX.replace("source: file://main.lua", source))
    _, out, _ = lint(capsys)
    assert "  --> app:main:2:20 (src/app/_index.yaml:8)\n  |\n2 | return {main = a + 'x'}\n" in out
    assert "::error file=src/app/_index.yaml,line=8,title=" in lint(capsys, "--format", "github")[1]


def test_colours(app: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    write(app, 'local n: number = "x"\nreturn {main = n}\n')
    assert "\x1b[" not in lint(capsys)[1]
    monkeypatch.setattr("wippy.cli.lint._wants_colour", lambda: True)
    assert "\x1b[1;31merror[E0000]\x1b[0m" in lint(capsys)[1]
    assert "\x1b[" not in lint(capsys, "--no-color")[1]


def test_settings_do_not_matter(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(app, 'local n: number = "x"\nreturn {main = n}\n')
    (app / ".wippy.yaml").write_text('version: "1.0"\nlua: {type_system: {enabled: false, strict: false}}\n')
    assert codes(capsys) == ["E0000"]


def test_a_fault_of_the_checker_skips_the_entry(
    app: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Checker) -> Any:
        raise KeyError("x") if "shapes" not in self.chunk.globals else RecursionError

    monkeypatch.setattr(Checker, "run", fail)
    write(app, "return {main = shapes}\n")
    rows = [(row["entry_id"], row["code"], row["severity"]) for row in found(capsys)]
    assert rows == [("app:main", "E0011", "warning"), ("lib:shapes", "E9999", "warning")]
    assert lint(capsys)[0] == 0


def test_parse_errors_say_what_to_do(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(app, "local t = {1, 2\nreturn {main = t}\n")
    code, out, _ = lint(capsys)
    assert code == 1
    assert out.startswith("error[P0001]: ")
    assert "--> app:main:2:1 (src/app/main.lua:2)\n" in out


def test_imports_that_have_no_source_here(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    packed = "  - {name: packed, kind: library.lua.bc, fs: app:store, path: p.bc, hash: 'sha256:0'}\n"
    imports = "imports: {p: 'app:packed', j: {ns: '', name: json}, s: {ns: lib, name: shapes}}"
    (app / "src" / "app" / "_index.yaml").write_text(INDEX.replace("imports: {shapes: lib:shapes}", imports) + packed)
    write(app, 'local p, j, s = require("p"), require("j"), require("s")\nj.decode({})\nreturn {p, s.area("x", 1)}\n')
    assert [(row["line"], row["code"]) for row in found(capsys)] == [(2, "E0000"), (3, "E0000")]


def test_what_the_registry_would_refuse(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (app / "src" / "lib" / "_index.yaml").write_text(
        LIBRARY
        + """\
    modules: [fs]
    imports: {main: lib:other}
  - name: other
    kind: library.lua
    source: return {}
    imports: {shapes: lib:shapes}
  - name: flow
    kind: workflow.lua
    source: return {main = function() end}
    modules: [time, sql, time]
    imports: {shapes: lib:shapes, json: json, rows: sql}
"""
    )
    rows = [(row["entry_id"], row["code"], row["message"]) for row in found(capsys, "--ns", "lib")]
    circle = "entries cannot import each other in a circle"
    assert rows == [
        ("lib:flow", "E0016", "a workflow cannot use module 'sql'"),
        ("lib:flow", "E0016", "a workflow cannot use module 'fs', which lib:shapes uses"),
        ("lib:flow", "E0016", "a workflow cannot use module 'sql'"),
        ("lib:flow", "E0017", "module 'time' stands twice in modules:"),
        ("lib:other", "E0013", f"import 'shapes' leads back to lib:other: {circle}"),
        ("lib:shapes", "E0013", f"import 'main' leads back to lib:shapes: {circle}"),
    ]
    assert "--> lib:flow (src/lib/_index.yaml:16)\n" in lint(capsys)[1]


def test_a_run_over_some_namespaces_keeps_the_results_of_others(
    app: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(app, "return {main = 1 + {}}\n")
    codes(capsys)
    codes(capsys, "--ns", "lib")
    monkeypatch.setattr(Project, "_check", lambda self, id: pytest.fail(f"{id} is checked again"))
    assert codes(capsys) == ["E0019"]


def test_types_reach_through_libraries_whose_results_are_kept(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    middle = "  - {name: middle, kind: library.lua, source: file://middle.lua, imports: {shapes: lib:shapes}}\n"
    (app / "src" / "lib" / "_index.yaml").write_text(LIBRARY + middle)
    (app / "src" / "lib" / "middle.lua").write_text(
        "local shapes = require('shapes')\nlocal M = {}\n"
        "function M.origin(): shapes.Point return {x = 0, y = 0} end\nreturn M\n"
    )
    (app / "src" / "app" / "_index.yaml").write_text(INDEX.replace("shapes: lib:shapes", "middle: lib:middle"))
    source = "local s: string = middle.origin().x\nreturn {main = s}\n"
    write(app, CLEAN)
    assert codes(capsys) == []
    write(app, source)
    assert codes(capsys) == ["E0000"]
    assert codes(capsys) == codes(capsys, "--cache-reset") == ["E0000"]

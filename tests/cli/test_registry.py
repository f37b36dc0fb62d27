from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from wippy.cli.main import execute


def out(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert execute(arguments) == 0
    return capsys.readouterr().out


def failure(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert execute(arguments) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err


def test_table(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert out(capsys, "registry", "list") == (
        "ID         KIND\n"
        "---------  ------------\n"
        "app:add    function.lua\n"
        "app:greet  process.lua\n"
        "app:host   process.host\n"
        "app:other  process.lua\n"
        "\n"
        "Total: 4 entries\n"
    )


def test_long_names_are_cut(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "src" / "long.yaml").write_text(
        f"namespace: long\nentries:\n  - name: {'n' * 60}\n    kind: {'k' * 40}\n"
    )
    row = out(capsys, "registry", "list", "-n", "long").splitlines()[2]
    assert row == f"long:{'n' * 42}...  {'k' * 27}..."


@pytest.mark.parametrize(
    ("flags", "names"),
    [
        (["-k", "process.*"], ["greet", "host", "other"]),
        (["--kind", "*.lua"], ["add", "greet", "other"]),
        (["-k", "f*a"], ["add"]),
        (["-n", "app", "--name", "*e*"], ["greet", "other"]),
        (["-n", "other"], []),
        (["--meta", "tags=a"], ["other"]),
        (["--meta", "tags=a", "--meta", "tags=c"], []),
        (["--meta", "size=3"], ["other"]),
        (["--meta", "tags*b"], ["other"]),
        (["--meta", "size~3"], []),
    ],
)
def test_filters(project: Path, capsys: pytest.CaptureFixture[str], flags: list[str], names: list[str]) -> None:
    rows = json.loads(out(capsys, "registry", "list", "--json", *flags))
    assert [row["id"] for row in rows] == [f"app:{name}" for name in names]


@pytest.mark.parametrize(("test", "fits"), [("t~^a.c$", True), ("t^ab", True), ("t$bc", True), ("t$ab", False)])
def test_meta_tests_on_text(project: Path, capsys: pytest.CaptureFixture[str], test: str, fits: bool) -> None:
    (project / "src" / "m.yaml").write_text("namespace: m\nmeta: {t: abc}\nname: x\nkind: registry.entry\n")
    assert (out(capsys, "registry", "list", "--meta", test) != "No entries found\n") is fits


def test_nothing_found(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert out(capsys, "registry", "list", "-n", "none") == "No entries found\n"


def test_listing_as_yaml(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = yaml.safe_load(out(capsys, "registry", "list", "--yaml", "--name", "greet"))
    assert rows == [
        {"id": "app:greet", "kind": "process.lua", "meta": {"command": {"name": "greet", "short": "Greets"}}}
    ]


@pytest.mark.parametrize("name", ["app:add", "add"])
def test_show(project: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    text = out(capsys, "registry", "show", name)
    assert text == (
        "ID: app:add\nKind: function.lua\nFile: src/_index.yaml:15\nData:\n  method: main\n  source: |\n    return {}\n"
    )


def test_show_as_data(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected = {
        "id": "app:add",
        "kind": "function.lua",
        "meta": {},
        "data": {"method": "main", "source": "return {}\n"},
    }
    assert json.loads(out(capsys, "registry", "show", "add", "--json")) == expected
    assert yaml.safe_load(out(capsys, "registry", "show", "add", "--yaml")) == expected


def test_show_one_field(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert out(capsys, "registry", "show", "add", "-f", "method") == "main\n"
    assert out(capsys, "registry", "show", "add", "-f", "method", "--raw") == "main"
    assert 'field "methd" not found in entry data; did you mean method?' in failure(
        capsys, "registry", "show", "add", "-f", "methd"
    )


def test_show_names_what_it_cannot_find(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "src" / "second.yaml").write_text("namespace: second\nname: add\nkind: registry.entry\n")
    assert failure(capsys, "registry", "show", "add") == (
        'Error: ambiguous entry name "add", use full ID (namespace:name)\n'
    )
    assert failure(capsys, "registry", "show", "ad") == "Error: entry not found: ad; did you mean add?\n"
    assert "needs an entry" in failure(capsys, "registry", "show")


@pytest.mark.parametrize("arguments", [("registry", "list"), ("registry", "show", "x"), ("run", "list")])
def test_lock_file_is_needed(project: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]) -> None:
    (project / "wippy.lock").unlink()
    assert "lock file not found: wippy.lock" in failure(capsys, *arguments)


def test_other_lock_file(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "wippy.lock").rename(project / "other.lock")
    assert "Total: 4 entries" in out(capsys, "registry", "list", "-l", "other.lock")


def test_run_list(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert out(capsys, "run", "list") == (
        "Available commands:\n  greet  Greets  (app:greet)\n\nRun one with 'wippy run <command> [args]'.\n"
    )


def test_run_list_without_commands(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = out(capsys, "run", "list", "--set", "disable.entries=app:greet")
    assert text.startswith("No commands found.\n")
    assert "kind: process.lua" in text


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    from wippy import __version__

    assert out(capsys, "version", "--short") == f"{__version__}\n"
    assert out(capsys, "version").startswith(f"wippy {__version__}")

from __future__ import annotations

import shutil
import subprocess

import pytest

from wippy.cli.arguments import Arguments, UsageError, read_arguments
from wippy.cli.commands import root
from wippy.cli.completion import SHELLS, walk
from wippy.cli.help import usage
from wippy.cli.main import execute


def read(line: str) -> Arguments:
    return read_arguments(root(), line.split())


def test_flags_stand_anywhere() -> None:
    arguments = read("-s run --set a.b=1 list-of-things -v x --set=c.d=2 y")
    assert arguments.path == ("run",)
    assert arguments.values == ["list-of-things", "x", "y"]
    assert arguments.on("silent")
    assert arguments.on("verbose")
    assert arguments.texts("set") == ["a.b=1", "c.d=2"]


def test_double_dash_ends_flags() -> None:
    arguments = read("run -x app:main a -- -b --silent -- run")
    assert arguments.text("exec") == "app:main"
    assert arguments.values == ["a", "-b", "--silent", "--", "run"]
    assert not arguments.on("silent")


@pytest.mark.parametrize(
    "line", ["run -xapp:m", "run -x app:m", "run -x=app:m", "run --exec app:m", "run --exec=app:m"]
)
def test_spellings_of_a_value(line: str) -> None:
    assert read(line).text("exec") == "app:m"


def test_short_switches_together() -> None:
    arguments = read("run -svx app:m")
    assert (arguments.on("silent"), arguments.on("verbose"), arguments.text("exec")) == (True, True, "app:m")
    assert not read("run --silent=false").on("silent")


def test_a_value_may_begin_with_a_dash() -> None:
    assert read("registry list --name -x").text("name") == "-x"


def test_lone_dash_is_an_argument() -> None:
    assert read("run -x app:m -").values == ["-"]


def test_override_is_split_at_commas_and_set_is_not() -> None:
    assert read("run -o a:b:c=1,a:b:d=2 -o x:y:z=3").texts("override") == ["a:b:c=1", "a:b:d=2", "x:y:z=3"]
    assert read("run --set a.b=1,2").texts("set") == ["a.b=1,2"]


def test_subcommands() -> None:
    assert read("run list").path == ("run", "list")
    assert read("registry show app:x").values == ["app:x"]
    # After an argument the word is an argument.
    assert read("run greet list").values == ["greet", "list"]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("rnu", 'unknown command "rnu"; did you mean run?'),
        ("frobnicate", 'unknown command "frobnicate"'),
        ("registry lsit", 'unknown command "lsit"; did you mean list?'),
        ("run --hots x", "unknown flag --hots; did you mean --host?"),
        ("run greet --quantity 3", "unknown flag --quantity; put -- before arguments meant for the program"),
        ("version -x", "unknown flag -x"),
        ("run -x", "flag -x needs a value: -x NS:NAME"),
        ("run --silent=maybe", "flag --silent is a switch"),
        ("run --log xml", "flag --log takes console or json, not xml"),
        ("version now", 'unexpected argument "now"'),
        ("completion bash zsh", 'unexpected argument "zsh"'),
    ],
)
def test_wrong_lines_say_what_to_do(line: str, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError) as caught:
        read(line)
    assert text in caught.value.message
    assert execute(line.split()) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"Error: {text}")
    assert "--help' for usage." in captured.err


def test_every_command_has_a_help_page(capsys: pytest.CaptureFixture[str]) -> None:
    for path, command in walk(root()):
        text = usage(path, command)
        assert command.summary in text
        for flag in command.flags:
            assert f"--{flag.name}" in text
        assert execute([*path, "--help"]) == 0
        by_flag = capsys.readouterr().out
        assert execute(["help", *path]) == 0
        assert by_flag == capsys.readouterr().out == f"{text}\n"


def test_no_arguments_show_banner_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute([]) == 0
    out = capsys.readouterr().out
    assert out.startswith("wippy ")
    assert "Commands:" in out


def test_help_about_an_unknown_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["help", "regsitry"]) == 1
    assert 'unknown command "regsitry"; did you mean registry?' in capsys.readouterr().err


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_knows_every_command_and_flag(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["completion", shell]) == 0
    script = capsys.readouterr().out
    for _, command in walk(root()):
        assert command.name in script
        for flag in command.flags:
            assert flag.name in script
    assert execute(["completion", shell, "--no-descriptions"]) == 0
    assert len(capsys.readouterr().out) <= len(script)


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("wippy re", "registry"),
        ("wippy registry sh", "show"),
        ("wippy run li", "list"),
        ("wippy run --ove", "--override"),
        ("wippy -s run --exe", "--exec"),
        ("wippy completion po", "powershell"),
    ],
)
def test_completion_in_bash(words: str, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    execute(["completion", "bash"])
    script = capsys.readouterr().out
    parts = words.split()
    asked = f"COMP_WORDS=({' '.join(parts)}); COMP_CWORD={len(parts) - 1}; _wippy; echo ${{COMPREPLY[@]}}"
    result = subprocess.run(["bash", "-c", f"{script}\n{asked}"], capture_output=True, text=True, check=True)
    assert result.stdout.split() == [expected]
    assert result.stderr == ""


def test_unknown_shell(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["completion", "bsh"]) == 1
    assert 'unknown shell "bsh"; did you mean bash?' in capsys.readouterr().err

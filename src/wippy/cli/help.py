"""Usage texts, made from the declared commands; and the `help` command."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from .arguments import GLOBAL_FLAGS, Arguments, Command, Flag, UsageError, either, nearest

INDENT = 2
COLUMN = 28


def usage(path: tuple[str, ...], command: Command) -> str:
    """The full help text of one command.

    Args:
        path: names that lead to it, empty for the program.
        command: the command.
    """
    name = " ".join(("wippy", *path))
    lines = [command.summary, ""]
    if command.about:
        lines += [command.about.strip(), ""]
    lines.append("Usage:")
    if command.run is not None and path:
        flags = " [flags]" if command.flags else ""
        arguments = f" {command.arguments}" if command.arguments else ""
        lines.append(f"  {name}{flags}{arguments}")
    if command.subcommands:
        below = [f"{each.name} [flags] {each.arguments}" for each in command.subcommands]
        lines += [f"  {name} {each}".rstrip() for each in (below if path else ["<command> [flags] [args]"])]
        lines += ["", "Commands:"]
        lines += _rows((each.name, each.summary) for each in command.subcommands)
    if command.flags:
        lines += ["", "Flags:", *_rows(map(_flag, command.flags))]
    lines += ["", "Global flags:", *_rows(map(_flag, GLOBAL_FLAGS))]
    if command.subcommands:
        lines += ["", f"`{name} <command> --help` tells more about a command."]
    return "\n".join(lines)


def _flag(flag: Flag) -> tuple[str, str]:
    short = f"-{flag.short}, " if flag.short else "    "
    value = f" {flag.value}" if flag.value else ""
    about = flag.help
    if flag.choices:
        about += f": {either(flag.choices)}"
    if flag.default:
        about += f" (default {flag.default})"
    return f"{short}--{flag.name}{value}", about


def _rows(rows: Iterable[tuple[str, str]]) -> list[str]:
    import shutil

    width = max(60, min(shutil.get_terminal_size((100, 24)).columns, 110))
    out: list[str] = []
    for left, right in rows:
        head = " " * INDENT + left
        body = textwrap.wrap(right, width - COLUMN - INDENT) or [""]
        if len(head) >= COLUMN + INDENT - 1:
            out.append(head)
        else:
            out.append(f"{head:<{COLUMN + INDENT}}{body.pop(0)}")
        out += [" " * (COLUMN + INDENT) + line for line in body]
    return out


def find(root: Command, names: list[str]) -> tuple[tuple[str, ...], Command]:
    """The command that `names` lead to.

    Raises:
        UsageError: there is none.
    """
    command = root
    path: tuple[str, ...] = ()
    for name in names:
        inner = command.subcommand(name)
        if inner is None:
            known = [each.name for each in command.subcommands]
            raise UsageError(f'unknown command "{" ".join((*path, name))}"{nearest(name, known)}', path)
        command, path = inner, (*path, name)
    return path, command


def run(arguments: Arguments) -> int:
    from .commands import root

    print(usage(*find(root(), arguments.values)))
    return 0


COMMAND = Command("help", "Help about any command", run, arguments="[command]", limit=None)

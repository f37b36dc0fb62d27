"""`wippy run list`: the programs of the application."""

from __future__ import annotations

from .arguments import Arguments, Command
from .flags import PROFILE, SET

SAMPLE = """\
No commands found.

A process becomes a command through its meta:

  - name: hello
    kind: process.lua
    meta:
      command:
        name: hello
        short: Greets the world
    source: file://hello.lua
    modules: [io]"""


def run(arguments: Arguments) -> int:
    from .entries import load_entries
    from .program import programs

    found = programs(load_entries(arguments))
    if not found:
        print(SAMPLE)
        return 0
    names = max(len(program.name) for program in found)
    shorts = max(len(program.short) for program in found)
    print("Available commands:")
    for program in found:
        print(f"  {program.name:<{names}}  {program.short:<{shorts}}  ({program.id})")
    print("\nRun one with 'wippy run <command> [args]'.")
    return 0


COMMAND = Command("list", "List the commands of the application", run, flags=(SET, PROFILE))

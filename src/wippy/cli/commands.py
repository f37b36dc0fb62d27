"""The list of commands."""

from __future__ import annotations

from . import completion, help, init, lint, ps, registry, run, top, version, workflow
from .arguments import Command

ABOUT = "Runs applications made of functions, processes and durable workflows, written in typed Lua."


def root() -> Command:
    """The program: its commands are its subcommands."""
    commands = (
        run.COMMAND,
        init.COMMAND,
        ps.COMMAND,
        top.COMMAND,
        workflow.COMMAND,
        lint.COMMAND,
        registry.COMMAND,
        version.COMMAND,
        completion.COMMAND,
        help.COMMAND,
    )
    return Command("wippy", ABOUT, subcommands=commands)

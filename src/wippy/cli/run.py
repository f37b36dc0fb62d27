"""`wippy run`: starts the application and serves it, or runs one of its programs."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from ..errors import UNAVAILABLE
from . import run_list
from .arguments import Arguments, Command, Flag
from .flags import OVERRIDE, PROFILE, SET

if TYPE_CHECKING:
    from ..registry.config import Config
    from ..registry.project import LoadedProject
    from .program import Program

_MODULE = re.compile(r"[a-z0-9][a-z0-9_-]*/[a-z0-9][a-z0-9_-]*(@.+)?")

ABOUT = """\
Without a command the services of the application run until Ctrl-C. With a command, the name of a process entry's
meta.command, or with -x, that process runs on the terminal host; when it ends the application stops and its result
is the exit code. Arguments that begin with a dash follow after --.

With --watch, files that change are read again: if nothing in them is wrong, functions and libraries are replaced, and
processes that set the option upgradable get process.event.OUTDATED. A mistake is shown and changes nothing."""


def run(arguments: Arguments) -> int:
    from ..observe import library
    from ..registry.file_cache import FileCache
    from ..registry.project import load_project
    from .serve import serve
    from .settings import load_config, memory_limit, open_log, size_text
    from .version import banner

    entry, name, values = _target(arguments)
    config = load_config(arguments)
    is_program = bool(entry or name)
    log = open_log(arguments, config, silent=is_program)
    library.take_over(log)
    as_json = config.get("logger.encoding", "") == "json" and not arguments.on("console")
    if not (arguments.on("silent") or is_program or as_json):
        print(banner(), flush=True)
    logger = log.named("run")
    logger.info("initializing runtime", {"memory_limit": size_text(memory_limit(arguments))})
    cache = FileCache() if arguments.on("watch") else None
    project = load_project(replacements=config.replacements(), cache=cache)
    if project.lock is not None:
        logger.info("loading entries from lock file", {"path": os.path.relpath(project.lock.path, project.folder)})
    for notice in project.notices:
        getattr(logger, notice.level, logger.info)(notice.message, notice.fields)
    logger.info("loaded entries", {"count": len(project.entries)})
    program = _program(project, config, entry, name)
    watch = None
    if cache is not None:
        from .watch import Watch

        watch = Watch(config, cache).run
    return serve(project, config, log, program, values, host=arguments.text("host") or None, beside=watch)


def _target(arguments: Arguments) -> tuple[str, str, list[str]]:
    """Entry given with -x, command name, and the program's arguments."""
    from ..errors import WippyError

    entry = arguments.text("exec")
    if entry or arguments.has("exec"):
        return entry or ":", "", arguments.values
    if not arguments.values:
        return "", "", []
    name, *values = arguments.values
    if name.endswith(".wapp"):
        raise WippyError(UNAVAILABLE, f"{name}: packed applications cannot be run by this build; unpack it to a folder")
    if _MODULE.fullmatch(name) and not os.path.exists(name):
        raise WippyError(
            UNAVAILABLE,
            f"{name}: modules cannot be fetched by this build; put a copy in a folder and name it in wippy.lock "
            f"(replacements: [{{from: {name.partition('@')[0]}, to: PATH}}])",
        )
    return "", name, values


def _program(project: LoadedProject, config: Config, entry: str, name: str) -> Program | None:
    if not entry and not name:
        return None
    from ..errors import NOT_FOUND, WippyError
    from ..registry.pipeline import run_pipeline
    from .program import by_id, by_name

    if project.lock is None and not project.roots:
        raise WippyError(
            NOT_FOUND,
            f'{"process" if entry else "command"} "{entry or name}" not found: {project.folder} holds neither '
            "wippy.lock nor src; `wippy init` makes an application there",
        )

    entries, _ = run_pipeline(project.entries, overrides=config.overrides(), disable=config.disable())
    try:
        return by_id(entries, entry) if entry else by_name(entries, name)
    except WippyError as error:
        warnings = [
            f"{notice.message}: {', '.join(map(str, notice.fields.values()))}"
            for notice in project.notices
            if notice.level == "warn"
        ]
        if error.kind != NOT_FOUND or not warnings:
            raise
        raise WippyError(NOT_FOUND, "\n".join((error.message, *warnings))) from None


COMMAND = Command(
    "run",
    "Run the application in this folder",
    run,
    flags=(
        Flag("exec", "run this process and stop when it ends", short="x", value="NS:NAME"),
        OVERRIDE,
        SET,
        Flag("watch", "take changed files into the running application", short="w"),
        Flag("host", "terminal host for the program, where there are several", value="ID"),
        PROFILE,
        Flag("registry", "address of the module hub", value="URL"),
    ),
    arguments="[command] [args...]",
    limit=None,
    about=ABOUT,
    subcommands=(run_list.COMMAND,),
)

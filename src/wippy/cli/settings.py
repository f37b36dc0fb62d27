"""What flags and the configuration file say together."""

from __future__ import annotations

import os
import re
from typing import Any

from ..errors import INVALID, WippyError
from ..observe.log import Log
from ..registry.config import Config, parse_set
from ..registry.override import parse_override
from .arguments import Arguments, nearest

DEFAULT_MEMORY = 1 << 30

_SIZE = re.compile(r"([0-9]+)\s*([kmgt]?)i?b?", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def load_config(arguments: Arguments, folder: str = ".") -> Config:
    """Configuration of the project in `folder`: file, then profiles, global flags, `--set`, and `-o`.

    Raises:
        SourceError, Problems, WippyError: INVALID.
    """
    config = Config.load(folder, file=arguments.text("config") or None)
    for name in arguments.texts("profile"):
        _overlay(config, name)
    if arguments.has("log"):
        config.set("logger.encoding", arguments.text("log"))
    if arguments.on("event-streams"):
        config.set("logmanager.stream_to_events", True)
    if arguments.on("profiler"):
        config.set("profiler.enabled", True)
    verbose = arguments.on("verbose") or arguments.on("very-verbose")
    config.set("logmanager.min_level", -1 if verbose else 0)
    for text in arguments.texts("set"):
        config.set(*parse_set(text))
    for text in arguments.texts("override"):
        key, value = parse_override(text)
        config.set(f"override.{key}", value)
    return config


def _overlay(config: Config, name: str) -> None:
    leaves = config.section(f"profiles.{name}")
    if not leaves:
        known = sorted({key.split(".")[0] for key in config.section("profiles")})
        have = f"; the configuration has {', '.join(known)}" if known else "; the configuration has no profiles"
        raise WippyError(INVALID, f'unknown profile "{name}"{nearest(name, known) or have}')
    for key, value in leaves.items():
        section, _, change = key.rpartition(".")
        if section in ("disable.namespaces", "disable.entries") and change in ("add", "remove"):
            _change_list(config, section, value, add=change == "add")
        else:
            config.set(key, value)


def _change_list(config: Config, key: str, value: Any, *, add: bool) -> None:
    items = value if isinstance(value, list) else [value]
    now: list[Any] = list(config.get(key, []))
    if add:
        now += [item for item in items if item not in now]
    else:
        now = [item for item in now if item not in items]
    config.set(key, now)


def open_log(arguments: Arguments, config: Config, *, silent: bool = False) -> Log:
    """The log of a run.

    Args:
        arguments: with the global flags.
        config: sections `logger` and `logmanager`.
        silent: nothing is written unless a log flag was given.
    """
    asked = any(arguments.on(name) for name in ("verbose", "very-verbose", "console")) or arguments.has("log")
    verbose = arguments.on("verbose") or arguments.on("very-verbose")
    quiet = arguments.on("silent") or (silent and not asked)
    return Log.open(
        verbose=verbose,
        very_verbose=arguments.on("very-verbose"),
        console=arguments.on("console"),
        silent=quiet or not config.get("logmanager.propagate_downstream", True),
        encoding=config.get("logger.encoding", "console"),
        level=config.get("logmanager.min_level", 0),
    )


def memory_limit(arguments: Arguments) -> int:
    """The soft memory limit in bytes: flag, environment variable GOMEMLIMIT, 1 GiB; bad values are passed over."""
    for text in (arguments.text("memory-limit"), os.environ.get("GOMEMLIMIT", "")):
        match = _SIZE.fullmatch(text.strip())
        if match and int(match[1]) > 0:
            return int(match[1]) * 1024 ** _POWERS[match[2].lower()]
    return DEFAULT_MEMORY


def size_text(size: int) -> str:
    """Bytes for people: `1.0 GiB`, `512.0 MiB`."""
    value = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"

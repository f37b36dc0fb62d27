"""Commands and flags as data, and the reading of a command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from ..errors import INVALID, WippyError


class UsageError(WippyError):
    """A command line that cannot be read; `command` is what the user was about to run."""

    def __init__(self, message: str, command: tuple[str, ...] = ()) -> None:
        super().__init__(INVALID, message)
        self.command = command


class Flag(msgspec.Struct, frozen=True):
    """One flag.

    Args:
        name: long form without dashes.
        help: what it does.
        short: one letter, or empty.
        value: name of its value as help shows it; None for a switch.
        repeat: may be given several times; its value is then a list.
        commas: a value may hold several, separated by commas (with `repeat`).
        default: text of the default as help shows it.
        choices: the values allowed; empty for any.
    """

    name: str
    help: str
    short: str = ""
    value: str | None = None
    repeat: bool = False
    commas: bool = False
    default: str = ""
    choices: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()


class Command(msgspec.Struct, frozen=True):
    """One command.

    Args:
        name: the word that calls it.
        summary: one line.
        run: does it, gives the exit code; None where only subcommands can be run.
        flags: besides the global ones.
        arguments: what follows the name, as usage shows it.
        limit: most arguments allowed; None for any number.
        about: text under the usage line.
        subcommands: commands below this one.
        choices: values of the first argument, for completion.
    """

    name: str
    summary: str
    run: Callable[[Arguments], int] | None = None
    flags: tuple[Flag, ...] = ()
    arguments: str = ""
    limit: int | None = 0
    about: str = ""
    subcommands: tuple[Command, ...] = ()
    choices: tuple[str, ...] = ()

    def subcommand(self, name: str) -> Command | None:
        return next((each for each in self.subcommands if each.name == name), None)


class Arguments(msgspec.Struct):
    """A command line that was read.

    Args:
        path: names of the command and its subcommands.
        command: the last of them.
        values: arguments in order, those after `--` included.
        given: flags by name: True or False for a switch, a text, or a list of texts.
    """

    path: tuple[str, ...]
    command: Command
    values: list[str] = []
    given: dict[str, bool | str | list[str]] = {}

    def on(self, name: str) -> bool:
        """Whether a switch is set."""
        return self.given.get(name) is True

    def has(self, name: str) -> bool:
        """Whether a flag was given at all."""
        return name in self.given

    def text(self, name: str, default: str = "") -> str:
        value = self.given.get(name, default)
        return value if isinstance(value, str) else default

    def texts(self, name: str) -> list[str]:
        value = self.given.get(name, [])
        return value if isinstance(value, list) else []


GLOBAL_FLAGS = (
    Flag("config", "configuration file", value="FILE", default=".wippy.yaml"),
    Flag("verbose", "debug level", short="v"),
    Flag("very-verbose", "debug level with stack traces"),
    Flag("console", "coloured log lines with elapsed seconds on stdout", short="c"),
    Flag("silent", "no banner, no log", short="s"),
    Flag("log", "form of the log", value="FORMAT", choices=("console", "json"), default="console"),
    Flag("event-streams", "publish log records on the event bus", short="e"),
    Flag("profiler", "enable the profiler", short="p"),
    Flag("memory-limit", "soft memory limit such as 512M", short="m", value="SIZE", default="1G"),
    Flag("help", "show help", short="h"),
)


class _Reader:
    def __init__(self, root: Command, tokens: Sequence[str]) -> None:
        self.tokens = list(tokens)
        self.arguments = Arguments((), root)

    @property
    def flags(self) -> tuple[Flag, ...]:
        return (*self.arguments.command.flags, *GLOBAL_FLAGS)

    def read(self) -> Arguments:
        at = 0
        while at < len(self.tokens):
            token = self.tokens[at]
            at += 1
            if token == "--":
                self.arguments.values.extend(self.tokens[at:])
                break
            if token.startswith("--"):
                at = self._long(token, at)
            elif token.startswith("-") and token != "-":
                at = self._short(token, at)
            else:
                self._word(token)
        self._check()
        return self.arguments

    def _word(self, token: str) -> None:
        arguments = self.arguments
        inner = arguments.command.subcommand(token) if not arguments.values else None
        if inner is not None:
            arguments.command = inner
            arguments.path = (*arguments.path, token)
            return
        if arguments.command.subcommands and arguments.command.run is None:
            names = [each.name for each in arguments.command.subcommands]
            raise self.error(f'unknown command "{token}"{nearest(token, names)}')
        arguments.values.append(token)

    def _long(self, token: str, at: int) -> int:
        name, equals, value = token[2:].partition("=")
        flag = next((each for each in self.flags if name == each.name or name in each.aliases), None)
        if flag is None:
            raise self._unknown(f"--{name}", [f"--{each.name}" for each in self.flags])
        return self._set(flag, f"--{name}", value if equals else None, at)

    def _short(self, token: str, at: int) -> int:
        rest = token[1:]
        while rest:
            flag = next((each for each in self.flags if each.short == rest[0]), None)
            if flag is None:
                raise self._unknown(f"-{rest[0]}" if len(token) == 2 else token, [])
            shown, rest = f"-{rest[0]}", rest[1:]
            if rest.startswith("="):
                return self._set(flag, shown, rest[1:], at)
            if flag.value is not None:
                return self._set(flag, shown, rest or None, at)
            at = self._set(flag, shown, None, at)
        return at

    def _set(self, flag: Flag, shown: str, value: str | None, at: int) -> int:
        given = self.arguments.given
        if flag.value is None:
            if value not in (None, "true", "false"):
                raise self.error(f"flag {shown} is a switch: it takes true or false, not {value}")
            given[flag.name] = value != "false"
            return at
        if value is None:
            if at >= len(self.tokens):
                raise self.error(f"flag {shown} needs a value: {shown} {flag.value}")
            value, at = self.tokens[at], at + 1
        if flag.choices and value not in flag.choices:
            raise self.error(f"flag {shown} takes {either(flag.choices)}, not {value}")
        if flag.repeat:
            parts = value.split(",") if flag.commas else [value]
            given[flag.name] = [*self.arguments.texts(flag.name), *parts]
        else:
            given[flag.name] = value
        return at

    def _check(self) -> None:
        arguments = self.arguments
        limit = arguments.command.limit
        if limit is not None and len(arguments.values) > limit and not arguments.on("help"):
            raise self.error(f'unexpected argument "{arguments.values[limit]}"')

    def _unknown(self, shown: str, names: list[str]) -> UsageError:
        hint = nearest(shown, names)
        if not hint and self.arguments.path and self.arguments.command.limit is None:
            hint = "; put -- before arguments meant for the program"
        return self.error(f"unknown flag {shown}{hint}")

    def error(self, message: str) -> UsageError:
        return UsageError(message, self.arguments.path)


def read_arguments(root: Command, tokens: Sequence[str]) -> Arguments:
    """Reads a command line; flags may stand anywhere, `--` ends them.

    Args:
        root: the program, with its commands as subcommands.
        tokens: what the shell gave, without the program's name.

    Raises:
        UsageError: unknown command or flag, missing value, too many arguments.
    """
    return _Reader(root, tokens).read()


def nearest(word: str, known: Sequence[str]) -> str:
    """`; did you mean X?` for the name most like `word`, or nothing."""
    from difflib import get_close_matches

    found = get_close_matches(word, known, n=1, cutoff=0.6)
    return f"; did you mean {found[0]}?" if found else ""


def either(choices: Sequence[str]) -> str:
    """`a, b or c`."""
    return f"{', '.join(choices[:-1])} or {choices[-1]}" if len(choices) > 1 else choices[0]

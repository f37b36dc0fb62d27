"""Programs: process entries that a user starts by name or ID."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from ..errors import INVALID, NOT_FOUND, WippyError
from ..registry.entry import ID, Entry
from ..registry.kinds import suggestions
from .arguments import nearest


class Program(msgspec.Struct, frozen=True):
    """A process entry with `meta.command`.

    Args:
        name: what the user types.
        short: one line about it.
        id: the entry.
        security: identity it is started with, as written: like `lifecycle.security`; None for none.
    """

    name: str
    short: str
    id: ID
    security: Any = None


def programs(entries: Iterable[Entry]) -> list[Program]:
    """All programs, by entry ID."""
    found = []
    for entry in sorted(entries, key=lambda entry: entry.id):
        command = entry.meta.get("command")
        if not entry.kind.startswith("process.") or not isinstance(command, dict):
            continue
        name, short, security = command.get("name"), command.get("short"), command.get("security")
        if isinstance(name, str) and name:
            found.append(Program(name, short if isinstance(short, str) else "", entry.id, security))
    return found


def by_name(entries: Iterable[Entry], name: str) -> Program:
    """The program called `name`; of several the first by ID.

    Raises:
        WippyError: NOT_FOUND.
        SourceError: INVALID, an entry names it that is no process.
    """
    entries = list(entries)
    known = programs(entries)
    for program in known:
        if program.name == name:
            return program
    for entry in entries:
        command = entry.meta.get("command")
        if isinstance(command, dict) and command.get("name") == name:
            near = [kind for kind in suggestions(entry.kind) if kind.startswith("process.")]
            hint = f"did you mean {near[0]}?" if near else "commands are processes, such as process.lua"
            raise entry.error(f'command "{name}" is not a process: its kind is {entry.kind}', "kind", hint=hint)
    like = nearest(name, [program.name for program in known]) or "."
    raise WippyError(NOT_FOUND, f"command \"{name}\" not found{like} Use 'wippy run list' to see available commands")


def by_id(entries: Iterable[Entry], text: str) -> Program:
    """The process entry `ns:name`, or the only one of that name where `text` has no `:`.

    Raises:
        WippyError: INVALID, NOT_FOUND.
    """
    processes: dict[ID, Entry] = {}
    others: dict[ID, Entry] = {}
    for entry in entries:
        (processes if entry.kind.startswith("process.") and _runs(entry.kind) else others)[entry.id] = entry
    ns, colon, name = text.partition(":")
    if not colon:
        found = sorted(id_ for id_ in processes if id_.name == text)
        if len(found) > 1:
            ids = ", ".join(map(str, found))
            raise WippyError(INVALID, f'"{text}" names several processes, give one of them in full: {ids}')
        if not found:
            raise WippyError(INVALID, f'invalid process "{text}": expected namespace:name{_like(text, processes)}')
        return Program("", "", found[0])
    if not ns or not name:
        raise WippyError(INVALID, f'invalid process "{text}": expected namespace:name, both parts not empty')
    id_ = ID(ns, name)
    if id_ in processes:
        return Program("", "", id_)
    if id_ in others:
        raise WippyError(INVALID, f"{text} is a {others[id_].kind}, not a process; -x runs entries such as process.lua")
    raise WippyError(NOT_FOUND, f"process not found: {text}{_like(text, processes)}")


def _runs(kind: str) -> bool:
    return kind not in ("process.host", "process.service")


def _like(text: str, ids: Iterable[ID]) -> str:
    return nearest(text, [str(id_) for id_ in ids])

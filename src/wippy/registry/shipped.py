"""Entries that come with the package: namespaces `wippy.*`, there as soon as an entry names one of theirs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

from ..errors import WippyError
from .entry import ID, Entry
from .folder import read_folder
from .notice import raise_problems

PREFIX = "wippy."
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_FOLDER = os.path.join(_PACKAGE, "library")


def shipped(entries: Iterable[Entry], known: Callable[[ID], Any]) -> list[Entry]:
    """The shipped entries that these entries need and that are not known yet.

    They are named in `imports` or as the `process` of a service. A namespace comes whole.

    Args:
        entries: which may name shipped ones; those of theirs stand before the shipped ones.
        known: whether an id exists (truthy).
    """
    entries = list(entries)
    wanted = {ns for entry in entries for ns in _namespaces(entry)}
    if not wanted:
        return []
    own = {entry.id for entry in entries}
    out: list[Entry] = []
    done: set[str] = set()
    while wanted - done:
        ns = min(wanted - done)
        done.add(ns)
        for entry in _read(ns):
            if entry.id not in own and not known(entry.id):
                out.append(entry)
                wanted.update(_namespaces(entry))
    return out


def _namespaces(entry: Entry) -> list[str]:
    data = entry.data
    if not isinstance(data, dict):
        return []
    named: list[Any] = [data.get("process")]
    imports = data.get("imports")
    if isinstance(imports, dict):
        named.extend(imports.values())
    out = []
    for each in named:
        if isinstance(each, str):
            out.append(each.partition(":")[0])
        elif isinstance(each, dict):
            out.append(str(each.get("ns", "")))
    return [ns for ns in out if ns.startswith(PREFIX)]


def _read(ns: str) -> list[Entry]:
    folder = os.path.join(_FOLDER, *ns.removeprefix(PREFIX).split("."))
    if not os.path.isfile(os.path.join(folder, "_index.yaml")):
        return []
    errors: list[WippyError] = []
    found = read_folder(folder, project=os.path.dirname(_PACKAGE), errors=errors)
    raise_problems(errors)
    return found

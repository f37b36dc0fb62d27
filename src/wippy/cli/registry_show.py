"""`wippy registry show`."""

from __future__ import annotations

import sys
import textwrap
from typing import TYPE_CHECKING, Any

from ..errors import INVALID, NOT_FOUND, WippyError
from .arguments import Arguments, Command, Flag, UsageError, nearest
from .flags import JSON, LOCK, PROFILE, SET, YAML
from .listing import print_data, yaml_text

if TYPE_CHECKING:
    from ..registry.entry import Entry


def run(arguments: Arguments) -> int:
    from .entries import load_entries

    if not arguments.values:
        raise UsageError("registry show needs an entry: namespace:name, or a name", arguments.path)
    entry = find(load_entries(arguments), arguments.values[0])
    if arguments.has("field"):
        _print_field(entry, arguments)
    elif arguments.on("json") or arguments.on("yaml"):
        row = {"id": str(entry.id), "kind": entry.kind, "meta": entry.meta, "data": entry.data}
        print_data(row, as_json=arguments.on("json"))
    else:
        print(text(entry))
    return 0


def find(entries: list[Entry], wanted: str) -> Entry:
    """The entry of this ID, or the only one of this name.

    Raises:
        WippyError: NOT_FOUND; INVALID where several have the name.
    """
    for entry in entries:
        if str(entry.id) == wanted:
            return entry
    named = [entry for entry in entries if entry.id.name == wanted]
    if len(named) > 1:
        raise WippyError(INVALID, f'ambiguous entry name "{wanted}", use full ID (namespace:name)')
    if not named:
        known = [str(entry.id) for entry in entries] if ":" in wanted else [entry.id.name for entry in entries]
        raise WippyError(NOT_FOUND, f"entry not found: {wanted}{nearest(wanted, known)}")
    return named[0]


def text(entry: Entry) -> str:
    """An entry for people."""
    lines = [f"ID: {entry.id}", f"Kind: {entry.kind}"]
    if entry.source is not None:
        lines.append(f"File: {entry.source.file}:{entry.source.line}")
    if entry.meta:
        lines += ["Metadata:", _indented(entry.meta)]
    if entry.data not in (None, {}):
        lines += ["Data:", _indented(entry.data)]
    return "\n".join(lines)


def _indented(value: Any) -> str:
    return textwrap.indent(yaml_text(value).rstrip("\n"), "  ")


def _print_field(entry: Entry, arguments: Arguments) -> None:
    field = arguments.text("field")
    data = entry.data if isinstance(entry.data, dict) else {}
    if field not in data:
        raise WippyError(NOT_FOUND, f'field "{field}" not found in entry data{nearest(field, list(map(str, data)))}')
    value = data[field]
    if arguments.on("json"):
        print_data(value, as_json=True)
        return
    shown = value if isinstance(value, str) else yaml_text(value).rstrip("\n")
    sys.stdout.write(shown if arguments.on("raw") or shown.endswith("\n") else f"{shown}\n")


COMMAND = Command(
    "show",
    "Show one entry",
    run,
    flags=(
        Flag("field", "print one field of the data", short="f", value="NAME"),
        Flag("raw", "print the field without a newline"),
        JSON,
        YAML,
        LOCK,
        SET,
        PROFILE,
    ),
    arguments="<id>",
    limit=1,
)

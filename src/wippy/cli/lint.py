"""`wippy lint`: finds mistakes in the Lua entries of the project."""

from __future__ import annotations

import os
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

from ..errors import INVALID, WippyError
from .arguments import Arguments, Command, Flag
from .flags import JSON, LOCK, PROFILE, SET

if TYPE_CHECKING:
    from wippy.lang.check.diagnostic import Diagnostic

    from .lint_check import Source

LEVELS = ("error", "warning", "hint")
_COLOURS = {"error": "\x1b[1;31m", "warning": "\x1b[1;33m", "hint": "\x1b[1;36m"}
_BLUE = "\x1b[34m"
_BOLD = "\x1b[1m"
_RESET = "\x1b[0m"


def run(arguments: Arguments) -> int:
    from ..registry.shipped import shipped
    from .entries import load_entries
    from .lint_check import CACHE, Project, compiled, sources

    limit = _limit(arguments.text("limit", "0"))
    if arguments.on("cache-reset"):
        (CACHE / "results").unlink(missing_ok=True)
    entries = load_entries(arguments)
    every = [*shipped(entries, lambda _: False), *entries]
    found = sources(every)
    project = Project(found, others=compiled(every))
    own = {str(entry.id) for entry in entries}
    chosen = [id for id, source in found.items() if id in own and _selected(source.ns, arguments.texts("ns"))]
    for pattern in arguments.texts("ns"):
        if not any(_selected(found[id].ns, [pattern]) for id in chosen):
            print(f"no Lua entries in namespace {pattern.strip()}", file=sys.stderr)
    checked = project.reach(chosen)
    results = project.check(checked, keep=arguments.has("ns"))
    shown = [(found[id], each) for id in sorted(chosen) for each in results.get(id, []) if _wanted(each, arguments)]
    counts = Counter(each.severity for _, each in shown)
    listed = shown[:limit] if limit else shown
    form = "json" if arguments.on("json") else arguments.text("format", "text")
    if form == "json":
        _print_json(listed, len(checked), counts)
        return 0
    if form == "github":
        _print_github(listed)
    elif arguments.on("summary"):
        _print_summary(shown)
    else:
        _print_text(listed, colour=not arguments.on("no-color") and _wants_colour())
    errors, warnings = counts["error"], counts["warning"]
    if not shown:
        print("No issues found")
        print(f"Checked {len(checked)} entries")
        return 0
    print(f"Checked {len(checked)} entries: {errors} errors, {warnings} warnings")
    if errors:
        print(f"lint failed: {errors} errors, {warnings} warnings", file=sys.stderr)
        return 1
    return 0


def _limit(text: str) -> int:
    if not text.isdigit():
        raise WippyError(INVALID, f'invalid --limit "{text}": expected a number, 0 for no limit')
    return int(text)


def _selected(ns: str, patterns: list[str]) -> bool:
    if not patterns:
        return True
    return any(
        ns == pattern or (pattern.endswith(".*") and (ns == pattern[:-2] or ns.startswith(pattern[:-1])))
        for pattern in map(str.strip, patterns)
    )


def _wanted(found: Diagnostic, arguments: Arguments) -> bool:
    if found.code.startswith("W") and not arguments.on("rules"):
        return False
    codes = [code.strip() for code in arguments.texts("code")]
    if codes and found.code not in codes:
        return False
    return LEVELS.index(found.severity) <= LEVELS.index(arguments.text("level", "warning"))


def _row(source: Source, found: Diagnostic) -> dict[str, Any]:
    row: dict[str, Any] = {
        "entry_id": source.id,
        "code": found.code,
        "severity": found.severity,
        "message": found.message,
    }
    if found.line is not None:
        row["line"] = found.line
    if found.column is not None:
        row["column"] = found.column
    return row


def _print_json(shown: list[tuple[Source, Diagnostic]], total: int, counts: Counter[str]) -> None:
    from .listing import print_data

    print_data(
        {
            "diagnostics": [_row(*each) for each in shown],
            "total_entries": total,
            "error_count": counts["error"],
            "warning_count": counts["warning"],
            "hint_count": counts["hint"],
        },
        as_json=True,
    )


def _place(source: Source, found: Diagnostic) -> tuple[str, int | None, int | None]:
    """File, line and column of a finding as far as they are known; the entry where it has no file."""
    if found.key and source.definition is not None:
        line, column = source.definition.position(*found.key)
        return str(source.definition.file), line, column
    if source.file is None or source.line is None or found.line is None:
        return source.file or source.id, found.line if source.file is None or source.line == 0 else None, None
    inline = source.line > 0 and "\n" not in source.text
    column = found.column if source.line == 0 else None
    return source.file, source.line + (0 if inline else found.line), column


def _print_text(shown: list[tuple[Source, Diagnostic]], *, colour: bool) -> None:
    def paint(code: str, text: str) -> str:
        return f"{code}{text}{_RESET}" if colour else text

    for source, found in shown:
        mark = _COLOURS[found.severity]
        print(f"{paint(mark, f'{found.severity}[{found.code}]')}{paint(_BOLD, f': {found.message}')}")
        position = "".join(f":{part}" for part in (found.line, found.column) if part is not None)
        file, line, column = _place(source, found)
        beside = "" if file == source.id else f" ({_relative(file)}{f':{line}' if line else ''})"
        print(f"  {paint(_BLUE, '-->')} {source.id}{position}{beside}")
        number, text = found.line, None
        if found.key and source.definition is not None and line is not None:
            number, text = line, source.definition.text_of(line)
        elif number is not None:
            column = found.column
            lines = source.text.replace("\r\n", "\n").split("\n")
            text = lines[number - 1] if number <= len(lines) else None
        gutter = " " * len(str(number or ""))
        if text is not None:
            print(paint(_BLUE, f"{gutter} |"))
            print(f"{paint(_BLUE, f'{number} |')} {text.replace(chr(9), ' ')}")
            if column is not None:
                print(f"{paint(_BLUE, f'{gutter} |')} {' ' * (column - 1)}{paint(mark, '^')}")
        if found.advice:
            print(f"{gutter} {paint(_BLUE, '=')} {found.advice}")
        print()


def _relative(file: str) -> str:
    relative = os.path.relpath(file) if os.path.isabs(file) else file
    return file if relative.startswith("..") else relative


def _print_github(shown: list[tuple[Source, Diagnostic]]) -> None:
    """Workflow commands that put each finding beside its line."""
    kinds = {"error": "error", "warning": "warning", "hint": "notice"}
    for source, found in shown:
        file, line, column = _place(source, found)
        parts = [f"file={_property(_relative(file))}"]
        if line:
            parts.append(f"line={line}")
            if column is not None:
                parts.append(f"col={column}")
        parts.append(f"title={_property(f'{found.code} {source.id}')}")
        message = found.message + (f"; {found.advice}" if found.advice else "")
        message = message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
        print(f"::{kinds[found.severity]} {','.join(parts)}::{message}")


def _property(text: str) -> str:
    return text.replace("%", "%25").replace("\n", "%0A").replace(":", "%3A").replace(",", "%2C")


def _print_summary(shown: list[tuple[Source, Diagnostic]]) -> None:
    for title, key in (("By namespace:", 0), ("By error code:", 1)):
        counts = Counter(source.ns if key == 0 else each.code for source, each in shown)
        if not counts:
            continue
        print(title)
        width = max(map(len, counts))
        for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
            print(f"  {name:<{width}}  {count}")
        print()


def _wants_colour() -> bool:
    from ..observe.log import wants_colour

    return wants_colour(sys.stdout)


COMMAND = Command(
    "lint",
    "Find mistakes in the Lua code",
    run,
    flags=(
        Flag("level", "lowest severity shown", value="LEVEL", default="warning", choices=LEVELS),
        Flag("ns", "namespaces to report; a.* stands for a and all below it", value="NS", repeat=True, commas=True),
        Flag("rules", "apply the style rules too"),
        Flag("code", "report these codes only", value="CODE", repeat=True, commas=True),
        Flag("limit", "show at most so many findings, 0 for all", value="N", default="0"),
        Flag("summary", "counts only"),
        JSON,
        Flag("format", "form of the output", value="FORMAT", default="text", choices=("text", "json", "github")),
        Flag("no-color", "no colours"),
        Flag("cache-reset", "forget earlier results"),
        LOCK,
        SET,
        PROFILE,
    ),
)

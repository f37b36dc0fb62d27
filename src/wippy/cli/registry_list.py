"""`wippy registry list`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..errors import INVALID, WippyError
from .arguments import Arguments, Command, Flag
from .flags import JSON, LOCK, PROFILE, SET, YAML
from .listing import print_data

if TYPE_CHECKING:
    from ..registry.entry import Entry

ID_WIDTH = 50
KIND_WIDTH = 30


def run(arguments: Arguments) -> int:
    from .entries import load_entries

    tests = [*_globs(arguments), *map(meta_test, arguments.texts("meta"))]
    entries = [entry for entry in load_entries(arguments) if all(test(entry) for test in tests)]
    if arguments.on("json") or arguments.on("yaml"):
        rows = [{"id": str(entry.id), "kind": entry.kind, "meta": entry.meta} for entry in entries]
        print_data(rows, as_json=arguments.on("json"))
    elif not entries:
        print("No entries found")
    else:
        print(table(entries))
    return 0


def table(entries: list[Entry]) -> str:
    """IDs and kinds below each other, cut where they are too long, with the total."""
    rows = [(cut(str(entry.id), ID_WIDTH), cut(entry.kind, KIND_WIDTH)) for entry in entries]
    width = max(len("ID"), *(len(id_) for id_, _ in rows))
    kinds = max(len("KIND"), *(len(kind) for _, kind in rows))
    lines = [f"{'ID':<{width}}  KIND", f"{'-' * width}  {'-' * kinds}"]
    lines += [f"{id_:<{width}}  {kind}" for id_, kind in rows]
    return "\n".join([*lines, "", f"Total: {len(entries)} entries"])


def cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 3]}..."


def glob(pattern: str) -> re.Pattern[str]:
    """`x`, `x*`, `*x` or `x*y` as a regular expression."""
    return re.compile(re.escape(pattern).replace(r"\*", ".*"), re.DOTALL)


def _globs(arguments: Arguments) -> list[Callable[[Entry], bool]]:
    reads: dict[str, Callable[[Entry], str]] = {
        "kind": lambda entry: entry.kind,
        "ns": lambda entry: entry.id.ns,
        "name": lambda entry: entry.id.name,
    }
    tests: list[Callable[[Entry], bool]] = []
    for flag, read in reads.items():
        if arguments.has(flag):
            pattern = glob(arguments.text(flag))
            tests.append(lambda entry, read=read, pattern=pattern: pattern.fullmatch(read(entry)) is not None)
    return tests


def meta_test(text: str) -> Callable[[Entry], bool]:
    """The test that `F=V`, `F~regex`, `F*part`, `F^prefix` or `F$suffix` stands for.

    Raises:
        WippyError: INVALID.
    """
    match = re.match(r"([^=~*^$]+)([=~*^$])(.*)", text, re.DOTALL)
    if match is None:
        raise WippyError(INVALID, f'invalid --meta "{text}": expected field=value (or ~ * ^ $ in place of =)')
    field, operator, value = match[1].strip(), match[2], match[3]
    check = _check(operator, value)
    return lambda entry: field in entry.meta and check(entry.meta[field])


def _check(operator: str, value: str) -> Callable[[Any], bool]:
    if operator == "=":
        return lambda held: _equals(held, value)
    if operator == "*":
        return lambda held: any(value in item for item in _texts(held))
    if operator == "^":
        return lambda held: isinstance(held, str) and held.startswith(value)
    if operator == "$":
        return lambda held: isinstance(held, str) and held.endswith(value)
    try:
        pattern = re.compile(value)
    except re.error as error:
        raise WippyError(INVALID, f'invalid --meta: "{value}" is no regular expression: {error}') from None
    return lambda held: isinstance(held, str) and pattern.search(held) is not None


def _equals(held: Any, value: str) -> bool:
    if isinstance(held, bool):
        return value == ("true" if held else "false")
    if isinstance(held, (int, float)):
        try:
            return float(value) == held
        except ValueError:
            return False
    return value in _texts(held)


def _texts(held: Any) -> list[str]:
    if isinstance(held, str):
        return [held]
    return [item for item in held if isinstance(item, str)] if isinstance(held, list) else []


COMMAND = Command(
    "list",
    "List entries",
    run,
    flags=(
        Flag("kind", "kinds that fit, * stands for any text", short="k", value="GLOB"),
        Flag("ns", "namespaces that fit", short="n", value="GLOB"),
        Flag("name", "names that fit", value="GLOB"),
        Flag("meta", "field=value; field~regex, field*part, field^prefix, field$suffix", value="TEST", repeat=True),
        JSON,
        YAML,
        LOCK,
        SET,
        PROFILE,
    ),
)

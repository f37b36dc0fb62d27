"""The checker on samples: each seeded mistake is found where it is marked, and well-typed programs pass."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wippy.lang.check.checker import Interface, check_source
from wippy.lang.check.diagnostic import HINT, Diagnostic
from wippy.lang.check.types import ANY, Type
from wippy.modules.catalog import Catalog
from wippy.modules.signature import module_type

CATALOG = Catalog()
HERE = Path(__file__).parent
_HEADER = re.compile(r"^-- (modules|imports): (.*)$", re.M)
_MARK = re.compile(r"--! ((?:[EW]\d{4} ?)+)")


def found_in(source: str, *, rules: bool = False) -> list[tuple[int, str]]:
    found, _, _ = check_source(source, "sample", rules=rules)
    return sorted((each.line or 0, each.code) for each in found if each.severity != HINT)


@pytest.mark.parametrize("path", sorted((HERE / "seeded").glob("*.lua")), ids=lambda path: path.stem)
def test_seeded_mistakes_are_found(path: Path) -> None:
    source = path.read_text()
    wanted = [
        (number, code)
        for number, line in enumerate(source.split("\n"), 1)
        if (match := _MARK.search(line))
        for code in match[1].split()
    ]
    assert wanted
    assert found_in(source) == sorted(wanted)


def check_program(path: Path) -> tuple[list[Diagnostic], Interface | None]:
    """Checks a program; its head may name `modules:` and `imports:`, which are programs beside it."""
    source = path.read_text()
    named = {key: names.split() for key, names in _HEADER.findall(source)}
    modules: dict[str, Type] = {}
    for name in ("channel", "process", "payload", *named.get("modules", [])):
        module = CATALOG.get(name)
        modules[name] = ANY if module is None else module_type(module)
    libraries: dict[str, Interface] = {}
    for name in named.get("imports", []):
        _, library = check_program(path.with_name(f"{name}.lua"))
        assert library is not None
        libraries[name] = library
    found, _, interface = check_source(source, path.stem, modules=modules, libraries=libraries)
    return found, interface


@pytest.mark.parametrize("path", sorted((HERE / "accepted").glob("*.lua")), ids=lambda path: path.stem)
def test_well_typed_programs_pass(path: Path) -> None:
    found, interface = check_program(path)
    assert interface is not None
    assert [(each.line, each.code, each.message) for each in found if each.severity != HINT] == []

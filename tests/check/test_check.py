"""The checker on samples: each seeded mistake is found where it is marked, and well-typed programs pass."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wippy.lang.check.checker import check_source
from wippy.lang.check.diagnostic import HINT

HERE = Path(__file__).parent
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


@pytest.mark.parametrize("path", sorted((HERE / "accepted").glob("*.lua")), ids=lambda path: path.stem)
def test_well_typed_programs_pass(path: Path) -> None:
    found, chunk, _ = check_source(path.read_text(), path.stem)
    assert chunk is not None
    assert [(each.line, each.code, each.message) for each in found if each.severity != HINT] == []

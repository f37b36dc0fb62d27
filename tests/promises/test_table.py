"""The table of promises names tests that exist, and every test."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
TABLE = HERE.parent.parent / "docs" / "promises.md"


def test_the_table_and_the_tests_name_each_other() -> None:
    named = set(re.findall(r"`(test_p\d\d\w+)`", TABLE.read_text()))
    found = {
        name
        for path in HERE.glob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_p\d\d\w+)", path.read_text(), re.M)
    }
    assert named == found


def test_every_promise_has_a_row() -> None:
    rows = re.findall(r"^\| P(\d\d) \|", TABLE.read_text(), re.M)
    assert [int(row) for row in rows] == list(range(1, 37))

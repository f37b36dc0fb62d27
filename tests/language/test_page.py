"""The blocks of docs/language.md run, and give what the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from application import application, function
from wippy.errors import WippyError

PAGE = (Path(__file__).parents[2] / "docs" / "language.md").read_text()
BLOCKS = re.findall(r"^## (.+?)$|^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


PARTS = "Modules and libraries"


def blocks() -> list[tuple[str, str, str]]:
    """(heading, language, text)"""
    heading, found = "", []
    for title, language, text in BLOCKS:
        if title:
            heading = title
        else:
            found.append((heading, language, text))
    return found


ALONE = [(heading, text) for heading, language, text in blocks() if language == "lua" and heading != PARTS]
RESULTS = [3, 3, WippyError, "3  2.00 nil", 14, "GRÖSSE"]


@pytest.mark.parametrize(("block", "result"), list(zip(ALONE, RESULTS, strict=True)))
def test_blocks_run(block: tuple[str, str], result: object) -> None:
    with application(function("block", block[1])) as app:
        if result is WippyError:
            with pytest.raises(WippyError) as caught:
                app.call("app:block")
            error = caught.value
            assert (error.kind, error.message, error.retryable, error.details) == (
                "NotFound",
                "no user 7",
                False,
                {"id": 7},
            )
        else:
            assert app.call("app:block") == result


def test_the_library(tmp_path: Path) -> None:
    entries, prices, quote = [text for heading, _, text in blocks() if heading == PARTS]
    found = yaml.safe_load(entries)
    (tmp_path / "src").mkdir()
    for text in (prices, quote):
        name = text.split()[1]
        (tmp_path / "src" / name).write_text(text)
    with application(*found, folder=tmp_path) as app:
        assert app.call("app:quote", '{"price": 4}') == 4

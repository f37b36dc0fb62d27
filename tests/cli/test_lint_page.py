"""The page about lint: its blocks give the findings it names, its commands print what it shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from wippy.cli.lint import COMMAND
from wippy.cli.main import execute
from wippy.lang.check import diagnostic
from wippy.lang.check.checker import check_source
from wippy.registry.config import Config

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "lint.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
LUA = [text for language, text in BLOCKS if language == "lua"]
CONSOLE = [text for language, text in BLOCKS if language == "console"]
YAML = [yaml.safe_load(text) for language, text in BLOCKS if language == "yaml"]
QUOTE, STOCK, *MARKED = LUA
INDEX = """\
version: "1.0"
namespace: shop
entries:
  - {name: quote, kind: function.lua, source: file://quote.lua, method: main, imports: {stock: shop:stock}}
  - {name: stock, kind: library.lua, source: file://stock.lua}
"""


def marks(text: str) -> list[tuple[int, str]]:
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        _, _, comment = line.partition("--")
        found += [(number, code) for code in re.findall(r"[EW]\d{4}", comment)]
    return sorted(found)


@pytest.mark.parametrize("text", MARKED, ids=lambda text: text.split("\n")[0])
def test_findings_of_a_block(text: str) -> None:
    rules = any(code.startswith("W") for _, code in marks(text))
    found = check_source(text, "block", rules=rules)[0]
    shown = [(each.line, each.code) for each in found if rules or each.severity != "hint"]
    assert sorted(shown) == marks(text)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    source = tmp_path / "src"
    source.mkdir()
    for name, text in (("_index.yaml", INDEX), ("quote.lua", QUOTE), ("stock.lua", STOCK)):
        (source / name).write_text(text)
    (tmp_path / "wippy.lock").write_text("directories:\n  src: ./src\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    return tmp_path


@pytest.mark.parametrize("block", CONSOLE, ids=lambda block: block.split("\n")[0])
def test_what_a_command_prints(shop: Path, capsys: pytest.CaptureFixture[str], block: str) -> None:
    command, _, shown = block.partition("\n")
    execute(tuple(command.split()[2:]))
    assert capsys.readouterr().out == shown


@pytest.mark.parametrize("repair", ["if not item then return 0 end", "item = assert(item)"])
def test_what_settles_it(shop: Path, capsys: pytest.CaptureFixture[str], repair: str) -> None:
    fixed = QUOTE.replace("    return item", f"    {repair}\n    return item")
    (shop / "src" / "quote.lua").write_text(fixed)
    assert execute(("lint",)) == 0
    (shop / "src" / "quote.lua").write_text(QUOTE.replace("stock.find(id)", "assert(stock.find(id))"))
    assert execute(("lint",)) == 0


def test_options() -> None:
    flags = {flag.name for flag in COMMAND.flags}
    table = PAGE.split("## Options")[1].split("\n\n")[1]
    assert set(re.findall(r"--([a-z][a-z-]+)", table)) <= flags
    assert flags - set(re.findall(r"--([a-z][a-z-]+)", PAGE)) <= {"set", "profile"}


def test_codes() -> None:
    table = PAGE.split("## Codes")[1].split("\n\n")[1]
    known = {
        value for value in vars(diagnostic).values() if isinstance(value, str) and re.fullmatch(r"[EP]\d{4}", value)
    }
    assert set(re.findall(r"[EP]\d{4}", table)) == known - {diagnostic.FAILED}


def test_the_steps_of_continuous_integration(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = YAML[0]["steps"][-1]["run"].split()
    assert execute(tuple(command[1:])) == 1
    assert capsys.readouterr().out.startswith("::error file=src/quote.lua,line=6,col=17,")


def test_strict_mode_is_on_with_these_settings(tmp_path: Path) -> None:
    (tmp_path / ".wippy.yaml").write_text(yaml.safe_dump(YAML[1]))
    assert Config.load(str(tmp_path)).get("lua.type_system.strict", False) is True


@pytest.mark.parametrize("page", sorted(set(DOCS.glob("*.md")) - {DOCS / "lint.md"}), ids=lambda page: page.stem)
def test_other_pages_show_code_that_passes(page: Path) -> None:
    text = page.read_text()
    for language, block in re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        if language == "lua":
            assert [each for each in check_source(block, page.stem)[0] if each.rejects and each.code != "P0001"] == []

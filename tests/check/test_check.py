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

NEVER_REJECT = frozenset(f"E00{n:02}" for n in (1, 6, 7, 9, *range(11, 19)))
CATALOG = Catalog()
HERE = Path(__file__).parent
_HEADER = re.compile(r"^-- (modules|imports): (.*)$", re.M)
_MARK = re.compile(r"--! ((?:[EW]\d{4} ?)+)")


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
    found, _ = check_program(path)
    assert sorted((each.line or 0, each.code) for each in found if each.severity != HINT) == sorted(wanted)


def check_program(path: Path, form: str = "{}") -> tuple[list[Diagnostic], Interface | None]:
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
    found, _, interface = check_source(form.format(source), path.stem, modules=modules, libraries=libraries)
    return found, interface


@pytest.mark.parametrize("path", sorted((HERE / "accepted").glob("*.lua")), ids=lambda path: path.stem)
def test_well_typed_programs_pass(path: Path) -> None:
    found, interface = check_program(path)
    assert interface is not None
    assert [(each.line, each.code, each.message) for each in found if each.severity != HINT] == []


@pytest.mark.parametrize(
    ("source", "code", "line", "words"),
    [
        ("local x = 1\nlocal x = 2\nreturn x", "E0017", 2, "'x' is declared again; nobody sees the one of line 1"),
        ("local f = print\nlocal function f() end\nreturn f", "E0017", 2, "'f' is declared again"),
        ("do return 1 end\nprint(2)", "E0009", 2, "never reached"),
        ("error('x')\nprint(2)", "E0009", 2, "never reached"),
        ("local function f() while true do print(1) end\nprint(2) end", "E0009", 2, "never reached"),
        ("return undefined_name", "E0001", 1, "undefined name 'undefined_name'"),
        (
            "local function f(m: 'a' | 'b' | 'c')\n  if m == 'a' then return 1 elseif m == 'b' then return 2 end end",
            "E0014",
            2,
            'no branch for "c"',
        ),
        (
            "type S = {k: 'a'} | {k: 'b'} | {k: 'c'}\nlocal function f(s: S)\n"
            "  if s.k == 'a' then return 1 elseif s.k == 'b' then return 2 end\nend",
            "E0014",
            3,
            'no branch for "c"',
        ),
    ],
)
def test_hints(source: str, code: str, line: int, words: str) -> None:
    found = [each for each in check_source(source, "sample")[0] if each.code == code]
    assert [(each.line, each.severity, each.rejects) for each in found] == [(line, HINT, False)]
    assert words in found[0].message


@pytest.mark.parametrize(
    "source",
    [
        "local function f(m: 'a' | 'b')\n  if m == 'a' then return 1 elseif m == 'b' then return 2 end\nend",
        "local function f(m: 1 | 2 | 3)\nif m == 1 then return 1 elseif m == 2 then return 2 else return end end",
        "local function f(m: 'a' | 'b' | 'c')\n  if m == 'a' then return 1 end\n  return 2\nend",
        "local function f(m: string)\n  if m == 'a' then return 1 elseif m == 'b' then return 2 end\nend",
        "local a, err = f()\nlocal b, err = f()\nlocal _ = 1\nlocal _ = 2\nreturn a, b, err",
        "local x = 1\ndo local x = 2 print(x) end\nreturn x",
    ],
)
def test_what_deserves_no_hint(source: str) -> None:
    assert [each for each in check_source(source, "sample")[0] if each.code in ("E0014", "E0017")] == []


WRAPPED = {
    "function": "local function main(...)\n{}\nend\nreturn main",
    "method": "local K = setmetatable({{}}, {{}})\nfunction K:run(...)\n{}\nend\nreturn K",
    "closure": "return function(a, b)\nreturn pcall(function(...)\n{}\nend)\nend",
    "loop": "for index = 1, 2 do\n{}\nend",
    "repeat": "repeat\n{}\nuntil ready",
    "branch": "if ready then\n{}\nelse print(1) end",
}


@pytest.mark.parametrize("form", WRAPPED)
def test_programs_pass_wherever_they_stand(form: str) -> None:
    for path in sorted((HERE / "accepted").glob("*.lua")):
        found, interface = check_program(path, WRAPPED[form])
        assert interface is not None
        assert [(path.stem, each.line, each.message) for each in found if each.severity != HINT] == []


def test_only_errors_reject() -> None:
    for path in (HERE / "seeded").glob("*.lua"):
        for each in check_source(path.read_text(), "sample")[0]:
            assert each.rejects == (each.severity == "error")
            assert not (each.rejects and each.code in NEVER_REJECT)


def test_a_type_that_a_library_does_not_declare() -> None:
    _, _, library = check_source("type Point = {x: number}\nreturn {}", "library")
    assert library is not None
    source = "local a: m.Point = {x = 1}\nlocal b: m.Pont = {}\nlocal c: n.Other = {}\nreturn {a, b, c}"
    found = check_source(source, "sample", libraries={"m": library})[0]
    assert [(each.line, each.code, each.severity) for each in found if each.code == "E0012"] == [(2, "E0012", HINT)]


def test_undefined_names_where_nobody_else_defines_globals() -> None:
    source = "local x = jsn.encode(1)\nhelper = print\nreturn helper(x, json)"
    found = check_source(source, "sample", modules={"json": ANY}, alone=True)[0]
    assert [(each.line, each.column, each.code, each.severity) for each in found] == [(1, 11, "E0001", "warning")]
    assert check_source("_G.x = 1\nreturn x", "sample", alone=True)[0][0].severity == HINT
    for probe in ("if (x) then x() end", "return x and x.y", "return x == nil", "return not x", "return type(x)"):
        assert [each.severity for each in check_source(probe, "sample", alone=True)[0]] == [HINT]


def test_what_was_meant() -> None:
    source = """
    local function f(quantity: integer, user: {name: string})
      print(quantitty, user.nmae, string.uper("a"), string.frobnicate, zzzz)
    end
    return f
    """
    found = check_source(source, "sample", modules={}, alone=True)[0]
    hints = {each.message.split("'")[1]: each.hint for each in found}
    assert hints["quantitty"] == "did you mean quantity?"
    assert hints["nmae"] == "did you mean name?"
    assert hints["uper"] == "did you mean upper?"
    assert hints["frobnicate"] == "it is nil at run time: write a function of your own"
    assert hints["zzzz"] == ""

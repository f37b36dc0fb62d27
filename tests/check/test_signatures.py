"""What the checker knows of the functions of modules comes from their declarations."""

from __future__ import annotations

import pytest

from wippy.lang.check.checker import check_source
from wippy.modules.catalog import Catalog
from wippy.modules.module import Function, Module
from wippy.modules.signature import module_type

CATALOG = Catalog()
MODULES = [module for name in CATALOG.names() if (module := CATALOG.get(name)) is not None]
SAMPLES = {"string": "'x'", "number": "1", "integer": "1", "boolean": "true", "table": "{}", "function": "print"}


def public(module: Module) -> list[Function]:
    return [each for each in module.functions.values() if not each.name.rpartition(".")[2].startswith("_")]


def codes(module: Module, source: str) -> list[str]:
    text = f"local m = require('{module.name}')\n{source}"
    found = check_source(text, "sample", modules={module.name: module_type(module)})[0]
    return [each.code for each in found if each.rejects]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_declared_arguments_are_asked_for_and_taken(module: Module) -> None:
    for function in public(module):
        needed = [each for each in function.parameters if not each.optional and not each.rest]
        given = [SAMPLES.get(each.type, "nil") for each in needed]
        call = f"m.{function.name}"
        assert codes(module, f"{call}({', '.join(given)})") == []
        known = [each.type in SAMPLES and each.convert is None for each in needed]
        assert codes(module, f"{call}()") == (["E0003"] if any(known) else [])
        for index, each in enumerate(needed):
            if known[index] and each.type != "function":
                wrong = [*given[:index], "print", *given[index + 1 :]]
                assert codes(module, f"{call}({', '.join(wrong)})") == ["E0000"]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_results_and_further_members_are_open(module: Module) -> None:
    source = "m.anything_else(1).x:y()\n"
    for function in public(module):
        source += f"local v{len(source)}, err = m.{function.name}(...)\nprint(v{len(source)}.x + 1, err:kind())\n"
    assert codes(module, f"local function f(...)\n{source}end") == []

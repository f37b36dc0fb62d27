"""json.validate and json.validate_string."""
# ruff: noqa: E501 - Lua code in the tests is easier to read on one line

from __future__ import annotations

import sys

import pytest

from wippy.modules.json import schema

from .harness import Lua


@pytest.fixture(scope="module")
def lua() -> Lua:
    return Lua()


@pytest.mark.parametrize(
    "arguments",
    [
        '{type = "object", required = {"a"}}, {a = 1}',
        '{type = "object"}, {}',
        '{properties = {x = {type = "object"}}}, {x = {}}',
        '{type = "object", properties = {}}, {x = 1}',
        "{}, 5",
        "'{}', 'text'",
        "true, {1}",
        '{type = "integer"}, 1.0',
        '{type = "array", items = {type = "integer"}}, {1, 2.0}',
        '{type = "string", maxLength = 1}, "\\u{1F600}"',
        '{format = "email"}, "no address"',
        '{["$ref"] = "#/nowhere"}, 1',
        '{["$ref"] = "http://nowhere.example/x"}, 1',
        '{properties = {a = {["$ref"] = "#/nowhere"}, b = {["$ref"] = "#/$defs/s"}}, ["$defs"] = {s = {type = "string"}}}, {a = 1, b = "x"}',
        '{type = "null"}, print',
        r'{type = "string"}, "\xff"',
        r'{properties = {a = {type = "string"}}}, {a = "\xff"}',
    ],
)
def test_valid(lua: Lua, arguments: str) -> None:
    assert lua.call(
        f'local n = select("#", require("json").validate({arguments})) return n, (require("json").validate({arguments}))'
    ) == [1, True]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("validate(nil, 1)", "schema is required"),
        ("validate({})", "data is required"),
        ("validate_string({})", "data is required"),
        ("validate_string({}, 5)", "data must be a JSON string"),
        ("validate_string({}, {})", "data must be a JSON string"),
        ('validate_string({}, "5 6")', "validation failed: evaluation failed"),
        ('validate_string({}, "")', "validation failed: evaluation failed"),
        ('validate_string({type = "number"}, "[]")', "validation failed: evaluation failed"),
        ("validate('{', 1)", "compile schema"),
        ("validate('5', 1)", "compile schema"),
        ("validate('{\"pattern\": \"[\"}', 'x')", "compile schema: pattern"),
        ("validate('{\"pattern\": \"(?=a)\"}', 'x')", "compile schema"),
        ('validate({type = "thing"}, 1)', "compile schema: type"),
        (
            'validate({type = "array"}, {})',
            'validation failed: evaluation failed: the document: {} is not of type "array"',
        ),
        ('validate({properties = {x = {type = "array"}}}, {x = {}})', '/x: {} is not of type "array"'),
        ('validate({items = {type = "string"}}, {"a", 5})', "/1: 5 is not"),
        ("validate({required = {'a', 'b'}}, {a = 1})", '"b" is a required property'),
        ("validate({}, (function() local t = {} t.t = t return t end)())", "table contains itself"),
        ("validate({1, a = 2}, 1)", "compile schema: "),
    ],
)
def test_not_valid(lua: Lua, call: str, words: str) -> None:
    value, kind, message, retryable = lua.call(
        f'local v, e = require("json").{call} return v, e:kind(), e:message(), e:retryable()'
    )
    assert (value, kind, retryable) == (False, "Invalid", False)
    assert words in message


def test_schemas_are_kept(lua: Lua) -> None:
    schema.compiled.cache_clear()
    lua.call('local json = require("json") for i = 1, 5 do json.validate({type = "string"}, "x") end')
    assert schema.compiled.cache_info().misses == 1


def test_without_the_package(lua: Lua, monkeypatch: pytest.MonkeyPatch) -> None:
    schema.compiled.cache_clear()
    monkeypatch.setitem(sys.modules, "jsonschema_rs", None)
    value, kind, message = lua.call('local v, e = require("json").validate({}, 1) return v, e:kind(), e:message()')
    assert (value, kind) == (False, "Unavailable")
    assert "pip install 'wippy[schema]'" in message

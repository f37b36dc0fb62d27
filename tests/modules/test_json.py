"""json: shapes, numbers, escapes, and what is refused."""
# ruff: noqa: E501 - Lua code in the tests is easier to read on one line

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .harness import Lua, LuaFailure


@pytest.fixture(scope="module")
def lua() -> Lua:
    return Lua()


def encode(lua: Lua, expression: str) -> str:
    text, error = lua.call(f'return require("json").encode({expression})')
    assert error is None, error
    return text


def decode(lua: Lua, text: str) -> object:
    lua.services.environment.values["text"] = text
    value, error = lua.call(f'return require("json").decode({_lua(text)})')
    assert error is None, error
    return value


def _lua(text: str) -> str:
    return '"' + "".join(f"\\x{byte:02x}" for byte in text.encode("utf-8", "surrogateescape")) + '"'


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("nil", "null"),
        ("{}", "[]"),
        ("{1, 2, 3}", "[1,2,3]"),
        ("{a = 1, b = {}}", '{"a":1,"b":[]}'),
        ("{[0] = 1, [-1] = 2, [0.5] = 3, [true] = 4}", '{"-1":2,"0":1,"0.5":3,"true":4}'),
        ("{5.0, 1e15, 0.1, 1e300 * 0 + 1.5}", "[5,1000000000000000,0.1,1.5]"),
        ("{1e-7, 1.5e22}", "[0.0000001,15000000000000000000000]"),
        ("1e-7", "1e-7"),
        ("1e21", "1e+21"),
        ("1e20", "100000000000000000000"),
        ("3.0", "3"),
        ("{0/0, 1/0, -1/0}", "[null,null,null]"),
        ("9007199254740993", "9007199254740993"),
        (r'"a\"\\\b\f\n\r\t\1<>&"', r'"a\"\\\b\f\n\r\t\u0001\u003c\u003e\u0026"'),
        (r'"\u{2028}\u{2029}é"', r'"\u2028\u2029é"'),
        (r'"a\xffb"', '"a\ufffdb"'),
        ("print", "null"),
        ("{print, 1}", "[null,1]"),
        ('K.new_error("Invalid", "boom")', '"boom"'),
        ('K.constant("sql.NULL")', '"SQL_NULL"'),
        ('require("json").decode("{}")', "{}"),
        ('require("json").decode("[]")', "[]"),
        ("K.freeze({1, K.freeze({a = 1})})", '[1,{"a":1}]'),
    ],
)
def test_encode(lua: Lua, expression: str, text: str) -> None:
    assert encode(lua, expression) == text


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("{1, 2, a = 3}", "cannot encode mixed-key table: table has both numeric and non-numeric keys"),
        ("{[1] = 1, [3] = 3}", "cannot encode sparse array: non-contiguous numeric keys found"),
        ("{[2] = 1}", "cannot encode sparse array"),
        ("(function() local t = {} t.t = t return t end)()", "recursively nested"),
        ("(function() local t = {} for i = 1, 129 do t = {t} end return t end)()", "maximum nesting depth"),
    ],
)
def test_encode_refuses(lua: Lua, expression: str, words: str) -> None:
    kind, message = lua.call(f'local _, e = require("json").encode({expression}) return e:kind(), e:message()')
    assert kind == "Internal"
    assert message.startswith("encode failed: ")
    assert words in message


def test_shared_tables_and_the_deepest_allowed_nesting_encode(lua: Lua) -> None:
    assert encode(lua, "(function() local t = {1} return {t, t} end)()") == "[[1],[1]]"
    assert (
        encode(lua, "(function() local t = {} for i = 1, 128 do t = {t} end return t end)()") == "[" * 129 + "]" * 129
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("null", None),
        (" [1, 2.0, -0, 1e2]", [1, 2.0, 0, 100.0]),
        ('{"a" : {"b":[true,false]}}', {"a": {"b": [True, False]}}),
        ("99999999999999999999", 2**63 - 1),
        ("-99999999999999999999", -(2**63)),
        ("1e999", 1.7976931348623157e308),
        ("-1e999", -1.7976931348623157e308),
        ('"\\u00e9\\ud83d\\ude00\\/"', "é😀/"),
        ("1 trailing \\ text", 1),
        ('{"a":null}', {}),
    ],
)
def test_decode(lua: Lua, text: str, value: object) -> None:
    got = decode(lua, text)
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize(
    "text",
    ['{"a":1,"a":2}', '{"a":null,"a":1}', "[1,]", "[1 2]", "{a:1}", "01", "1.", "-", "+1", ".5", "1e", '"\\ud800"', '"\\x"',
     '"a\nb"', '"open', "[", '{"a"', "tru", "nul", "// c\n1", "\ufeff1", "[" * 130 + "]" * 130, '"\udcff"', " "],
)  # fmt: skip
def test_decode_refuses(lua: Lua, text: str) -> None:
    value, kind, message = lua.call(
        f'local v, e = require("json").decode({_lua(text)}) return v, e:kind(), e:message()'
    )
    assert (value, kind) == (None, "Internal")
    assert message.startswith("decode failed: ")


def test_wrong_input_is_invalid(lua: Lua) -> None:
    code = 'local _, a = require("json").decode({}) local _, b = require("json").decode("") return a:kind(), a:message(), b:kind(), b:message()'
    assert lua.call(code) == ["Invalid", "string expected", "Invalid", "empty string is not valid JSON"]


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(-1e15, 1e15) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def _without_nulls(value: object) -> object:
    if isinstance(value, dict):
        return {k: _without_nulls(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [_without_nulls(v) for v in value if v is not None]
    return value


@settings(max_examples=150, deadline=None)
@given(plain.map(_without_nulls))
def test_a_document_survives_decode_and_encode(lua: Lua, value: object) -> None:
    text = json.dumps(value)
    again = lua.call(
        f'local j = require("json") local v, e = j.decode({_lua(text)}) if e then error(e:message()) end return (j.encode(v))'
    )
    back = json.loads(again)
    assert back == value or (isinstance(value, float) and math.isclose(back, value, rel_tol=0))


def test_encode_is_the_same_in_every_run(lua: Lua) -> None:
    assert encode(lua, "{z = 1, a = 2, m = 3}") == '{"a":2,"m":3,"z":1}'


def test_unknown_module(lua: Lua) -> None:
    with pytest.raises(LuaFailure, match="module 'jsn' not found"):
        lua.call('return require("jsn")')

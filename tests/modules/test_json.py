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
        ("{a = nil}", "{}"),
        ("(function() local t = {a = 1} t.a = nil return t end)()", "{}"),
        ("(function() local t = {1} t[1] = nil return {t, t} end)()", "[[],[]]"),
        ("{{}, {a = nil}, require('json').decode('{\"a\":null}')}", "[[],{},{}]"),
        ("{1, 2, 3}", "[1,2,3]"),
        ("{a = 1, b = {}}", '{"a":1,"b":[]}'),
        ("{[0] = 1, [-1] = 2, [0.5] = 3, [true] = 4}", '{"-1":2,"0":1,"0.5":3,"true":4}'),
        ("{5.0, 1e15, 0.1, 1e300 * 0 + 1.5}", "[5,1000000000000000,0.1,1.5]"),
        ("{[1] = 'a', [3] = 'c', [2] = 'b'}", '["a","b","c"]'),
        ("{[0] = 1, ['0'] = 2}", '{"0":1,"0":2}'),
        (
            "{-0.0, 1e-4, 123456789.123, 0.1 + 0.2, 5e-324}",
            "[0,0.0001,123456789.123,0.30000000000000004," + "0." + "0" * 323 + "5]",
        ),
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
        ("(function() local t = {1, 2, 3, 4} t[3] = nil t.k = 1 return t end)()", "cannot encode mixed-key table"),
        ("(function() local t = {1, 2, 3, 4} t[3] = nil return t end)()", "cannot encode sparse array"),
        (
            "(function() local t = {} for i = 1, 100 do t[i] = i end t.k = 1 return t end)()",
            "cannot encode mixed-key table",
        ),
        (
            "(function() local t = {} for i = 1, 100 do t[i] = i end t[50] = nil return t end)()",
            "cannot encode sparse array",
        ),
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


# What is learned from documents that look alike must not change what they mean. -----------------------------------


class Duplicate(ValueError):
    pass


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise Duplicate
    return dict(pairs)


def _integer(text: str) -> int:
    return max(-(2**63), min(2**63 - 1, int(text)))


def _float(text: str) -> float:
    return max(-1.7976931348623157e308, min(1.7976931348623157e308, float(text)))


def _no_constant(name: str) -> object:
    raise ValueError(name)


def _reference(text: bytes) -> object:
    """The first value as the contract reads it, in Python. Raises ValueError."""
    decoder = json.JSONDecoder(
        object_pairs_hook=_unique, parse_int=_integer, parse_float=_float, parse_constant=_no_constant
    )
    value, _ = decoder.raw_decode(text.decode("utf-8", "surrogateescape").lstrip(" \n\r\t"))
    json.dumps(value, ensure_ascii=False).encode()  # lone surrogates stand for invalid UTF-8
    return value


values = {
    "text": st.sampled_from(["plain", "two words", "", "x" * 60]) | st.text(max_size=6),
    "integer": st.integers(-5, 10**6) | st.sampled_from([0, -1, 10**18, 2**63 - 1, -(2**63), 2**70]),
    "float": st.floats(-1000, 1000) | st.sampled_from([0.5, 1.0, 1e-9, 1e300, -0.0]),
    "word": st.sampled_from([True, False, None]),
    "either": st.sampled_from([1, 2.5, None, "x"]),
    "object": st.fixed_dictionaries({"p": st.integers(0, 9), "q r": st.sampled_from(["a", "b"])}),
    "list": st.lists(st.integers(0, 99), max_size=3),
    "texts": st.lists(st.sampled_from(["a", "b c"]), min_size=2, max_size=2),
    "any": st.recursive(st.integers(0, 9) | st.text(max_size=3), lambda inner: st.lists(inner, max_size=3)),
}
names = st.sampled_from(["id", "name", "a-b", "x y", "k%", "t[", "é", "z.z", "\u2028"])


@st.composite
def record_lists(draw: st.DrawFn) -> list[dict[str, object]]:
    fields = draw(st.dictionaries(names, st.sampled_from(sorted(values)), min_size=1, max_size=6))
    made = []
    for _ in range(draw(st.integers(2, 6))):
        one = {name: draw(values[kind]) for name, kind in fields.items()}
        for name in draw(st.lists(st.sampled_from(sorted(fields)), max_size=1)):
            if draw(st.integers(0, 4)) == 0:
                one[name] = draw(values["any"])
            elif draw(st.integers(0, 4)) == 0:
                del one[name]
        made.append(one)
    return made


forms = st.sampled_from(
    [
        {},
        {"separators": (",", ":")},
        {"indent": 2},
        {"indent": 2, "ensure_ascii": False},
        {"separators": (" , ", " : "), "ensure_ascii": False},
    ]
)


def _as_lua(value: object) -> object:
    """What arrives from Lua for a value: null leaves a hole."""
    if isinstance(value, dict):
        return {name: _as_lua(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        held = {i + 1: _as_lua(item) for i, item in enumerate(value) if item is not None}
        return list(held.values()) if list(held) == list(range(1, len(held) + 1)) else held
    return value


def _same(a: object, b: object) -> bool:
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        assert isinstance(b, dict)
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        assert isinstance(b, list)
        return len(a) == len(b) and all(map(_same, a, b))
    return a == b and str(a) == str(b)


def _has_hole(value: object) -> bool:
    if isinstance(value, dict):
        return any(isinstance(key, int) for key in value) or any(map(_has_hole, value.values()))
    return isinstance(value, list) and any(map(_has_hole, value))


def _compare(lua: Lua, text: bytes) -> None:
    try:
        wanted, failed = _as_lua(_reference(text)), False
    except (ValueError, RecursionError):
        wanted, failed = None, True
    code = """
    local json = require("json")
    local value, err = json.decode(%s)
    local again = json.encode(value)
    return value, err and err:kind(), again
    """
    found = lua.call(code % _lua(text.decode("utf-8", "surrogateescape")))
    value, kind, again = found if isinstance(found, list) else [found, None, None]
    if failed:
        assert (value, kind) == (None, "Internal"), text
        return
    assert kind is None, text
    assert _same(value, wanted), text
    if _has_hole(wanted):
        assert again is None
    else:
        assert json.loads(again, parse_int=lambda t: int(t) if len(t) <= 20 else float(t)) == wanted, text


@settings(max_examples=300, deadline=None)
@given(record_lists(), forms)
def test_records_read_and_write_as_python_does(
    lua: Lua, records: list[dict[str, object]], form: dict[str, object]
) -> None:
    _compare(lua, json.dumps(records, **form).encode())  # type: ignore[arg-type]
    _compare(lua, json.dumps(records[0], **form).encode())  # type: ignore[arg-type]


@settings(max_examples=300, deadline=None)
@given(record_lists(), forms, st.data())
def test_broken_records_are_refused_as_python_refuses_them(
    lua: Lua, records: list[dict[str, object]], form: dict[str, object], data: st.DataObject
) -> None:
    text = bytearray(json.dumps(records, **form).encode())  # type: ignore[arg-type]
    at = data.draw(st.integers(0, len(text) - 1))
    match data.draw(st.integers(0, 3)):
        case 0:
            text[at] = data.draw(st.sampled_from(b'0123456789"{}[]:,.-eE tfn\\\n\x00\x7f\xff\xc3a'))
        case 1:
            del text[at]
        case 2:
            text.insert(at, data.draw(st.sampled_from(b'0019"{}[]:,.-eE \\n\xe2')))
        case _:
            del text[at:]
    if text:
        _compare(lua, bytes(text))


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=30, max_size=150)
    | st.lists(st.floats(-1e6, 1e6), min_size=30, max_size=80)
    | st.lists(st.integers(-9, 99) | st.just(2.5), min_size=30, max_size=80)
    | st.lists(st.text(max_size=4), min_size=30, max_size=60),
    forms,
)
def test_long_lists_read_and_write_as_python_does(lua: Lua, items: list[object], form: dict[str, object]) -> None:
    _compare(lua, json.dumps(items, **form).encode())  # type: ignore[arg-type]


@pytest.mark.parametrize("item", ["7", "0.5", '"x"', "true"])
@pytest.mark.parametrize(
    "odd", [" 7", "\n0.5", ' "y"', "7 ", "07", "1.", '"a\\n"', "-", "1e5", "99999999999999999999", "", "{}"]
)
def test_one_odd_item_in_a_long_list(lua: Lua, item: str, odd: str) -> None:
    for comma in (",", ", ", " ,"):
        for at in (0, 5, 19, 20, 21, 36, 37, 59):
            items = [item] * 60
            items[at] = odd
            _compare(lua, f"[{comma.join(items)}]".encode())


def test_the_same_names_with_other_kinds_of_values(lua: Lua) -> None:
    kinds = ['1', '2.5', '"x"', 'true', 'null', '[1,2]', '[]', '{"q":1}', '{}', '"a\\nb"', '1e5', '-0', '"é"']  # fmt: skip
    for first in kinds:
        for second in kinds:
            for third in (first, second):
                _compare(lua, f'[{{"v":{first},"z":1}},{{"v":{second},"z":1}},{{"v":{third},"z":1}}]'.encode())


@pytest.mark.parametrize(
    "field", ['"n":01', '"n":1.', '"n":-', '"n":1e', '"n":+1', '"n":tru', '"n":nil', '"n":"\\x"', '"n":"\n"']
)
def test_a_bad_value_among_good_records_is_found(lua: Lua, field: str) -> None:
    good = ",".join(f'{{"id":{i},"n":7}}' for i in range(8))
    _compare(lua, f'[{good},{{"id":8,{field}}}]'.encode())


def test_a_document_of_many_names(lua: Lua) -> None:
    expression = "(function() local t = {} for i = 1, 9000 do t['k' .. (i * 7919 % 9001)] = i end return t end)()"
    assert list(json.loads(encode(lua, expression))) == sorted(f"k{i * 7919 % 9001}" for i in range(1, 9001))


def test_long_texts_are_escaped_in_pieces(lua: Lua) -> None:
    for unit, count in (("é", 40000), ("a\u2028", 20000), ('"x\\', 30000), ("\U0001f600abc", 9000), ("x", 200000)):
        text = lua.call(f'return (require("json").encode({{({_lua(unit)}):rep({count})}}))')
        assert json.loads(text) == [unit * count]
        assert decode(lua, json.dumps([unit * 10])) == [unit * 10]
    broken = lua.call('return (require("json").encode(("x"):rep(16383) .. "\\xe2\\x82" .. ("y"):rep(20000)))')
    assert json.loads(broken) == "x" * 16383 + "\ufffd\ufffd" + "y" * 20000


def test_long_tokens_decode_in_pieces(lua: Lua) -> None:
    code = """
    local json = require("json")
    local long = ("x"):rep(300000)
    assert(json.decode('["' .. long .. '"]')[1] == long)
    assert(json.decode('["' .. long .. '\\\\n' .. long .. '", 1]')[1] == long .. "\\n" .. long)
    local spaces = (" "):rep(300000)
    local t = json.decode(spaces .. "[" .. spaces .. "1" .. spaces .. "," .. spaces .. '{"a"' .. spaces .. ":" .. spaces .. "2}" .. spaces .. "]")
    assert(t[1] == 1 and t[2].a == 2)
    local texts = {}
    for _, text in ipairs { '["' .. long, '["' .. long .. "\\n\\"]", "[" .. ("1"):rep(300000) .. "]", '["' .. long .. '\\xff"]' } do
      local _, err = json.decode(text)
      texts[#texts + 1] = err:message()
    end
    return texts
    """
    assert lua.call(code) == [
        "decode failed: unexpected end of JSON input",
        "decode failed: control character in string at offset 300002",
        "decode failed: too long a number at offset 1",
        "decode failed: invalid UTF-8 at offset 300002",
    ]


def test_cycles_of_every_length_are_told_from_depth(lua: Lua) -> None:
    for length in (1, 2, 7, 8, 9, 60, 125, 128):
        code = f"(function() local first = {{}} local t = first for i = 2, {length} do t.x = {{}} t = t.x end t.x = first return first end)()"
        message = lua.call(f'local _, e = require("json").encode({code}) return e:message()')
        assert "recursively nested" in message, length
    deep = "(function() local t = {} for i = 1, 129 do t = {x = t} end return t end)()"
    assert "maximum nesting depth" in lua.call(f'local _, e = require("json").encode({deep}) return e:message()')

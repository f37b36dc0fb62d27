"""yaml: how values are written, what texts mean, and what is refused."""
# ruff: noqa: E501 - Lua code in the tests is easier to read on one line

from __future__ import annotations

import contextlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wippy.modules.yaml.reader import ReadError, read
from wippy.modules.yaml.writer import write

from .harness import Lua


@pytest.fixture(scope="module")
def lua() -> Lua:
    return Lua()


def encode(lua: Lua, expression: str) -> str:
    text, error = lua.call(f'return require("yaml").encode({expression})')
    assert error is None, error
    return text


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("{}", "{}\n"),
        ("{a = {}}", "a: {}\n"),
        ("{1, 2}", "- 1\n- 2\n"),
        ("{1, nil, 3, x = 4}", "- 1\n- null\n- 3\n"),
        ("{k = {1, {a = 1, b = {2}}}}", "k:\n    - 1\n    - a: 1\n      b:\n        - 2\n"),
        ("{k = {1, {a = 1}}}, {}", "k:\n    - 1\n    - a: 1\n"),
        ("{k = {1, {a = 1}}}, {sort_unordered = false}", "k:\n  - 1\n  - a: 1\n"),
        ("{{1, {2}}}", "- - 1\n  - - 2\n"),
        ("{a10 = 1, a2 = 1, _b = 1, B = 1, A = 1}", "_b: 1\nA: 1\nB: 1\na2: 1\na10: 1\n"),
        ('{a = 1, b = {z = 1, a = 2}, z = 3}, {field_order = {"z", "b"}}', "z: 3\nb:\n  z: 1\n  a: 2\na: 1\n"),
        ("{a10 = 1, a2 = 2}, {sort_unordered = true}", "a10: 1\na2: 2\n"),
        ("{['k' .. ('9'):rep(5000)] = 1, ['k' .. ('1'):rep(5001)] = 2, k10 = 3, k010 = 4, k9 = 5}",
         "k9: 5\nk10: 3\nk010: 4\n? k" + "9" * 5000 + "\n: 1\n? k" + "1" * 5001 + "\n: 2\n"),
        ("{[true] = 1, [0] = 2}", '"0": 2\n"true": 1\n'),
        ("{5.0, 1e6, 1e-7, 123456.5, 1/0, -1/0, 0.1}", "- 5\n- 1e+06\n- 1e-07\n- 123456.5\n- .inf\n- -.inf\n- 0.1\n"),
        ("{0/0}", "- .nan\n"),
        ('{"yes", "No", "y", "on", "TRUE", "null", "~", ""}', '- "yes"\n- "No"\n- "y"\n- "on"\n- "TRUE"\n- "null"\n- "~"\n- ""\n'),
        ('{"1", "1.5", "0x1f", "1:30", "2024-01-02", "1_000", ".inf"}', '- "1"\n- "1.5"\n- "0x1f"\n- "1:30"\n- "2024-01-02"\n- "1_000"\n- ".inf"\n'),
        ('{"a: b", "#c", " x", "x ", "- a", "[a]", "it\'s", "\'q"}', "- 'a: b'\n- '#c'\n- ' x'\n- 'x '\n- '- a'\n- '[a]'\n- it's\n- '''q'\n"),
        (r'{"a\tb", "a\1b", "é"}', '- "a\\tb"\n- "a\\x01b"\n- é\n'),
        (r'{a = "x\ny\n", b = "x\ny"}', "a: |\n    x\n    y\nb: |-\n    x\n    y\n"),
        (r'{"a\n\tb\n", "\u{a0}x"}', "- |\n  a\n  \tb\n- \xa0x\n"),
        (r'{"\xff"}', "- !!binary /w==\n"),
        ('{("word "):rep(40) .. "end"}', "- " + "word " * 40 + "end\n"),
        ('{K.new_error("Invalid", "boom")}', "- boom\n"),
    ],
)  # fmt: skip
def test_encode(lua: Lua, expression: str, text: str) -> None:
    assert encode(lua, expression) == text


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        ("encode(5)", "Invalid", "table expected"),
        ('encode("x")', "Invalid", "table expected"),
        ("encode()", "Invalid", "table expected"),
        ("encode((function() local t = {} t.t = t return t end)())", "Internal", "table contains itself"),
        ("decode(5)", "Invalid", "string expected"),
        ("decode()", "Invalid", "string expected"),
        ('decode("")', "Invalid", "input cannot be empty"),
        (r'decode("a: 1\nb: [")', "Internal", "decode failed: yaml: line 3: "),
        (r'decode("a: 1\na: 2")', "Internal", 'line 2: mapping key "a" already defined in the map of line 1'),
        ('decode("a: *x")', "Internal", "unknown anchor 'x'"),
        ('decode("a: &x [*x]")', "Internal", "contains itself"),
        ('decode("9223372036854775808")', "Internal", "does not fit into 64 bits"),
        ('decode("[1]: 2")', "Internal", "cannot be a key"),
        ('decode(("["):rep(100000))', "Internal", "nesting depth"),
        (r'decode("\xff")', "Internal", "invalid UTF-8"),
    ],
)
def test_refused(lua: Lua, code: str, kind: str, words: str) -> None:
    value, found, message, retryable = lua.call(
        f'local v, e = require("yaml").{code} return v, e:kind(), e:message(), e:retryable()'
    )
    assert (value, found, retryable) == (None, kind, False)
    assert words in message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("# nothing", None), ("---\n", None), ("~", None), ("a:", {"a": None}), ("--- 1\n--- 2", 1), ("'5'", "5"), ("!!str 5", "5"),
        ("[true, True, FALSE, yes, off, y]", [True, True, False, "yes", "off", "y"]),
        ("[1, 0x1F, 0o17, 017, 0b11, 1_000, -5, +5, 09]", [1, 31, 15, 15, 3, 1000, -5, 5, 9.0]),
        ("[1.5, 1e3, .5, .inf, -.Inf]", [1.5, 1000.0, 0.5, float("inf"), float("-inf")]),
        ("[2024-01-02, 2024-01-02T03:04:05.5+01:00, 2024-01-02 00:00:01]", [1704153600.0, 1704161045.5, 1704153601.0]),
        ("['2024-01-02', 2024-13-01, 1:30, 1.2.3]", ["2024-01-02", "2024-13-01", "1:30", "1.2.3"]),
        ("1: a\ntrue: b\n0x10: c\n1.50: d", {"1": "a", "true": "b", "16": "c", "1.50": "d"}),
        ("a: &x {p: 1, q: 2}\nb: {<<: *x, q: 3}\nc: *x", {"a": {"p": 1, "q": 2}, "b": {"p": 1, "q": 3}, "c": {"p": 1, "q": 2}}),
        ("a: &x {p: 1}\nb: &y {p: 2, q: 2}\nc: {<<: [*x, *y]}", {"a": {"p": 1}, "b": {"p": 2, "q": 2}, "c": {"p": 1, "q": 2}}),
        ("!!binary aGk=", b"hi"), ("!thing {a: !x 1}", {"a": 1}), ("a: |\n  x\n  y\nb: >\n  p\n  q\n", {"a": "x\ny\n", "b": "p q\n"}),
    ],
)  # fmt: skip
def test_decode(text: str, value: object) -> None:
    assert read(text) == value
    assert repr(read(text)).replace("'", "") == repr(value).replace("'", "") or isinstance(value, dict)


def test_decoded_values_in_lua(lua: Lua) -> None:
    got = lua.call(
        r"""
        local v, e = require("yaml").decode("a: 1\nb: 2.0\nc: 2024-01-02\nd:\ne: {}\nf: [1, ~, 3]\n1: x\ng: !!binary /w==\n")
        return math.type(v.a), math.type(v.b), math.type(v.c), v.d, type(v.e), v.f[3], v["1"], v[1], v.g, e
        """
    )
    assert got == ["integer", "float", "float", None, "table", 3, "x", None, b"\xff", None]


def test_aliases_that_would_fill_the_memory() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(ReadError, match="excessive aliasing"):
        read("\n".join(lines))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, min_size=1, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(VALUES, st.sampled_from([None, {"sort_unordered": True}]))
def test_what_is_written_reads_back(value: object, options: object) -> None:
    assert read(write(value, options)) == value


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab \t\n\r\x85\u2028\xa0:#-'\"").map(lambda text: {"k": [text], text: text}))
@example({"k": ["\t\n"], "\t\n": "\t\n"})
def test_strings_of_several_lines_read_back(value: object) -> None:
    assert read(write(value)) == value


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab:-[]{}#&*!|>'\"%@` \n\t,?~<0123_."))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(ReadError):
        read(text)

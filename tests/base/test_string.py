"""The string library, without patterns, formats and packing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lua_base import error, run, text

NUMBERS = st.integers(-12, 12)


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ('return ("hello"):sub(2)', "ello"),
        ('return ("hello"):sub(-3, -2)', "ll"),
        ('return ("hello"):sub(0)', "hello"),
        ('return ("hello"):sub(1, 5 / 2)', "he"),
        ('return ("hello"):sub("2", "3")', "el"),
        ("return string.sub(12345, 2, 3)", "23"),
        ('return ("abc"):byte()', "97"),
        ('return ("abc"):byte(1, -1)', "97 98 99"),
        ('return ("abc"):byte(10)', ""),
        ("return string.char(72, 105.9)", "Hi"),
        ("return string.char()", ""),
        ("return string.len(2.0), ('a\\0b'):len()", "1 3"),
        ('return ("abc"):rep(3), ("abc"):rep(0), ("abc"):rep(-1), ("ab"):rep(2, ",")', "abcabcabc   abab"),
        ('return ("abc"):reverse()', "cba"),
        ('return ("Straße"):lower(), ("éa"):upper(), ("ÀB"):lower(), ("ab"):upper()', "straße ÉA àb AB"),
        ('return ("\\255a"):upper() == "\\255A"', "true"),
        ("return string.len(errors.new('oops')), string.upper(errors.new('oops'))", "4 OOPS"),
        ("return string.nothing, ('x').nothing", "nil nil"),
        ("return ('x').upper == string.upper, string.gfind == string.gmatch", "true true"),
    ],
)
def test_values(source: str, result: str) -> None:
    assert text(source) == result


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("string.sub()", "bad argument #1 to sub (string expected, got nil)"),
        ("\nlocal x = ('x'):rep({})", "bad argument #2 to rep (number expected, got table)"),
        ("string.sub('x')", "bad argument #2 to sub (number expected, got nil)"),
        ("string.sub('x', 'y')", "bad argument #2 to sub (number expected, got string)"),
        ("string.upper(true)", "bad argument #1 to upper (string expected, got boolean)"),
        ("string.char(65, 256)", "bad argument #2 to char (value out of range 0..255)"),
        ("string.char(-1)", "bad argument #1 to char (value out of range 0..255)"),
        ("string.rep('xx', 1 << 40)", "resulting string too large"),
        ("string.rep('x', (1 << 27) + 1)", "resulting string too large"),
        ("string.dump(string.dump)", "unable to dump given function: functions have no text form"),
        ("string.extra = 1", "attempt to modify Immutable table"),
        ("string.find('x', nil)", "bad argument #2 to find (string expected, got nil)"),
        ("string.gsub('x', 'x', 1)", "bad argument #3 to gsub (string/function/table expected, got number)"),
        ("string.gsub('x', 'x', nil)", "bad argument #3 to gsub (string/function/table expected, got nil)"),
    ],
)
def test_errors_carry_the_line_of_the_caller(source: str, message: str) -> None:
    line = 1 + source.count("\n")
    assert error(source) == f"test:code:{line}: {message}"


@given(st.binary(min_size=1, max_size=5), st.integers(16300, 16500) | st.integers(32700, 32900))
def test_rep_of_many(s: bytes, n: int) -> None:
    assert run("local s, n = ... return s:rep(n)", s, n) == s * n


def test_methods_cannot_be_replaced_through_the_metatable() -> None:
    assert not run("return getmetatable and getmetatable('') or false")


@given(st.binary(max_size=8), NUMBERS, NUMBERS)
def test_sub_is_a_slice(s: bytes, i: int, j: int) -> None:
    n = len(s)
    first = max(i if i > 0 else n + i + 1 if i < 0 else 1, 1)
    last = min(j if j >= 0 else n + j + 1, n)
    assert run("local s, i, j = ... return s:sub(i, j)", s, i, j) == s[first - 1 : max(last, first - 1)]

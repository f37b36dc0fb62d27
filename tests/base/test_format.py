"""string.format."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lua_base import error, run, text


@pytest.mark.parametrize(
    ("arguments", "result"),
    [
        ("'%d', 3.7", "3"),
        ("'%d', -3.7", "-3"),
        ("'%d', '42'", "42"),
        ("'%d', 0/0", "-9223372036854775808"),
        ("'%5d|%-5d|%05d|%+d|% d', 42, 42, 42, 42, 42", "   42|42   |00042|+42| 42"),
        ("'%i %u', 7, -1", "7 18446744073709551615"),
        ("'%x %X %#x %o', 255, 255, 255, 8", "ff FF 0xff 10"),
        ("'%x', 255.0", "ff"),
        ("'%c%c', 72, 105", "Hi"),
        ("'%f %.2f %5.2f|', 1, 2.345, 3", "1.000000 2.35  3.00|"),
        ("'%e %E', 12345.678, 1", "1.234568e+04 1.000000E+00"),
        ("'%g %g %G', 0.1, 100000000, 1e-10", "0.1 1e+08 1E-10"),
        ("'%5.1f|%.1f|%f', 1/0, 0/0, -1/0", " +Inf|NaN|-Inf"),
        ("'%5.1f %.1f', 1.25, 1/0", "  1.2 +Inf"),
        ("'%s %s %s', nil, true, 1.0", "nil true 1"),
        ("'%s', errors.new('oops')", "oops"),
        ("'%-10s|%10s|%.2s|', 'ab', 'cd', 'efgh'", "ab        |        cd|ef|"),
        ("'%s %v', 0.1, 'x'", "0.1 x"),
        ("'%q', 'a\"b\\\\c\\n\\0001\\t'", '"a\\"b\\\\c\\n\\0001\\t"'),
        ("'%q', 5", '"5"'),
        ("'100%%'", "100%"),
        ("'%d', 1, 2, 3", "1"),
        ("'%d %d %d %d %s', 1, 2, 3, 4, 'five'", "1 2 3 4 five"),
        ("'%s', 'a\\0b'", "a\0b"),
        ("'%5s', 'a\\0b'", "  a\0b"),
        ("'%s', ('x'):rep(200)", "x" * 200),
        ("'%120d|%-120d|%0120d', 5, 5, -5", " " * 119 + "5|5" + " " * 119 + "|-" + "0" * 118 + "5"),
        ("12", "12"),
    ],
)
def test_values(arguments: str, result: str) -> None:
    assert text(f"return string.format({arguments})") == result


def test_tables_are_shown_without_their_metamethod() -> None:
    shown = text("return ('%s'):format(setmetatable({}, {__tostring = function() return 'own' end}))")
    assert shown.startswith("table: 0x")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("'%d', 'x'", "bad argument #2 to format (number expected, got string)"),
        ("'%s %f', 1, {}", "bad argument #3 to format (number expected, got table)"),
        ("'%d'", "bad argument #2 to format (no value)"),
        ("'%s %s', 1", "bad argument #3 to format (no value)"),
        ("'%q', nil", "bad argument #2 to format (string expected, got nil)"),
        ("'%y', 1", "invalid option '%y' to format"),
        ("'%'", "invalid option '%' to format"),
        ("'%10000d', 1", "invalid format (width or precision too long) in '%10000d'"),
        ("nil", "bad argument #1 to format (string expected, got nil)"),
    ],
)
def test_errors(arguments: str, message: str) -> None:
    assert error(f"string.format({arguments})") == "test:code:1: " + message


@given(st.integers(-(2**63), 2**63 - 1), st.integers(1, 30), st.sampled_from(["", "-", "+", "0", " "]))
def test_integers_as_in_python(x: int, width: int, flag: str) -> None:
    spec = f"%{flag}{width}d"
    assert run("return string.format(...)", spec.encode(), x) == (spec % x).encode()


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(["%5.2f", "%.3e", "%g", "%-12.4g|", "%+.0f"]))
def test_floats_as_in_python(x: float, spec: str) -> None:
    assert run("return string.format(...)", spec.encode(), x) == (spec % x).encode()

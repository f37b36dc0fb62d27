import pytest
from hypothesis import given
from hypothesis import strategies as st

from wippy.duration import HOUR, MAX, MILLISECOND, MIN, MINUTE, SECOND, format_duration, parse_duration
from wippy.errors import INVALID, WippyError


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1h30m", 90 * MINUTE),
        ("1.5s", 1_500_000_000),
        (".5s", 500_000_000),
        ("1.s", SECOND),
        ("-2ms", -2 * MILLISECOND),
        ("+3us", 3000),
        ("3µs", 3000),
        ("3μs", 3000),
        ("0", 0),
        ("-0", 0),
        ("2h1ns", 2 * HOUR + 1),
        ("9223372036854775807ns", MAX),
        ("-9223372036854775808ns", MIN),
    ],
)
def test_parse(text, ns):
    assert parse_duration(text) == ns


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'time: invalid duration ""'),
        ("x", 'time: invalid duration "x"'),
        ("-", 'time: invalid duration "-"'),
        (".s", 'time: invalid duration ".s"'),
        ("5", 'time: missing unit in duration "5"'),
        ("1h5", 'time: missing unit in duration "1h5"'),
        ("5x", 'time: unknown unit "x" in duration "5x"'),
        ("1 s", 'time: unknown unit " s" in duration "1 s"'),
        ("9223372036854775808ns", 'time: invalid duration "9223372036854775808ns"'),
    ],
)
def test_parse_mistakes(text, message):
    with pytest.raises(WippyError) as caught:
        parse_duration(text)
    assert (caught.value.kind, caught.value.message) == (INVALID, message)


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (90 * MINUTE, "1h30m0s"),
        (1_500_000_000, "1.5s"),
        (150 * MILLISECOND, "150ms"),
        (2000, "2µs"),
        (0, "0s"),
        (-90 * SECOND, "-1m30s"),
        (999, "999ns"),
        (1_000_001, "1.000001ms"),
    ],
)
def test_format(ns, text):
    assert format_duration(ns) == text


@given(st.integers(MIN, MAX))
def test_format_parses_back(ns):
    assert parse_duration(format_duration(ns)) == ns

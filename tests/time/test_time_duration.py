import pytest
from hypothesis import given
from hypothesis import strategies as st
from time_vm import VM, LuaFailure

from wippy.duration import format_duration, parse_duration
from wippy.errors import WippyError

vm = VM()


def ns(text: str):
    return vm.run(
        f"local d, e = time.parse_duration({text}) if not d then return nil, tostring(e) end return d:nanoseconds()"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("'1h30m'", 5_400_000_000_000),
        ("'1.5h'", 5_400_000_000_000),
        ("'.5s'", 500_000_000),
        ("'-1.5s'", -1_500_000_000),
        ("'+2ms'", 2_000_000),
        ("'0'", 0),
        ("'3us'", 3_000),
        ("'3\u00b5s'", 3_000),
        ("'3\u03bcs'", 3_000),
        ("'1.0000000000000001h'", 3_600_000_000_000),
        ("'0.3333333333333333333h'", 1_199_999_999_999),
        ("'9223372036854775807ns'", 2**63 - 1),
        ("'-9223372036854775808ns'", -(2**63)),
        ("250", 250),
        ("1.9", 1),
        ("-1.9", -1),
        ("time.parse_duration('2s')", 2_000_000_000),
    ],
)
def test_a_duration_is_a_number_a_text_or_a_duration(text, expected):
    assert ns(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("''", 'time: invalid duration ""'),
        ("'x'", 'time: invalid duration "x"'),
        ("'-'", 'time: invalid duration "-"'),
        ("'.s'", 'time: invalid duration ".s"'),
        ("'5'", 'time: missing unit in duration "5"'),
        ("'1h5'", 'time: missing unit in duration "1h5"'),
        ("'5x'", 'time: unknown unit "x" in duration "5x"'),
        ("'7d'", 'time: unknown unit "d" in duration "7d"'),
        ("'9223372036854775808ns'", 'time: invalid duration "9223372036854775808ns"'),
        ("'9999999h'", 'time: invalid duration "9999999h"'),
        ("1/0", 'time: invalid duration "inf"'),
        ("true", "duration must be number or string"),
        ("nil", "duration must be number or string"),
    ],
)
def test_a_bad_duration_says_what_is_wrong(text, message):
    assert ns(text) == [None, message]
    assert vm.run(f"return test.kind(select(2, time.parse_duration({text})))") == "Invalid"


@given(st.integers(-(2**63), 2**63 - 1))
def test_text_round_trip_and_the_same_text_as_python(value):
    number = f"({value})" if value > -(2**63) else "math.mininteger"
    shown = vm.run(f"return tostring(time.parse_duration({number}))")
    assert shown == format_duration(value)
    assert ns(f"'{shown}'") == value


@given(st.text(alphabet="0123456789.hmsnu-+", max_size=12))
def test_lua_and_python_read_the_same_durations(text):
    try:
        expected = parse_duration(text)
    except WippyError as error:
        expected = [None, error.message]
    assert ns(f"'{text}'") == expected


def test_parts_and_text():
    assert vm.run(
        "local d = time.parse_duration('-1h30m0.0025s') return d:hours(), d:milliseconds(), d:microseconds()"
    ) == [
        pytest.approx(-1.5000006944),
        -5_400_002,
        -5_400_002_500,
    ]
    assert vm.run("return time.parse_duration('90s'):minutes()") == 1.5
    assert vm.run("return tostring(time.parse_duration('90m'))") == "1h30m0s"
    assert vm.run("return type(time.parse_duration(1)), time.parse_duration(1).nothing") == ["userdata", None]


def test_a_method_called_on_something_else_raises_at_the_call():
    with pytest.raises(LuaFailure, match=r"test:1: bad argument #1 to seconds \(time.Duration expected, got table\)"):
        vm.run("time.parse_duration(1).seconds({})")

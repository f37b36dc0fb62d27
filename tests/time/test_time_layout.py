from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from time_vm import VM, LuaFailure

vm = VM()
MOMENT = "time.date(2024, 2, 9, 15, 4, 5, 123456000, time.fixed_zone('MST', -25200))"


@pytest.mark.parametrize(
    ("layout", "text"),
    [
        ("time.RFC3339", "2024-02-09T15:04:05-07:00"),
        ("time.RFC3339NANO", "2024-02-09T15:04:05.123456-07:00"),
        ("time.RFC822", "09 Feb 24 15:04 MST"),
        ("time.RFC822Z", "09 Feb 24 15:04 -0700"),
        ("time.RFC850", "Friday, 09-Feb-24 15:04:05 MST"),
        ("time.RFC1123", "Fri, 09 Feb 2024 15:04:05 MST"),
        ("time.RFC1123Z", "Fri, 09 Feb 2024 15:04:05 -0700"),
        ("time.KITCHEN", "3:04PM"),
        ("time.STAMP", "Feb  9 15:04:05"),
        ("time.STAMP_MILLI", "Feb  9 15:04:05.123"),
        ("time.STAMP_MICRO", "Feb  9 15:04:05.123456"),
        ("time.STAMP_NANO", "Feb  9 15:04:05.123456000"),
        ("time.DATE_TIME", "2024-02-09 15:04:05"),
        ("time.DATE_ONLY", "2024-02-09"),
        ("time.TIME_ONLY", "15:04:05"),
        ("'January Jan 01 1 Monday Mon'", "February Feb 02 2 Friday Fri"),
        ("'02 _2 2 002 __2'", "09  9 9 040  40"),
        ("'03 3 pm PM'", "03 3 pm PM"),
        ("'5,000 5.999999999 5.00'", "5,123 5.123456 5.12"),
        ("'-07 -07:00 -070000 -07:00:00 Z07 Z0700'", "-07 -07:00 -070000 -07:00:00 -07 -0700"),
        ("'January Months Z'", "February Months Z"),
        ("'Janet 5.0001'", "Janet 5.0002"),
        ("'_2006 06'", "_2024 24"),
    ],
)
def test_formats(layout, text):
    assert vm.run(f"return {MOMENT}:format({layout})") == text


def test_text_of_a_time():
    assert vm.run(f"return tostring({MOMENT})") == "2024-02-09 15:04:05.123456 -0700 MST"
    assert vm.run("return time.unix(0, 0):utc():format('15:04Z07:00 Z0700')") == "00:00Z Z"
    assert vm.run("return time.unix(0, 0):utc():format('3PM'), time.unix(43200, 0):utc():format('03pm')") == [
        "12AM",
        "12pm",
    ]


LAYOUTS = [
    "2006-01-02T15:04:05.999999999Z07:00",
    "Mon, 02 Jan 2006 15:04:05.000000000 -0700",
    "Monday, January _2 2006 03:04:05.999999999 PM -07:00",
    "2006 002 15 4 5,000000000 -070000",
    "2006 __2 3:4:5.999999999pm Z07:00:00",
    "20060102150405.000000000Z0700",
]


@given(
    st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)),
    st.integers(0, 999),
    st.integers(-14 * 60, 14 * 60),
    st.sampled_from(LAYOUTS),
)
def test_what_is_written_is_read_again(moment, nanos, minutes, layout):
    y, mo, d, h, mi, s = moment.timetuple()[:6]
    text, same, again = vm.run(
        f"local t = time.date({y}, {mo}, {d}, {h}, {mi}, {s}, {moment.microsecond * 1000 + nanos},"
        f" time.fixed_zone('', {minutes * 60}))"
        f" local text = t:format('{layout}') local back, e = time.parse('{layout}', text)"
        " if not back then return tostring(e), false, '' end"
        f" return text, back:equal(t), back:in_location(t:location()):format('{layout}')"
    )
    assert same, text
    assert again == text


@pytest.mark.parametrize(
    ("layout", "value", "expected"),
    [
        ("2006-01-02", "2024-02-29", "2024-02-29 00:00:00 +0000 UTC"),
        ("15:04", "7:30", "0000-01-01 07:30:00 +0000 UTC"),
        ("15:04:05", "07:30:01.25", "0000-01-01 07:30:01.25 +0000 UTC"),
        ("2006", "2024", "2024-01-01 00:00:00 +0000 UTC"),
        ("02 Jan 06", "03 fEb 69", "1969-02-03 00:00:00 +0000 UTC"),
        ("02 Jan 06", "03 Feb 68", "2068-02-03 00:00:00 +0000 UTC"),
        ("Monday 2006", "sunday 2024", "2024-01-01 00:00:00 +0000 UTC"),
        ("3PM", "12AM", "0000-01-01 00:00:00 +0000 UTC"),
        ("3PM", "12PM", "0000-01-01 12:00:00 +0000 UTC"),
        ("3PM", "1PM", "0000-01-01 13:00:00 +0000 UTC"),
        ("2006 002", "2024 060", "2024-02-29 00:00:00 +0000 UTC"),
        ("Jan _2", "Feb  9", "0000-02-09 00:00:00 +0000 UTC"),
        ("2006-01-02  15:04", "2024-01-01 10:00", "2024-01-01 10:00:00 +0000 UTC"),
        ("2006 MST", "2024 CET", "2024-01-01 00:00:00 +0000 CET"),
        ("2006 MST", "2024 GMT-3", "2024-01-01 00:00:00 -0300 GMT-3"),
        ("2006 MST", "2024 UTC", "2024-01-01 00:00:00 +0000 UTC"),
        ("2006Z07:00", "2024+05:30", "2024-01-01 00:00:00 +0530 +0530"),
        ("2006Z07:00", "2024Z", "2024-01-01 00:00:00 +0000 UTC"),
        ("2006 -07", "2024 +02", "2024-01-01 00:00:00 +0200 +0200"),
        ("15:04:05.999", "01:02:03", "0000-01-01 01:02:03 +0000 UTC"),
        ("15:04:05.999", "01:02:03.123456789", "0000-01-01 01:02:03.123456789 +0000 UTC"),
    ],
)
def test_parses(layout, value, expected):
    assert vm.run(f"return tostring(assert(time.parse('{layout}', '{value}', time.utc)))") == expected


@pytest.mark.parametrize(
    ("layout", "value", "message"),
    [
        ("2006-01-02", "x", 'parsing time "x" as "2006-01-02": cannot parse "x" as "2006"'),
        ("2006-01-02", "2024/01/02", 'parsing time "2024/01/02" as "2006-01-02": cannot parse "/01/02" as "-"'),
        ("2006-01-02", "2024-1-02", 'parsing time "2024-1-02" as "2006-01-02": cannot parse "1-02" as "01"'),
        ("2006-01-02", "2024-13-02", 'parsing time "2024-13-02": month out of range'),
        ("2006-01-02", "2023-02-29", 'parsing time "2023-02-29": day out of range'),
        ("15:04:05", "24:00:00", 'parsing time "24:00:00": hour out of range'),
        ("15:04:05", "00:60:00", 'parsing time "00:60:00": minute out of range'),
        ("15:04:05", "00:00:60", 'parsing time "00:00:60": second out of range'),
        ("2006", "2024 ", 'parsing time "2024 ": extra text: " "'),
        ("2006 002", "2023 366", 'parsing time "2023 366": day-of-year out of range'),
        ("Jan", "Foo", 'parsing time "Foo" as "Jan": cannot parse "Foo" as "Jan"'),
        ("3PM", "3xx", 'parsing time "3xx" as "3PM": cannot parse "xx" as "PM"'),
        ("MST", "xy", 'parsing time "xy" as "MST": cannot parse "xy" as "MST"'),
        ("-0700", "+25:0", 'parsing time "+25:0" as "-0700": cannot parse "+25:0" as "-0700"'),
        ("-0700", "+2500", 'parsing time "+2500": time zone offset hour out of range'),
        ("5.000", "5.12", 'parsing time "5.12" as "5.000": cannot parse ".12" as ".000"'),
    ],
)
def test_a_text_that_does_not_fit_says_where(layout, value, message):
    assert vm.run(f"local t, e = time.parse('{layout}', '{value}', time.utc) return t, test.kind(e), tostring(e)") == [
        None,
        "Invalid",
        message,
    ]


def test_zone_of_a_parsed_time():
    berlin = "local berlin = time.load_location('Europe/Berlin') "
    assert (
        vm.run(berlin + "return time.parse(time.DATE_ONLY, '2024-07-01', berlin):format_rfc3339()")
        == "2024-07-01T00:00:00+02:00"
    )
    assert (
        vm.run(berlin + "return time.parse(time.RFC3339, '2024-07-01T00:00:00+02:00', berlin):location() == berlin")
        is True
    )
    assert (
        vm.run(berlin + "return time.parse(time.RFC3339, '2024-07-01T00:00:00+03:00', berlin):location() == berlin")
        is False
    )
    assert (
        vm.run(berlin + "return time.parse('2006-01-02 MST', '2024-07-01 CEST', berlin):format_rfc3339()")
        == "2024-07-01T00:00:00+02:00"
    )
    assert vm.run("return time.parse('2006', '2024'):location() == time.localtz") is True
    with pytest.raises(LuaFailure, match=r"bad argument #3 to parse \(time.Location expected, got string\)"):
        vm.run("time.parse('2006', '2024', 'UTC')")


@given(st.text(max_size=20), st.text(max_size=20))
def test_any_layout_and_text_give_a_time_or_an_error(layout, value):
    def quote(text):
        return '"' + "".join(f"\\{b:03d}" for b in text.encode()) + '"'

    assert (
        vm.run(f"local t, e = time.parse({quote(layout)}, {quote(value)}) return t ~= nil or test.kind(e) == 'Invalid'")
        is True
    )
    vm.run(f"return time.now():format({quote(layout)})")

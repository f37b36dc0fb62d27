import time as clock
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from time_vm import VM, LuaFailure

from wippy.modules.time.zones import days_from_civil, zone_local, zone_named, zone_offset

vm = VM()
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "America/Sao_Paulo"]
moments = st.datetimes(min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29))


def seconds_of(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1)) // timedelta(seconds=1)


@given(moments)
def test_civil_dates_are_those_of_the_calendar(moment):
    seconds = seconds_of(moment)
    got = vm.run(
        f"local t = time.unix({seconds}, 0):utc() local y, m, d = t:date() local h, mi, s = t:clock()"
        " return y, m, d, h, mi, s, t:weekday(), t:year_day()"
    )
    expected = [*moment.timetuple()[:6], moment.isoweekday() % 7, moment.timetuple().tm_yday]
    assert got == expected
    assert days_from_civil(moment.year, moment.month, moment.day) == seconds // 86400
    y, mo, d, h, mi, s = moment.timetuple()[:6]
    assert vm.run(f"return time.date({y}, {mo}, {d}, {h}, {mi}, {s}, 0, time.utc):unix()") == seconds


def test_every_day_of_400_years_follows_the_one_before():
    assert (
        vm.run(
            """
        local lengths = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }
        local y, m, d = 1999, 12, 31
        for day = 10957, 10957 + 146097 do
          local leap = y % 4 == 0 and (y % 100 ~= 0 or y % 400 == 0)
          if d == (m == 2 and leap and 29 or lengths[m]) then
            m, d = m + 1, 1
            if m > 12 then y, m = y + 1, 1 end
          else
            d = d + 1
          end
          local a, b, c = time.unix(day * 86400, 0):utc():date()
          if a ~= y or b ~= m or c ~= d then return y, m, d end
        end
        """
        )
        is None
    )


def test_local_is_the_zone_of_the_machine(monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    clock.tzset()
    try:
        assert zone_offset(b"Local", 0) == (32400, b"JST")
        assert VM().run("return time.date(1970, 1, 1, 9, 0, 0, 0):unix(), tostring(time.unix(0, 0))") == [
            0,
            "1970-01-01 09:00:00 +0900 JST",
        ]
    finally:
        monkeypatch.undo()
        clock.tzset()


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2100, 1, 1)), st.sampled_from(ZONES))
def test_zones_are_those_of_the_database(moment, zone):
    aware = moment.replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
    offset = aware.utcoffset()
    assert offset is not None
    seconds = seconds_of(moment)
    assert zone_offset(zone.encode(), seconds) == (offset // timedelta(seconds=1), (aware.tzname() or "").encode())
    shown = vm.run(
        f"return time.unix({seconds}, 0):in_location(time.load_location('{zone}')):format('2006-01-02 15:04:05 MST')"
    )
    assert shown == aware.strftime("%Y-%m-%d %H:%M:%S ").rjust(20, "0") + (aware.tzname() or "")


@given(st.datetimes(min_value=datetime(1950, 1, 1), max_value=datetime(2100, 1, 1)), st.sampled_from(ZONES))
def test_a_wall_clock_reading_is_found_again(moment, zone):
    moment = moment.replace(microsecond=0)
    unix = zone_local(zone.encode(), *moment.timetuple()[:6])
    offset, _ = zone_offset(zone.encode(), unix)
    aware = moment.replace(tzinfo=ZoneInfo(zone))
    exists = aware.astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) == moment
    if exists:
        assert unix == int(aware.timestamp())
        assert unix + offset == seconds_of(moment)


def test_a_reading_skipped_or_had_twice():
    assert vm.run(
        "return time.date(2024, 3, 31, 2, 30, 0, 0, time.load_location('Europe/Berlin')):format_rfc3339()"
    ) in (
        "2024-03-31T03:30:00+02:00",
        "2024-03-31T01:30:00+01:00",
    )
    assert zone_local(b"Europe/Berlin", 2024, 10, 27, 2, 30, 0) == 1729989000  # still summer time


def test_abbreviations_of_a_zone():
    summer = 1720000000
    assert zone_named(b"Europe/Berlin", b"CEST", summer) == 7200
    assert zone_named(b"Europe/Berlin", b"CET", summer) == 3600
    assert zone_named(b"Europe/Berlin", b"EST", summer) is None


def test_zone_functions_answer_whatever_they_get():
    assert zone_offset(b"../etc/passwd", 0) == (0, b"UTC")
    assert zone_offset(b"\xff", 10**17)[0] == 0
    assert isinstance(zone_offset(b"Local", -(10**15))[0], int)
    assert zone_offset(b"Europe/Berlin", 253402300799 + 10**9)[0] in (3600, 7200)


def test_parts_out_of_range_carry_over():
    assert vm.run("return time.date(2024, 14, 35, 25, 61, 61, 1500000000, time.utc):format(time.RFC3339NANO)") == (
        "2025-03-08T02:02:02.5Z"
    )
    assert (
        vm.run("return time.date(2024, 1, 0, 0, 0, 0, -1, time.utc):format(time.RFC3339NANO)")
        == "2023-12-30T23:59:59.999999999Z"
    )
    assert (
        vm.run("return time.date(2023, 1, 31, 0, 0, 0, 0, time.utc):add_date(0, 1, 0):format(time.DATE_ONLY)")
        == "2023-03-03"
    )
    assert (
        vm.run("return time.date(2024, 1, 31, 0, 0, 0, 0, time.utc):add_date(0, 1, 0):format(time.DATE_ONLY)")
        == "2024-03-02"
    )


def test_zero_time():
    assert vm.run("local z = time.date(1, 1, 1, 0, 0, 0, 0, time.utc) return z:is_zero(), tostring(z), z:unix()") == [
        True,
        "0001-01-01 00:00:00 +0000 UTC",
        -62135596800,
    ]


def test_add_and_sub():
    assert vm.run("local t = time.unix(10, 5) return t:add('1.5s'):unix_nano(), t:add(-6):unix_nano()") == [
        11_500_000_005,
        9_999_999_999,
    ]
    assert vm.run("return tostring(time.unix(10, 0):sub(time.unix(8, 500000000)))") == "1.5s"
    far = "time.date(1, 1, 1, 0, 0, 0, 0, time.utc)"
    assert vm.run(f"return time.unix(0, 0):sub({far}):nanoseconds(), {far}:sub(time.unix(0, 0)):nanoseconds()") == [
        2**63 - 1,
        -(2**63),
    ]
    assert vm.run("local a = time.unix(0, 0) return a:sub(a:add(math.mininteger)):nanoseconds()") == 2**63 - 1
    assert vm.run("local a = time.unix(0, 0) return a:add(math.mininteger):sub(a):nanoseconds()") == -(2**63)


def test_comparison_is_by_instant():
    assert vm.run(
        "local a = time.date(2024, 1, 1, 12, 0, 0, 0, time.utc)"
        " local b = time.date(2024, 1, 1, 13, 0, 0, 0, time.fixed_zone('X', 3600))"
        " return a:equal(b), a:before(b), a:after(b), a:after(b:add(-1)), a == b"
    ) == [True, False, False, True, False]


def test_two_nows_are_never_the_wrong_way_round_when_the_wall_clock_is_set_back():
    assert vm.run(
        "local a = time.now() test.advance(1000) test.set_wall(0) local b = time.now()"
        " return b:sub(a):nanoseconds(), b:after(a), b:add('1s'):sub(a):nanoseconds(), b:unix(),"
        " b:utc():before(a:utc())"
    ) == [1000, True, 1_000_001_000, 0, True]


@given(st.integers(-62135596800, 253402300799), st.integers(0, 999_999_999), st.integers(1, 2**63 - 1))
def test_round_and_truncate(sec, nsec, unit):
    total = (sec + 62135596800) * 10**9 + nsec
    base = f"local t, d = time.unix({sec}, {nsec}), time.parse_duration({unit}) "
    down, near = vm.run(
        base + "local a, b = t:truncate(d), t:round(d)"
        " return string.format('%d %d', a:unix(), a:nanosecond()), string.format('%d %d', b:unix(), b:nanosecond())"
    )

    def absolute(text):
        s, n = map(int, text.split())
        return (s + 62135596800) * 10**9 + n

    over = total % unit
    assert absolute(down) == total - over
    assert absolute(near) == (total - over if over < unit - over else total - over + unit)


def test_half_rounds_up():
    assert vm.run(
        "local t = time.unix(90, 0) return t:round(time.parse_duration('1m')):unix(),"
        " time.unix(0, 5):round(time.parse_duration(10)):nanosecond()"
    ) == [120, 10]


def test_round_by_nothing_changes_nothing():
    assert vm.run(
        "local t = time.unix(5, 7) local d = time.parse_duration(-3) return t:round(d):equal(t), t:truncate(d):equal(t)"
    ) == [True, True]


def test_locations():
    assert vm.run("return tostring(time.utc), time.localtz:string(), time.load_location('Europe/Berlin'):string()") == [
        "UTC",
        "Local",
        "Europe/Berlin",
    ]
    assert vm.run("local l, e = time.load_location('') return test.kind(e), tostring(e)") == [
        "Invalid",
        "empty location name",
    ]
    assert vm.run("local l, e = time.load_location('Mars/Olympus') return l, test.kind(e)") == [None, "NotFound"]
    assert vm.run("return time.now():location() == time.localtz, time.now():utc():location():string()") == [True, "UTC"]
    assert (
        vm.run("return tostring(time.unix(0, 0):in_location(time.fixed_zone('ZZ', -3661)))")
        == "1969-12-31 22:58:59 -0101 ZZ"
    )


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("time.date(2024, 1, 1)", "bad argument #4 to date (number expected, got nil)"),
        ("time.date(2024, 1, 1, 0, 0, 0, 0, 'UTC')", "bad argument #8 to date (time.Location expected, got string)"),
        ("time.unix(1)", "bad argument #2 to unix (number expected, got nil)"),
        ("time.unix(0/0, 1)", "bad argument #1 to unix (number out of range)"),
        ("time.now():add('1x')", 'bad argument #2 to add (time: unknown unit "x" in duration "1x")'),
        ("time.now():sub(1)", "bad argument #2 to sub (time.Time expected, got number)"),
        ("time.now().year({})", "bad argument #1 to year (time.Time expected, got table)"),
        ("time.now():round(5)", "bad argument #2 to round (time.Duration expected, got number)"),
        ("time.now():in_location('UTC')", "bad argument #2 to in_location (time.Location expected, got string)"),
        ("time.now():format()", "bad argument #2 to format (string expected, got nil)"),
        ("time.load_location(true)", "bad argument #1 to load_location (string expected, got boolean)"),
        ("time.now():add_date(1, 2)", "bad argument #4 to add_date (number expected, got nil)"),
    ],
)
def test_wrong_arguments_raise_at_the_call(code, message):
    with pytest.raises(LuaFailure) as failure:
        vm.run(f"local x = {code}")
    assert str(failure.value) == f"test:1: {message}"


def test_a_time_is_read_only():
    with pytest.raises(LuaFailure, match="cannot assign field 'x'"):
        vm.run("time.now().x = 1")
    assert vm.run("return type(time.now()), type(time.now().year), time.now().nothing") == [
        "userdata",
        "function",
        None,
    ]

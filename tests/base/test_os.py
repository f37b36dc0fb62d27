"""Time and dates."""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lua_base import error, make_vm, run

from wippy.kernel.vm import VM

NOW = 1_136_214_245  # Mon Jan  2 15:04:05 2006 UTC


def vm_at(seconds: float, workflow: bool = False) -> VM:
    vm = make_vm(workflow=workflow)
    vm.K._table[b"now"] = lambda: int(seconds * 1_000_000_000)
    return vm


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "EST5EDT")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_now() -> None:
    assert run("return os.time(), math.type(os.time()), os.platform", vm=vm_at(NOW + 0.9)) == (NOW, b"float", b"wippy")


def test_time_of_a_date_is_local_midnight(zone: None) -> None:
    assert run("return os.time{year = 2006, month = 1, day = 2}") == 1_136_178_000
    assert run("return os.time{year = 2006, month = 1, day = 2, hour = 10, min = 4, sec = 5}") == NOW
    assert run("return os.time{year = 2005, month = 13, day = 2, hour = 9, min = 64, sec = 5}") == NOW
    assert run("return os.time{hour = 10, min = 4, sec = 5, year = 'x'}", vm=vm_at(NOW)) == NOW
    assert "bad argument #1 to time (table expected, got nil)" in error("os.time(nil)")


def test_layouts(zone: None) -> None:
    vm = vm_at(NOW)
    layout = "%a %A %b %B %d %H %I %j %m %M %p %S %U %w %W %x %X %y %Y %z %Z %% %Q %"
    expected = "Mon Monday Jan January 02 {h} {i} 002 01 04 {p} 05 01 1 01 01/02/06 {h}:04:05 06 2006 {z} % %Q %"
    assert run(f"return os.date('!{layout}', {NOW})").decode() == expected.format(h=15, i="03", p="PM", z="+0000 UTC")
    assert run(f"return os.date('{layout}')", vm=vm).decode() == expected.format(h=10, i=10, p="AM", z="-0500 EST")
    assert run("return os.date('!%c'), os.date()", vm=vm) == (b"Mon Jan  2 15:04:05 2006", b"Mon Jan  2 10:04:05 2006")


def test_tables(zone: None) -> None:
    source = f"local t, u = os.date('*t', {NOW}), os.date('!*t', {NOW}) return t.year, t.month, t.day, t.hour, t.min, \
        t.sec, t.wday, t.yday, t.isdst, u.hour, u.isdst"
    assert run(source) == (2006, 1, 2, 10, 4, 5, 2, 2, True, 15, False)


@given(st.datetimes(datetime.datetime(1600, 1, 1), datetime.datetime(2500, 1, 1)))
def test_utc_calendar(moment: datetime.datetime) -> None:
    seconds = int((moment - datetime.datetime(1970, 1, 1)).total_seconds() // 1)
    expected = moment.strftime("%Y-%m-%d %H:%M:%S %j %w %V %a")
    assert run("return os.date('!%Y-%m-%d %H:%M:%S %j %w %U %a', ...)", seconds).decode() == expected


def test_clock_and_difftime() -> None:
    vm = vm_at(NOW, workflow=True)
    assert run("return os.clock(), os.difftime(7, 5)", vm=vm) == (0, 2)
    vm.K._table[b"now"] = lambda: (NOW + 2) * 1_000_000_000
    assert run("return os.clock()", vm=vm) == 2
    assert run("return os.clock() >= 0", vm=vm_at(time.time())) is True


def test_bad_arguments() -> None:
    assert "bad argument #1 to date (string expected, got table)" in error("os.date({})")
    assert "bad argument #2 to date (number expected, got table)" in error("os.date('%c', {})")
    assert "time out of range" in error("os.date('%c', 1e300)")

import pytest
from time_vm import VM, LuaFailure


@pytest.fixture
def vm():
    return VM()


def test_after_delivers_once_and_closes(vm):
    assert vm.run(
        "local ch = time.after('1s') test.advance(999999999) local early = ch:poll() test.advance(1)"
        " local t, ok = ch:poll() local again, still, closed = ch:poll()"
        " return early, t:sub(time.now()):nanoseconds(), ok, again, still, closed"
    ) == [None, 0, True, None, False, True]


@pytest.mark.parametrize("name", ["after", "timer", "ticker"])
def test_bad_durations(vm, name):
    assert vm.run(f"local x, e = time.{name}('5x') return x, test.kind(e), tostring(e)") == [
        None,
        "Invalid",
        'time: unknown unit "x" in duration "5x"',
    ]
    for zero in ("0", "-5", "'-1s'"):
        assert vm.run(f"local x, e = time.{name}({zero}) return x, test.kind(e), tostring(e)") == [
            None,
            "Invalid",
            f"time.{name}: duration must be > 0",
        ]


def test_sleep(vm):
    assert vm.run("return select('#', time.sleep('1.5s')), test.K.slept[1]") == [0, 1_500_000_000]
    assert vm.run("time.sleep(-1) return test.K.slept[2]") == -1
    assert vm.run("local x, e = time.sleep('x') return x, test.kind(e), select(5, test.K.error_parts(e))") == [
        None,
        "Invalid",
        "time.sleep",
    ]


def test_stop_of_a_timer(vm):
    assert vm.run(
        "local t = time.timer('1s') local ch = t:channel() local first, second = t:stop(), t:stop()"
        " local v, ok, closed = ch:poll() return ch == t:response(), first, second, v, ok, closed, test.pending()"
    ) == [True, True, False, None, False, True, 0]
    assert vm.run("local t = time.timer(5) test.advance(5) return t:stop(), (t:channel():poll()) ~= nil") == [
        False,
        True,
    ]


def test_reset_of_a_timer(vm):
    assert vm.run(
        "local t = time.timer(10) test.advance(6) local pending = t:reset(10) test.advance(9)"
        " local early = t:channel():poll() test.advance(1) local late = t:channel():poll()"
        " return pending, early, late ~= nil, t:reset(10), test.pending()"
    ) == [True, None, True, False, 0]
    for bad, text in (("0", "timer:reset: duration must be > 0"), ("'x'", 'timer:reset: time: invalid duration "x"')):
        with pytest.raises(LuaFailure, match=f"test:1: {text}"):
            vm.run(f"time.timer(10):reset({bad})")


def test_a_fire_that_was_under_way_cannot_arrive_after_stop_or_reset(vm):
    assert vm.run(
        "local t = time.timer(10) local fire = test.take_due() local stopped = t:stop() fire()"
        " return stopped, (t:channel():poll())"
    ) == [True, None]
    assert vm.run(
        "local t = time.timer(10) local fire = test.take_due() local again = t:reset(10) fire()"
        " local early = t:channel():poll()"
        " test.advance(10) return again, early, (t:channel():poll()) ~= nil"
    ) == [True, None, True]


def test_a_ticker_keeps_its_beat_and_drops_what_nobody_reads(vm):
    assert vm.run(
        "local t = time.ticker('1s') test.advance(100 * time.SECOND) local n, first = 0"
        " while true do local v = t:channel():poll() if not v then break end n = n + 1 end"
        " test.advance(time.SECOND) return n, (t:channel():poll()) ~= nil"
    ) == [16, True]


def test_a_late_tick_skips_what_it_missed(vm):
    assert vm.run(
        "local t = time.ticker(10) test.advance(35, true) local n = 0 while t:channel():poll() do n = n + 1 end"
        " test.advance(4) local early = t:channel():poll() test.advance(1) return n, early, (t:channel():poll()) ~= nil"
    ) == [1, None, True]


def test_stop_of_a_ticker(vm):
    assert vm.run(
        "local t = time.ticker(10) test.advance(10) local a, b = t:stop(), t:stop() test.advance(100)"
        " local v = t:channel():poll() local w, _, closed = t:channel():poll()"
        " return a, b, v ~= nil, w, closed, test.pending(), t:channel() == t:response()"
    ) == [True, True, True, None, True, 0, True]


def test_wrong_receivers_raise(vm):
    with pytest.raises(LuaFailure, match=r"test:1: bad argument #1 to stop \(time.Timer expected, got userdata\)"):
        vm.run("time.timer(5).stop(time.ticker(5))")

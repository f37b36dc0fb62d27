"""Sleep, after, timers and tickers on a clock that stands still."""

import pytest

from application import application, host, process
from wippy.units.clock import VirtualClock


@pytest.fixture
def clock():
    return VirtualClock()


def run(clock, body, *advances, **options):
    """Runs a body that registers a name at each point where it waits; moves the clock whenever it does."""
    with application(host("processes", 1), clock=clock) as app:
        app.define(process("main", f"local time = require('time')\nreturn function()\n{body}\nend", ["time"]))
        result = app.begin("app:main")
        for advance in advances:
            app.settle(3)
            assert not result.done() or advance is advances[-1]
            clock.advance(advance)
        app.settle(3)
        return result.result(10)


def test_sleep_wakes_when_the_time_has_come(clock):
    body = "local t = time.now() time.sleep('10s') return time.now():sub(t):seconds()"
    assert run(clock, body, 9.999, 0.001) == 10


def test_after_fires_once_and_is_closed(clock):
    body = """
        local ch = time.after("1s")
        time.sleep("3s")
        local t, ok = ch:receive()
        local u, more = ch:receive()
        local r = channel.select({ch:case_receive()})
        return {type(t), ok, u == nil, more, r.ok}
    """
    assert run(clock, body, 1, 2) == ["userdata", True, True, False, False]


def test_a_select_with_a_timeout(clock):
    body = """
        local timeout = time.after("5s")
        local r = channel.select({process.inbox():case_receive(), timeout:case_receive()})
        return r.channel == timeout
    """
    assert run(clock, body, 4.9, 0.1) is True


def test_timer_stop_and_reset(clock):
    body = """
        local a, b, c = time.timer("1s"), time.timer("10s"), time.timer("3s")
        time.sleep("2s")
        local out = {a:stop(), a:reset("1s"), b:stop(), b:stop(), c:reset("5s")}
        local v, ok = b:channel():receive()
        out[6], out[7] = v == nil, ok
        local t, fired = a:response():receive()
        out[8] = fired
        local start = time.now()
        c:channel():receive()
        out[9] = time.now():sub(start):seconds()
        return out
    """
    assert run(clock, body, 1, 1, 1, 2, 2) == [False, False, True, False, True, True, False, True, 5]


def test_ticker_drops_what_does_not_fit_and_keeps_ticks_after_stop(clock):
    body = """
        local ticker = time.ticker("1s")
        time.sleep("1h")
        local stopped, again = ticker:stop(), ticker:stop()
        local n = 0
        while select(2, ticker:channel():receive()) do n = n + 1 end
        return {stopped, again, n, ticker:channel() == ticker:response()}
    """
    advances = [1.0] * 20 + [3600.0]
    assert run(clock, body, *advances) == [True, True, 16, True]


def test_timers_end_with_their_process(clock):
    with application(host("processes", 1), clock=clock) as app:
        app.lua("local time = require('time') time.after('1h') time.timer('1h') time.ticker('1h')", modules=["time"])
        assert app.host().figures()["timers"] == 0


def test_due_order(clock):
    body = """
        local out = {}
        for _, s in ipairs({3, 1, 2, 1}) do
          coroutine.spawn(function() time.sleep(s .. "s") out[#out + 1] = s end)
        end
        time.sleep("4s")
        return out
    """
    assert run(clock, body, 10) == [1, 1, 2, 3]


def test_bad_durations(clock):
    body = """
        local out = {}
        for _, name in ipairs({"after", "timer", "ticker"}) do
          for _, d in ipairs({0, -1, "5", "x"}) do
            local v, e = time[name](d)
            out[#out + 1] = v == nil and e:kind()
          end
        end
        time.sleep(0) time.sleep(-5)
        local v, e = time.sleep("nonsense")
        out[#out + 1] = e:kind()
        out[#out + 1] = pcall(function() time.timer("1s"):reset(0) end)
        return out
    """
    assert run(clock, body) == ["Invalid"] * 13 + [False]

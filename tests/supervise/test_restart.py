import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wippy.duration import SECOND
from wippy.errors import CANCELED, INTERNAL, TIMEOUT, WippyError
from wippy.registry.lifecycle import Restart
from wippy.supervise.restart import delay_ns

from .world import World, settle


def crash(text: str = "boom", retryable: bool | None = None) -> WippyError:
    return WippyError(INTERNAL, text, retryable=retryable)


async def test_start_and_stop():
    world = World()
    world.add("a")
    assert world.status("a") == "unknown"
    await world.start("a")
    await world.start("a")
    state = world.state("a")
    assert (state.status, state.desired, state.retry_count) == ("running", "running", 0)
    assert state.started_at == state.last_update == 1_000 * SECOND
    await world.stop("a")
    await world.stop("a")
    assert world.history("a") == ["unknown", "starting", "running", "stopping", "stopped"]
    assert world.log == ["start a", "up a", "stop a", "down a"]
    await world.start("a")
    assert world.status("a") == "running"


async def test_while_it_starts_the_attempt_is_shown():
    world = World()
    service = world.add("a", restart=Restart(initial_delay=SECOND))
    service.fail = [crash()]
    with pytest.raises(WippyError, match="service app:a: boom"):
        await world.start("a")
    service.hold = True
    await world.clock.advance(1)
    assert (world.status("a"), world.state("a").details) == ("starting", "attempt 2")


async def test_a_normal_exit_is_final():
    world = World()
    service = world.add("a")
    await world.start("a")
    service.ended(None)
    await world.clock.advance(1000)
    assert (world.status("a"), service.starts) == ("exited", 1)


@pytest.mark.parametrize(
    "error",
    [crash(retryable=False), WippyError(CANCELED, "canceled", retryable=None), asyncio.CancelledError()],
)
async def test_a_terminal_error_is_final(error):
    world = World()
    service = world.add("a")
    await world.start("a")
    service.ended(error)
    await world.clock.advance(1000)
    assert (world.status("a"), service.starts) == ("exited", 1)
    assert world.notices[-1][0] == "service ended with an error that is not retried"


async def test_a_crash_restarts_with_growing_delays_and_a_stable_run_begins_anew():
    world = World()
    service = world.add("a", stable_threshold=5 * SECOND, restart=Restart(initial_delay=SECOND, max_delay=5 * SECOND))
    await world.start("a")
    for expected in (1, 2, 4, 5, 5):
        service.ended(crash())
        await settle()
        assert world.status("a") == "failed"
        before = service.starts
        await world.clock.advance(expected - 0.001)
        assert service.starts == before
        await world.clock.advance(0.001)
        assert (service.starts, world.status("a")) == (before + 1, "running")
    assert world.state("a").retry_count == 5
    await world.clock.advance(5)
    service.ended(crash())
    await world.clock.advance(1)
    assert (world.status("a"), world.state("a").retry_count) == ("running", 1)


@given(st.integers(1, 5000), st.floats(0, 0.999999), st.floats(1, 100), st.floats(0.01, 1))
def test_delays_are_capped_and_jittered(failures, drawn, factor, jitter):
    block = Restart(initial_delay=SECOND, max_delay=90 * SECOND, backoff_factor=factor, jitter=jitter)
    delay = delay_ns(failures, block, lambda: drawn)
    base = 90 * SECOND if factor ** min(failures - 1, 150) > 90 else factor ** (failures - 1) * SECOND
    assert base * (1 - jitter) - 1 <= delay <= base * (1 + jitter) + 1


@pytest.mark.parametrize(("most", "runs"), [(1, 1), (3, 3)])
async def test_it_gives_up_after_max_attempts_and_says_so(most, runs):
    world = World()
    service = world.add("a", restart=Restart(max_attempts=most))
    service.fail = [crash(f"boom {i}") for i in range(10)]
    with pytest.raises(WippyError):
        await world.start("a")
    await world.clock.advance(1000)
    assert (service.starts, world.status("a"), world.state("a").details) == (runs, "failed", f"boom {runs - 1}")
    assert world.notices[-1] == ("service gave up", {"service": "app:a", "error": f"boom {runs - 1}", "attempts": runs})


async def test_a_terminal_error_of_the_start_is_not_retried():
    world = World()
    service = world.add("a")
    service.fail = [crash("no such host", retryable=False)]
    with pytest.raises(WippyError, match="no such host"):
        await world.start("a")
    await world.clock.advance(1000)
    assert (world.status("a"), service.starts) == ("exited", 1)


async def test_a_start_that_takes_too_long_is_retried():
    world = World()
    service = world.add("a", start_timeout=3 * SECOND)
    service.hold = True
    start = asyncio.create_task(world.start("a"))
    await world.clock.advance(3)
    with pytest.raises(WippyError, match="start timeout") as error:
        await start
    assert error.value.kind == TIMEOUT
    assert world.status("a") == "failed"
    service.hold = False
    await world.clock.advance(1)
    assert (world.status("a"), world.state("a").retry_count) == ("running", 1)


async def test_a_stop_that_takes_too_long_gives_up_the_service():
    world = World()
    service = world.add("a", stop_timeout=3 * SECOND)
    service.hold_stop = True
    await world.start("a")
    stop = asyncio.create_task(world.stop("a"))
    await world.clock.advance(3)
    with pytest.raises(WippyError, match="stop timeout after 3s") as error:
        await stop
    assert error.value.kind == TIMEOUT
    assert (world.status("a"), world.state("a").details) == ("failed", "stop timeout after 3s")
    service.ended(crash())
    await world.clock.advance(1000)
    await world.stop("a")
    assert (world.status("a"), service.starts) == ("failed", 1)


async def test_a_stop_drops_a_pending_restart():
    world = World()
    service = world.add("a")
    await world.start("a")
    service.ended(crash())
    await settle()
    await world.stop("a")
    await world.clock.advance(1000)
    assert (world.status("a"), service.starts) == ("stopped", 1)


async def test_a_stop_ends_a_start_under_way():
    world = World()
    service = world.add("a")
    service.hold = True
    start = asyncio.create_task(world.start("a"))
    await settle()
    await world.stop("a")
    with pytest.raises(WippyError) as error:
        await start
    assert error.value.kind == CANCELED
    assert world.status("a") == "stopped"
    await world.clock.advance(1000)
    assert service.starts == 1


async def test_reports_of_earlier_runs_and_of_a_stop_count_for_nothing():
    world = World()
    service = world.add("a")
    await world.start("a")
    first = service.ended
    await world.stop("a")
    first(crash())
    await world.start("a")
    first(crash())
    await settle()
    assert world.status("a") == "running"


async def test_an_end_before_the_start_has_returned():
    world = World()
    service = world.add("a")

    async def start(ended):
        ended(None)
        await settle()

    service.start = start
    await world.start("a")
    await settle()
    assert world.history("a") == ["unknown", "starting", "running", "exited"]


async def test_a_report_from_another_thread():
    world = World()
    service = world.add("a")
    await world.start("a")
    await asyncio.to_thread(service.ended, None)
    await settle()
    assert world.status("a") == "exited"

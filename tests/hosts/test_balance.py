"""Work is spread over the workers of a host."""

from __future__ import annotations

import pytest

from application import application, host, process

from .wait import eventually

SPIN = process("spin", "return function() while true do end end")


@pytest.mark.parametrize("count", [2, 3, 8, 24])
def test_processes_that_compute_are_spread_over_the_workers(count: int) -> None:
    """One process starts them all on its own worker; nobody rests while another has two to run."""
    with application(host("processes", 2), SPIN) as app:
        app.lua("for _ = 1, ... do process.spawn('app:spin', 'app:processes') end", count)
        workers = app.host().workers
        eventually(lambda: sum(worker.living - worker.unstarted for worker in workers) == count)
        assert min(worker.living for worker in workers) >= max(1, count // 3)


def test_processes_started_from_outside_are_spread_over_the_workers() -> None:
    with application(host("processes", 3), SPIN) as app:
        for _ in range(9):
            app.spawn("app:spin")
        workers = app.host().workers
        eventually(lambda: sum(worker.living for worker in workers) == 9)
        assert min(worker.living for worker in workers) >= 2


def test_isolated_processes_that_compute_all_go_on() -> None:
    """More processes than workers: the run queue serves each of them, and the workers share all of them."""
    with application(host("processes", 2, isolation="process"), SPIN) as app:
        for _ in range(5):
            app.spawn("app:spin")
        cells = app.host().workers
        before = [cell.steps for cell in cells]
        eventually(lambda: all(cell.steps > then + 5 for cell, then in zip(cells, before, strict=True)))
        eventually(lambda: all(cell.moves for cell in cells))


def test_reductions_set_the_length_of_a_turn() -> None:
    count = process("count", "return function() for i = 1, 100000 do end end")
    with application(host("processes", 1, reductions=500), host("default", 1), count) as app:
        before = app.host().workers[0].turns
        app.execute("app:count")
        app.settle()
        assert app.host().workers[0].turns - before >= 200

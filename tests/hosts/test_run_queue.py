"""The run queue of cells, worked off by hand."""

from __future__ import annotations

import threading
from queue import SimpleQueue
from typing import Any

import pytest

from application import WAIT
from wippy.kernel.cell import Cell
from wippy.kernel.run_queue import ENDED, IDLE, QUEUED, STREAK, RunQueue
from wippy.units.clock import VirtualClock


class Kernel:
    """Stands for the kernel of a VM: `answers` are what its slices return, the last one for ever."""

    def __init__(self, *answers: tuple[Any, ...]) -> None:
        self.answers = list(answers)
        self.slices: list[int] = []

    def step(self, now: int, incoming: bytes | None, hungry: bool) -> tuple[Any, ...]:
        self.slices.append(now)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Machine:
    max_memory = 0

    def __init__(self, kernel: Kernel) -> None:
        self.K = kernel


def answer(*, due: int | None = None, runnable: int = 0, living: int = 1) -> tuple[Any, ...]:
    return None, due, runnable, 0, living, 0, 0


class Bench:
    """A queue without threads of its own."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.queue = RunQueue("queue", 0, self.clock)
        self.ended: list[Cell] = []
        self.late: list[Any] = []

    def cell(self, number: int, *answers: tuple[Any, ...]) -> Cell:
        machine = Machine(Kernel(*answers))
        return Cell(
            number, lambda: machine, lambda *_: None, self.clock, self.queue, self.ended.append, self.late.append
        )

    def turns(self, count: int) -> list[int]:
        """The numbers of the cells that the next slices drive."""
        out = []
        taken = self.queue._take

        def noting() -> Cell | None:
            cell = taken() if len(out) < count else None
            if cell is not None:
                out.append(cell.number)
            return cell

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(self.queue, "_take", noting)
            patch.setattr(self.queue, "_closed", True)  # ends when nothing is left
            self.queue._loop(1)
        return out


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_cells_that_have_more_to_do_take_turns(bench: Bench) -> None:
    for number in (1, 2, 3):
        bench.cell(number, answer(runnable=1)).post(["send", "", 0, 0])
    assert bench.turns(7) == [1, 2, 3, 1, 2, 3, 1]


def test_a_woken_cell_goes_before_one_that_used_up_its_slice(bench: Bench) -> None:
    busy, quick = bench.cell(1, answer(runnable=1)), bench.cell(2, answer())
    busy.post(["send", "", 0, 0])
    assert bench.turns(2) == [1, 1]
    quick.post(["send", "", 0, 0])
    assert bench.turns(2) == [2, 1]


def test_woken_cells_do_not_hold_up_the_others_for_ever(bench: Bench) -> None:
    busy = bench.cell(1, answer(runnable=1))
    busy.post(["send", "", 0, 0])
    bench.turns(1)
    for number in range(2, 2 + 2 * STREAK):
        bench.cell(number, answer()).post(["send", "", 0, 0])
    assert bench.turns(STREAK + 2).count(1) == 1


def test_an_idle_cell_is_woken_by_its_timer(bench: Bench) -> None:
    sleeper = bench.cell(1, answer(due=5_000_000_000), answer())
    sleeper.post(["send", "", 0, 0])
    assert bench.turns(5) == [1]
    assert sleeper.state == IDLE
    bench.clock.advance(4.9)
    assert bench.turns(5) == []
    bench.clock.advance(0.1)
    assert bench.turns(5) == [1]
    assert bench.turns(5) == []


def test_timers_that_were_given_up_are_forgotten(bench: Bench) -> None:
    """A process that sets a timeout for each message leaves none behind."""
    restless = bench.cell(1, *[answer(due=10**12 + number) for number in range(2000)])
    for _ in range(1000):
        restless.post(["send", "", 0, 0])
        bench.turns(1)
    assert len(bench.queue._timers) <= 200


def test_what_comes_after_the_end_is_answered(bench: Bench) -> None:
    short = bench.cell(1, answer(living=0))
    short.post(["send", "", 0, 0, "first"])
    assert bench.turns(5) == [1]
    assert short.state == ENDED
    assert bench.ended == [short]
    assert short.vm is None
    short.post(["send", "", 0, 0, "late"])
    assert bench.late == [["send", "", 0, 0, "late"]]


def test_what_comes_while_a_slice_runs_makes_another(bench: Bench) -> None:
    cell = bench.cell(1, answer())
    run = cell.drive

    def interrupted(driver: int) -> bool:
        alive = run(driver)
        if cell.steps == 1:
            cell.post(["send", "", 0, 0])
        return alive

    cell.drive = interrupted  # type: ignore[method-assign]
    cell.post(["send", "", 0, 0])
    assert bench.turns(5) == [1, 1]
    assert cell.state == IDLE
    cell.post(["cancel", "", 0, 0])
    assert cell.state == QUEUED


def test_urgent_envelopes_come_first(bench: Bench) -> None:
    cell = bench.cell(1, answer())
    cell.post(["send", "", 0, 0])
    cell.post(["terminate", "", 0, 0])
    assert [item[0] for item in cell._take()] == ["terminate", "send"]


def test_a_thread_that_ends_by_a_fault_says_so() -> None:
    told: SimpleQueue[str] = SimpleQueue()

    def broken() -> bool:
        raise RuntimeError("broken on purpose")

    queue = RunQueue("app:host", 1, VirtualClock(), broken, told.put)
    queue.start()
    assert told.get(timeout=WAIT) == "worker app:host/0 ended: RuntimeError: broken on purpose"
    queue.stop()
    queue.join(WAIT)
    assert not any(thread.is_alive() for thread in queue.threads)
    assert threading.current_thread().is_alive()

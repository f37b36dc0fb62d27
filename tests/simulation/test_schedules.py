"""Random schedules of random programs behave as the model says. `run.py` runs more of them, or one again."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulation import simulator
from simulation.program import make_program
from simulation.schedule import Schedule, run_seed

COUNT, CHUNK = 400, 50

SABOTAGE = {
    "a message is lost": """
        local deliver, n = K.deliver, 0
        function K.handlers.send(e)
          n = n + 1
          if n % 7 == 0 and e[5] ~= "do" then return K.reply(e, true) end
          local values, count = K.unpack_values(e[8])
          deliver(K.procs[e[2]] or {}, e[5], e[6], count == 1 and values[1] or values, count)
          K.reply(e, true)
        end""",
    "EXIT comes twice": """
        local event = K.event
        function K.event(p, e)
          event(p, e)
          if e.kind == "pid.exit" then event(p, e) end
        end""",
    "a normal end takes linked processes along": """
        local announce = K.announce_end
        function K.announce_end(p, value, err) announce(p, value, err or K.new_error("Internal", "x", nil)) end""",
    "names stay": "function K.host.names_release() end",
    "a stopped monitor goes on": "function K.handlers.unmonitor(e) K.reply(e, true) end",
}


@pytest.mark.parametrize("first", range(0, COUNT, CHUNK))
def test_schedules_follow_the_model(first: int) -> None:
    for seed in range(first, first + CHUNK):
        result = run_seed(seed)
        wrong = "\n".join(result.wrong)
        assert not wrong, f"python tests/simulation/run.py --seed {seed}\n{wrong}"
        assert not result.undecided, f"seed {seed}: the model has too many states"


@settings(max_examples=50, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(random=st.randoms(use_true_random=False), seed=st.integers(0, 2**32))
def test_programs_of_any_shape_follow_the_model(random: Random, seed: int) -> None:
    program = make_program(random, batches=2)
    assert not run_seed(seed, program).wrong, f"run_seed({seed}, {program})"


@pytest.mark.parametrize("seed", [3, 71, 362])
def test_a_seed_gives_the_same_schedule_again(seed: int) -> None:
    runs = []
    for _ in range(2):
        schedule = Schedule(seed, make_program(Random(f"program {seed}")))
        runs.append((schedule.run().trace, schedule.simulation.steps, schedule.started))
    assert runs[0] == runs[1]


def test_another_seed_gives_another_schedule() -> None:
    program = make_program(Random("program"))
    assert len({run_seed(seed, program).trace for seed in range(5)}) == 5


@pytest.mark.parametrize("name", SABOTAGE)
def test_a_broken_kernel_is_found_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = simulator.SimulatedHost.make_vm

    def broken(self: simulator.SimulatedHost, number: int) -> Any:
        vm = made(self, number)
        vm.load_chunk(b"local K = ... " + SABOTAGE[name].encode(), b"sabotage")(vm.K._table)
        return vm

    monkeypatch.setattr(simulator.SimulatedHost, "make_vm", broken)
    assert any(run_seed(seed).wrong for seed in range(60))

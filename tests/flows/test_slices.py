"""A task that computes for long is cut into slices, between which the engine serves others."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from flows.flow_app import FlowApp, workflow
from wippy.workflows.machine import LuaMachine
from wippy.workflows.machine_vm import MachineVM


async def test_a_slice_of_costly_rounds_ends_by_the_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    functions, resume = MachineVM._host_functions, LuaMachine.resume
    seconds, slices = itertools.count(), []
    monkeypatch.setattr(
        MachineVM, "_host_functions", lambda vm: {**functions(vm), "cpu_time": lambda: float(next(seconds))}
    )

    def counted(machine: LuaMachine) -> Any:
        slices.append(machine)
        return resume(machine)

    monkeypatch.setattr(LuaMachine, "resume", counted)
    flow = workflow("flow", "return function() local n = 0 for i = 1, 40000 do n = n + 1 end return n end")
    async with FlowApp(tmp_path, flow) as app:
        assert await app.run("flow") == 40000
    assert len(slices) >= 9  # a turn has 4,000 rounds, and each costs a second of this clock

"""What the driver tells a machine."""

from __future__ import annotations

from typing import Any

from wippy.workflows import jobs
from wippy.workflows.driver import Driver


class Listener:
    """A machine that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[jobs.Activation] = []

    def activate(self, activation: jobs.Activation) -> list[Any]:
        self.told.append(activation)
        return []

    def resume(self) -> list[Any]:
        return []

    def close(self) -> None:
        pass


def test_time_never_goes_back() -> None:
    machine = Listener()
    driver = Driver(machine)
    for time_ns in (5, 3, 3, 9, 8):
        driver.deliver([], time_ns=time_ns, replaying=False, history_length=3, history_size=0, markers={})
    assert [one.time_ns for one in machine.told] == [5, 5, 5, 9, 9]

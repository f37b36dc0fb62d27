from __future__ import annotations

from collections.abc import Iterator

import pytest

from application import Application, application, host
from wippy.units.clock import VirtualClock

from .family import ENTRIES


@pytest.fixture(scope="module")
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture(scope="module")
def app(clock: VirtualClock) -> Iterator[Application]:
    with application(host("processes", 1), host("other", 1), *ENTRIES, clock=clock) as running:
        running.spawn("app:diary")
        running.settle()
        yield running

"""Waiting for what comes about in other threads."""

from __future__ import annotations

import threading
from collections.abc import Callable

from application import WAIT


def eventually(holds: Callable[[], object]) -> None:
    """Returns as soon as `holds()` is true, which no test takes for granted at a certain time."""
    patience = threading.Event()
    for _ in range(int(WAIT * 1000)):
        if holds():
            return
        patience.wait(0.001)
    raise AssertionError("it did not come about")

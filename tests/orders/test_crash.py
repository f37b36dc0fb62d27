"""The order desk loses nothing when its process is killed."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import time

import pytest

from .conftest import Orders, summary
from .expected import expected, ledger

KILLS = 10
CUSTOMERS = 150


def entries(orders: Orders) -> int:
    """Rows in the ledger by now."""
    try:
        steps, purchases = ledger(orders.folder)
    except sqlite3.Error:  # the file or its tables are not there yet
        return 0
    return len(steps) + len(purchases)


def run_until(orders: Orders, count: int, pause: float) -> bool:
    """Runs until that many rows are in the ledger, and a little longer, then kills; whether it was still running."""
    process = orders.start()
    while entries(orders) < count and process.poll() is None:
        time.sleep(0.002)
    time.sleep(pause)
    process.send_signal(signal.SIGKILL)
    _, errors = process.communicate()
    assert process.returncode in (-signal.SIGKILL, 0), errors
    return process.returncode != 0


@pytest.mark.timeout(300)
def test_killed_at_ten_random_points_it_ends_with_the_same_summary(orders: Orders) -> None:
    seed = int(os.environ.get("SEED") or random.randrange(1 << 32))
    print(f"SEED={seed}")
    chance = random.Random(seed)
    orders.keep_customers(CUSTOMERS)
    want = expected(orders.log)
    total = len(want.steps) + len(want.purchases)
    # The points lie in the work, not in time; each run gets at least one entry further than the one before it.
    points = sorted(chance.sample(range(1, total - KILLS), KILLS))
    kills = 0
    for point in points:
        kills += run_until(orders, max(point, entries(orders) + 1), chance.random() * 0.03)
    assert kills > KILLS // 2
    out = orders.run()
    assert summary(out) == want.summary
    steps, purchases = ledger(orders.folder)
    assert sorted(steps) == sorted(want.steps)
    assert sorted(purchases) == sorted(want.purchases)


def test_killed_during_boot_it_begins_anew(orders: Orders) -> None:
    orders.keep_customers(10)
    for delay in (0.05, 0.2, 0.3, 0.4):
        process = orders.start()
        with contextlib.suppress(subprocess.TimeoutExpired):  # a fast machine may be through by then
            process.wait(delay)
        process.kill()
        process.communicate()
    assert summary(orders.run()) == expected(orders.log).summary

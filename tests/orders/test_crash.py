"""The order desk loses nothing when its process is killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time

import pytest

from .conftest import Orders, summary
from .expected import expected, ledger

KILLS = 10
CUSTOMERS = 150


def entries(orders: Orders) -> int:
    """Rows in the ledger by now."""
    if not (orders.folder / "var" / "ledger.db").exists():
        return 0
    try:
        steps, purchases = ledger(orders.folder)
    except Exception:  # the tables are not there yet
        return 0
    return len(steps) + len(purchases)


@pytest.mark.timeout(300)
def test_killed_at_ten_random_points_it_ends_with_the_same_summary(orders: Orders) -> None:
    seed = int(os.environ.get("SEED") or random.randrange(1 << 32))
    print(f"SEED={seed}")
    chance = random.Random(seed)
    orders.keep_customers(CUSTOMERS)
    want = expected(orders.log)
    total = len(want.steps) + len(want.purchases)
    # The points lie in the work, not in time: after that many entries in the books, and a little later.
    for point in sorted(chance.randrange(total) for _ in range(KILLS)):
        process = orders.start()
        while entries(orders) < point and process.poll() is None:
            time.sleep(0.002)
        time.sleep(chance.random() * 0.05)
        process.send_signal(signal.SIGKILL)
        with process:
            _, errors = process.communicate()
        assert process.returncode in (-signal.SIGKILL, 0), errors
    out = orders.run()
    assert summary(out) == want.summary
    steps, purchases = ledger(orders.folder)
    assert sorted(steps) == sorted(want.steps)
    assert set(purchases) == want.purchases


def test_killed_during_boot_it_begins_anew(orders: Orders) -> None:
    orders.keep_customers(10)
    for delay in (0.05, 0.2, 0.3, 0.4):
        process = orders.start()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(delay)
        process.kill()
        process.communicate()
    assert summary(orders.run()) == expected(orders.log).summary

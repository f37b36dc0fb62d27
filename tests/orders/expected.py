"""The rules of the order desk once more, in Python, from the purchase log alone."""

from __future__ import annotations

import datetime
import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

Step = tuple[int, str, str, int]
"""Customer, step, outcome, cents."""

Purchase = tuple[int, int, int | None, int]
"""Line, customer, cents or None, crashes."""


@dataclass
class Expected:
    """What a finished run must show: the printed numbers, and the rows of the ledger."""

    summary: dict[str, str]
    steps: set[Step]
    purchases: set[Purchase]


def cents_of(date: str, count: str, amount: str) -> int | None:
    """Cents of a purchase, None where it cannot be true."""
    try:
        datetime.datetime.strptime(date, "%Y%m%d")
    except ValueError:
        return None
    money = re.fullmatch(r"(\d+)\.(\d\d)", amount)
    return int(money[1] + money[2]) if money and len(date) == 8 and int(count) >= 1 else None


def steps_of(customer: int, cents: int) -> list[Step]:
    """The ledger of one order, in the order in which it is written."""
    steps = [(customer, "reserve", "done", cents)]
    if customer % 11 == 0:
        return [*steps, (customer, "charge", "declined", cents), (customer, "release", "done", cents)]
    steps.append((customer, "charge", "done", cents))
    if customer % 13 == 0:
        undo = [(customer, "refund", "done", -cents), (customer, "release", "done", cents)]
        return [*steps, (customer, "ship", "returned", cents), *undo]
    return [*steps, (customer, "ship", "done", cents)]


def expected(log: Path) -> Expected:
    """What the application must make of the purchase log."""
    baskets: dict[int, int] = {}
    purchases: set[Purchase] = set()
    for number, line in enumerate(log.read_text().splitlines(), 1):
        customer, _, date, count, amount = line.split()
        cents = cents_of(date, count, amount)
        purchases.add((number, int(customer), cents, int(number % 50 == 0)))
        baskets[int(customer)] = baskets.get(int(customer), 0) + (cents or 0)
    steps = {step for customer, cents in baskets.items() for step in steps_of(customer, cents)}
    revenue = sum(cents for customer, cents in baskets.items() if customer % 11 and customer % 13)
    summary = {
        "customers": str(len(baskets)),
        "purchases": str(sum(1 for _, _, cents, _ in purchases if cents is not None)),
        "rejected": str(sum(1 for _, _, cents, _ in purchases if cents is None)),
        "revenue": f"{revenue // 100}.{revenue % 100:02}",
        "compensations": str(sum(1 for customer in baskets if not customer % 11 or not customer % 13)),
        "restarts": str(sum(crashes for *_, crashes in purchases)),
    }
    return Expected(summary, steps, purchases)


def ledger(folder: Path) -> tuple[list[Step], list[Purchase]]:
    """The rows of `steps`, in the order in which they were entered, and of `purchases`.

    Raises:
        sqlite3.Error: there is no ledger yet.
    """
    with closing(sqlite3.connect(f"file:{folder / 'var' / 'ledger.db'}?mode=ro", uri=True)) as database:
        steps = database.execute("SELECT customer, step, outcome, cents FROM steps ORDER BY rowid").fetchall()
        purchases = database.execute("SELECT line, customer, cents, crashes FROM purchases").fetchall()
    return steps, purchases

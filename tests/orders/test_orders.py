"""The order desk from beginning to end."""

from __future__ import annotations

import signal

import pytest

from .conftest import Orders, summary
from .expected import expected, ledger, steps_of


def check(orders: Orders, out: str) -> None:
    want = expected(orders.log)
    assert summary(out) == want.summary
    steps, purchases = ledger(orders.folder)
    assert set(steps) == want.steps
    assert len(steps) == len(want.steps)
    assert set(purchases) == want.purchases
    assert len(purchases) == len(want.purchases)


def test_summary_and_ledger_are_those_of_the_purchase_log(orders: Orders) -> None:
    orders.keep_customers(150)
    out = orders.run()
    check(orders, out)
    assert "restarts       8\n" in out


def test_undo_runs_in_reverse_order(orders: Orders) -> None:
    orders.keep_customers(40)
    orders.run()
    names: dict[int, list[str]] = {}
    for customer, step, *_ in ledger(orders.folder)[0]:
        names.setdefault(customer, []).append(step)
    want = {customer: [step for _, step, *_ in steps_of(customer, 0)] for customer in names}
    assert names == want
    assert ["reserve", "charge", "ship", "refund", "release"] in want.values()
    assert ["reserve", "charge", "release"] in want.values()


def test_a_second_run_does_nothing_again(orders: Orders) -> None:
    orders.keep_customers(40)
    first = summary(orders.run())
    before = ledger(orders.folder)
    out = orders.run()
    assert summary(out) == first
    assert ledger(orders.folder) == before
    assert "steps/second   0\n" in out


def test_more_purchases_are_worked_on_the_same_books(orders: Orders) -> None:
    whole = orders.log.read_text()
    orders.keep_customers(20)
    orders.run()
    orders.log.write_text(whole)
    orders.keep_customers(60)
    check(orders, orders.run())


def test_purchases_that_cannot_be_true_are_rejected(orders: Orders) -> None:
    orders.keep_customers(20)
    with orders.log.open("a") as log:
        log.write(" 00004 0001 19970229  1   10.00\n")
        log.write(" 00004 0001 19970228  0   10.00\n")
        log.write(" 99999 2358 19970228  1   10,00\n")
    out = orders.run()
    check(orders, out)
    assert summary(out)["rejected"] == "3"


def test_a_damaged_log_is_named_with_its_line(orders: Orders) -> None:
    orders.keep_customers(5)
    with orders.log.open("a") as log:
        log.write("not a purchase\n")
    number = len(orders.log.read_text().splitlines())
    process = orders.start()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"CDNOW_sample.txt:{number}: not a purchase" in errors
    assert "Traceback" not in errors


def test_stopped_by_ctrl_c_it_goes_on_when_run_again(orders: Orders) -> None:
    orders.keep_customers(400)
    process = orders.start()
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert "run it again to go on" in errors
    check(orders, orders.run())


@pytest.mark.timeout(300)
def test_the_whole_log(orders: Orders) -> None:
    out = orders.run(timeout=280)
    check(orders, out)
    assert summary(out)["customers"] == "2357"
    assert summary(out)["purchases"] == "6919"

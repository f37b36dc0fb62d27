from __future__ import annotations

import threading

import pytest

from wippy.observe.events import Bus, Event, matches


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("*", "registry", True),
        ("", "registry", True),
        ("registry", "registry", True),
        ("registry", "registry.x", False),
        ("entry.*", "entry.create", True),
        ("entry.*", "entry.create.late", True),
        ("entry.*", "entries", False),
        ("e*", "entry", True),
        ("*.create", "entry.create", False),
        ("*.create", "*.create", True),
    ],
)
def test_patterns(pattern: str, text: str, fits: bool) -> None:
    assert matches(pattern, text) is fits


def test_subscribers_get_what_they_asked_for() -> None:
    bus = Bus()
    got: list[Event] = []
    bus.subscribe(got.append, "registry", "entry.*")
    bus.send("registry", "entry.create", "app:a", {"n": 1})
    bus.send("registry", "registry.commit", "tx")
    bus.send("supervisor", "entry.create", "app:b")
    assert got == [Event("registry", "entry.create", "app:a", {"n": 1})]


def test_closed_subscription_gets_nothing_more() -> None:
    bus = Bus()
    got: list[str] = []
    other: list[str] = []
    subscription = bus.subscribe(lambda event: got.append(event.path))
    bus.subscribe(lambda event: other.append(event.path))
    bus.send("s", "k", "1")
    subscription.close()
    subscription.close()
    bus.send("s", "k", "2")
    assert (got, other) == (["1"], ["1", "2"])


def test_no_replay_for_late_subscribers() -> None:
    bus = Bus()
    late: list[str] = []

    def first(event: Event) -> None:
        if event.path == "1":
            bus.send("s", "k", "2")
            bus.subscribe(lambda event: late.append(event.path))
            bus.send("s", "k", "3")

    bus.subscribe(first)
    bus.send("s", "k", "1")
    assert late == ["3"]


def test_events_sent_by_a_receiver_follow_in_order_for_all() -> None:
    bus = Bus()
    seen: dict[str, list[str]] = {"a": [], "b": []}

    def answer(event: Event) -> None:
        seen["a"].append(event.path)
        if event.path == "1":
            bus.send("s", "k", "2")

    bus.subscribe(answer)
    bus.subscribe(lambda event: seen["b"].append(event.path))
    bus.send("s", "k", "1")
    assert seen == {"a": ["1", "2"], "b": ["1", "2"]}


def test_all_subscribers_see_one_order_from_many_threads() -> None:
    bus = Bus()
    seen: list[list[str]] = [[], [], []]
    for each in seen:
        bus.subscribe(lambda event, each=each: each.append(event.path))
    gate = threading.Barrier(4)

    def speak(name: int) -> None:
        gate.wait()
        for number in range(500):
            bus.send("s", "k", f"{name}:{number}")

    threads = [threading.Thread(target=speak, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen[0]) == 2000
    assert seen[0] == seen[1] == seen[2]
    for name in range(4):
        assert [path for path in seen[0] if path.startswith(f"{name}:")] == [f"{name}:{n}" for n in range(500)]


def test_broken_receiver_stops_nobody_and_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    bus = Bus()
    got: list[str] = []

    def broken(event: Event) -> None:
        raise RuntimeError("broken")

    bus.subscribe(broken)
    bus.subscribe(lambda event: got.append(event.path))
    bus.send("s", "k", "1")
    bus.send("s", "k", "2")
    assert got == ["1", "2"]
    assert [record.getMessage() for record in caplog.records] == ["event receiver failed: s k"]

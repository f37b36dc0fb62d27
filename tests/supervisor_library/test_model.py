"""Random crashes, ends, stops and waits against a small model of a supervisor."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wippy.errors import WippyError

from .family import Family, child

PERIOD = 10
numbers = itertools.count()


class Model:
    """What a supervisor has to do, in the fewest words."""

    def __init__(self, strategy, intensity, restarts):
        self.strategy, self.intensity = strategy, intensity
        self.children = [[id, restart, "runs"] for id, restart in restarts.items()]
        self.failures, self.now, self.alive = [], 0, True
        self.notes = [f"start {id}" for id in restarts]

    def find(self, id):
        return next((one for one in self.children if one[0] == id), None)

    def running(self):
        return [one[0] for one in self.children if one[2] == "runs"] if self.alive else []

    def stop(self, some):
        for one in reversed(some):
            if one[2] == "runs":
                self.notes.append(f"stop {one[0]}")
                one[2] = "down"

    def start(self, some):
        for one in some:
            if one[2] == "down":
                self.notes.append(f"start {one[0]}")
                one[2] = "runs"

    def ends(self, id, crashed):
        one = self.find(id)
        one[2] = "down"
        if one[1] == "temporary":
            self.children.remove(one)
        elif one[1] == "permanent" or crashed:
            self.failures = [at for at in self.failures if self.now - at < PERIOD] + [self.now]
            if len(self.failures) > self.intensity:
                self.stop(self.children)
                self.alive = False
                return
            first = {"one_for_all": 0, "rest_for_one": self.children.index(one)}.get(self.strategy)
            if first is None:
                self.start([one])
                return
            self.stop(self.children[first:])
            kept = [each for each in self.children[first:] if each[1] != "temporary"]
            self.children[first:] = kept
            self.start(kept)

    def terminate(self, id):
        one = self.find(id)
        self.stop([one])
        one[2] = "stopped"
        if one[1] == "temporary":
            self.children.remove(one)

    def revive(self, id):
        one = self.find(id)
        one[2] = "down"
        self.start([one])

    def add(self, id, restart):
        self.children.append([id, restart, "down"])
        self.start(self.children[-1:])


RESTARTS = st.sampled_from(["permanent", "transient", "temporary"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["crash", "crash", "finish", "terminate", "revive"]), st.integers(0, 9)),
        st.tuples(st.just("add"), RESTARTS),
        st.tuples(st.just("wait"), st.sampled_from([2, 4, 5, 6, 10])),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    strategy=st.sampled_from(["one_for_one", "one_for_all", "rest_for_one"]),
    intensity=st.integers(0, 4),
    restarts=st.lists(RESTARTS, min_size=1, max_size=4),
    steps=STEPS,
)
def test_it_does_as_the_model(app, clock, strategy, intensity, restarts, steps):
    run = f"r{next(numbers)}"
    named = {f"{run}.{i}": restart for i, restart in enumerate(restarts)}
    model = Model(strategy, intensity, named)
    children = [child(id, restart=restart) for id, restart in named.items()]
    family = Family(app, *children, name=run, strategy=strategy, intensity=intensity, period=f"{PERIOD}s")
    for what, value in steps:
        if what == "wait":
            clock.advance(value)
            model.now += value
        elif what == "add":
            id = f"{run}.{len(named)}"
            named[id] = value
            family.ask("start_child", child(id, restart=value))
            model.add(id, value)
        elif what in ("crash", "finish", "terminate"):
            running = model.running()
            if not running:
                continue
            id = running[value % len(running)]
            if what == "terminate":
                assert family.ask("terminate_child", id) is True
                model.terminate(id)
            else:
                family.tell(id, what)
                model.ends(id, what == "crash")
        else:
            down = [one[0] for one in model.children if one[2] != "runs"]
            if not down:
                continue
            family.ask("restart_child", down[value % len(down)])
            model.revive(down[value % len(down)])
        if not model.alive:
            break
        assert family.running() == model.running()
    assert family.diary() == model.notes
    if model.alive:
        family.cancel()
        assert family.result.result(20) == "in order"
        model.notes = []
        model.stop(model.children)
        assert family.diary() == model.notes
    else:
        with pytest.raises(WippyError, match="supervisor gave up"):
            family.result.result(20)

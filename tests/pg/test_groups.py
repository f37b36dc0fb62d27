"""The table of groups against a small model."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wippy.errors import WippyError
from wippy.modules.pg.groups import Scope

PIDS = st.sampled_from(["p", "q", "r"])
GROUPS = st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=1, max_size=4)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("join"), PIDS, GROUPS),
        st.tuples(st.just("leave"), PIDS, GROUPS),
        st.tuples(st.just("ended"), PIDS, st.none()),
        st.tuples(st.just("watch"), st.none(), st.sampled_from(["a", "b", None])),
        st.tuples(st.just("unwatch"), st.none(), st.none()),
    ),
    max_size=40,
)


class Model:
    """A list of (PID, group), one for each join."""

    def __init__(self, max_groups, max_members):
        self.joins = []
        self.max_groups, self.max_members = max_groups, max_members

    def members(self, group):
        return [pid for pid, g in self.joins if g == group]

    def join(self, pid, groups):
        after = [*self.joins, *((pid, group) for group in groups)]
        sizes = Counter(group for _, group in after)
        if self.max_groups and len(sizes) > self.max_groups and any(not self.members(group) for group in groups):
            return "RateLimited"
        if self.max_members and any(sizes[group] > self.max_members for group in groups):
            return "RateLimited"
        self.joins = after
        return None

    def leave(self, pid, groups):
        left = False
        for group in groups:
            for at in reversed(range(len(self.joins))):
                if self.joins[at] == (pid, group):
                    del self.joins[at]
                    left = True
                    break
        return None if left else "NotFound"

    def ended(self, pid, _):
        self.joins = [join for join in self.joins if join[0] != pid]


class Watcher:
    """What one who watches believes, from the snapshot and the events."""

    def __init__(self, scope, group):
        self.counts = Counter()
        told = self.told
        if group is None:
            self.watch, snapshot = scope.watch_all(told)
        else:
            self.watch, members = scope.watch(group, told)
            snapshot = {group: members} if members else {}
        for name, members in snapshot.items():
            for pid in members:
                self.counts[pid, name] += 1
        self.group = group

    def told(self, event):
        step = 1 if event["kind"] == "member.joined" else -1
        assert event["data"]["Group"] == event["path"]
        assert event["data"]["PIDs"]
        for pid in event["data"]["PIDs"]:
            self.counts[pid, event["path"]] += step


@settings(deadline=None, max_examples=200)
@given(steps=STEPS, max_groups=st.sampled_from([0, 2, 3]), max_members=st.sampled_from([0, 2, 3]))
def test_the_table_does_what_the_model_does(steps, max_groups, max_members):
    scope, model, watchers = Scope("app:g", max_groups, max_members), Model(max_groups, max_members), []
    scope.start()
    for name, pid, argument in steps:
        if name == "watch":
            watchers.append(Watcher(scope, argument))
        elif name == "unwatch":
            if watchers:
                watchers.pop().watch.close()
        else:
            try:
                kind = None
                if name == "ended":
                    scope.ended(pid)
                else:
                    getattr(scope, name)(pid, argument)
            except WippyError as error:
                kind = error.kind
            assert kind == getattr(model, name)(pid, argument)
        for group in "abcd":
            assert scope.members(group) == model.members(group)
        assert sorted(scope.names()) == sorted({group for _, group in model.joins})
        for watcher in watchers:
            expected = Counter(join for join in model.joins if watcher.group in (None, join[1]))
            assert +watcher.counts == expected
            assert not -watcher.counts


def test_a_batch_that_breaks_a_limit_changes_and_tells_nothing():
    scope, told = Scope("app:g", max_groups=2), []
    scope.start()
    scope.watch_all(told.append)
    with pytest.raises(WippyError, match="maximum number of groups"):
        scope.join("p", ["a", "b", "c"])
    assert (scope.names(), told) == ([], [])


def test_one_that_fails_to_hear_does_not_harm_others(caplog):
    scope, told = Scope("app:g"), []
    scope.start()

    def broken(event):
        raise OSError("gone")

    scope.watch_all(broken)
    scope.watch_all(told.append)
    scope.join("p", ["a"])
    assert len(told) == 1
    assert "could not be told" in caplog.text

"""Groups of processes: who has joined which, in order, and who watches."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from typing import Any

from wippy.errors import NOT_FOUND, RATE_LIMITED, UNAVAILABLE, WippyError

log = logging.getLogger("wippy.modules")

JOINED, LEFT = "member.joined", "member.left"
Told = Callable[[dict[str, Any]], None]


class Watch:
    """Receives the changes of one group, or of all, until it is closed."""

    __slots__ = ("_scope", "group", "told")

    def __init__(self, scope: Scope, group: str | None, told: Told) -> None:
        self._scope = scope
        self.group = group
        self.told = told

    def close(self) -> None:
        """Nothing is told after this has returned; any number of times."""
        self._scope.unwatch(self)


class Membership:
    """What a process holds while it is in groups; closed when it ends. New code of the same process keeps it."""

    __slots__ = ("_pid", "_scope")
    survives_upgrade = True

    def __init__(self, scope: Scope, pid: str) -> None:
        self._scope = scope
        self._pid = pid

    def close(self) -> None:
        """The process leaves all groups."""
        self._scope.ended(self._pid)


class Scope:
    """The groups of one `pg.scope`. Thread-safe.

    Every change and the telling of it are one step under the lock, so all who watch see the same order and a snapshot
    taken together with a watch misses nothing and repeats nothing. `told` of a watch must not wait nor call back.

    Args:
        id: the entry.
        max_groups, max_members: 0 = unlimited; members are joins.
        buffer: capacity of the channels of those who watch.
    """

    def __init__(self, id: str, max_groups: int = 0, max_members: int = 0, buffer: int = 64) -> None:
        self.id = id
        self.buffer = buffer
        self.running = False
        self._max_groups = max_groups
        self._max_members = max_members
        self._lock = threading.Lock()
        self._joins = 0
        self._groups: dict[str, dict[int, str]] = {}  # group -> number of the join -> PID
        self._joined: dict[str, dict[str, list[int]]] = {}  # PID -> group -> numbers
        self._known: set[str] = set()  # PIDs that hold a Membership
        self._watches: dict[str | None, dict[Watch, None]] = {}  # by group, None for all groups

    def start(self) -> None:
        """From now on processes can join."""
        self.running = True

    def stop(self) -> None:
        """All members leave; every operation fails until the next start."""
        with self._lock:
            self.running = False
            groups, self._groups, self._joined = self._groups, {}, {}
            for group, members in groups.items():
                self._tell(LEFT, group, list(members.values()))
            self._watches.clear()

    def join(self, pid: str, groups: list[str]) -> bool:
        """Adds one join to each group, or to none.

        Returns:
            Whether this is the first join of the PID: then a `Membership` has to be kept for it.

        Raises:
            WippyError: RATE_LIMITED beyond a limit, UNAVAILABLE.
        """
        with self._lock:
            self._check()
            self._check_limits(groups)
            own = self._joined.setdefault(pid, {})
            for group in groups:
                self._joins += 1
                self._groups.setdefault(group, {})[self._joins] = pid
                own.setdefault(group, []).append(self._joins)
            for group, pids in _per_group(groups, pid):
                self._tell(JOINED, group, pids)
            first = pid not in self._known
            self._known.add(pid)
            return first

    def leave(self, pid: str, groups: list[str]) -> None:
        """Takes back the latest join to each group that the PID is in.

        Raises:
            WippyError: NOT_FOUND when it is in none of them, UNAVAILABLE.
        """
        with self._lock:
            self._check()
            own = self._joined.get(pid, {})
            left = []
            for group in groups:
                numbers = own.get(group)
                if not numbers:
                    continue
                left.append(group)
                self._remove(group, numbers.pop())
                if not numbers:
                    del own[group]
            if not own:
                self._joined.pop(pid, None)
            if not left:
                raise WippyError(NOT_FOUND, "pg: process not joined in group")
            for group, pids in _per_group(left, pid):
                self._tell(LEFT, group, pids)

    def ended(self, pid: str) -> None:
        """The process is no more: it leaves all groups with all its joins."""
        with self._lock:
            self._known.discard(pid)
            for group, numbers in self._joined.pop(pid, {}).items():
                for number in numbers:
                    self._remove(group, number)
                self._tell(LEFT, group, [pid] * len(numbers))

    def members(self, group: str) -> list[str]:
        """PIDs in the order of their joins, one for each. Raises WippyError: UNAVAILABLE."""
        with self._lock:
            self._check()
            return list(self._groups.get(group, {}).values())

    def names(self) -> list[str]:
        """Groups that have members. Raises WippyError: UNAVAILABLE."""
        with self._lock:
            self._check()
            return list(self._groups)

    def watch(self, group: str, told: Told) -> tuple[Watch, list[str]]:
        """Watches one group; also its members at that moment. Raises WippyError: UNAVAILABLE."""
        with self._lock:
            self._check()
            watch = self._add_watch(group, told)
            return watch, list(self._groups.get(group, {}).values())

    def watch_all(self, told: Told) -> tuple[Watch, dict[str, list[str]]]:
        """Watches all groups; also their members at that moment. Raises WippyError: UNAVAILABLE."""
        with self._lock:
            self._check()
            watch = self._add_watch(None, told)
            return watch, {group: list(members.values()) for group, members in self._groups.items()}

    def unwatch(self, watch: Watch) -> None:
        with self._lock:
            held = self._watches.get(watch.group, {})
            held.pop(watch, None)
            if not held:
                self._watches.pop(watch.group, None)

    def _add_watch(self, group: str | None, told: Told) -> Watch:
        watch = Watch(self, group, told)
        self._watches.setdefault(group, {})[watch] = None
        return watch

    def _check(self) -> None:
        if not self.running:
            raise WippyError(UNAVAILABLE, "pg: service stopped")

    def _check_limits(self, groups: list[str]) -> None:
        new: set[str] = set()
        added: dict[str, int] = {}
        for group in groups:
            if group not in self._groups:
                new.add(group)
            added[group] = added.get(group, 0) + 1
            if self._max_groups and len(self._groups) + len(new) > self._max_groups:
                raise WippyError(RATE_LIMITED, "pg: maximum number of groups reached", retryable=True)
            if self._max_members and len(self._groups.get(group, ())) + added[group] > self._max_members:
                raise WippyError(RATE_LIMITED, "pg: maximum members per group reached", retryable=True)

    def _remove(self, group: str, number: int) -> None:
        members = self._groups[group]
        del members[number]
        if not members:
            del self._groups[group]

    def _tell(self, kind: str, group: str, pids: list[str]) -> None:
        event = {"system": "pg", "kind": kind, "path": group, "data": {"Group": group, "PIDs": pids}}
        for watch in (*self._watches.get(group, ()), *self._watches.get(None, ())):
            try:
                watch.told(event)
            except Exception:
                log.exception("a change of group %s could not be told", group)


def _per_group(groups: Iterable[str], pid: str) -> list[tuple[str, list[str]]]:
    """One entry per group, with the PID as often as the group is named."""
    found: dict[str, list[str]] = {}
    for group in groups:
        found.setdefault(group, []).append(pid)
    return list(found.items())

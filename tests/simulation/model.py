"""What processes are, in the plainest form: a state, what operations do to it, what is on its way.

Operations are atomic here. What an end causes elsewhere (EXIT, LINK_DOWN, the end of calls) is a notice on its way,
delivered at any later time, but in order between two processes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

GONE = "Internal"
TERMINATED = "process terminated"


class Op(NamedTuple):
    """An operation of an actor.

    Attributes:
        act: its name, see `actor.lua`.
        to: destination as the actor resolved it: a PID or a name.
        data: the operation as the actor got it.
    """

    id: int
    act: str
    to: str | None
    data: dict[str, Any]


class Actor(NamedTuple):
    """A process or a function call.

    Attributes:
        served: a process that was called like a function: it is not ended with its caller but cancelled.
        parent: of a call.
        waiter: operation of the parent that waits for the end.
        position: operations done.
        resolved: PID behind the name that the current operation is for.
        waits: child whose end the current operation awaits.
        answer: the outcome that the current operation has been given.
        received: items that have come, ever.
        calls: calls under way.
        error: text of the error it ended with.
    """

    call: bool
    parent: str | None = None
    waiter: int | None = None
    alive: bool = True
    trap: bool = False
    links: frozenset[str] = frozenset()
    watchers: frozenset[str] = frozenset()
    position: int = 0
    resolved: str | None = None
    waits: str | None = None
    answer: tuple[Any, ...] | None = None
    received: int = 0
    calls: tuple[str, ...] = ()
    error: str | None = None
    served: bool = False


class Notice(NamedTuple):
    source: str
    target: str
    kind: str
    value: Any = None
    text: str | None = None


class State:
    """Actors by PID, names, notices on their way. Changed in place; `copy` before.

    Attributes:
        late: operations of old code whose requests may still be on their way: PID, place among its operations, PID
            behind the name that it is for.
    """

    __slots__ = ("actors", "late", "names", "notices")

    def __init__(
        self,
        actors: dict[str, Actor],
        names: dict[str, str],
        notices: list[Notice],
        late: tuple[tuple[str, int, str | None], ...] = (),
    ) -> None:
        self.actors = actors
        self.names = names
        self.notices = notices
        self.late = late

    def copy(self) -> State:
        return State(dict(self.actors), dict(self.names), list(self.notices), self.late)

    def key(self) -> tuple[Any, ...]:
        return (
            tuple(sorted(self.actors.items())),
            tuple(sorted(self.names.items())),
            tuple(sorted(self.notices, key=repr)),
            self.late,
        )

    def change(self, pid: str, **fields: Any) -> None:
        self.actors[pid] = self.actors[pid]._replace(**fields)

    def alive(self, pid: str | None) -> bool:
        actor = self.actors.get(pid or "")
        return actor is not None and actor.alive

    def add(self, pid: str, actor: Actor, linked: str | None, watcher: str | None) -> None:
        """A new actor; `linked` and `watcher` may have ended already."""
        self.actors[pid] = actor
        if watcher is not None:
            self.change(pid, watchers=frozenset((watcher,)))
        if linked is not None:
            self.link(pid, linked)

    def link(self, one: str, other: str) -> None:
        for a, b in ((one, other), (other, one)):
            if self.alive(a):
                self.change(a, links=self.actors[a].links | {b})

    def unlink(self, one: str, other: str) -> None:
        for a, b in ((one, other), (other, one)):
            if a in self.actors:
                self.change(a, links=self.actors[a].links - {b})

    def end(self, pid: str, value: Any = None, text: str | None = None) -> None:
        """The end of an actor; `text` is that of its error, None after a normal end."""
        actor = self.actors[pid]
        self.change(pid, alive=False, links=frozenset(), watchers=frozenset(), calls=(), trap=False, error=text)
        coming = {n.value for n in self.notices if n.kind == "named" and n.target == pid}
        self.names = {name: holder for name, holder in self.names.items() if holder != pid or name in coming}
        for call in actor.calls:
            self.notices.append(Notice(pid, call, "abandoned"))
        for watcher in sorted(actor.watchers):
            self.notices.append(Notice(pid, watcher, "pid.exit", value, text))
        for other in sorted(actor.links):
            self.unlink(pid, other)
            if text is not None:
                self.notices.append(Notice(pid, other, "pid.link.down", value, text))
        for other, its in self.actors.items():
            if pid in its.watchers:
                self.change(other, watchers=its.watchers - {pid})
        if actor.waiter is not None and actor.parent is not None:
            self.notices.append(Notice(pid, actor.parent, "answer", value, text))
        if actor.parent in self.actors:
            self.change(actor.parent, calls=tuple(c for c in self.actors[actor.parent].calls if c != pid))

    def drop(self, source: str, target: str, kind: str) -> None:
        """What is no longer wanted does not arrive."""
        self.notices = [n for n in self.notices if not (n.source == source and n.target == target and n.kind == kind)]


def failure(kind: str, text: str) -> tuple[Any, ...]:
    return ("error", kind, text)


OK: tuple[Any, ...] = ("ok", True)


def control(state: State, pid: str, op: Op, target: str) -> tuple[Any, ...] | None:
    """Operations on a PID; None where the operation does not return."""
    act, alive = op.act, state.alive(target)
    if act == "send":
        return OK if alive else failure("NotFound", "process not found")
    if act == "cancel":
        return OK if alive else failure(GONE, "process not found")
    if act == "terminate":
        if not alive:
            return failure(GONE, "process not found")
        if state.actors[target].call:
            return failure(GONE, "cannot be terminated")
        state.end(target, None, TERMINATED)
        return OK if target != pid else None
    if act == "monitor":
        if not alive:
            return failure(GONE, "pid not registered")
        if pid in state.actors[target].watchers:
            return failure(GONE, "already monitoring pid")
        if state.alive(pid):
            state.change(target, watchers=state.actors[target].watchers | {pid})
        return OK
    if act == "unmonitor":
        if alive:
            state.change(target, watchers=state.actors[target].watchers - {pid})
        state.drop(target, pid, "pid.exit")
        return OK
    if act == "link":
        if not alive:
            return failure(GONE, "pid not registered")
        state.link(pid, target)
        return OK
    if act == "unlink":
        state.unlink(pid, target)
        state.drop(target, pid, "pid.link.down")
        return OK
    raise AssertionError(act)


def own(state: State, pid: str, op: Op) -> tuple[Any, ...] | None:
    """Operations that concern the actor itself and names; None where the operation does not return."""
    act, data = op.act, op.data
    if act == "trap":
        state.change(pid, trap=data["value"])
    elif act == "exit":
        state.end(pid, op.id)
        return None
    elif act == "refuse":
        state.end(pid, None, f"refused {op.id}")
        return None
    elif act == "fail":
        state.end(pid, None, f"boom {op.id}")
        return None
    elif act == "register":
        holder = state.names.setdefault(data["name"], pid)
        if holder != pid:
            return failure("AlreadyExists", "name already registered")
    elif act == "register_other":
        assert op.to is not None
        holder = state.names.setdefault(data["name"], op.to)
        if holder != op.to:
            return failure("AlreadyExists", "name already registered")
        if op.to != pid:
            state.notices.append(Notice("", op.to, "named", data["name"]))
    elif act == "unregister":
        return ("ok", "nobody" if state.names.pop(data["name"], None) is None else "freed")
    elif act == "lookup":
        holder = state.names.get(data["name"])
        return failure("NotFound", "name not registered") if holder is None else ("ok", holder)
    elif act == "upgrade":
        upgrade(state, pid, data["entry"])
        return None
    elif act == "aside":
        state.notices.append(Notice(pid, pid, "upgrade", op.id))
    return OK


def upgrade(state: State, pid: str, entry: str) -> None:
    """New code for an actor."""
    actor = state.actors[pid]
    state.drop(pid, pid, "upgrade")
    if actor.call:
        state.end(pid)
    elif entry == "app:broken":
        # calls of the old code end first, and may take the actor along
        state.end(pid, None, "" if actor.calls else "upgrade: init failed")
    else:
        state.change(pid, trap=False, calls=(), resolved=None, waits=None, answer=None)
        state.notices.extend(Notice(pid, call, "abandoned") for call in actor.calls)

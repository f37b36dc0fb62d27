"""Whether what was observed has an explanation: an order of atomic operations and notices that the model allows.

What the actors recorded carries stamps: an operation that had returned before another began comes first, and an item
that was read before an operation began had come by then. Within that every order is tried, depth first, and each step
must give what was observed.
"""

from __future__ import annotations

from typing import Any

from simulation.model import OK, Actor, Notice, Op, State, control, failure, own, upgrade

Item = tuple[Any, ...]
NEVER = float("inf")
CONTROL = frozenset(("send", "cancel", "terminate", "monitor", "unmonitor", "link", "unlink"))
STARTS = frozenset(("spawn", "exec", "await", "call"))
ORPHANS = CONTROL | STARTS
"""Operations that may still take effect though the actor has ended: the request was on its way."""


IN_ORDER = frozenset(("pid.exit", "pid.link.down", "message"))
"""Notices that keep their order between two actors."""


class Observed:
    """What the actors recorded between two states of rest.

    Attributes:
        begun: PID -> its operations in order.
        began: operation -> stamp; ended: operation -> (stamp, outcome).
        received: PID -> (stamp, item) in order; what still waits in the mailbox has no stamp.
        started: operation -> PID of the actor that it started, ever; starts: operation -> stamp of that.
        ops: operations by number, ever.
    """

    def __init__(self, started: dict[int, str], ops: dict[int, dict[str, Any]]) -> None:
        self.ops = ops
        self.starts: dict[int, float] = {}
        self.begun: dict[str, list[Op]] = {}
        self.began: dict[int, float] = {}
        self.ended: dict[int, tuple[float, tuple[Any, ...]]] = {}
        self.received: dict[str, list[tuple[float, Item]]] = {}
        self.started = started

    def read(self, log: list[tuple[int, str, list[Any]]]) -> None:
        """Adds records of the actors."""
        for stamp, pid, values in log:
            what = values[0]
            if what == "start":
                self.started.setdefault(values[1], pid)
                self.starts.setdefault(values[1], stamp)
            elif what == "begin":
                data = self.ops[values[1]]
                to = values[2] if len(values) > 2 else None
                self.begun.setdefault(pid, []).append(Op(values[1], data["act"], to, data))
                self.began[values[1]] = stamp
            elif what == "end":
                self.ended[values[1]] = (stamp, tuple(values[2:]))
            else:
                self.received.setdefault(pid, []).append((stamp, item_of(values)))


def item_of(values: list[Any]) -> Item:
    """A message or an event as it was read, or as it waits."""
    if values[0] == "message":
        return ("message", *values[1:])
    _, kind, source, reason, value, error = (*values, None, None, None)[:6]
    return (kind, source, reason) if kind == "pid.cancel" else (kind, source, value or None, error or None)


def same(expected: tuple[Any, ...], found: tuple[Any, ...]) -> bool:
    """Outcomes: error texts need only contain what is expected."""
    if expected[0] != "error" or found[0] != "error":
        return expected == found
    return expected[1] in ("", found[1]) and expected[2] in found[2]


def same_item(expected: Item, found: Item) -> bool:
    if expected[0] in ("pid.exit", "pid.link.down") and expected[3] is not None and len(found) > 3:
        return expected[:3] == found[:3] and found[3] is not None and expected[3] in found[3]
    return expected == found


class Search:
    """Looks for an explanation.

    Args:
        rest: what the kernels hold in the end, by PID, and the names.
    """

    def __init__(self, observed: Observed, start: State, rest: dict[str, Any], limit: int = 100_000) -> None:
        self.observed = observed
        self.rest = rest
        self.limit = limit
        self.visited: set[Any] = set()
        self.deepest: tuple[int, State, list[str]] = (-1, start, [])
        self.start = start
        self.exhausted = False

    def run(self) -> State | None:
        """The final state, or None: then `deepest` tells how far it goes."""
        stack: list[tuple[State, tuple[str, ...]]] = [(self.start, ())]
        while stack:
            state, trail = stack.pop()
            key = state.key()
            if key in self.visited:
                continue
            self.visited.add(key)
            if len(self.visited) > self.limit:
                self.exhausted = True
                return None
            moves, blockers = self._moves(state)
            if len(trail) > self.deepest[0]:
                self.deepest = (len(trail), state, [*trail, *(f"  never: {b}" for b in blockers)])
            if self._is_end(state):
                wrong = self._differences(state)
                if not wrong:
                    return state
                self.deepest = (len(trail) + 1000, state, [*trail, *wrong])
            for text, after in reversed(moves):
                stack.append((after, (*trail, text)))
        return None

    # What can come next

    def _moves(self, state: State) -> tuple[list[tuple[str, State]], list[str]]:
        bound, by = NEVER, ""
        current: list[tuple[str, Op]] = []
        for pid, ops in self.observed.begun.items():
            actor = state.actors.get(pid)
            position = actor.position if actor else 0
            if position < len(ops):
                op = ops[position]
                if actor is not None:
                    current.append((pid, op))
                end = self.observed.ended.get(op.id)
                if end and end[0] < bound:
                    bound, by = end[0], f"{op.act} {op.id} of {pid}"
        for pid, items in self.observed.received.items():
            actor = state.actors.get(pid)
            count = actor.received if actor else 0
            if count < len(items) and items[count][0] < bound:
                bound, by = items[count][0], f"{items[count][1]} at {pid}"
        for notice in state.notices:
            if notice.kind == "upgrade" and self.observed.starts.get(notice.value, NEVER) < bound:
                bound, by = self.observed.starts[notice.value], f"upgrade {notice.value}"
        moves: list[tuple[str, State]] = []
        for place in state.late:
            moves += self._late(state, place)
        for pid, op in current:
            if self.observed.began[op.id] < bound:
                moves += self._op(state, pid, op)
        moves += self._deliveries(state)
        return moves, [by]

    def _op(self, state: State, pid: str, op: Op) -> list[tuple[str, State]]:
        actor = state.actors[pid]
        ended = self.observed.ended.get(op.id)
        if not actor.alive and (op.act not in ORPHANS or ended):
            return []
        if actor.waits is not None:
            if actor.answer is None or ended is None or not same(actor.answer, ended[1]):
                return []
            after = state.copy()
            after.change(pid, position=actor.position + 1, waits=None, answer=None)
            return [(f"{pid} {op.act} {op.id} returns", after)]
        after = state.copy()
        outcome: tuple[Any, ...] | None
        if op.act in CONTROL:
            target = actor.resolved or op.to
            assert target is not None
            if not target.startswith("{"):
                holder = state.names.get(target)
                if holder is not None:
                    after.change(pid, resolved=holder)
                    return [(f"{pid} {op.act} {op.id} resolves {target}", after)]
                outcome = failure("NotFound", "could not resolve")
            else:
                after.change(pid, resolved=None)
                outcome = control(after, pid, op, target)
                if outcome == OK and not self._follow(after, actor, pid, op, target):
                    return []
        elif op.act in STARTS:
            return self._spawn(after, pid, op)
        elif op.act == "cancel_call":
            call = self.observed.started.get(int(op.to)) if op.to else None
            if call in actor.calls:
                after.notices.append(Notice(pid, str(call), "abandoned"))
                after.change(pid, calls=tuple(c for c in actor.calls if c != call))
            outcome = OK
        else:
            outcome = own(after, pid, op)
        return self._done(after, pid, op, outcome)

    def _late(self, state: State, place: tuple[str, int, str | None]) -> list[tuple[str, State]]:
        """An operation of code that is no more: it may take effect, and nobody learns how."""
        pid, index, resolved = place
        op = self.observed.begun[pid][index]
        before = state.copy()
        before.late = tuple(one for one in before.late if one != place)
        now = before.actors[pid]
        before.change(pid, position=index, resolved=resolved, waits=None, answer=None)
        moves = []
        for text, after in self._op(before, pid, op):
            found = after.actors[pid].resolved
            if found is not None:
                after.late = (*after.late, (pid, index, found))
            after.change(pid, position=now.position, resolved=now.resolved, waits=now.waits, answer=now.answer)
            moves.append((f"late: {text}", after))
        return moves

    def _follow(self, after: State, actor: Actor, pid: str, op: Op, target: str) -> bool:
        """Items that an operation brings at once, and what a late one causes."""
        if op.act == "send":
            return self._receive(after, target, ("message", pid, op.data["topic"], op.id))
        if op.act == "cancel":
            return self._receive(after, target, ("pid.cancel", pid, str(op.id)))
        if op.act == "link" and not actor.alive and actor.error is not None:
            after.notices.append(Notice(pid, target, "pid.link.down", None, actor.error))
            after.unlink(pid, target)
        elif op.act in ("link", "monitor") and not actor.alive:
            after.unlink(pid, target)
        return True

    def _done(self, after: State, pid: str, op: Op, outcome: tuple[Any, ...] | None) -> list[tuple[str, State]]:
        ended = self.observed.ended.get(op.id)
        if ended and (outcome is None or not same(outcome, ended[1])):
            return []
        after.change(pid, position=after.actors[pid].position + 1)
        return [(f"{pid} {op.act} {op.id} {op.to or ''} {outcome}", after)]

    def _spawn(self, after: State, pid: str, op: Op) -> list[tuple[str, State]]:
        data, ended = op.data, self.observed.ended.get(op.id)
        actor = after.actors[pid]
        if data.get("host") == "app:nowhere":
            return self._done(after, pid, op, failure("", "host not found"))
        name = data.get("name")
        if name is not None and name in after.names:
            holder = after.names[name]
            for id in data.get("messages", ()):
                after.notices.append(Notice(f"spawn {op.id}", holder, "message", id))
            return self._done(after, pid, op, ("ok", holder))
        if data["entry"] == "app:broken":
            return self._done(after, pid, op, failure("Internal", "failed to execute script"))
        child = self.observed.started.get(op.id)
        if child is None and op.act == "spawn" and ended and ended[1][0] == "ok":
            child = ended[1][1]
        if child is None or child in after.actors:
            if child is None and op.act in ("call", "exec", "await"):
                return self._done(after, pid, op, OK)
            return []
        waits = op.act in ("exec", "await")
        served = data["entry"] == "app:served"
        called = op.act in ("await", "call")
        call = called and not served
        flavour = data.get("flavour", "")
        made = Actor(call, pid if called or waits else None, op.id if waits else None, served=served)
        linked, watcher = "linked" in flavour, "monitored" in flavour
        after.add(child, made, pid if linked else None, pid if watcher and actor.alive else None)
        if linked and not actor.alive:
            after.unlink(child, pid)
            if actor.error is not None:
                after.notices.append(Notice(pid, child, "pid.link.down", None, actor.error))
        if name is not None:
            after.names[name] = child
        for id in data.get("messages", ()):
            if not self._receive(after, child, ("message", "", "m", id)):
                return []
        if called:
            if actor.alive:
                after.change(pid, calls=(*after.actors[pid].calls, child))
            else:
                after.notices.append(Notice(pid, child, "abandoned"))
        if not waits:
            return self._done(after, pid, op, ("ok", child) if op.act == "spawn" else OK)
        if actor.alive:
            after.change(pid, waits=child)
        else:
            after.change(pid, position=actor.position + 1)
        return [(f"{pid} {op.act} {op.id} starts {child}", after)]

    def _receive(self, state: State, pid: str, item: Item) -> bool:
        """Adds an item to a living actor's mailbox; False if something else came at that place."""
        actor = state.actors[pid]
        items = self.observed.received.get(pid, ())
        if actor.received < len(items) and not same_item(item, items[actor.received][1]):
            return False
        state.change(pid, received=actor.received + 1)
        return True

    def _deliveries(self, state: State) -> list[tuple[str, State]]:
        moves = []
        begun: set[tuple[Any, ...]] = set()
        for index, notice in enumerate(state.notices):
            pair = (notice.source, notice.target, None if notice.kind in IN_ORDER else (notice.kind, notice.value))
            if pair in begun:
                continue
            begun.add(pair)
            after = state.copy()
            del after.notices[index]
            if self._deliver(after, notice):
                moves.append((f"{notice.kind} {notice.source} -> {notice.target}", after))
        return moves

    def _deliver(self, after: State, notice: Notice) -> bool:
        target = after.actors.get(notice.target)
        if target is None:
            return False
        source = after.actors.get(notice.source)
        ops = self.observed.begun.get(notice.source, ())
        if source is not None and not source.alive and source.position < len(ops):
            # what was sent before the end comes before the news of it
            late = ops[source.position]
            if (source.resolved or late.to) == notice.target:
                after.change(notice.source, position=source.position + 1)
        if notice.kind == "named":
            if not target.alive:
                after.names = {name: holder for name, holder in after.names.items() if holder != notice.target}
            return True
        if not target.alive:
            return True
        if notice.kind == "upgrade":
            return self._upgrade(after, notice)
        if notice.kind == "message":
            return self._receive(after, notice.target, ("message", "", "m", notice.value))
        if notice.kind == "abandoned" and target.served:
            return self._receive(after, notice.target, ("pid.cancel", "{|}", "caller context canceled"))
        if notice.kind == "abandoned":
            after.end(notice.target, None, "canceled")
            return True
        if notice.kind == "answer":
            if target.waits == notice.source:
                answer: tuple[Any, ...] = ("ok", notice.value)
                if notice.text is not None:
                    answer = failure("", notice.text)
                elif notice.value is None:
                    answer = ("nil",)
                after.change(notice.target, answer=answer)
            return True
        if notice.kind == "pid.link.down" and not target.trap:
            after.end(notice.target, None, "linked process failed")
            return True
        return self._receive(after, notice.target, (notice.kind, notice.source, notice.value, notice.text))

    def _upgrade(self, after: State, notice: Notice) -> bool:
        """An upgrade by another coroutine: what the main one was doing goes on without anybody who waits for it."""
        pid, actor = notice.target, after.actors[notice.target]
        observed = self.observed
        restart = observed.starts.get(notice.value, NEVER)
        old = [op for op in observed.begun.get(pid, ())[actor.position :] if observed.began[op.id] < restart]
        if len(old) > 1 or (old and old[0].id in observed.ended):
            return False  # the old code did more
        if old:
            if actor.waits is None and old[0].act in ORPHANS:
                after.late = (*after.late, (pid, actor.position, actor.resolved))
            after.change(pid, position=actor.position + 1)
        upgrade(after, pid, observed.ops[notice.value]["entry"])
        return True

    # The end

    def _is_end(self, state: State) -> bool:
        if any(n.target in state.actors for n in state.notices):
            return False
        for pid, ops in self.observed.begun.items():
            actor = state.actors.get(pid)
            if actor is None:
                return False
            left = len(ops) - actor.position
            if left > 1 or (left and actor.alive and actor.waits is None):
                return False
            if left and ops[-1].id in self.observed.ended:
                return False
        for pid, items in self.observed.received.items():
            actor = state.actors.get(pid)
            if actor is None or actor.received < len(items):
                return False
        return True

    def _differences(self, state: State) -> list[str]:
        held: dict[str, Any] = self.rest["processes"]
        wrong = []
        living = {pid for pid, actor in state.actors.items() if actor.alive}
        if living != set(held):
            wrong.append(f"living: {sorted(set(held) - living)} too many, {sorted(living - set(held))} missing")
        for pid in sorted(living & set(held)):
            actor, found = state.actors[pid], held[pid]
            count = len(self.observed.received.get(pid, ()))
            if actor.received != count:
                wrong.append(f"{pid} received {count} items, not {actor.received}")
            for field in ("links", "watchers"):
                expected = getattr(actor, field)
                if expected != found[field]:
                    wrong.append(f"{field} of {pid}: {sorted(found[field])}, not {sorted(expected)}")
            watching = {other for other, its in state.actors.items() if its.alive and pid in its.watchers}
            if watching != found["watching"]:
                wrong.append(f"{pid} watches {sorted(found['watching'])}, not {sorted(watching)}")
            if actor.trap != found["trap"]:
                wrong.append(f"trap_links of {pid}: {found['trap']}")
        if state.names != self.rest["names"]:
            wrong.append(f"names: {self.rest['names']}, not {state.names}")
        return wrong

"""Random programs: batches of operations for actors, as plain data, so that parts can be left out."""

from __future__ import annotations

from random import Random
from typing import Any

from simulation.simulator import ACTOR, BROKEN, CALL, MANY, NEWER, ONE, PINNED, SERVED

Ops = list[dict[str, Any]]
Batch = list[tuple[int, Ops]]
"""(number of an actor, its operations); numbers count all actors that were ever there, modulo how many there are."""

NAMES = ("red", "green", "blue")
FLAVOURS = ("", "_monitored", "_linked", "_linked_monitored")
ACTS = {
    "send": 30,
    "spawn": 18,
    "monitor": 8,
    "unmonitor": 3,
    "link": 8,
    "unlink": 4,
    "terminate": 5,
    "cancel": 4,
    "trap": 5,
    "register": 6,
    "register_other": 2,
    "unregister": 2,
    "lookup": 3,
    "exec": 3,
    "await": 3,
    "call": 5,
    "cancel_call": 2,
    "open": 4,
    "sleep": 2,
    "pause": 3,
    "spin": 3,
    "upgrade": 4,
    "aside": 4,
    "exit": 3,
    "refuse": 2,
    "fail": 3,
}
TARGETED = frozenset(("send", "cancel", "terminate", "monitor", "unmonitor", "link", "unlink", "register_other"))
ENDS = ("exit", "refuse", "fail")


def make_program(random: Random, batches: int | None = None) -> list[Batch]:
    """A program of up to a dozen batches."""
    count = batches or random.randint(2, 10)
    return [_batch(random) for _ in range(count)]


def _batch(random: Random) -> Batch:
    return [(random.randrange(100), _ops(random, random.choice((1, 1, 2, 3, 5)))) for _ in range(random.randint(1, 4))]


def _ops(random: Random, count: int, depth: int = 0) -> Ops:
    return [_op(random, depth) for _ in range(count)]


def _op(random: Random, depth: int) -> dict[str, Any]:
    (act,) = random.choices(list(ACTS), list(ACTS.values()))
    if depth > 1 and act in ("spawn", "exec", "await", "call", "upgrade", "aside"):
        act = "send"
    op: dict[str, Any] = {"act": act}
    if act in TARGETED:
        op["to"] = _target(random, depth, act)
    if act == "send":
        op["topic"] = random.choice(("a", "b", "inbox", ""))
    elif act == "spawn":
        op.update(flavour=random.choice(FLAVOURS), entry=_entry(random), host=random.choice((ONE, MANY, MANY)))
        if random.random() < 0.03:
            op["host"] = "app:nowhere"
        _child(random, op, depth)
        if random.random() < 0.25:
            op["name"] = random.choice(NAMES)
        if random.random() < 0.3:
            op["messages"] = random.randint(1, 2)
    elif act == "exec":
        op.update(entry=ACTOR, host=random.choice((ONE, MANY)))
        _child(random, op, depth, ends=True)
    elif act in ("await", "call"):
        op["entry"] = random.choice((CALL, CALL, PINNED, SERVED))
        _child(random, op, depth, ends=act == "await")
    elif act == "cancel_call":
        op["to"] = "future"
    elif act in ("upgrade", "aside"):
        if act == "aside" and random.random() < 0.5:
            op["ns"] = random.choice((1, 1000, 1_000_000_000))
        op["entry"] = random.choice((ACTOR, NEWER, NEWER, BROKEN))
        _child(random, op, depth)
    elif act == "trap":
        op["value"] = random.random() < 0.8
    elif act in ("register", "register_other", "unregister", "lookup"):
        op["name"] = random.choice(NAMES)
    elif act == "sleep":
        op["ns"] = random.choice((0, 1000, 1_000_000_000))
    elif act == "spin":
        op["times"] = random.choice((10, 300, 3000))
    return op


def _entry(random: Random) -> str:
    return BROKEN if random.random() < 0.04 else ACTOR


def _child(random: Random, op: dict[str, Any], depth: int, ends: bool = False) -> None:
    op["ops"] = _ops(random, random.choice((0, 0, 1, 2, 3)), depth + 1)
    if ends:
        op["ops"].append({"act": random.choice(ENDS)})
    op["deaf"] = random.random() < 0.25


def _target(random: Random, depth: int, act: str) -> Any:
    kind = random.random()
    if kind < 0.08:
        return "self"
    if kind < 0.28:
        return "last"
    if depth and kind < 0.6:
        return "parent"
    if act != "register_other" and kind > 0.88:
        return random.choice(NAMES)
    return random.randrange(100)


def parts(program: list[Batch]) -> list[list[Batch]]:
    """The programs that lack one part of this one, large parts first."""
    found: list[list[Batch]] = []
    for index in range(len(program)):
        found.append(program[:index] + program[index + 1 :])
    for index, batch in enumerate(program):
        for place in range(len(batch)):
            found.append([*program[:index], batch[:place] + batch[place + 1 :], *program[index + 1 :]])
    for index, batch in enumerate(program):
        for place, (actor, ops) in enumerate(batch):
            for smaller in _smaller(ops):
                changed = [*batch[:place], (actor, smaller), *batch[place + 1 :]]
                found.append([*program[:index], changed, *program[index + 1 :]])
    return found


def _smaller(ops: Ops) -> list[Ops]:
    found = [ops[:i] + ops[i + 1 :] for i in range(len(ops))]
    for i, op in enumerate(ops):
        if op.get("ops"):
            found += [[*ops[:i], {**op, "ops": inner}, *ops[i + 1 :]] for inner in _smaller(op["ops"])]
        for extra in ("name", "messages"):
            if extra in op and op["act"] == "spawn":
                found.append([*ops[:i], {k: v for k, v in op.items() if k != extra}, *ops[i + 1 :]])
    return found

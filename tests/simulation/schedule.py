"""Runs a program on a simulation and checks it against the model."""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec

from simulation.check import NEVER, Observed, Search, item_of
from simulation.model import Actor, State
from simulation.program import Batch, Ops, make_program, parts
from simulation.simulator import ACTOR, MANY, ONE, Simulation, Stuck
from wippy.kernel import codec

ROOTS = 4


class Result(msgspec.Struct):
    """What a schedule gave.

    Attributes:
        wrong: empty if all was right.
        trace: digest of everything that was done, equal for equal seeds.
        operations, states: how much was done, and how many states of the model were looked at.
        undecided: batches whose search was given up.
    """

    wrong: list[str] = []
    trace: str = ""
    operations: int = 0
    states: int = 0
    undecided: int = 0


class Schedule:
    """One run of a program under one seed."""

    def __init__(self, seed: int, program: list[Batch]) -> None:
        random = Random(f"setting {seed}")
        self.simulation = Simulation(seed, random.randint(1, 3), isolated=random.random() < 0.2)
        self.program = program
        self.ops: dict[int, dict[str, Any]] = {}
        self.known: list[str] = []
        self.started: dict[int, str] = {}
        self.state = State({}, {}, [])
        self.carried: dict[str, Any] = {}
        self.mailboxes: dict[str, list[Any]] = {}
        self.result = Result()
        self._last = 0

    def run(self) -> Result:
        try:
            self._roots()
            for number, batch in enumerate(self.program, 1):
                self._issue(batch)
                self.simulation.run()
                if not self._judge(number):
                    break
        except Stuck as error:
            self.result.wrong.append(str(error))
        if self.simulation.problems:
            self.result.wrong += self.simulation.problems
        self.result.trace = self.simulation.trace.hexdigest()
        return self.result

    def _roots(self) -> None:
        hosts = {host.id: host for host in self.simulation.hosts}
        futures = []
        for index in range(ROOTS):
            number = self._number({"act": "root"})
            host = hosts[ONE if index % 2 else MANY]
            futures.append(host.spawn(ACTOR, [{"op": number, "ops": [], "deaf": index == 3}]))
        self.simulation.run()
        for future in futures:
            pid = future.result(0)
            self.known.append(pid)
            self.state.actors[pid] = Actor(False)
        self.simulation.log.clear()

    def _number(self, op: dict[str, Any]) -> int:
        self._last += 1
        self.ops[self._last] = op
        return self._last

    def _resolved(self, ops: Ops) -> Ops:
        """Operations as an actor gets them: numbered, actors as PIDs."""
        made = []
        for op in ops:
            new = dict(op)
            new["op"] = self._number(new)
            if isinstance(new.get("to"), int):
                new["to"] = self.known[new["to"] % len(self.known)]
            if "messages" in new:
                new["messages"] = [self._number({"act": "message"}) for _ in range(new["messages"])]
            if "ops" in new:
                new["ops"] = self._resolved(new["ops"])
            made.append(new)
        return made

    def _issue(self, batch: Batch) -> None:
        router = self.simulation.router
        for actor, ops in batch:
            pid = self.known[actor % len(self.known)]
            if not self.state.alive(pid):
                living = [other for other in self.known if self.state.alive(other)]
                if not living:
                    return
                pid = living[actor % len(living)]
            made = self._resolved(ops)
            self.result.operations += len(made)
            router.ask(lambda ok, values: None, "send", pid, "do", "", "", codec.pack([made]))

    def _judge(self, number: int) -> bool:
        simulation = self.simulation
        observed = Observed(self.started, self.ops)
        for pid, (op, began) in self.carried.items():
            observed.begun[pid] = [op]
            observed.began[op.id] = began
        observed.read(simulation.log)
        rest = simulation.inspect()
        for pid, held in rest["processes"].items():
            for item in held["mailbox"]:
                observed.received.setdefault(pid, []).append((NEVER, item_of(item)))
        wrong = []
        for pid, before in self.mailboxes.items():
            now = [item for _, item in observed.received.get(pid, ())][: len(before)]
            if pid in rest["processes"] and now != before:
                wrong.append(f"batch {number}: the mailbox of {pid} was {before}, became {now}")
        for pid in list(self.state.actors):
            self.state.change(pid, position=0, received=len(self.mailboxes.get(pid, ())))
        search = Search(observed, self.state, rest)
        state = search.run()
        self.result.states += len(search.visited)
        if search.exhausted:
            self.result.undecided += 1
            return False
        if state is None or wrong:
            depth, _, trail = search.deepest
            lines = [f"  {stamp} {pid} {values}" for stamp, pid, values in simulation.log]
            given = [f"  {op}" for op in self.ops.items()]
            self.result.wrong += [*wrong, f"batch {number} has no explanation; the longest ({depth}):", *trail]
            self.result.wrong += ["operations:", *given, "records:", *lines, f"at rest: {rest}"]
            return False
        self.carried = {}
        for pid, actor in state.actors.items():
            ops = observed.begun.get(pid, ())
            if actor.alive and actor.position < len(ops):
                op = ops[actor.position]
                self.carried[pid] = (op, observed.began[op.id])
        self.mailboxes = {pid: [item_of(item) for item in held["mailbox"]] for pid, held in rest["processes"].items()}
        self.state = State(state.actors, state.names, [])
        for pid in state.actors:
            if pid not in self.known:
                self.known.append(pid)
        simulation.log.clear()
        return True


def run_seed(seed: int, program: list[Batch] | None = None) -> Result:
    """The schedule of a seed; its program too is the seed's unless one is given."""
    return Schedule(seed, program or make_program(Random(f"program {seed}"))).run()


def shrink(seed: int, program: list[Batch], tries: int = 400) -> list[Batch]:
    """A smaller program that still fails, under this seed or one of a few others."""
    again = True
    while again and tries > 0:
        again = False
        for smaller in parts(program):
            tries -= 1
            if tries <= 0:
                break
            if smaller and run_seed(seed, smaller).wrong:
                program, again = smaller, True
                break
    return program

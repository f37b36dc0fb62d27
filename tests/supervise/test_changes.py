"""Random changes of the registry, crashes and waits: the order of starts and stops always holds."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from wippy.duration import SECOND
from wippy.registry.entry import ID
from wippy.registry.lifecycle import Lifecycle, Restart

from .test_restart import crash
from .world import Fake, World, settle

NAMES = "abcdef"
OPERATIONS = st.tuples(
    st.sampled_from(["put", "put", "restart", "delete", "anew"]),
    st.sampled_from(NAMES),
    st.sets(st.sampled_from(NAMES), max_size=3),
    st.booleans(),
)
STEPS = st.one_of(
    st.tuples(st.sampled_from(["commit", "commit", "rollback"]), st.lists(OPERATIONS, min_size=1, max_size=4)),
    st.tuples(st.sampled_from(["crash", "start", "stop", "slow"]), st.sampled_from(NAMES)),
    st.tuples(st.just("wait"), st.sampled_from([0.5, 2, 10])),
)


class Registry:
    """The part of a registry that a supervisor sees: what is there and what it needs."""

    def __init__(self) -> None:
        self.world = World()
        self.services: dict[str, tuple[Fake, set[str], bool]] = {}
        self.needs: dict[str, list[set[str]]] = {name: [] for name in NAMES}
        self.begun: set[str] = set()  # made with auto_start, and nobody has stopped anything since

    def service(self, name: str, needs: set[str]) -> Fake:
        # needs lead to earlier names only, so there are no cycles
        known = self.needs[name]
        known.append({need for need in needs if need < name and need in self.services})
        return Fake(f"{name} {len(known)}", self.world.log)

    async def change(self, operations, commit: bool) -> None:
        supervisor, before, begun = self.world.supervisor, dict(self.services), set(self.begun)
        await supervisor.begin()
        touched = set()
        for what, name, needs, auto in operations:
            if name in touched:
                continue
            touched.add(name)
            id = ID("app", name)
            if what in ("delete", "anew") and name in self.services:
                if what == "delete" and any(name in needed for _, needed, _ in self.services.values()):
                    continue
                await supervisor.unregister(id)
                if what == "delete":
                    del self.services[name]
                    continue
            elif what in ("delete", "anew"):
                continue
            if what == "anew" or name not in self.services:
                (self.begun.add if auto else self.begun.discard)(name)
            service = self.service(name, needs)
            needed = self.needs[name][-1]
            self.services[name] = (service, needed, auto)
            block = Lifecycle(requires=sorted(needed), auto_start=auto, restart=Restart(initial_delay=SECOND))
            supervisor.register(id, service, block, restart=what == "restart")
        if commit:
            await supervisor.committed()
        else:
            await supervisor.rollback()
            self.services, self.begun = before, begun


def check_order(log: list[str], needs: dict[str, list[set[str]]]) -> None:
    """Nothing goes down while something is up that needs it, by what it was registered with then and since."""
    up: dict[str, int] = {}
    for line in log:
        what, name, number = line.split()
        if what == "up":
            up[name] = int(number)
        elif what == "stop":
            for other, since in up.items():
                needed = all(name in each for each in needs[other][since - 1 :])
                assert other == name or not needed, f"{line} while {other} is up: {log}"
        elif what == "down":
            up.pop(name, None)


@settings(max_examples=100, deadline=None)
@given(st.lists(STEPS, max_size=12))
def test_order_holds_and_what_should_run_runs(steps):
    async def scenario() -> None:
        registry = Registry()
        world = registry.world
        for step, value in steps:
            if step in ("commit", "rollback"):
                await registry.change(value, step == "commit")
            elif step == "wait":
                await world.clock.advance(value)
            elif value in registry.services:
                service = registry.services[value][0]
                if step == "crash" and world.status(value) == "running":
                    running = world.supervisor._services[ID("app", value)]._run
                    assert running is not None
                    world.log.append(f"down {running.service.name}")  # type: ignore[attr-defined]
                    running.service.ended(crash())  # type: ignore[attr-defined]
                elif step in ("start", "stop"):
                    if step == "stop":
                        registry.begun.clear()
                    asyncio.ensure_future(getattr(world, step)(value)).add_done_callback(lambda task: task.exception())
                elif step == "slow":
                    service.fail.append(crash("not yet"))
            await settle()
        await world.clock.advance(500)
        states = {state.id.name: state for state in world.supervisor.states()}
        assert set(states) == set(registry.services)
        for name, state in states.items():
            if state.desired == "running":
                assert state.status == "running", (name, state, world.log)
            if name in registry.begun:
                assert state.desired == "running", (name, state, world.log)
        assert await world.supervisor.shutdown() == []
        check_order(world.log, registry.needs)
        assert {state.status for state in world.supervisor.states()} <= {"stopped", "unknown"}

    asyncio.run(scenario())

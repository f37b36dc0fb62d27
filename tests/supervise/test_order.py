import asyncio

import pytest

from wippy.duration import SECOND
from wippy.errors import CANCELED, INVALID, INVALID_STATE, NOT_FOUND, WippyError
from wippy.registry.entry import ID
from wippy.registry.lifecycle import Lifecycle
from wippy.registry.notice import Problems
from wippy.supervise.dependencies import levels

from .test_restart import crash
from .world import Fake, World, settle


def test_levels():
    a, b, c, d = (ID("app", name) for name in "abcd")
    graph = {a: {b, c}, b: {d}, c: {d, ID("app", "x")}, d: set()}
    assert levels(graph) == [[d], [b, c], [a]]
    with pytest.raises(WippyError, match="circular dependency between services: app:a -> app:b -> app:a"):
        levels({a: {b}, b: {a}, c: {a}})


async def test_dependencies_start_first_and_independent_services_at_the_same_time():
    world = World()
    for name, *requires in (("a", "b", "c"), ("b", "d"), ("c", "d"), ("d",), ("unasked",)):
        world.add(name, *requires)
    await world.start("a")
    log = world.log
    assert log[:2] == ["start d", "up d"]
    assert set(log[2:4]) == {"start b", "start c"}
    assert log[-2:] == ["start a", "up a"]
    assert world.status("unasked") == "unknown"


async def test_references_are_followed_through_entries_that_are_no_services():
    world = World({"svc": ["proc", "nothing"], "proc": ["lib"], "lib": ["db", "svc"]})
    world.add("svc")
    world.add("db")
    await world.start("svc")
    assert world.log == ["start db", "up db", "start svc", "up svc"]


async def test_a_required_reference_that_leads_nowhere_blocks():
    world = World({"entry": ["db"]})
    world.add("a", "gone", "lib:also")
    world.add("b", "a")
    world.add("c", "entry")
    world.add("db")
    with pytest.raises(Problems) as error:
        await world.start("a", "b", "c")
    first, second = error.value.errors
    assert first.kind == INVALID
    assert first.message == "service startup blocked by missing dependencies: app:a requires app:gone, lib:also"
    assert second.message == "service app:b: waiting for app:a"
    assert world.log == ["start db", "up db", "start c", "up c"]


async def test_a_cycle_starts_nothing():
    world = World()
    world.add("a", "b")
    world.add("b", "a")
    world.add("c")
    with pytest.raises(WippyError, match="circular dependency between services: app:a -> app:b -> app:a"):
        await world.start("a", "c")
    assert world.log == []


async def test_a_failure_blocks_its_dependents_until_a_retry_succeeds():
    world = World()
    world.add("a", "b", auto_start=True)
    service = world.add("b", auto_start=True)
    world.add("c", auto_start=True)
    service.fail = [crash("no database")]
    with pytest.raises(Problems, match=r"service app:b: no database(.|\n)*service app:a: waiting for app:b"):
        await world.supervisor.start_auto()
    assert (world.status("c"), world.state("a").details) == ("running", "waiting for app:b")
    await world.clock.advance(1)
    assert (world.status("b"), world.status("a")) == ("running", "running")


async def test_an_optional_service_may_fail():
    world = World()
    service = world.add("a", startup="optional")
    world.add("b")
    service.fail = [crash()]
    await world.start("a", "b")
    assert (world.status("a"), world.status("b")) == ("failed", "running")


async def test_dependents_of_a_service_that_has_done_its_work_start_and_do_not_repeat_it():
    world = World()
    migration = world.add("migration")
    world.add("a", "migration")
    await world.start("migration")
    migration.ended(None)
    await settle()
    await world.start("a")
    assert migration.starts == 1


async def test_stopping_stops_dependents_first_and_shutdown_goes_level_by_level():
    world = World()
    for name, *requires in (("a", "b"), ("b", "c"), ("x", "c"), ("c",), ("other",)):
        world.add(name, *requires)
    await world.start("a", "x", "other")
    world.log.clear()
    await world.stop("b")
    assert world.log == ["stop a", "down a", "stop b", "down b"]
    await world.start("a")
    world.log.clear()
    assert await world.supervisor.shutdown() == []
    assert world.log.index("down a") < world.log.index("stop b")
    assert world.log.index("down b") < world.log.index("stop c")
    assert world.log.index("down x") < world.log.index("stop c")
    assert {world.status(name) for name in "abxc"} == {"stopped"}
    with pytest.raises(WippyError) as error:
        await world.start("a")
    assert error.value.kind == INVALID_STATE


async def test_shutdown_goes_on_after_a_service_that_does_not_stop():
    world = World()
    world.add("a", "b").fail_stop = [crash("stuck")]
    world.add("b")
    await world.start("a")
    errors = await world.supervisor.shutdown()
    assert [error.message for error in errors] == ["service app:a: stuck"]
    assert (world.status("a"), world.status("b")) == ("failed", "stopped")


async def test_shutdown_ends_what_is_still_starting():
    world = World()
    world.add("a", "b").hold = True
    world.add("b")
    start = asyncio.create_task(world.start("a"))
    await settle()
    await world.supervisor.shutdown()
    with pytest.raises((asyncio.CancelledError, WippyError)):
        await start
    assert (world.status("a"), world.status("b")) == ("stopped", "stopped")


async def test_unknown_services():
    world = World()
    assert world.supervisor.state(ID("app", "a")) is None
    for work in (world.start("a"), world.stop("a")):
        with pytest.raises(WippyError, match="service app:a not found") as error:
            await work
        assert error.value.kind == NOT_FOUND


async def test_a_registry_change_starts_stops_and_restarts():
    world = World()
    supervisor = world.supervisor
    world.add("gone")
    world.add("kept")
    world.add("db")
    world.add("user", "db")
    await world.start("gone", "kept", "user")
    world.log.clear()
    await supervisor.begin()
    await supervisor.unregister(ID("app", "gone"))
    kept, fresh, db = (Fake(name, world.log) for name in ("kept2", "new", "db2"))
    supervisor.register(ID("app", "kept"), kept, Lifecycle())
    supervisor.register(ID("app", "new"), fresh, Lifecycle(auto_start=True))
    supervisor.register(ID("app", "db"), db, Lifecycle(), restart=True)
    assert world.log == []
    await supervisor.committed()
    await supervisor.settled()
    assert supervisor.state(ID("app", "gone")) is None
    assert "down gone" in world.log
    assert world.log.index("down user") < world.log.index("stop db") < world.log.index("start db2")
    assert world.log.index("up db2") < world.log.index("start user")
    assert (fresh.starts, kept.starts) == (1, 0)
    await world.stop("kept")
    await world.start("kept")
    assert kept.starts == 1


async def test_a_failed_registry_change_leaves_everything_as_it_was():
    world = World()
    world.add("a")
    await world.start("a")
    await world.supervisor.begin()
    await world.supervisor.unregister(ID("app", "a"))
    world.add("b", auto_start=True)
    await world.supervisor.rollback()
    await settle()
    assert [state.id.name for state in world.supervisor.states()] == ["a"]
    assert world.status("a") == "running"


@pytest.mark.parametrize("how", ["stop", "remove"])
async def test_who_is_stopped_while_it_waits_for_others_does_not_start(how):
    world = World()
    needed = world.add("needed", start_timeout=60 * SECOND)
    waiting = world.add("waiting", "needed")
    other = world.add("other", "needed")
    needed.hold = True
    start = asyncio.create_task(world.start("waiting", "other"))
    await settle()
    if how == "stop":
        await world.stop("waiting")
    else:
        await world.supervisor.unregister(ID("app", "waiting"))
    needed.release.set_result(None)
    await settle()
    with pytest.raises(WippyError, match="service app:waiting was stopped before it had started") as error:
        await start
    assert error.value.kind == CANCELED
    assert (waiting.starts, other.starts, world.status("other")) == (0, 1, "running")


async def test_changes_take_their_turn():
    world = World()
    supervisor = world.supervisor
    world.add("slow").hold_stop = True
    world.add("again")
    await world.start("slow", "again")
    for name in ("slow", "again"):
        await supervisor.begin()
        await supervisor.unregister(ID("app", name))
        await supervisor.committed()
    await supervisor.begin()
    fresh = world.add("again", auto_start=True)
    await supervisor.committed()
    await settle()
    assert (fresh.starts, world.status("again")) == (0, "running")
    await world.clock.advance(10)
    await supervisor.settled()
    assert (fresh.starts, world.status("again"), supervisor.state(ID("app", "slow"))) == (1, "running", None)
    assert world.log[-4:] == ["stop again", "down again", "start again", "up again"]


async def test_settled_tells_what_failed():
    world = World()
    await world.supervisor.begin()
    world.add("a", auto_start=True).fail = [crash("boom")]
    await world.supervisor.committed()
    with pytest.raises(WippyError, match="service app:a: boom"):
        await world.supervisor.settled()
    assert any(message == "not all services have started" for message, _ in world.notices)

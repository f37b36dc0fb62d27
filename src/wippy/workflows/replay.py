"""Replay: a history, cut into its completed tasks, is fed to a fresh machine and compared with what it asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from wippy.workflows import commands as cmd
from wippy.workflows import events as ev
from wippy.workflows.commands import Command
from wippy.workflows.deliveries import DELIVERIES
from wippy.workflows.driver import Driver
from wippy.workflows.machine_api import Blocked, MachineFactory, NonDeterminism, RunInfo


class Batch(msgspec.Struct):
    """One completed task: its Started event, the events that it delivered, the events of its commands."""

    started: ev.WorkflowTaskStarted
    new: list[Any]
    asked: list[Any]


class Cut(msgspec.Struct):
    """A history cut into tasks; `rest` are the events that no completed task has delivered yet."""

    start: ev.WorkflowExecutionStarted
    batches: list[Batch]
    rest: list[Any]


def cut(history: list[Any]) -> Cut:
    """Cut a history into its completed tasks; failed and timed-out tasks are no boundaries.

    Raises ValueError if the first event is not WorkflowExecutionStarted.
    """
    if not history or not isinstance(history[0], ev.WorkflowExecutionStarted):
        raise ValueError("a history begins with WorkflowExecutionStarted")
    batches: list[Batch] = []
    rest: list[Any] = []
    started: ev.WorkflowTaskStarted | None = None
    taken = 0
    for event in history:
        kind = type(event)
        if kind is ev.WorkflowTaskStarted:
            started = event
            taken = len(rest)
        elif kind is ev.WorkflowTaskCompleted:
            if started is None:
                raise ValueError(f"event {event.n}: WorkflowTaskCompleted without WorkflowTaskStarted")
            batches.append(Batch(started, rest[:taken], []))
            del rest[:taken]
            started = None
        elif kind in ev.COMMAND_EVENTS:
            if batches:
                batches[-1].asked.append(event)
        elif kind in DELIVERIES and (kind is not ev.WorkflowTaskFailed or event.new_run_id):
            rest.append(event)
    return Cut(history[0], batches, rest)


def run_info(start: ev.WorkflowExecutionStarted) -> RunInfo:
    """What a machine is told about the run that begins with this event."""
    return RunInfo(
        workflow_id=start.workflow_id,
        run_id=start.run_id,
        type=start.type,
        queue=start.queue,
        seed=start.seed,
        attempt=start.attempt,
        start_time_ns=start.time_ns,
        header=start.header,
        parent_workflow_id=start.parent_workflow_id,
        parent_run_id=start.parent_run_id,
        first_run_id=start.first_run_id,
        continued_run_id=start.continued_run_id,
        cron=start.options.cron,
        memo=start.memo,
        search_attributes=start.search_attributes,
    )


def steps(driver: Driver, batches: list[Batch], run_id: str, learned: dict[int, int] | None = None) -> Iterator[bool]:
    """Replay on a fresh driver. Yields False when the machine has used up a slice, True after each task.

    `learned` takes the numbers of commands whose events have none, see `compare`.

    Raises NonDeterminism where the code asks for something else than the history says.
    """
    learned = {} if learned is None else learned
    for batch in batches:
        started = batch.started
        asked = batch.asked
        out = driver.activate(
            [_numbered(event, learned) for event in batch.new] if learned else batch.new,
            time_ns=started.time_ns,
            replaying=True,
            history_length=started.n,
            history_size=started.history_size,
            markers={(e.kind, e.key): e.value for e in asked if type(e) is ev.MarkerRecorded},
        )
        while out is None:
            yield False
            out = driver.resume()
        compare(out, asked, run_id, started.n, learned)
        yield True


def _numbered(event: Any, learned: dict[int, int]) -> Any:
    """An event about a command whose number replay has learned: a server does not keep those of all commands."""
    number = getattr(event, "id", 0)
    return msgspec.structs.replace(event, id=learned[number]) if number in learned else event


def replay(history: list[Any], factory: MachineFactory) -> list[list[Command]]:
    """Replay a whole history at once; the commands of each completed task.

    Raises NonDeterminism, or Blocked from the machine.
    """
    parts = cut(history)
    driver = _Recording(factory(run_info(parts.start)))
    try:
        for _ in steps(driver, parts.batches, parts.start.run_id):
            pass
    finally:
        driver.close()
    return driver.tasks


def explained(error: NonDeterminism, machine: Any) -> str:
    """The difference with the line of code, as far as the machine knows its lines."""
    place_of = getattr(machine, "place_of", None)
    place = place_of(error.command) if place_of is not None else ""
    if not place:
        return str(error)
    return f"{error}; {'asked for by' if error.command is not None else 'the code stands at'} {place}"


class Recorded(msgspec.Struct):
    """What a replay has shown.

    Attributes:
        tasks: completed tasks that fit.
        problem: where the code asks for something else, None if it does not.
        places: lines of code by command, as `LuaMachine.places` gives them.
    """

    tasks: int = 0
    problem: str | None = None
    places: dict[tuple[str, ...], str] = {}


def recorded(history: list[Any], factory: Callable[[RunInfo], Any]) -> Recorded:
    """Replay a whole history; differences are told and not raised.

    Args:
        factory: makes a machine that has `places`.

    Raises:
        Blocked: no entry serves the type of the run.
    """
    parts = cut(history)
    machine = factory(run_info(parts.start))
    driver = Driver(machine)
    found = Recorded()
    learned: dict[int, int] = {}
    try:
        for done in steps(driver, parts.batches, parts.start.run_id, learned):
            found.tasks += done
    except NonDeterminism as error:
        found.problem = explained(error, machine)
    except Blocked as error:
        found.problem = str(error)
    finally:
        found.places = machine.places()
        of = {str(mine): str(event) for event, mine in learned.items()}
        found.places |= {(k[0], of[k[1]]): place for k, place in found.places.items() if k[1] in of}
        driver.close()
    return found


class _Recording(Driver):
    __slots__ = ("tasks",)

    def __init__(self, machine: Any) -> None:
        super().__init__(machine)
        self.tasks: list[list[Command]] = []

    def _clean(self, raw: list[Any]) -> list[Command]:
        out = super()._clean(raw)
        self.tasks.append(out)
        return out


def compare(
    asked: list[Command], recorded: list[Any], run_id: str, task: int, learned: dict[int, int] | None = None
) -> None:
    """Match the commands of a task with its events one to one.

    `learned` takes the numbers of commands whose events have none (a negative one stands in its place).

    Raises NonDeterminism that names the two things that differ and the number of the event.
    """
    wanted = [command for command in asked if type(command) is not cmd.SendMessage]
    for command, event in zip(wanted, recorded, strict=False):
        number = getattr(event, "id", 1)
        mine = getattr(command, "id", None)
        if number < 0 and learned is not None and mine is not None:
            event = msgspec.structs.replace(event, id=learned.setdefault(number, mine))
        if not _matches(command, event, run_id):
            raise NonDeterminism(
                f"the code asks for {describe_command(command)}, but event {event.n} of the history is "
                f"{describe_event(event)}",
                command,
            )
    if len(wanted) > len(recorded):
        raise NonDeterminism(
            f"the code asks for {describe_command(wanted[len(recorded)])}, but the history has no more commands "
            f"for the task of event {task}",
            wanted[len(recorded)],
        )
    if len(recorded) > len(wanted):
        event = recorded[len(wanted)]
        raise NonDeterminism(
            f"the code asks for nothing more in the task of event {task}, but event {event.n} of the history is "
            f"{describe_event(event)}"
        )


def child_id(command: cmd.StartChild, run_id: str) -> str:
    """The workflow ID of a child."""
    return command.options.id or f"{run_id}_{command.id}"


def _matches(command: Any, event: Any, run_id: str) -> bool:
    kind, found = type(command), type(event)
    if kind is cmd.ScheduleActivity:
        return found is ev.ActivityTaskScheduled and command.id == event.id and command.type == event.type
    if kind is cmd.StartTimer:
        return found is ev.TimerStarted and command.id == event.id
    if kind is cmd.CancelTimer:
        return found is ev.TimerCanceled and command.id == event.id
    if kind is cmd.RequestCancelActivity:
        return found is ev.ActivityTaskCancelRequested and command.id == event.id
    if kind is cmd.StartChild:
        return (
            found is ev.StartChildWorkflowExecutionInitiated
            and command.type == event.type
            and child_id(command, run_id) == event.workflow_id
        )
    if kind is cmd.SignalExternal:
        return (
            found is ev.SignalExternalWorkflowExecutionInitiated
            and command.workflow_id == event.workflow_id
            and command.name == event.name
        )
    if kind is cmd.CancelExternal:
        return found is ev.RequestCancelExternalWorkflowExecutionInitiated and command.workflow_id == event.workflow_id
    if kind is cmd.RecordMarker:
        return found is ev.MarkerRecorded and command.kind == event.kind and command.key == event.key
    if kind is cmd.UpsertAttributes:
        return found is (
            ev.UpsertWorkflowSearchAttributes if command.search is not None else ev.WorkflowPropertiesModified
        )
    if kind is cmd.Complete:
        return found is ev.WorkflowExecutionCompleted
    if kind is cmd.Fail:
        return found is ev.WorkflowExecutionFailed
    return found is ev.WorkflowExecutionContinuedAsNew and (not command.type or command.type == event.type)


_TEXT = ("id", "type", "workflow_id", "name", "kind", "key")


def _describe(thing: Any) -> str:
    parts = [f"{name}={getattr(thing, name)!r}" for name in _TEXT if hasattr(thing, name)]
    return type(thing).__name__ + (f" ({', '.join(parts)})" if parts else "")


def describe_command(command: Command) -> str:
    return _describe(command)


def describe_event(event: Any) -> str:
    return _describe(event)

"""Taking over a store: open runs, their timers and activities come back; machines come back when they are needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from wippy.workflows import events as ev
from wippy.workflows.failure import Failure
from wippy.workflows.provider import Token
from wippy.workflows.sqlite.run import Activity, Run, Task
from wippy.workflows.sqlite.store import unpack

if TYPE_CHECKING:
    from wippy.workflows.sqlite.core import Core


def recover(core: Core, seq: int | None = None, running: Mapping[Token, int] | None = None) -> None:
    """Rebuild the state of open runs from the rows of the store; no history is read.

    Attempts that ran when the last owner died are handed out again at once, due timers fire in the first round. A run
    whose rows cannot be read is set aside.

    Args:
        seq: the run to rebuild, None = all.
        running: attempts that run now, with the times of their start.
    """
    store = core.store
    for row in store.open_executions(seq):
        _begin(core, row)
    for owner, id, due in store.timers(seq):
        if (run := _readable(core, owner)) is not None:
            run.timers[id] = due
            core.deadlines.set(("timer", owner, id), due)
    lost: list[tuple[Run, Activity]] = []
    for row in store.activities(seq):
        if (run := _readable(core, row[0])) is not None:
            try:
                _add_activity(core, run, row, running or {}, lost)
            except Exception as error:
                core.set_aside(run, error)
    buffered: list[tuple[Run, Any]] = []
    for owner, data in store.buffered(seq):
        if (run := _readable(core, owner)) is not None:
            try:
                buffered.append((run, ev.decode(data)))
            except Exception as error:
                core.set_aside(run, error)
    # all that is needed has been read
    now = core.clock()
    for run, event in buffered:
        if run.seq not in core.unreadable:
            core.touch(run)
            run.append(event, now)
            core.batch.unbuffered.append((run.seq,))
            core.schedule(run, now)
    for run, activity in lost:
        if run.seq not in core.unreadable:
            core.activities.resume(run, activity)


def _readable(core: Core, seq: int) -> Run | None:
    return None if seq in core.unreadable else core.runs.get(seq)


def _begin(core: Core, row: tuple[Any, ...]) -> None:
    run = Run.from_columns(row)
    core.runs[run.seq] = core.by_id[run.workflow_id] = core.by_run[run.run_id] = run
    if run.parent_run:
        core.children.setdefault(run.parent_run, set()).add(run.seq)
    try:
        run.read(row)
    except Exception as error:
        core.set_aside(run, error)
        return
    if run.run_deadline:
        core.deadlines.set(("run", run.seq, 0), run.run_deadline)
    if run.task is Task.SCHEDULED:
        core.ready.append(run)
    elif run.task in (Task.DELAYED, Task.RETRY):
        core.deadlines.set(("task", run.seq, 0), run.task_due)


def _add_activity(
    core: Core,
    run: Run,
    row: tuple[Any, ...],
    running: Mapping[Token, int],
    lost: list[tuple[Run, Activity]],
) -> None:
    seq, id, n, scheduled_ns, attempt, due, cancel, last = row
    activity = Activity(id, n, scheduled_ns, None)
    activity.attempt = attempt
    activity.due = due
    activity.cancel = bool(cancel)
    activity.last = unpack(last, type=Failure) if last is not None else None
    run.activities[id] = activity
    began = running.get((seq, id, attempt))
    if began is not None:
        core.activities.still_running(run, activity, began)
    elif due and not cancel:
        core.deadlines.set(("activity", seq, id), due)
    else:
        core.activities.event(run, activity)
        lost.append((run, activity))

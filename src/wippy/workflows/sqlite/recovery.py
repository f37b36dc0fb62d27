"""Taking over a store: open runs, their timers and activities come back; machines come back when they are needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wippy.workflows.failure import Failure
from wippy.workflows.sqlite.run import Activity, Run, Task
from wippy.workflows.sqlite.store import unpack

if TYPE_CHECKING:
    from wippy.workflows.sqlite.core import Core


def recover(core: Core) -> None:
    """Rebuild the state of all open runs from the rows of the store; no history is read.

    Attempts that ran when the last owner died are handed out again at once, due timers fire in the first round.
    """
    store = core.store
    for row in store.open_executions():
        run = Run.from_row(row)
        core.runs[run.seq] = core.by_id[run.workflow_id] = core.by_run[run.run_id] = run
        if run.parent_run:
            core.children.setdefault(run.parent_run, set()).add(run.seq)
        if run.run_deadline:
            core.deadlines.set(("run", run.seq, 0), run.run_deadline)
        if run.task is Task.SCHEDULED:
            core.ready.append(run)
        elif run.task in (Task.DELAYED, Task.RETRY):
            core.deadlines.set(("task", run.seq, 0), run.task_due)
    for seq, id, due in store.timers():
        core.runs[seq].timers[id] = due
        core.deadlines.set(("timer", seq, id), due)
    lost: list[tuple[Run, Activity]] = []
    for seq, id, n, scheduled_ns, attempt, due, cancel, last in store.activities():
        activity = Activity(id, n, scheduled_ns, None)
        activity.attempt = attempt
        activity.due = due
        activity.cancel = bool(cancel)
        activity.last = unpack(last, type=Failure) if last is not None else None
        run = core.runs[seq]
        run.activities[id] = activity
        if due and not cancel:
            core.deadlines.set(("activity", seq, id), due)
        else:
            lost.append((run, activity))
    now = core.clock()
    for seq, event in store.buffered():
        run = core.runs[seq]
        core.touch(run)
        run.append(event, now)
        core.batch.unbuffered.append((seq,))
        core.schedule(run, now)
    for run, activity in lost:
        core.activities.resume(run, activity)

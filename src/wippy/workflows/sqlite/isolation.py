"""A fault inside a round: nothing of the round stays, its parts are carried out again one by one, and the part that
fails is refused while all others go on.

A part is an input, something due, or the task of one run, each with what follows from it in other runs. It is stored
by itself, so what fails can be taken back by itself.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from wippy import errors
from wippy.workflows import retry
from wippy.workflows.failure import Failure
from wippy.workflows.sqlite import faults, recovery
from wippy.workflows.sqlite.deadlines import Key
from wippy.workflows.sqlite.run import Run
from wippy.workflows.sqlite.store import Batch

if TYPE_CHECKING:
    from wippy.workflows.sqlite.core import Core, Input

log = logging.getLogger("wippy.workflows")

_CALM = 60.0
"""Seconds."""

_RUN_FIRST = ("timers", "gone_timers", "activities", "gone_activities", "buffered", "unbuffered", "closed")
_RUN_LAST = ("changed", "activity_updates")


class Isolation:
    """Carries out a failed round again.

    Args:
        handle: carries out an input.
        write: stores a batch; False if the engine is to stop.
    """

    def __init__(self, core: Core, handle: Callable[[Input], None], write: Callable[[Batch], bool]) -> None:
        self._core = core
        self._handle = handle
        self._write = write
        self._tries: dict[Key, int] = {}
        self._found = False
        self._unexplained = -_CALM

    def again(self, batch: Batch | None, error: Exception) -> bool:
        """The round that has just failed, once more. Returns False if the engine is to stop.

        Args:
            batch: its rows, if it came so far.
            error: why it failed; raised if no part fails by itself, for the second time within a short time.

        Raises:
            sqlite3.Error: the store itself has failed.
        """
        self._found = False
        if not self._parts(batch):
            return False
        if not self._found:
            now = time.monotonic()
            if now - self._unexplained < _CALM:
                raise error
            self._unexplained = now
            log.error("a round of the workflow engine failed, but none of its parts", exc_info=error)
        return True

    def _parts(self, batch: Batch | None) -> bool:
        core = self._core
        inputs = core.inputs[:]
        roll_back(core, batch)
        for item in inputs:
            core.inputs.append(item)
            if not self._part(partial(self._handle, item), partial(self._input_failed, item)):
                return False
        now = core.clock()
        while (key := core.deadlines.pop(now)) is not None:
            run = core.runs.get(key[1])
            if not self._part(partial(core.due[key[0]], key, now), partial(self._due_failed, run, key, now)):
                return False
        for run in list(core.ready):
            if run in core.ready:
                core.ready.remove(run)
                if not self._part(partial(core.tasks.step, run), partial(self._task_failed, run.seq)):
                    return False
        return True

    def _part(self, act: Callable[[], Any], failed: Callable[[Exception], Any]) -> bool:
        core = self._core
        try:
            stored = self._stored(act)
        except Exception as error:
            if faults.of_store(error):
                raise
            self._found = True
            roll_back(core, None)
            stored = failed(error)
        while stored and core.inputs:  # outcomes of attempts that could not begin
            item = core.inputs.pop(0)
            core.operations.clear()
            stored = self._part(partial(self._handle, item), partial(self._input_failed, item))
        return stored

    def _stored(self, act: Callable[[], Any]) -> bool:
        core = self._core
        act()
        core.settle()
        batch = core.gather()
        try:
            if batch is not None and not self._write(batch):
                return False
        except Exception as error:
            if not faults.of_store(error):
                roll_back(core, batch)
            raise
        core.release()
        return True

    def _input_failed(self, item: Input, error: Exception) -> bool:
        core = self._core
        function, args, future = item
        core.inputs.clear()
        text = f"{type(error).__name__}: {error}"
        if future is not None:
            log.error("a workflow request failed", exc_info=error)
            future.set_exception(errors.WippyError(errors.INTERNAL, text))
            return True
        run = core.runs.get(args[0][0]) if function == core.activities.done else None
        if run is None:
            log.error("a workflow request failed", exc_info=error)
            return True
        log.error("workflow %s: the outcome of an activity cannot be stored", run.workflow_id, exc_info=error)
        failure = Failure(f"the outcome of the activity cannot be stored: {text}", errors.INTERNAL)
        plain = partial(core.activities.done, args[0], None, failure)
        return self._part(plain, lambda error: self._set_aside(run, error))

    def _due_failed(self, run: Run | None, key: Key, now: int, error: Exception) -> bool:
        """It comes back later."""
        core = self._core
        self._tries[key] = tries = self._tries.get(key, 2) + 1
        pause = retry.task_delay(tries)
        if run is None or run.seq not in core.runs:
            log.error("what was due for no run failed", exc_info=error)
            return True
        core.runs[run.seq].blocked = f"{type(error).__name__}: {error}"
        core.deadlines.set(key, now + pause)
        log.error(
            "workflow %s (%s, run %s): what is due (%s) cannot be carried out; once more in %g s",
            run.workflow_id,
            run.type,
            run.run_id,
            key[0],
            pause / 1e9,
            exc_info=error,
        )
        return True

    def _task_failed(self, seq: int, error: Exception) -> bool:
        """The commands of the task count for nothing; the task fails."""
        core = self._core
        run = core.runs[seq]
        if run in core.ready:
            core.ready.remove(run)
        log.error("workflow %s (%s): its commands cannot be carried out", run.workflow_id, run.type, exc_info=error)
        reason = f"its commands cannot be carried out ({type(error).__name__}: {error})"
        return self._part(partial(core.tasks.refuse, run, reason), lambda error: self._set_aside(run, error))

    def _set_aside(self, run: Run, error: Exception) -> bool:
        found = self._core.runs.get(run.seq)
        if found is not None:
            self._core.set_aside(found, error)
        return True


def roll_back(core: Core, batch: Batch | None) -> None:
    """Everything in memory becomes what the store says; attempts that were handed out go on.

    Args:
        batch: rows that were gathered and are not stored.
    """
    seqs = set(core.touched)
    running: dict[tuple[int, int, int], int] = {}
    for one in (core.batch, batch or Batch()):
        for name in _RUN_FIRST:
            seqs.update(row[0] for row in getattr(one, name))
        for name in _RUN_LAST:
            seqs.update(row[-2 if name == "activity_updates" else -1] for row in getattr(one, name))
        seqs.update(row[0] for row in one.executions)
        running.update(one.stopped)
    seqs.update(token[0] for token in running)
    for seq in seqs:
        run = core.runs.pop(seq, None)
        if run is not None:
            running.update({(seq, a.id, a.attempt): a.running for a in run.activities.values() if a.running})
            _forget(core, run)
    for held in (core.inputs, core.operations, core.effects, core.touched, core.just_closed):
        held.clear()
    core.batch = Batch()
    core.deadlines.forget(seqs)
    for run in [run for run in core.ready if run.seq in seqs]:
        core.ready.remove(run)
    for parked in core.parked.values():
        parked[:] = [run for run in parked if run.seq not in seqs]
    for seq in sorted(seqs):
        core.unreadable.pop(seq, None)
        recovery.recover(core, seq, running)
    core.activities.recount()
    core.watches.roll_back(seqs)


def _forget(core: Core, run: Run) -> None:
    core.tasks.drop(run)
    run.turn = None
    del core.by_run[run.run_id]
    if core.by_id.get(run.workflow_id) is run:
        del core.by_id[run.workflow_id]
    siblings = core.children.get(run.parent_run)
    if siblings is not None:
        siblings.discard(run.seq)
        if not siblings:
            del core.children[run.parent_run]

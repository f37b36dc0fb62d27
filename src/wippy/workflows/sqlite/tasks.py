"""Workflow tasks: bring the machine up to date, let it run, turn its commands into events."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from wippy.workflows import commands as cmd
from wippy.workflows import events as ev
from wippy.workflows import retry
from wippy.workflows.commands import Command
from wippy.workflows.driver import Driver
from wippy.workflows.machine_api import TOO_LONG, Blocked, NonDeterminism, OutOfMemory
from wippy.workflows.provider import Status
from wippy.workflows.replay import cut, explained, run_info, steps
from wippy.workflows.sqlite import commands
from wippy.workflows.sqlite.run import Run, Task

if TYPE_CHECKING:
    from wippy.workflows.sqlite.core import Core

log = logging.getLogger("wippy.workflows")


WARNED = 5
"""The part of the limits of a history from which on its run is named in the log, as Temporal does."""
CHANGED = "the code is not what this run began with: restore it, or guard the change with workflow.version"


class Turn:
    """One try of one task: not in the history before it has ended."""

    __slots__ = ("live", "n", "new", "replay", "size", "spent", "time_ns", "traced")

    def __init__(self, n: int, time_ns: int, size: int, new: list[Any]) -> None:
        self.n = n
        self.time_ns = time_ns
        self.size = size
        self.new = new
        self.replay: Iterator[bool] | None = None
        self.live = False
        self.traced = False
        self.spent = 0


class Tasks:
    def __init__(self, core: Core) -> None:
        self.core = core

    def step(self, run: Run) -> None:
        """Run the task of a run until it is done or its slice is used up."""
        core = self.core
        if run.status is not Status.RUNNING or run.task in (Task.NONE, Task.DELAYED):
            return
        if not core.serves(run.queue):
            core.parked.setdefault(run.queue, []).append(run)
            return
        began = time.perf_counter_ns()
        turn: Turn = run.turn
        try:
            if turn is None:
                turn = self._begin(run)
            elif run.driver is None:
                self._rebuild(run, turn)
            if turn.replay is not None and not self._replay(turn, began):
                self._again(run, turn, began)
                return
            driver = run.driver
            assert driver is not None
            if turn.live:
                asked = driver.resume()
            else:
                turn.live = True
                asked = driver.activate(
                    turn.new,
                    time_ns=turn.time_ns,
                    replaying=False,
                    history_length=turn.n,
                    history_size=turn.size,
                    markers={},
                )
        except NonDeterminism as error:
            if not self._look_again(run):
                machine = run.driver.machine if run.driver is not None else None
                self._fail(run, "NonDeterministic", f"{explained(error, machine)}; {CHANGED}")
            return
        except Blocked as error:
            if not isinstance(error, OutOfMemory) or not self._make_room(run):
                self._fail(run, "Blocked", str(error))
            return
        except Exception as error:
            log.exception("workflow %s (%s): the machine broke", run.workflow_id, run.type)
            self._fail(run, "UnhandledFailure", f"{type(error).__name__}: {error}")
            return
        if asked is None:
            self._again(run, turn, began)
        else:
            self._complete(run, turn, asked)

    def _begin(self, run: Run) -> Turn:
        core = self.core
        core.touch(run)
        now = core.clock()
        turn = Turn(
            run.next + (run.task is Task.RETRY), now if now > run.last_time else run.last_time, run.size, run.new
        )
        run.turn = turn
        run.new = []
        if run.driver is None:
            self._rebuild(run, turn)
        else:
            core.cached.pop(run.seq, None)
        return turn

    def _rebuild(self, run: Run, turn: Turn) -> None:
        """Make the machine; it comes up to date by replay."""
        core = self.core
        history = (core.store.history(run.seq) if run.stored else []) + run.out
        parts = cut(history)
        run.start = parts.start
        factory = core.traced if turn.traced and core.traced is not None else core.factory
        run.driver = driver = Driver(factory(run_info(parts.start)))
        turn.new = parts.rest
        if parts.batches:
            turn.replay = steps(driver, parts.batches, run.run_id)

    def _make_room(self, run: Run) -> bool:
        """Whether the task is done once more, after the machines that only wait have given up their memory."""
        core = self.core
        turn: Turn | None = run.turn
        if turn is None or not core.cached:
            return False
        for other in list(core.cached.values()):
            self.drop(other)
        self.drop(run)
        turn.replay = None
        turn.live = False
        core.ready.append(run)
        return True

    def _look_again(self, run: Run) -> bool:
        """Whether the run is replayed once more, by a machine that knows the lines of its commands."""
        turn: Turn = run.turn
        if self.core.traced is None or turn.traced:
            return False
        self.drop(run)
        turn.traced = run.evict = True
        turn.replay = None
        self.core.ready.append(run)
        return True

    def _replay(self, turn: Turn, began: int) -> bool:
        """Whether the replay is finished."""
        assert turn.replay is not None
        end = began + self.core.limits.slice_ns
        for done in turn.replay:
            if done:
                turn.spent = 0
                if time.perf_counter_ns() < end:
                    continue
            return False
        turn.replay = None
        return True

    def _again(self, run: Run, turn: Turn, began: int) -> None:
        turn.spent += time.perf_counter_ns() - began
        if turn.spent > self.core.start_event(run).options.task_timeout_ns > 0:
            spent = f"the workflow task has computed for {turn.spent / 1e9:.1f} s without an end"
            self._fail(run, "", f"{spent}: {TOO_LONG}")
        else:
            self.core.ready.append(run)

    def _complete(self, run: Run, turn: Turn, asked: list[Command]) -> None:
        core = self.core
        reason = commands.refusal(core, run, asked)
        if reason:
            self._fail(run, "BadCommand", reason)
            return
        if run.buffered and asked and type(asked[-1]) in cmd.CLOSING:
            self._fail(run, "UnhandledCommand", "events arrived before the close")
            return
        core.touch(run)
        run.turn = None
        if run.task is Task.RETRY:
            run.append(ev.WorkflowTaskScheduled(), turn.time_ns)
            log.info("workflow %s (%s) goes on", run.workflow_id, run.type)
        now = core.clock()
        run.append(ev.WorkflowTaskStarted(history_size=turn.size, attempt=run.task_attempt), turn.time_ns)
        run.append(ev.WorkflowTaskCompleted(), now)
        run.task = Task.NONE
        run.task_attempt = 1
        run.blocked = ""
        commands.carry_out(core, run, asked, now)
        if run.status is not Status.RUNNING:
            return
        self.flush(run, now)
        limits = core.limits
        if run.next > limits.events // WARNED or run.size > limits.history // WARNED:
            if run.next > limits.events or run.size > limits.history:
                core.closing.terminate(run, f"history exceeds {limits.events} events or {limits.history} bytes")
                return
            self._warn(run)
        if run.evict:
            self.drop(run)
        else:
            self._keep(run)

    def _warn(self, run: Run) -> None:
        if run.warned:
            return
        run.warned = True
        limits = self.core.limits
        log.warning(
            "workflow %s (%s, run %s) has a history of %d events and %d bytes; beyond %d events or %d bytes it is "
            "terminated: begin anew with process.upgrade before",
            run.workflow_id,
            run.type,
            run.run_id,
            run.next - 1,
            run.size,
            limits.events,
            limits.history,
        )

    def refuse(self, run: Run, message: str) -> None:
        """The next try of the task fails without running code."""
        self.core.touch(run)
        now = max(self.core.clock(), run.last_time)
        run.turn = Turn(run.next + (run.task is Task.RETRY), now, run.size, [])
        self._fail(run, "UnhandledFailure", message)

    def flush(self, run: Run, now: int) -> None:
        """Buffered events into the history."""
        if run.buffered:
            events, run.buffered = run.buffered, []
            self.core.batch.unbuffered.append((run.seq,))
            for event in events:
                run.append(event, now)
            self.core.schedule(run, now)

    def _fail(self, run: Run, cause: str, message: str) -> None:
        """The try is void: nothing of it counts but, the first time, the events that say so."""
        core = self.core
        core.touch(run)
        turn: Turn = run.turn
        now = core.clock()
        run.turn = None
        self.drop(run)
        if run.task is Task.SCHEDULED:
            run.append(ev.WorkflowTaskStarted(history_size=turn.size, attempt=1), turn.time_ns)
            run.append(ev.WorkflowTaskFailed(cause=cause, message=message) if cause else ev.WorkflowTaskTimedOut(), now)
        if cause == "UnhandledCommand":
            run.task = Task.NONE
            run.task_attempt = 1
            run.task_due = 0
            self.flush(run, now)
            return
        run.task = Task.RETRY
        run.task_attempt += 1
        run.blocked = message
        self.flush(run, now)
        pause = retry.task_delay(run.task_attempt)
        run.task_due = now + pause
        core.deadlines.set(("task", run.seq, 0), run.task_due)
        log.log(
            logging.ERROR if run.task_attempt == 2 else logging.WARNING,
            "workflow %s (%s, run %s) is blocked: %s; try %d %s",
            run.workflow_id,
            run.type,
            run.run_id,
            message,
            run.task_attempt,
            f"in {pause / 1e9:g} s" if pause else "at once",
        )

    # the cache of live machines

    def _keep(self, run: Run) -> None:
        core = self.core
        core.cached[run.seq] = run
        while len(core.cached) > core.limits.cache:
            _, oldest = core.cached.popitem(last=False)
            self.drop(oldest)

    def drop(self, run: Run) -> None:
        """Drop the machine; the next task replays."""
        driver, run.driver = run.driver, None
        run.evict = False
        run.new = []
        self.core.cached.pop(run.seq, None)
        if driver is not None:
            try:
                driver.close()
            except Exception:
                log.exception("workflow %s: closing the machine failed", run.workflow_id)

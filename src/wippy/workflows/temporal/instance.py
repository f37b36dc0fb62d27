"""Runs in the SDK's worker: each activation goes to the machine of its run, its commands go back."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable
from typing import Any

from temporalio.converter import StorageDriverStoreContext, StorageDriverWorkflowInfo
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails, WorkflowRunner

from wippy.errors import WippyError
from wippy.workflows import commands as cmd
from wippy.workflows import jobs
from wippy.workflows.driver import Driver
from wippy.workflows.machine import LuaMachine, RecordedRandom
from wippy.workflows.machine_api import TOO_LONG, Blocked
from wippy.workflows.provider import Send
from wippy.workflows.temporal.activation import (
    SEED,
    Outside,
    WorkflowActivation,
    WorkflowActivationCompletion,
    answer_query,
    run_info,
)
from wippy.workflows.temporal.seats import Seat, Seats, Turns

log = logging.getLogger("wippy.workflows")

_DIFFERENCE = re.compile(r'(?:Nondeterminism error|Fatal error in workflow machines): (.*?)(?:", source:|$)', re.S)
_EVENT = re.compile(r"HistoryEvent \{ event_id: (\d+),.*?event_type: (\w+),.*", re.S)

Machines = Callable[..., LuaMachine]
"""(run, VM, trace=): the machine of a run; see `WorkflowNode.machine`."""

_SHOWN = 5
"""Commands that a message names."""

STOPPING = 1.0
"""Seconds for which a task may go on computing when its worker stops."""


_LABELLED = (cmd.ScheduleActivity, cmd.StartTimer, cmd.StartChild)
_NAMES = ("activity", "timer", "child")


class Runner(WorkflowRunner):
    """Makes an instance for every run, whatever its type.

    Args:
        machines: makes the machine of a run in a VM; raises Blocked for an unknown type.
        send: takes messages to processes.
        seats: the VMs.
        longest: seconds for which a task may compute, 0 = its task_timeout.

    Attributes:
        ends: time (of the monotonic clock) after which no task computes on, None while the worker runs.
    """

    def __init__(self, machines: Machines, send: Send, seats: Seats, longest: float = 0) -> None:
        self.machines = machines
        self.send = send
        self.seats = seats
        self.longest = longest
        self.ends: float | None = None

    def prepare_workflow(self, defn: Any) -> None:
        """Nothing to prepare: definitions are looked up when a run begins."""

    def create_instance(self, det: WorkflowInstanceDetails) -> Instance:
        return Instance(det, self)

    def stop(self) -> None:
        """Tasks that compute for long end soon, and are done again by another worker."""
        self.ends = time.monotonic() + STOPPING


class Stopping(Exception):
    """A task that is given up because its worker stops."""


class Instance(WorkflowInstance):
    """One run in memory. Activations come one at a time, in changing threads."""

    def __init__(self, det: WorkflowInstanceDetails, runner: Runner) -> None:
        self._details = det.info
        self._runner = runner
        self._seat: Seat | None = None
        self._driver: Driver | None = None
        self._outside: Outside | None = None
        self._recorded: list[cmd.Command] = []
        self._markers: dict[tuple[str, str], bytes] = {}

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        completion = WorkflowActivationCompletion()
        completion.run_id = act.run_id
        completion.successful.SetInParent()
        try:
            if len(act.jobs) == 1 and act.jobs[0].HasField("remove_from_cache"):
                self._evict(act.jobs[0].remove_from_cache.message)
            else:
                self._activate(act, completion)
        except (Blocked, WippyError) as error:
            self._failed(completion, str(error))
        except Stopping:
            self._recorded.clear()
            completion.failed.failure.message = "the worker stops"
        except Exception as error:
            log.exception("workflow %s: the machine broke", self._details.workflow_id)
            self._failed(completion, f"{type(error).__name__}: {error}")
        return completion

    def _activate(self, act: WorkflowActivation, completion: WorkflowActivationCompletion) -> None:
        driver, outside, turns = self._begin(act)
        found, self._markers, queries = outside.jobs(act)
        found = [job for job in found if not self._is_over(driver, job)]
        if found or self._markers or not queries:
            began = time.monotonic()
            with turns:
                out = driver.deliver(
                    found,
                    time_ns=act.timestamp.ToNanoseconds(),
                    replaying=act.is_replaying,
                    history_length=act.history_length,
                    history_size=act.history_size_bytes,
                    markers=self._markers,
                )
            while out is None:
                self._check_time(began)
                with turns:
                    out = driver.resume()
            for job in found:
                if isinstance(job, jobs.Update):
                    completion.successful.commands.append(outside.accepted(job.id))
            labels = {} if act.is_replaying else self._labels(driver, turns, out)
            recorded, self._recorded = self._recorded, []
            for command in [*recorded, *out]:
                if isinstance(command, cmd.SendMessage):
                    if not act.is_replaying:
                        run = self._details
                        self._runner.send(run.workflow_id, run.task_queue, command.pid, command.topic, command.payloads)
                    continue
                message = outside.command(command, labels.get(getattr(command, "id", 0), ""))
                if message is not None:
                    completion.successful.commands.append(message)
        for query in queries:
            machine = driver.machine
            with turns:
                stacks = machine.stacks() if isinstance(machine, LuaMachine) else ""
            answer_query(query, completion, self._details.workflow_id, stacks)

    def _labels(self, driver: Driver, turns: Turns, out: list[cmd.Command]) -> dict[int, str]:
        """The lines of code that ask for what people look at, by the number of the command."""
        wanted = {command.id for command in out if isinstance(command, _LABELLED)}
        if not wanted or not isinstance(driver.machine, LuaMachine):
            return {}
        with turns:
            places = driver.machine.places()
        return {int(key[1]): place for key, place in places.items() if key[0] in _NAMES and int(key[1]) in wanted}

    def _check_time(self, began: float) -> None:
        """Ends a task that computes for too long; before the server gives it up, so that it hears why."""
        now, ends = time.monotonic(), self._runner.ends
        if ends is not None and now > ends:
            raise Stopping
        timeout = self._details.task_timeout.total_seconds() or 10
        longest = min(self._runner.longest or timeout, timeout)
        if now - began > longest * 0.9:
            raise Blocked(f"a workflow task computes for longer than its time of {longest:g} s: {TOO_LONG}")

    def _begin(self, act: WorkflowActivation) -> tuple[Driver, Outside, Turns]:
        if self._driver is None or self._outside is None or self._seat is None:
            init = next(job.initialize_workflow for job in act.jobs if job.HasField("initialize_workflow"))
            info = run_info(init, act.run_id, self._details.task_queue, self._details.namespace)
            seat = self._seat = self._runner.seats.take()
            with seat.turns:
                machine = self._runner.machines(info, seat.vm(), trace="task")
            machine.unit.random = LazyRandom(self._seed)
            self._outside = Outside(info)
            self._driver = Driver(machine)
        return self._driver, self._outside, self._seat.turns

    def _is_over(self, driver: Driver, job: Any) -> bool:
        """Whether a job answers something that the code has taken back."""
        if isinstance(job, (jobs.ActivityResolved, jobs.TimerFired)):
            return job.id not in driver.pending
        return False

    def _seed(self) -> bytes:
        """Random bytes that are recorded with the run when it first asks for some."""
        seed = self._markers.get((SEED, "")) or os.urandom(32)
        self._recorded.append(cmd.RecordMarker(SEED, "", seed))
        return seed

    def _failed(self, completion: WorkflowActivationCompletion, message: str) -> None:
        log.error("workflow %s (%s) is blocked: %s", self._details.workflow_id, self._details.workflow_type, message)
        self._recorded.clear()
        completion.failed.failure.message = message
        completion.failed.failure.application_failure_info.type = "Blocked"

    def _evict(self, why: str) -> None:
        """Forgets the run; it differs from its history where the core says so."""
        found = _DIFFERENCE.search(why)
        if found is not None:
            log.error(
                "workflow %s (%s) is blocked: %s%s; restore the code, or guard the change with workflow.version",
                self._details.workflow_id,
                self._details.workflow_type,
                _EVENT.sub(r"HistoryEvent(id: \1, \2)", found[1]),
                self._asked(),
            )
        elif why.startswith("Error reporting"):
            log.warning(
                "workflow %s (%s): the server has not taken what a task of it asks for; the task is done again",
                self._details.workflow_id,
                self._details.workflow_type,
            )
        self._close()

    def _asked(self) -> str:
        """What the code has asked for in the task that does not fit, or where it stands: the core knows no lines."""
        if self._driver is None or self._seat is None or not isinstance(self._driver.machine, LuaMachine):
            return ""
        with self._seat.turns:
            asked = self._driver.machine.asked()
            place = "" if asked else self._driver.machine.place_of(None)
        if asked:
            more = f" and {len(asked) - _SHOWN} more" if len(asked) > _SHOWN else ""
            return f"; in this task the code asks for {', '.join(asked[:_SHOWN])}{more}"
        return f"; the code stands at {place}" if place else ""

    def _close(self) -> None:
        driver, self._driver, self._outside = self._driver, None, None
        seat, self._seat = self._seat, None
        if seat is not None:
            if driver is not None:
                with seat.turns:
                    driver.close()
            self._runner.seats.leave(seat)

    # What the SDK asks besides

    def get_serialization_context(self, command_info: Any) -> None:
        return None

    def get_external_store_context(self, command_info: Any) -> StorageDriverStoreContext:
        info = self._details
        return StorageDriverStoreContext(
            target=StorageDriverWorkflowInfo(
                id=info.workflow_id, run_id=info.run_id, type=info.workflow_type, namespace=info.namespace
            )
        )

    def get_info(self) -> Any:
        return self._details


class LazyRandom(RecordedRandom):
    """Random bytes whose seed is asked for at the first use."""

    def __init__(self, seed: Callable[[], bytes]) -> None:
        super().__init__(b"")
        self._source: Callable[[], bytes] | None = seed

    def take(self, size: int) -> bytes:
        if self._source is not None:
            self._seed, self._source = self._source(), None
        return super().take(size)

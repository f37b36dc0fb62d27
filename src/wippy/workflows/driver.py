"""A machine with what is needed to talk to it: the order of deliveries and the cleaning of commands.

The same driver carries live tasks and replayed ones, so both see the same order and the same commands.
"""

from __future__ import annotations

import logging
from typing import Any

from wippy.workflows import commands as cmd
from wippy.workflows import jobs
from wippy.workflows.commands import Command
from wippy.workflows.deliveries import DELIVERIES
from wippy.workflows.jobs import Activation, Job
from wippy.workflows.machine_api import Machine

MOST_SIGNALS = 10_000
MOST_EXITS = 1_000
"""What the mailbox of a run takes in one task: messages, and ends of children."""

log = logging.getLogger("wippy.workflows")

_FIRST, _BLOCKING, _SIGNAL, _MAILBOX, _EXIT, _UPDATE = 0, 1, 2, 3, 4, 5

_PHASES: dict[type, int] = {
    jobs.Start: _FIRST,
    jobs.Reseed: _FIRST,
    jobs.Signal: _SIGNAL,
    jobs.Update: _UPDATE,
    jobs.CancelRequested: _MAILBOX,
    jobs.ChildStarted: _BLOCKING,
    jobs.ExternalResolved: _BLOCKING,
}
_CHILD = "child"
_TIMER = "timer"
_ACTIVITY = "activity"


class Driver:
    """Owns one machine; `pending` holds the open commands: id → (what, blocking)."""

    __slots__ = ("machine", "now_ns", "pending")

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.now_ns = 0
        self.pending: dict[int, tuple[str, bool]] = {}

    def activate(
        self,
        new: list[Any],
        *,
        time_ns: int,
        replaying: bool,
        history_length: int,
        history_size: int,
        markers: dict[tuple[str, str], bytes],
    ) -> list[Command] | None:
        """Deliver the events of one task. Returns the cleaned commands, or None: then call `resume`."""
        found: list[Job] = [DELIVERIES[type(event)](event) for event in new]
        return self.deliver(
            found,
            time_ns=time_ns,
            replaying=replaying,
            history_length=history_length,
            history_size=history_size,
            markers=markers,
        )

    def deliver(
        self,
        found: list[Job],
        *,
        time_ns: int,
        replaying: bool,
        history_length: int,
        history_size: int,
        markers: dict[tuple[str, str], bytes],
    ) -> list[Command] | None:
        """Deliver the jobs of one task, in the order of history. The same return values."""
        if len(found) > 1:
            found.sort(key=self._phase)
            if len(found) > MOST_EXITS:
                found = self._bounded(found, replaying)
        for job in found:
            self._settle(job)
        self.now_ns = max(self.now_ns, time_ns)  # clocks of servers differ
        raw = self.machine.activate(Activation(self.now_ns, replaying, history_length, history_size, markers, found))
        return None if raw is None else self._clean(raw)

    def resume(self) -> list[Command] | None:
        raw = self.machine.resume()
        return None if raw is None else self._clean(raw)

    def close(self) -> None:
        self.machine.close()

    def _bounded(self, found: list[Job], quiet: bool) -> list[Job]:
        """Without what the mailbox of one task does not hold: the latest messages, the latest ends of children."""
        kept: list[Job] = []
        signals = exits = 0
        for job in found:
            phase = self._phase(job)
            signals += phase == _SIGNAL
            exits += phase == _EXIT
            if (phase == _SIGNAL and signals > MOST_SIGNALS) or (phase == _EXIT and exits > MOST_EXITS):
                self._settle(job)
            else:
                kept.append(job)
        if len(kept) < len(found) and not quiet:
            pid = getattr(getattr(self.machine, "unit", None), "pid", "")
            log.warning(
                "workflow %s: one task brings %d messages and %d ends of children; those beyond %d and %d are dropped",
                pid,
                signals,
                exits,
                MOST_SIGNALS,
                MOST_EXITS,
            )
        return kept

    def _phase(self, job: Any) -> int:
        kind = type(job)
        phase = _PHASES.get(kind)
        if phase is not None:
            return phase
        if self.pending.get(job.id, ("", False))[1]:
            return _BLOCKING
        return _EXIT if kind is jobs.ChildResolved else _MAILBOX

    def _settle(self, job: Any) -> None:
        kind = type(job)
        if (
            kind is jobs.ActivityResolved
            or kind is jobs.TimerFired
            or kind is jobs.ChildResolved
            or (kind is jobs.ChildStarted and job.failure is not None)
        ):
            self.pending.pop(job.id, None)

    def _clean(self, raw: list[Any]) -> list[Command]:
        """Without cancels of what is over, what was started and cancelled in one task, and all after a close."""
        pending = self.pending
        out: list[Command] = []
        fresh: set[int] = set()
        dropped: set[int] = set()
        for command in raw:
            kind = type(command)
            if kind is cmd.ScheduleActivity:
                pending[command.id] = (_ACTIVITY, command.blocking)
                fresh.add(command.id)
            elif kind is cmd.StartTimer:
                pending[command.id] = (_TIMER, command.blocking)
                fresh.add(command.id)
            elif kind is cmd.StartChild:
                pending[command.id] = (_CHILD, command.blocking)
            elif kind is cmd.CancelTimer or kind is cmd.RequestCancelActivity:
                if pending.pop(command.id, None) is None:
                    continue
                if command.id in fresh:
                    dropped.add(command.id)
                    continue
            elif kind is cmd.UpsertAttributes and command.search is not None and command.memo is not None:
                out.append(cmd.UpsertAttributes(search=command.search))
                out.append(cmd.UpsertAttributes(memo=command.memo))
                continue
            out.append(command)
            if kind in cmd.CLOSING:
                break
        if dropped:
            return [c for c in out if not (isinstance(c, (cmd.StartTimer, cmd.ScheduleActivity)) and c.id in dropped)]
        return out

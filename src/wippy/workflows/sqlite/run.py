"""One open run in memory. It is small until it is touched; its machine is made by replay when a task needs it."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from wippy.workflows import events as ev
from wippy.workflows.deliveries import DELIVERIES
from wippy.workflows.driver import Driver
from wippy.workflows.failure import Failure
from wippy.workflows.provider import Result, Status
from wippy.workflows.sqlite.store import pack, unpack


class Task(IntEnum):
    """State of the workflow task of a run."""

    NONE = 0
    SCHEDULED = 1  # WorkflowTaskScheduled is in the history
    DELAYED = 2  # the first task waits for its time
    RETRY = 3  # failed before; nothing of the next try is in the history


class Activity:
    """A pending activity. `due` is the time of the next attempt while it waits."""

    __slots__ = ("attempt", "cancel", "due", "event", "id", "last", "n", "queued_ns", "running", "scheduled_ns", "why")

    def __init__(self, id: int, n: int, scheduled_ns: int, event: ev.ActivityTaskScheduled | None) -> None:
        self.id = id
        self.n = n
        self.scheduled_ns = scheduled_ns
        self.event = event
        self.attempt = 1
        self.due = 0
        self.queued_ns = 0
        self.running = 0  # start time of the running attempt, 0 = not running
        self.cancel = False
        self.why = ""  # which timeout the running attempt will meet first
        self.last: Failure | None = None


class Run:
    """State of one run; `chunks` and `out` hold the events that are not stored yet."""

    __slots__ = (
        "activities",
        "attempt",
        "attributes",
        "blocked",
        "buffered",
        "cancel_requested",
        "chain_deadline",
        "chunks",
        "closed_ns",
        "driver",
        "evict",
        "last_time",
        "memo",
        "new",
        "next",
        "next_run",
        "out",
        "outcome",
        "parent_close",
        "parent_command",
        "parent_run",
        "queue",
        "run_deadline",
        "run_id",
        "saved",
        "seq",
        "signals",
        "size",
        "start",
        "started_ns",
        "status",
        "stored",
        "task",
        "task_attempt",
        "task_due",
        "timers",
        "turn",
        "type",
        "warned",
        "workflow_id",
    )

    def __init__(self, seq: int, workflow_id: str, run_id: str, type: str, queue: str) -> None:
        self.seq = seq
        self.workflow_id = workflow_id
        self.run_id = run_id
        self.type = type
        self.queue = queue
        self.status = Status.RUNNING
        self.attempt = 1
        self.parent_run = ""
        self.parent_command = 0
        self.parent_close = 1
        self.started_ns = 0
        self.run_deadline = 0
        self.chain_deadline = 0
        self.task = Task.NONE
        self.task_due = 0
        self.task_attempt = 1
        self.cancel_requested = False
        self.signals = 0
        self.closed_ns = 0
        self.next_run = ""
        self.memo: dict[str, Any] = {}
        self.attributes: dict[str, Any] = {}
        self.outcome: Result | None = None

        self.stored = 0  # number of the last stored event, -1 = not looked up yet
        self.next = 1
        self.size = 0
        self.last_time = 0
        self.start: ev.WorkflowExecutionStarted | None = None
        self.chunks: list[bytes] = []
        self.out: list[Any] = []
        self.saved: tuple[Any, ...] | None = None

        self.driver: Driver | None = None
        self.turn: Any = None
        self.evict = False
        self.warned = False
        self.blocked = ""
        self.new: list[Any] = []
        self.buffered: list[Any] = []
        self.activities: dict[int, Activity] = {}
        self.timers: dict[int, int] = {}

    def append(self, event: Any, now: int) -> None:
        """Give the event its number and time and put it at the end of the history."""
        event.n = self.next
        if now > self.last_time:
            self.last_time = now
        event.time_ns = self.last_time
        self.next += 1
        data = ev.encode(event)
        self.size += len(data)
        self.chunks.append(data)
        self.out.append(event)
        if self.driver is not None and type(event) in DELIVERIES:
            self.new.append(event)

    def volatile(self) -> tuple[Any, ...]:
        """The columns that change during the life of a run."""
        return (
            self.status,
            self.task,
            self.task_due,
            self.task_attempt,
            self.cancel_requested,
            self.signals,
            self.closed_ns,
            self.next_run,
            pack(self.memo) if self.memo else b"\x80",
            pack(self.attributes) if self.attributes else b"\x80",
            pack(self.outcome) if self.outcome is not None else None,
        )

    def row(self, volatile: tuple[Any, ...]) -> tuple[Any, ...]:
        """The whole row of the run."""
        return (
            self.seq,
            self.workflow_id,
            self.run_id,
            self.type,
            self.queue,
            volatile[0],
            self.attempt,
            self.parent_run,
            self.parent_command,
            self.parent_close,
            self.started_ns,
            self.run_deadline,
            self.chain_deadline,
            *volatile[1:],
        )

    @classmethod
    def from_row(cls, row: tuple[Any, ...]) -> Run:
        """The run of a row. Raises what reading the row raises."""
        run = cls.from_columns(row)
        run.read(row)
        return run

    @classmethod
    def from_columns(cls, row: tuple[Any, ...]) -> Run:
        """A run with what needs no decoding."""
        run = cls(row[0], row[1], row[2], row[3], row[4])
        run.attempt, run.parent_run, run.parent_command, run.parent_close = row[6:10]
        run.started_ns, run.run_deadline, run.chain_deadline = row[10:13]
        run.task_due, run.task_attempt = row[14:16]
        run.cancel_requested = bool(row[16])
        run.signals, run.closed_ns, run.next_run = row[17:20]
        run.stored = -1
        run.saved = ()
        return run

    def read(self, row: tuple[Any, ...]) -> None:
        """The rest of the row."""
        self.status = Status(row[5])
        self.task = Task(row[13])
        self.memo = unpack(row[20], type=dict[str, Any])
        self.attributes = unpack(row[21], type=dict[str, Any])
        self.outcome = unpack(row[22], type=Result) if row[22] is not None else None
        self.saved = self.volatile()

"""The border between history and code: a machine turns activations into commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from wippy.workflows.commands import Command
from wippy.workflows.jobs import Activation


class RunInfo(msgspec.Struct, frozen=True):
    """What is fixed for one run.

    Attributes:
        type: workflow type (entry ID or custom name).
        queue: task queue of the run.
        seed: 32 random bytes recorded with the run.
        attempt: 1 for the first run of a retry chain.
        start_time_ns: time of the run's first event.
        header: context and security, as given at the start.
        namespace: of the server, `default` for the embedded provider.
        original_run_id: of the run that this one goes on from after a reset, "" = `run_id`.
    """

    workflow_id: str
    run_id: str
    type: str
    queue: str
    seed: bytes
    attempt: int = 1
    start_time_ns: int = 0
    header: dict[str, bytes] = {}
    parent_workflow_id: str = ""
    parent_run_id: str = ""
    first_run_id: str = ""
    continued_run_id: str = ""
    cron: str = ""
    memo: dict[str, Any] = {}
    search_attributes: dict[str, Any] = {}
    original_run_id: str = ""
    namespace: str = "default"


class Machine(Protocol):
    """One live instance of a run. Always called from the engine's thread, never twice at a time."""

    def activate(self, activation: Activation) -> list[Command] | None:
        """Deliver the jobs and run until every coroutine is blocked.

        Returns the commands of the task in the order of the calls, or None when the budget of the slice is used up:
        then `resume` is called later. After a close command nothing more is called but `close`.
        Raises Blocked if the run cannot go on with the code as it is.
        """
        ...

    def resume(self) -> list[Command] | None:
        """Go on with an activation that returned None; the same return values."""
        ...

    def close(self) -> None:
        """Drop the instance. Called once; must not raise."""
        ...


MachineFactory = Callable[[RunInfo], Machine]
"""Makes the machine of a run; raises Blocked for an unknown type."""


TOO_LONG = "move the computing into a function, or raise workflow.task_timeout"
"""What to do about a task that computes for longer than its time."""


class Blocked(Exception):
    """The workflow task fails and is retried with backoff; the run stays open."""


class OutOfMemory(Blocked):
    """The machines need more memory than they may have, together."""


class NonDeterminism(Blocked):
    """The code asks for something else than its history says.

    Args:
        command: what it asks for, None where it asks for nothing more.
    """

    def __init__(self, text: str, command: Command | None = None) -> None:
        super().__init__(text)
        self.command = command

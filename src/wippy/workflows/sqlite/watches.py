"""Who wants to know how a chain of runs ends. Watches live in memory and end with the process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wippy import errors
from wippy.workflows.failure import Failure
from wippy.workflows.provider import Result, Status, Watcher
from wippy.workflows.sqlite.run import Run

if TYPE_CHECKING:
    from wippy.workflows.sqlite.core import Core


_Watch = tuple[int, Watcher, str, str]
"""Number of the run that is open now, whom to call, workflow ID and run ID of the run watched first."""


class Watches:
    def __init__(self, core: Core) -> None:
        self.core = core
        self._callbacks: dict[int, _Watch] = {}
        self._by_run: dict[int, set[int]] = {}

    def watch(self, handle: int, workflow_id: str, run_id: str | None, callback: Watcher) -> None:
        """Call back once with the end of the chain; at once if it is closed or missing."""
        run = self.core.find(workflow_id, run_id)
        while run is not None and run.status is not Status.RUNNING and run.next_run:
            run = self.core.find(workflow_id, run.next_run)
        if run is None:
            failure = Failure(f"workflow not found for ID: {workflow_id}", errors.NOT_FOUND, False)
            self._callbacks[handle] = (0, callback, workflow_id, "")
            self._fire(handle, Result(workflow_id, run_id or "", Status.FAILED, failure=failure))
            return
        self._callbacks[handle] = (run.seq, callback, workflow_id, run.run_id)
        if run.status is Status.RUNNING:
            self._by_run.setdefault(run.seq, set()).add(handle)
        else:
            assert run.outcome is not None
            self._fire(handle, run.outcome)

    def unwatch(self, handle: int) -> None:
        found = self._callbacks.pop(handle, None)
        seq = found[0] if found is not None else 0
        handles = self._by_run.get(seq)
        if handles is not None:
            handles.discard(handle)
            if not handles:
                del self._by_run[seq]

    def move(self, run: Run, follower: Run) -> None:
        """The chain goes on with another run."""
        handles = self._by_run.pop(run.seq, None)
        if handles:
            self._by_run[follower.seq] = handles
            for handle in handles:
                self._callbacks[handle] = (follower.seq, *self._callbacks[handle][1:])

    def roll_back(self, runs: set[int]) -> None:
        """These runs are again what they were: so are their watches. Watches of runs that are no more end."""
        for seq in runs:
            self._by_run.pop(seq, None)
        for handle, (seq, callback, workflow_id, run_id) in list(self._callbacks.items()):
            if seq in runs:
                del self._callbacks[handle]
                if self.core.find(workflow_id, run_id) is not None:
                    self.watch(handle, workflow_id, run_id, callback)

    def notify(self, run: Run) -> None:
        """The chain has ended with this run."""
        assert run.outcome is not None
        for handle in sorted(self._by_run.pop(run.seq, ())):
            self._fire(handle, run.outcome)

    def _fire(self, handle: int, result: Result) -> None:
        self.core.effect(self._call, handle, result)

    def _call(self, handle: int, result: Result) -> None:
        found = self._callbacks.pop(handle, None)
        if found is not None:
            found[1](result)

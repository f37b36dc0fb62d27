"""A cell: a VM that any of several threads may drive, one at a time."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Any

from wippy.errors import INTERNAL, LIMIT_EXCEEDED
from wippy.kernel.run_queue import IDLE, RunQueue
from wippy.kernel.station import BATCH, URGENT, Clock, Envelope, Station

log = logging.getLogger("wippy.kernel")


class Cell(Station):
    """Holds one process, or one call, and what they call. Ends with it.

    Args:
        number, make_vm, route, clock: as for `Station`.
        queue: whose threads drive it.
        ended: called once when nothing lives in it any more, in the thread that ran the last slice.
        gone: takes the envelopes that come too late.

    Attributes:
        moves: how often another thread than the last one has driven it.
        ranges: of process numbers, for whoever hands them out.
    """

    def __init__(
        self,
        number: int,
        make_vm: Callable[[], Any],
        route: Callable[[Any, list[Envelope]], None],
        clock: Clock,
        queue: RunQueue,
        ended: Callable[[Cell], None],
        gone: Callable[[Envelope], None],
    ) -> None:
        super().__init__(number, make_vm, route, clock)
        self.state = IDLE
        self.armed: int | None = None
        self.moves = 0
        self.ranges: list[int] = []
        self._driver = 0
        self.queue = queue
        self._ended = ended
        self._gone = gone
        self._inbox: deque[Envelope] = deque()
        self._urgent: deque[Envelope] = deque()
        self._begun = False

    def __str__(self) -> str:
        return f"cell {self.number}"

    @property
    def pending(self) -> bool:
        """Whether there is something to do now."""
        return bool(self._inbox or self._urgent or self.runnable)

    def post(self, envelope: Envelope) -> None:
        (self._urgent if envelope[0] in URGENT else self._inbox).append(envelope)
        if not self.queue.wake(self):
            self._refuse()

    def prepare(self) -> None:
        """Makes the VM ahead of the first slice. Raises what `make_vm` raises."""
        if self.vm is None:
            self.vm = self._make_vm()

    def drive(self, driver: int) -> bool:
        """Runs one slice in a thread that has the cell to itself.

        Returns:
            Whether something lives in it.
        """
        if driver != self._driver:
            self.moves += 1 if self._driver else 0
            self._driver = driver
        try:
            self.prepare()
            items = self._take()
            self._begun = self._begun or bool(items)
            self._run_slice(items)
            self.stolen = self.moves
        except MemoryError:
            self._abandon(LIMIT_EXCEEDED, "memory limit of the process exceeded: not enough memory")
        except BaseException as error:
            self.failure = error
            log.exception("%s ended", self)
            self._abandon(INTERNAL, f"the kernel failed: {type(error).__name__}: {error}")
        return self.vm is not None and (self.living > 0 or not self._begun)

    def end(self) -> None:
        """Lets go of the VM; the run queue has marked the cell as ended."""
        self.vm = None
        self._ended(self)
        self._refuse()

    def _take(self) -> list[Envelope]:
        items = []
        for source in (self._urgent, self._inbox):
            while source and len(items) < BATCH:
                items.append(source.popleft())
        return items

    def _refuse(self) -> None:
        for source in (self._urgent, self._inbox):
            try:
                while True:
                    self._gone(source.popleft())
            except IndexError:
                pass

"""A process host: workers that run processes and share them with nobody else."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import msgspec

from wippy.errors import INTERNAL, UNAVAILABLE, WippyError
from wippy.kernel import codec
from wippy.kernel.host_base import make_base_host
from wippy.kernel.station import Envelope, Station
from wippy.kernel.vm import VM
from wippy.kernel.worker import Worker
from wippy.modules.time.zones import make_time_host
from wippy.units.router import PYTHON
from wippy.units.runtime import Runtime

WORTHWHILE = 2
"""Times by which a worker has more to do than another before it ends its slice to share."""

NOT_RUNNING, RUNNING, STOPPING = "not running", "running", "stopping"


class HostConfig(msgspec.Struct):
    """Settings of a host.

    Attributes:
        workers: OS threads, each with its own VM.
        max_processes: living processes of the whole host; 0 = unlimited.
        max_mailbox: messages in one mailbox; 0 = unlimited.
        max_memory: bytes of one VM; 0 = unlimited.
        reductions: loop rounds and calls after which a process gives way; 0 = the kernel's default.
        terminal: its processes have the terminal, and are not ended by others.
    """

    workers: int = 1
    max_processes: int = 0
    max_mailbox: int = 0
    max_memory: int = 0
    reductions: int = 0
    terminal: bool = False


class ProcessHost:
    """Runs processes. Takes envelopes from any thread."""

    def __init__(
        self,
        id: str,
        runtime: Runtime,
        config: HostConfig,
        *,
        extra: dict[str, Callable[..., Any]] | None = None,
        functions_home: bool = False,
    ) -> None:
        self.id = id
        self.config = config
        self.state = NOT_RUNNING
        self.workers: list[Any] = []
        self._runtime = runtime
        self._router = runtime.router
        self._extra = extra or {}
        self._functions_home = functions_home
        self._turn = itertools.count()
        self._lock = threading.Lock()
        self._processes = 0
        self._past_turns = self._past_stolen = 0

    # Life

    def start(self) -> None:
        """Starts the workers. Raises WippyError when a VM cannot be made."""
        if self.state == RUNNING:
            return
        try:
            self._begin()
        except BaseException:
            self.kill()
            raise
        self.state = RUNNING
        self._router.hosts[self.id] = self

    def _begin(self) -> None:
        router = self._router
        for index in range(self.config.workers):
            number = router.new_worker_number()
            worker = Worker(
                number,
                f"{self.id}/{index}",
                lambda number=number: self._make_vm(number),
                router.route,
                self._runtime.clock,
                self._share if self.config.workers > 1 else None,
            )
            worker.failed = self._runtime.fatal
            router.workers[number] = worker
            self.workers.append(worker)
            self._runtime.clock.on_advance(worker.wake)
        for worker in self.workers:
            worker.peers = [peer for peer in self.workers if peer is not worker]
            worker.start()
        for worker in self.workers:
            worker.ready.wait()
            if worker.failure is not None:
                raise WippyError(INTERNAL, f"host {self.id}: a worker could not start: {worker.failure}")

    def _make_vm(self, number: int, isolated: bool = False) -> VM:
        router = self._router
        host = {**make_base_host(), **make_time_host(), **self._runtime.host_functions(), **self._extra}
        host["process_admit"], host["process_left"] = self._admit, self._left
        host["pid_block"] = self._pid_source(number)
        if self.config.workers > 1 and not isolated:
            host["wanted"] = lambda runnable: self._is_wanted(number, runnable)
        vm = VM(max_memory=self.config.max_memory, host=host, workflow=False)
        vm.K.boot(
            codec.pack(
                [
                    {
                        "node": router.node,
                        "worker": number,
                        "host": self.id,
                        "strict": self._runtime.strict,
                        "max_processes": self.config.max_processes or None,
                        "max_mailbox": self.config.max_mailbox or None,
                        "max_memory": self.config.max_memory or None,
                        "reductions": self.config.reductions or None,
                        "isolated": isolated,
                        "functions_home": self._functions_home,
                        "terminal": self.config.terminal,
                    }
                ]
            )[1:]
        )
        return vm

    def _pid_source(self, number: int) -> Callable[[], tuple[int, int]]:
        router = self._router
        return lambda: router.pid_block(router.workers[number])

    def _admit(self) -> bool:
        with self._lock:
            if self._processes >= self.config.max_processes:
                return False
            self._processes += 1
            return True

    def _left(self) -> None:
        with self._lock:
            self._processes -= 1

    def stop(self, timeout: float, reason: str = "scheduler shutdown") -> bool:
        """Cancels every process, waits until all have ended, ends the rest by force.

        Args:
            timeout: seconds to wait.

        Returns:
            Whether all processes ended by themselves.
        """
        if self.state == NOT_RUNNING:
            return True
        self.state = STOPPING
        for worker in list(self.workers):
            worker.post(["cancel_all", "", 0, 0, reason])
        deadline = time.monotonic() + timeout
        clean = True
        while self._living():
            if time.monotonic() > deadline:
                clean = False
                break
            time.sleep(0.005)
        self.kill()
        return clean

    def kill(self) -> None:
        """Ends all processes by force and stops the workers."""
        if self.state == RUNNING:
            self.state = STOPPING
        for worker in self.workers:
            worker.post(["kill_all", "", 0, 0, "context canceled"])
        for worker in self.workers:
            worker.stop()
        for worker in self.workers:
            if worker is not threading.current_thread() and worker.ident is not None:
                worker.join(2)
            self._router.retire(worker)
        self.state = NOT_RUNNING
        self.workers.clear()

    def _living(self) -> bool:
        try:
            return sum(self.counts()) > 0
        except (TimeoutError, WippyError):
            return True  # a worker that does not answer

    def counts(self) -> list[int]:
        """Living processes of each worker, as each last said."""
        return [row[0] for row in self._rows(1)]

    def _rows(self, limit: float) -> list[list[Any]]:
        """What each worker that is still there says of itself. Raises TimeoutError."""
        futures = [self._figures(worker) for worker in list(self.workers) if worker.failure is None]
        rows = []
        for future in futures:
            with contextlib.suppress(WippyError):
                rows.append(future.result(limit))
        return rows

    def _figures(self, worker: Station) -> Future[list[Any]]:
        return self._router.request("figures", "", "", "", "", b"", target=worker)

    def figures(self) -> dict[str, int]:
        """Sums over the workers: processes, spawned, given, adopted, timers, runnable; and dead_letters of the host."""
        names = ("processes", "spawned", "given", "adopted", "timers", "runnable")
        rows = self._rows(5)
        found = {name: sum(row[index] for row in rows) for index, name in enumerate(names)}
        return {**found, "dead_letters": self._runtime.dead_letters.count(self.id)}

    def tally(self, fresh: Mapping[int, Sequence[int]] | None = None) -> dict[str, int]:
        """Sums over the workers, as each last said: workers, processes, executed, stolen, queue_depth.

        Args:
            fresh: newer figures of workers by number: living, runnable, turns, stolen.
        """
        rows = [
            (fresh or {}).get(worker.number) or (worker.living, worker.runnable, worker.turns, worker.stolen)
            for worker in list(self.workers)
        ]
        living, runnable, turns, stolen = (sum(column) for column in zip(*rows, strict=True)) if rows else (0, 0, 0, 0)
        return {
            "workers": self.config.workers,
            "processes": living,
            "executed": self._past_turns + turns,
            "stolen": self._past_stolen + stolen,
            "queue_depth": runnable,
        }

    # Work

    def accept(self, envelope: Envelope) -> None:
        op = envelope[0]
        if self.state != RUNNING and (op == "spawn" or (op == "send" and not self._from_inside(envelope))):
            self._router.fail(
                envelope, UNAVAILABLE, "host is shutting down" if self.state == STOPPING else "host is not running"
            )
            return
        if self.state == NOT_RUNNING:
            self._router.fail(envelope, UNAVAILABLE, "host is not running")
            return
        if op == "spawn" or op == "call":
            self._begin_unit(envelope)
        elif op == "cancel_call":
            for worker in list(self.workers):
                worker.post(envelope)
        else:
            owner = self._router.owner(envelope[1].rpartition("|")[2][:-1])
            if owner is None:
                self._router.gone(envelope)
            else:
                owner.post(envelope)

    def _begin_unit(self, envelope: Envelope) -> None:
        self._next_worker().post(envelope)

    def _from_inside(self, envelope: Envelope) -> bool:
        """Processes that are being cancelled may still talk to each other."""
        return any(worker.number == envelope[2] for worker in list(self.workers))

    def _next_worker(self) -> Worker:
        """The worker with the least to do; those that have equally much take turns."""
        workers = self.workers
        start = next(self._turn) % len(workers)
        return min(workers[start:] + workers[:start], key=lambda worker: worker.load)

    def _share(self, worker: Worker) -> None:
        """A worker with processes that have not begun gives of them to the one that has the least to do."""
        other = min((other for other in self.workers if other is not worker), key=lambda other: other.load)
        surplus = worker.runnable - other.load
        if surplus >= 2:
            worker.post(["give", "", PYTHON, 0, min(surplus // 2, worker.unstarted), other.number])

    def _is_wanted(self, number: int, runnable: int) -> bool:
        """For a VM with so many threads: whether another worker has much less to do, so that it should get some."""
        loads = [worker.load for worker in self.workers if worker.number != number]
        return bool(loads) and runnable >= WORTHWHILE * (1 + min(loads))

    def spawn(self, entry: str, args: list[Any], frame: bytes = b"", **options: Any) -> Future[str]:
        """Starts a process from Python.

        Args:
            entry: full entry ID.
            args: plain values, each one argument.
            frame: `Frame.blob`.
            options: watcher, linked, name, terminal.

        Returns:
            A future of the PID.
        """
        future: Future[str] = Future()
        packed = codec.pack([options])[1:] if options else b""
        inner = self._router.request("spawn", self.id, entry, frame, packed, codec.pack(args), target=self)

        def done(answer: Future[list[Any]]) -> None:
            if not future.set_running_or_notify_cancel():
                return
            error = answer.exception()
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(answer.result()[0])

        inner.add_done_callback(done)
        return future

    def call(self, entry: str, args: list[Any], frame: bytes = b"") -> Future[Any]:
        """Calls a function in one of this host's VMs; the future gives its result or raises its error."""
        return self._outcome(self._router.request("call", self.id, entry, frame, b"", codec.pack(args), target=self))

    def execute(self, entry: str, args: list[Any], frame: bytes = b"", **options: Any) -> Future[Any]:
        """Starts a process and gives its result."""
        packed = codec.pack([{"exec": True, **options}])[1:]
        return self._outcome(
            self._router.request("spawn", self.id, entry, frame, packed, codec.pack(args), target=self)
        )

    def _outcome(self, inner: Future[list[Any]]) -> Future[Any]:
        future: Future[Any] = Future()

        def done(answer: Future[list[Any]]) -> None:
            if not future.set_running_or_notify_cancel():
                return  # whoever waited has gone
            error = answer.exception()
            if error is not None:
                future.set_exception(error)
                return
            values = answer.result()
            failure = values[1] if len(values) > 1 else None
            if isinstance(failure, codec.ErrorValue):
                future.set_exception(failure.exception())
            else:
                future.set_result(values[0] if values else None)

        inner.add_done_callback(done)
        return future

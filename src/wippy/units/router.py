"""Carries envelopes between workers, hosts and Python."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Protocol

from wippy.errors import INTERNAL, NOT_FOUND, UNAVAILABLE, WippyError
from wippy.kernel import codec
from wippy.kernel.station import Envelope, Station
from wippy.kernel.worker import Worker
from wippy.units.dead_letters import Letter
from wippy.units.names import Names

log = logging.getLogger("wippy.units")

BLOCK = 4096
PYTHON = 0
"""Number of Python itself where a worker number is asked for."""
CONTROL = "node:control"
FUNCTIONS = "functions:home"


class Host(Protocol):
    """A destination of envelopes: a process host, the functions' home, a workflow worker."""

    id: str

    def accept(self, envelope: Envelope) -> None:
        """Takes a request for one of its PIDs or for itself; answers through `Router.reply`. From any thread."""
        ...


class Destination(Protocol):
    """What takes envelopes without a look at them: a worker, a cell, a host that finds the cell itself."""

    def post(self, envelope: Envelope) -> None: ...


class Router:
    """Knows every host and worker of the node. Thread-safe.

    Args:
        node: node ID, part of every PID.
    """

    def __init__(self, node: str) -> None:
        self.node = node
        self.names = Names()
        self.hosts: dict[str, Host] = {}
        self.workers: dict[int, Destination] = {}
        self.command: Callable[[Envelope], None] = lambda envelope: None
        self.abort: Callable[[Envelope], None] = lambda envelope: None
        self.dead: Callable[[Letter], None] = lambda letter: None
        self.home: Callable[[], Host] | None = None
        """Gives the functions' home, which starts when it is first needed."""
        self.peers: dict[str, Host] = {}
        """Other nodes: who takes what goes there."""
        self._lock = threading.Lock()
        self._next_worker = 1
        self._next_block = 0
        self._blocks: list[Destination | None] = []
        self._requests: dict[int, Callable[[bool, list[Any]], None]] = {}
        self._request_ids = itertools.count(1)
        self._watchers: dict[str, Callable[[dict[str, Any]], None]] = {}
        self._watcher_ids = itertools.count(1)
        self._spawned: dict[int, Callable[[str], None]] = {}

    # Workers and PIDs

    def new_worker_number(self) -> int:
        with self._lock:
            number = self._next_worker
            self._next_worker += 1
            return number

    def pid_block(self, owner: Destination) -> tuple[int, int]:
        """A fresh range of process numbers for a worker, or a host that shares it out: first and last."""
        with self._lock:
            first = self._next_block * BLOCK + (1 if self._next_block == 0 else 0)
            self._next_block += 1
            self._blocks.append(owner)
            return first, self._next_block * BLOCK - 1

    def owner(self, uniq: str) -> Destination | None:
        """Who made a process number such as `0x0002a`; None where nobody did or its owner is gone."""
        try:
            number = int(uniq, 16)
        except ValueError:
            return None
        block = number // BLOCK
        return self._blocks[block] if 0 <= block < len(self._blocks) else None

    def retire(self, owner: Destination) -> None:
        """Nothing lives there any more: its process numbers lead nowhere from now on."""
        with self._lock:
            self._blocks = [None if found is owner else found for found in self._blocks]
            for number in [number for number, found in self.workers.items() if found is owner]:
                del self.workers[number]

    def gone(self, envelope: Envelope) -> None:
        """Answers what was asked of a process that has ended."""
        op = envelope[0]
        if op == "done":
            self.abort(["abort", "", PYTHON, 0, envelope[3], envelope[4]])
        elif op == "reply":
            pass  # nobody asks any more, and its number means something else here
        elif op in ("monitor", "link"):
            self.fail(envelope, INTERNAL, "pid not registered")
        elif op in ("unmonitor", "unlink"):
            self.reply(envelope, True, [])
        elif op == "named":
            self.names.release(envelope[1].encode())
        else:
            self.fail(envelope, NOT_FOUND, "process not found")

    # Routing

    def route(self, worker: Worker, envelopes: list[Envelope]) -> None:
        """Envelopes that left a worker's VM in one slice."""
        for envelope in envelopes:
            try:
                self.dispatch(envelope)
            except Exception as error:
                log.exception("%s to %r could not be delivered", envelope[0], envelope[1])
                if envelope[0] != "reply":
                    self.fail(envelope, INTERNAL, f"{type(error).__name__}: {error}")

    def dispatch(self, envelope: Envelope) -> None:
        """One envelope to where it belongs."""
        op, destination = envelope[0], envelope[1]
        if isinstance(destination, bytes):  # no text, so nobody has that name
            destination = envelope[1] = destination.decode("utf-8", "replace")
        if op == "command":
            self.command(envelope)
        elif op == "abort":
            self.abort(envelope)
        elif isinstance(destination, int):
            self._to_number(destination, envelope)
        elif op == "spawned":
            told = self._spawned.pop(envelope[4], None)
            if told is not None:
                told(envelope[5])
        elif op in ("spawn", "call", "cancel_call"):
            host = self.hosts.get(destination)
            if host is None and destination == FUNCTIONS and self.home is not None:
                host = self.home()
            if host is None:
                self._no_host(envelope, destination)
            else:
                host.accept(envelope)
        else:
            self._to_pid(destination, envelope)

    def _to_number(self, number: int, envelope: Envelope) -> None:
        if number == PYTHON:
            if envelope[0] == "reply":
                waiting = self._requests.pop(envelope[3], None)
                if waiting is not None:
                    try:
                        ok, values = envelope[4], codec.unpack(envelope[5])
                    except (WippyError, ValueError, RecursionError) as error:
                        ok, values = False, [codec.ErrorValue.of(error)]
                    waiting(ok, values)
            return
        worker = self.workers.get(number)
        if worker is not None:
            worker.post(envelope)

    def _to_pid(self, pid: str, envelope: Envelope) -> None:
        where, _, uniq = pid[1:-1].partition("|")
        if "|" in uniq:
            uniq = uniq.partition("|")[2]
        node, at, host_id = where.partition("@")
        if not at:
            node, host_id = "", where
        if host_id == CONTROL:
            told = self._watchers.get(pid)
            if envelope[0] != "event":
                self.gone(envelope)
            elif told is not None:
                value, error = codec.unpack(envelope[6])
                told({"kind": envelope[4], "from": envelope[5], "value": value, "error": error})
            return
        if node != self.node:
            peer = self.peers.get(node)
            if peer is not None:
                peer.accept(envelope)
            else:
                self.fail(envelope, NOT_FOUND, "process not found" if node == "" else "node not found")
            return
        host = self.hosts.get(host_id)
        if host is not None:
            host.accept(envelope)
            return
        function, hash_, _ = host_id.partition("#lua.")
        worker = self.owner(uniq) if hash_ and function else None
        if worker is not None:
            worker.post(envelope)
        else:
            self._no_host(envelope, host_id)

    def _no_host(self, envelope: Envelope, host_id: str) -> None:
        error = WippyError(NOT_FOUND, f"host not found: {host_id}", details={"host_id": host_id, "node_id": self.node})
        self.refuse(envelope, error)

    # Requests of Python

    def reply(self, envelope: Envelope, ok: bool, values: list[Any]) -> None:
        """Answers a request; values travel as `codec.pack` makes them."""
        if envelope[3] == 0:
            return
        self._to_number(envelope[2], ["reply", envelope[2], PYTHON, envelope[3], ok, codec.pack(values)])

    def fail(self, envelope: Envelope, kind: str, message: str) -> None:
        """Answers a request with an error."""
        self.refuse(envelope, WippyError(kind, message))

    def refuse(self, envelope: Envelope, error: WippyError) -> None:
        """Answers a request with an error; a message is counted among those that reach nobody."""
        if envelope[0] == "send":
            topic, sender = envelope[4], envelope[5]
            self.dead(Letter(_text(topic), _text(sender), envelope[1], error.message))
        self.reply(envelope, False, [error])

    def request(
        self, op: str, destination: str, *parts: Any, target: Host | Station | None = None
    ) -> Future[list[Any]]:
        """Sends a request from Python.

        Args:
            op: send, spawn, call, monitor, cancel, terminate, …
            destination: PID or host ID.
            parts: three values and the opaque bytes.
            target: where to hand it in directly; else it is routed.

        Returns:
            A future of the values; it raises the WippyError that came back.
        """
        future: Future[list[Any]] = Future()

        def done(ok: bool, values: list[Any]) -> None:
            if ok:
                future.set_result(values)
            else:
                future.set_exception(error_of(values))

        self.ask(done, op, destination, *parts, target=target)
        return future

    def ask(
        self,
        answered: Callable[[bool, list[Any]], None],
        op: str,
        destination: str,
        *parts: Any,
        target: Host | Station | None = None,
        lend: Worker | None = None,
    ) -> int:
        """`request` without a future.

        Args:
            answered: gets whether it went well, and the values; for a failure see `error_of`. It may be called before
                this returns.
            lend: a worker to which this thread is lent if the worker is idle.

        Returns:
            The number of the request.
        """
        number = next(self._request_ids)
        self._requests[number] = answered
        envelope: Envelope = [op, destination, PYTHON, number, *parts]
        if lend is not None and lend.lend(envelope):
            return number
        if target is None:
            self.dispatch(envelope)
        elif isinstance(target, Station):
            target.post(envelope)
        else:
            target.accept(envelope)
        return number

    def close(self) -> None:
        """Fails every request of Python that still waits: nobody will answer it."""
        waiting, self._requests = self._requests, {}
        for told in waiting.values():
            told(False, [codec.ErrorValue(UNAVAILABLE, "the application has stopped", False)])

    def watcher(self, told: Callable[[dict[str, Any]], None]) -> str:
        """A PID of the runtime itself: `told` gets the events sent to it (kind, from, value, error)."""
        pid = f"{{{self.node}@{CONTROL}|0x{next(self._watcher_ids):05x}}}"
        self._watchers[pid] = told
        return pid

    def forget_watcher(self, pid: str) -> None:
        self._watchers.pop(pid, None)

    def tell_pid(self, told: Callable[[str], None]) -> int:
        """A number for the `tell_pid` option of a spawn: `told` gets the PID."""
        number = next(self._request_ids)
        self._spawned[number] = told
        return number


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def error_of(values: list[Any]) -> WippyError:
    """The error in the values of a failed request."""
    first = values[0] if values else None
    if isinstance(first, codec.ErrorValue):
        return first.exception()
    if isinstance(first, str) and len(values) > 1:
        return WippyError(first, str(values[1]))
    return WippyError(INTERNAL, str(first))

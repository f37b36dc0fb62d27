"""Messages that reached nobody: counted by host, told in the log now and then."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec

EVERY = 1.0
"""Seconds between two lines of the log."""

HOSTS = 1000
"""Hosts counted apart."""

Later = Callable[[float, Callable[[], None]], None]


class Letter(msgspec.Struct, frozen=True):
    """One message that could not be delivered.

    Attributes:
        sender: PID, "" for the runtime.
    """

    topic: str
    sender: str
    to: str
    reason: str


class DeadLetters:
    """Thread-safe.

    Args:
        log: (level, logger name, message, fields) -> None.
        later: calls a function after so many seconds, from any thread; without it what comes within a second after a
            line is told with the next letter.
        now: seconds on a clock that is never set.
    """

    def __init__(
        self,
        log: Callable[[str, str, str, dict[str, Any]], None],
        later: Later | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.later = later
        self._log = log
        self._now = now
        self._lock = threading.Lock()
        self._counts: dict[str, int] = {}
        self._since = 0
        self._example: Letter | None = None
        self._next = float("-inf")
        self._waiting = False

    def add(self, letter: Letter, count: int = 1) -> None:
        """Counts so many letters, of which this is one. From any thread."""
        host = host_of(letter.to)
        with self._lock:
            if host not in self._counts and len(self._counts) >= HOSTS:
                host = ""  # anybody may make up PIDs
            self._counts[host] = self._counts.get(host, 0) + count
            self._since += count
            self._example = letter
            wait = self._next - self._now()
            if wait > 0:
                if self._waiting or self.later is None:
                    return
                self._waiting = True
        if wait > 0:
            assert self.later is not None
            self.later(wait, self.flush)
        else:
            self.flush()

    def flush(self) -> None:
        """Logs what has been counted since the last line."""
        with self._lock:
            since, example = self._since, self._example
            self._since, self._example, self._waiting = 0, None, False
            self._next = self._now() + EVERY
            total = sum(self._counts.values())
        if example is None:
            return
        fields = {
            "count": since,
            "total": total,
            "topic": example.topic,
            "from": example.sender,
            "to": example.to,
            "reason": example.reason,
        }
        self._log("warn", "process", "messages could not be delivered", fields)

    def count(self, host: str) -> int:
        """Letters to processes of a host so far."""
        return self._counts.get(host, 0)


def host_of(pid: str) -> str:
    """The host in a PID: an entry ID; of a function call that of the function."""
    where = pid[1:].partition("|")[0]
    return where.rpartition("@")[2].partition("#lua.")[0]

"""Two looks at a running application, and what happened between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from .running import Running

LOOKED_AT = 500
"""Most processes asked for, so that the ones with the highest rates are among them."""


class Sample(msgspec.Struct):
    """What the application said at one moment."""

    figures: dict[str, Any]
    rows: list[dict[str, Any]]
    total: int


def take(running: Running, sort: str, host: str) -> Sample:
    """Asks the application. Raises WippyError."""
    figures = running.ask("figures")
    found = running.ask("processes", sort=sort, host=host, limit=LOOKED_AT, memory=True)
    return Sample(figures, found["rows"], found["total"])


class Change:
    """What happened between two samples.

    Args:
        before: None at the first look: then all rates are 0.
    """

    def __init__(self, before: Sample | None, now: Sample) -> None:
        self.before = before
        self.now = now
        self.seconds = (now.figures["time"] - before.figures["time"]) / 1e9 if before else 0.0
        self._hosts = {host["id"]: host for host in before.figures["hosts"]} if before else {}
        self._rows = {row["pid"]: row for row in before.rows} if before else {}

    def _rate(self, now: dict[str, Any], before: dict[str, Any] | None, name: str) -> float:
        if not before or self.seconds <= 0:
            return 0.0
        return max(now.get(name, 0) - before.get(name, 0), 0) / self.seconds

    def host_rate(self, host: dict[str, Any], name: str) -> float:
        """How fast a figure of a host grows, in a second."""
        return self._rate(host, self._hosts.get(host["id"]), name)

    def rate(self, name: str) -> float:
        """The same over all hosts."""
        return sum(self.host_rate(host, name) for host in self.now.figures["hosts"])

    def reductions(self, row: dict[str, Any]) -> float:
        """Reductions of a process in a second."""
        return self._rate(row, self._rows.get(row["pid"]), "reductions")

    def processor(self) -> float:
        """CPU seconds used in a second."""
        if self.before is None:
            return 0.0
        return self._rate(self.now.figures["machine"], self.before.figures["machine"], "cpu_seconds")

    def rows(self, sort: str) -> list[dict[str, Any]]:
        """Processes, the highest first; by reductions means those of the last moment."""
        if sort != "reductions" or self.before is None:
            return self.now.rows
        return sorted(self.now.rows, key=lambda row: -self.reductions(row))

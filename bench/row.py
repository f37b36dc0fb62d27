"""One measured figure and what it is compared with."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

import msgspec

from .peers import Absent, Figures

LESS = ("s", "bytes", "x slower")
"""Units of which less is better."""


class Peer(msgspec.Struct):
    """The same work done by something else.

    Attributes:
        value: in the unit of the row; None where the peer could not run.
        goal: times by which the row must be better; None for no goal.
        note: why there is no value, or what the peer was set to.
    """

    name: str
    value: float | None = None
    goal: float | None = None
    note: str = ""


class Row(msgspec.Struct):
    """A figure.

    Attributes:
        goal: value to reach, at most or at least by the unit; None for no goal.
        note: shown where there are no peers.
    """

    name: str
    value: float
    unit: str
    goal: float | None = None
    peers: list[Peer] = []
    note: str = ""

    def reached(self) -> bool | None:
        """Whether the goal is reached; None without one."""
        if self.goal is None:
            return None
        return self.value <= self.goal if self.unit in LESS else self.value >= self.goal

    def ratio(self, peer: Peer) -> float | None:
        """Times by which this is better than the peer."""
        if not peer.value or not self.value:
            return None
        return peer.value / self.value if self.unit in LESS else self.value / peer.value


class Effort(msgspec.Struct, frozen=True):
    """How long to measure."""

    rounds: int = 3
    share: float = 1.0

    def of(self, count: int, least: int = 1) -> int:
        """A share of `count`."""
        return max(int(count * self.share), least)


FULL, QUICK = Effort(), Effort(1, 0.1)


def rate(effort: Effort, count: float, work: Callable[[], Any]) -> float:
    """`count` per second of the best round."""
    return count / seconds(effort, work)


def seconds(effort: Effort, work: Callable[[], Any]) -> float:
    """The best round."""
    best = float("inf")
    for _ in range(effort.rounds):
        begin = perf_counter()
        work()
        best = min(best, perf_counter() - begin)
    return best


def peer(name: str, figure: str, ask: Callable[[], Figures], goal: float | None = None, note: str = "") -> Peer:
    """A peer's figure, or the reason why there is none."""
    try:
        return Peer(name, float(ask()[figure]), goal, note)
    except Absent as reason:
        return Peer(name, None, goal, str(reason))

"""The `lifecycle` block of supervised entries."""

from __future__ import annotations

from typing import Any

import msgspec

from ..duration import SECOND
from .decode import Duration
from .entry import ID

REQUIRED = "required"
OPTIONAL = "optional"


class Restart(msgspec.Struct):
    """How often and when a failed service is started again; zero means the default.

    Args:
        initial_delay: before the first restart (also written `delay`).
        max_delay: longest delay.
        backoff_factor: growth of the delay per failure.
        jitter: random fraction of the delay.
        max_attempts: 0 = unlimited.
    """

    initial_delay: Duration = Duration(0)
    delay: Duration = Duration(0)
    max_delay: Duration = Duration(0)
    backoff_factor: float = 0.0
    jitter: float = 0.0
    max_attempts: int = 0

    def __post_init__(self) -> None:
        self.initial_delay = _positive("initial_delay", self.initial_delay or self.delay, 1 * SECOND)
        self.delay = self.initial_delay
        self.max_delay = _positive("max_delay", self.max_delay, 90 * SECOND)
        self.backoff_factor = self.backoff_factor or 2.0
        self.jitter = self.jitter or 0.1
        if self.backoff_factor < 1:
            raise ValueError("backoff_factor must be at least 1")
        if not 0 <= self.jitter <= 1:
            raise ValueError("jitter must lie between 0 and 1")
        if self.max_attempts < 0:
            raise ValueError("max_attempts must not be negative")


class Actor(msgspec.Struct):
    """Who a service acts as."""

    id: str = ""
    meta: dict[str, Any] = {}


class Security(msgspec.Struct):
    """Identity of what a service runs.

    Args:
        actor: None where it has none.
        groups: policy groups, as written.
        policies: ids, as written.
    """

    actor: Actor | None = None
    groups: list[str] = []
    policies: list[str] = []

    def group_ids(self, ns: str) -> list[ID]:
        """Groups, those without a namespace in `ns`."""
        return [ID.parse(text, ns) for text in self.groups]

    def policy_ids(self, ns: str) -> list[ID]:
        """Policies, those without a namespace in `ns`."""
        return [ID.parse(text, ns) for text in self.policies]


class Lifecycle(msgspec.Struct):
    """When and how a service starts and stops; zero durations mean the default.

    Args:
        auto_start: start once it is registered.
        startup: `required` or `optional`: whether its failure fails the start sequence.
        start_timeout: limit of the start step.
        stop_timeout: limit of a graceful stop.
        stable_threshold: a run this long counts as stable.
        requires: ids of services that run first, as written; `depends_on` is merged into it.
        depends_on: another name of `requires`.
        restart: what happens after a failure.
        security: identity, None where it has none.
    """

    auto_start: bool = False
    startup: str = REQUIRED
    start_timeout: Duration = Duration(0)
    stop_timeout: Duration = Duration(0)
    stable_threshold: Duration = Duration(0)
    requires: list[str] | str = []
    depends_on: list[str] | str = []
    restart: Restart = msgspec.field(default_factory=Restart)
    security: Security | None = None

    def __post_init__(self) -> None:
        self.startup = OPTIONAL if self.startup == OPTIONAL else REQUIRED
        self.start_timeout = _positive("start_timeout", self.start_timeout, 10 * SECOND)
        self.stop_timeout = _positive("stop_timeout", self.stop_timeout, 10 * SECOND)
        self.stable_threshold = _positive("stable_threshold", self.stable_threshold, 5 * SECOND)
        self.requires = list(dict.fromkeys([*_texts(self.requires), *_texts(self.depends_on)]))
        self.depends_on = self.requires

    def dependencies(self, ns: str) -> list[ID]:
        """Services that run first, those without a namespace in `ns`."""
        return [ID.parse(text, ns) for text in _texts(self.requires)]


def _texts(value: list[str] | str) -> list[str]:
    return [value] if isinstance(value, str) else value


def _positive(name: str, value: int, default: int) -> Duration:
    if value < 0:
        raise ValueError(f"{name} must not be negative")
    return Duration(value or default)

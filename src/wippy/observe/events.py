"""The event bus of one application: best-effort publish and subscribe between its parts."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec


class Event(msgspec.Struct, frozen=True):
    """Something that happened.

    Args:
        system: who speaks, such as `registry`.
        kind: what happened, such as `entry.create`.
        path: to what, such as an entry ID.
        data: plain data, or None.
    """

    system: str
    kind: str
    path: str
    data: Any = None


Receiver = Callable[[Event], None]


def matches(pattern: str, text: str) -> bool:
    """True where `pattern` is `*` or empty, `text` itself, or a prefix of it followed by `*`."""
    if pattern in ("", "*"):
        return True
    if pattern.endswith("*"):
        return text.startswith(pattern[:-1])
    return pattern == text


class Subscription:
    """Delivers matching events to one receiver until it is closed."""

    __slots__ = ("_broken", "_bus", "_receiver", "kind", "open", "system")

    def __init__(self, bus: Bus, system: str, kind: str, receiver: Receiver) -> None:
        self._bus = bus
        self._receiver = receiver
        self._broken = False
        self.system = system
        self.kind = kind
        self.open = True

    def wants(self, event: Event) -> bool:
        return self.open and matches(self.system, event.system) and matches(self.kind, event.kind)

    def deliver(self, event: Event) -> None:
        try:
            self._receiver(event)
        except Exception:
            # One report is enough: a broken receiver of log events would otherwise feed itself for ever.
            if not self._broken:
                self._broken = True
                logging.getLogger("events").exception("event receiver failed: %s %s", event.system, event.kind)

    def close(self) -> None:
        """Nothing is delivered after this returns, save what another thread is delivering right now."""
        self.open = False
        self._bus.drop(self)


class Bus:
    """Keeps one order for all events: every subscriber sees them as they were sent.

    Receivers are called one event after the other, in the thread of one of the senders, with no lock
    held: they may send, subscribe and close, and must not wait.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subscriptions: tuple[Subscription, ...] = ()
        self._waiting: deque[tuple[Event, tuple[Subscription, ...]]] = deque()
        self._delivering = False

    def subscribe(self, receiver: Receiver, system: str = "*", kind: str = "*") -> Subscription:
        """Calls `receiver` for each matching event sent from now on.

        Args:
            receiver: called with the event, in any thread.
            system: exact text, text with a `*` at its end, or `*` for all.
            kind: the same for the kind.
        """
        subscription = Subscription(self, system, kind, receiver)
        with self._lock:
            self._subscriptions = (*self._subscriptions, subscription)
        return subscription

    def drop(self, subscription: Subscription) -> None:
        with self._lock:
            self._subscriptions = tuple(item for item in self._subscriptions if item is not subscription)

    def wanted(self, system: str, kind: str) -> bool:
        """Whether anybody listens to such events."""
        for subscription in self._subscriptions:
            if subscription.open and matches(subscription.system, system) and matches(subscription.kind, kind):
                return True
        return False

    def send(self, system: str, kind: str, path: str, data: Any = None) -> None:
        """Publishes an event; returns at once, also where nobody listens. `data` must not change afterwards."""
        if not self.wanted(system, kind):
            return
        event = Event(system, kind, path, data)
        with self._lock:
            self._waiting.append((event, self._subscriptions))
            if self._delivering:
                return
            self._delivering = True
        self._deliver()

    def _deliver(self) -> None:
        try:
            while True:
                with self._lock:
                    if not self._waiting:
                        self._delivering = False
                        return
                    event, subscriptions = self._waiting.popleft()
                for subscription in subscriptions:
                    if subscription.wants(event):
                        subscription.deliver(event)
        except BaseException:
            # An interrupt ends this thread's work, not the bus: the next sender goes on.
            with self._lock:
                self._delivering = False
            raise

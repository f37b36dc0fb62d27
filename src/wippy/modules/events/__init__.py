"""The module `events`: the event bus of this node."""

from __future__ import annotations

from typing import Any

from wippy.modules.caller import Call
from wippy.modules.module import Module

events = Module("events", classes={"io", "nondeterministic"}, lua="events.lua")
events.lua_function("subscribe(system: string, kind: string?)", doc="Subscribes to events; gives a Subscription.")
events.lua_function("send(system: string, kind: string, path: string, data: any?)", doc="Publishes an event.")


class Feed:
    """A subscription of one process; closed when it ends."""

    def __init__(self, subscription: Any) -> None:
        self._subscription = subscription

    def close(self) -> None:
        """Ends it; any number of times."""
        self._subscription.close()


events.object("Feed", Feed)


@events.function(single=True)
def _subscribe(call: Call, topic: str, system: str, kind: str) -> Feed:
    return Feed(call.services.subscribe(call.pid, topic, system, kind))  # type: ignore[attr-defined]


@events.function(single=True)
def _unsubscribe(call: Call, feed: Feed) -> bool:
    feed.close()
    return True


@events.function()
def _send(call: Call, system: str, kind: str, path: str, data: Any = None) -> bool:
    call.services.publish(system, kind, path, data)  # type: ignore[attr-defined]
    return True

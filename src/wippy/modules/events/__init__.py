"""The module `events`: the event bus of this node."""

from __future__ import annotations

from typing import Any

from wippy.modules.caller import Call
from wippy.modules.module import Module

events = Module("events", classes={"io", "nondeterministic"}, lua="events.lua")
events.lua_function("subscribe(system: string, kind: string?)", doc="Subscribes to events; gives a Subscription.")
events.lua_function("send(system: string, kind: string, path: string, data: any?)", doc="Publishes an event.")


@events.function()
def _subscribe(call: Call, topic: str, system: str, kind: str) -> bool:
    call.services.subscribe(call.pid, topic, system, kind)
    return True


@events.function()
def _unsubscribe(call: Call, topic: str) -> bool:
    call.services.unsubscribe(call.pid, topic)
    return True


@events.function()
def _send(call: Call, system: str, kind: str, path: str, data: Any = None) -> bool:
    call.services.publish(system, kind, path, data)
    return True

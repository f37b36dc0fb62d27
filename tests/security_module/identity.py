"""Policies and identities for tests of applications."""

from __future__ import annotations

from typing import Any

from wippy.registry.lifecycle import Actor, Security
from wippy.units.frame import Frame

Lines = dict[str, Any]


def policy(
    name: str,
    actions: str | list[str],
    resources: str | list[str] = "*",
    effect: str = "allow",
    conditions: list[Lines] | None = None,
    groups: list[str] | None = None,
) -> Lines:
    """A `security.policy` entry."""
    rule: Lines = {"actions": actions, "resources": resources, "effect": effect}
    if conditions:
        rule["conditions"] = conditions
    return {"name": name, "kind": "security.policy", "policy": rule, "groups": groups or []}


def identity(app: Any, actor: str | None, *policies: str, meta: Lines | None = None) -> bytes:
    """The frame of an actor (None: without one) whose scope holds these policies of namespace `app`."""
    block = Security(Actor(actor or "", meta or {}), [], [f"app:{name}" for name in policies])
    frame = app.app.site.frame_for(block)
    return (frame if actor is not None else Frame(None, frame.scope)).blob()


WORKFLOWS: list[Lines] = [
    {
        "name": "provider",
        "kind": "workflow.provider.sqlite",
        "path": "workflows.db",
        "synchronous": "normal",
        "lifecycle": {"auto_start": True},
    },
    {
        "name": "flows",
        "kind": "workflow.worker",
        "provider": "app:provider",
        "task_queue": "main",
        "lifecycle": {"auto_start": True},
    },
]

"""The Lua files of a VM in the order in which they are loaded."""

from __future__ import annotations

from pathlib import Path

KERNEL = Path(__file__).parent / "lua"
PACKAGE = KERNEL.parent.parent

BASE_FILES = (
    "raw",
    "object",
    "base/text",
    "base/frozen",
    "base/failed_operation",
    "base/position",
    "base/errors",
    "base/operators",
    "base/order",
    "base/base",
    "base/coroutine",
    "base/os",
    "base/matcher",
    "base/pattern",
    "base/search",
    "base/string",
    "base/format",
    "base/pack",
    "base/table",
    "base/math",
)
KERNEL_FILES = (
    "codec",
    "copy",
    "schedule",
    "message",
    "channel",
    "select",
    "mailbox",
    "pid",
    "timer",
    "unit",
    "types/node",
    "types/text",
    "types/check",
    "types/failure",
    "types/relation",
    "types/scope",
    "types/value",
    "types/primitive",
    "code",
    "call",
    "link",
    "remote",
    "spawn",
    "dispatch",
    "observe",
    "guest",
    "workflow",
    "workflow_task",
)
LAST_FILES = ("step", "boot")
ON_DEMAND = frozenset(("wait", "memory", "inspect", "profile"))
"""Loaded by `observe` when somebody looks at the VM."""

FILES: tuple[tuple[str, Path], ...] = (
    *((f"wippy.{name}", KERNEL / f"{name}.lua") for name in (*BASE_FILES, *KERNEL_FILES)),
    ("wippy.binder", PACKAGE / "modules" / "lua" / "binder.lua"),
    *((f"wippy.{name}", KERNEL / f"{name}.lua") for name in LAST_FILES),
)
"""(chunk name, path) pairs."""

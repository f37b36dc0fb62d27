"""The ID of this node: part of every PID."""

from __future__ import annotations

import os
import uuid
from pathlib import Path


def node_id(configured: str | None = None) -> str:
    """`relay.node_name`, else the environment, else a UUID that is stable for machine and working directory."""
    for found in (configured, os.environ.get("WIPPY_NODE_ID"), os.environ.get("WIPPY_RELAY_NODE_NAME")):
        if found:
            return found
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"wippy://{_machine()}{Path.cwd()}"))


def _machine() -> str:
    for path in ("/etc/machine-id", "/var/lib/dbus/machine-id"):
        try:
            text = Path(path).read_text().strip()
        except OSError:
            continue
        if text:
            return text
    import platform

    return platform.node()

"""Recorded values as names of patches: the one kind of marker that a Temporal core keeps and announces again."""

from __future__ import annotations

import base64

from wippy.workflows import commands as cmd

SEED = "seed"
_PREFIXES = {cmd.VERSION: "v", cmd.SIDE_EFFECT: "e", "permission": "p", SEED: "s"}
_NAMES = {prefix: kind for kind, prefix in _PREFIXES.items()}


def marker_id(kind: str, key: str, value: bytes) -> str:
    """The name of a recorded value: `v:<change>:<version>`, `e:<number>:<base64>`, …"""
    if kind == cmd.VERSION:
        return f"v:{key}:{value.decode()}"
    return f"{_PREFIXES[kind]}:{key}:{base64.b64encode(value).decode()}"


def marker_of(id: str) -> tuple[tuple[str, str], bytes] | None:
    """The recorded value of `marker_id`, or None for a patch of somebody else."""
    prefix, _, rest = id.partition(":")
    key, colon, value = rest.rpartition(":")
    kind = _NAMES.get(prefix)
    if kind is None or not colon:
        return None
    return (kind, key), value.encode() if kind == cmd.VERSION else base64.b64decode(value)

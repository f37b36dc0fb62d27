"""Context and security of a call as headers of a workflow or activity, and back."""

from __future__ import annotations

import functools
from typing import Any

import msgspec

from wippy.units.frame import Frame, Scopes

CONTEXT = "wippy-context"
SECURITY = "wippy-security"


def _kept(value: Any) -> bool:
    if isinstance(value, (str, int, float, bool)):
        return True
    if isinstance(value, list):
        return all(_kept(item) for item in value)
    if isinstance(value, dict):
        return all(isinstance(key, str) and _kept(item) for key, item in value.items())
    return False


def header_of(frame: Frame, scopes: Scopes) -> dict[str, bytes]:
    """Headers of a frame: values that JSON holds, actor, policy IDs of the scope."""
    header: dict[str, bytes] = {}
    if frame.values:
        values = {key: value for key, value in frame.values.items() if _kept(value)}
        if values:
            header[CONTEXT] = msgspec.json.encode(values)
    if frame.actor is not None or frame.scope is not None:
        policies = [policy.id for policy in scopes.get(frame.scope).policies] if frame.scope is not None else []
        header[SECURITY] = msgspec.json.encode({"actor": frame.actor, "policies": sorted(map(str, policies))})
    return header


@functools.lru_cache(maxsize=1024)
def _decoded(data: bytes) -> Any:
    return msgspec.json.decode(data)


def values_of(header: dict[str, bytes], base: Frame, scopes: Scopes) -> Frame:
    """The frame that headers stand for; `base` gives the identity where they carry none."""
    values = dict(_decoded(header[CONTEXT])) if CONTEXT in header else base.values
    if SECURITY not in header:
        return Frame(base.actor, base.scope, values)
    security = _decoded(header[SECURITY])
    scope = scopes.rebuild(security.get("policies") or [])
    return Frame(security.get("actor"), scope, values)

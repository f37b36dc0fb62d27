"""Actors: on whose behalf code runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class Actor(msgspec.Struct, frozen=True):
    """An identity. Never change `meta` in place: frames share it.

    Args:
        id: may be empty.
        meta: plain data with string keys.
    """

    id: str = ""
    meta: Mapping[str, Any] = {}

    @property
    def empty(self) -> bool:
        """Whether there is neither an id nor metadata."""
        return not self.id and not self.meta

    def plain(self) -> dict[str, Any]:
        """`{"id": ..., "meta": {...}}`, the form in which frames carry an actor."""
        return {"id": self.id, "meta": dict(self.meta)}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Actor:
        """The actor of its plain form."""
        return cls(plain.get("id") or "", plain.get("meta") or {})

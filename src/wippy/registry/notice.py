"""What the rooms below the logger have to tell: collected as data, logged by whoever holds a logger."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from ..errors import INVALID, SourceError, WippyError


class Notice(msgspec.Struct, frozen=True):
    """One line for the log.

    Args:
        level: `debug`, `info`, `warn` or `error`.
        message: the text without its fields.
        fields: plain data with string keys.
    """

    level: str
    message: str
    fields: dict[str, Any] = {}

    def __str__(self) -> str:
        if not self.fields:
            return self.message
        return f"{self.message} ({', '.join(f'{key}: {value}' for key, value in self.fields.items())})"


class Problems(WippyError):
    """Several mistakes found in one go.

    Args:
        errors: the mistakes, in the order of reading; at least one.
        summary: text put before them where there is more than one.
    """

    def __init__(self, errors: Iterable[WippyError], *, summary: str = "") -> None:
        self.errors = list(errors)
        self.summary = summary
        kinds = {error.kind for error in self.errors}
        super().__init__(kinds.pop() if len(kinds) == 1 else INVALID, self.render())

    def render(self) -> str:
        """All mistakes below each other, each with its position, then their number."""
        parts = [
            error.message if isinstance(error, SourceError) else f"error: {error.message}" for error in self.errors
        ]
        if self.summary:
            parts.insert(0, self.summary)
        if len(self.errors) > 1:
            parts.append(f"{len(self.errors)} errors found")
        return "\n\n".join(parts)


def raise_problems(errors: list[WippyError]) -> None:
    """Nothing for an empty list; the mistake itself, or `Problems` for several."""
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise Problems(errors)

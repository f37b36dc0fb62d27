"""Failures of expressions."""

from __future__ import annotations


class Fault(Exception):
    """An expression that cannot be compiled or run.

    Args:
        reason: what is wrong.
        at: offset in the source, or None.
    """

    def __init__(self, reason: str, at: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.at = at

    def located(self, source: str) -> Fault:
        """The same with line, column and the line of the source."""
        if self.at is None:
            return self
        at = min(self.at, len(source))
        start = source.rfind("\n", 0, at) + 1
        end = source.find("\n", at)
        line = source[start : end if end >= 0 else len(source)]
        number = source.count("\n", 0, at) + 1
        column = at - start
        shown, mark = line, column
        if len(line) > 160:
            first = max(0, column - 80)
            shown, mark = line[first : first + 160], column - first
        text = f"{self.reason} ({number}:{column + 1})\n | {shown}\n | {'.' * mark}^"
        return Fault(text)

"""The structured error that every room raises and that Lua code sees as an error object."""

from __future__ import annotations

from typing import Any

NOT_FOUND = "NotFound"
ALREADY_EXISTS = "AlreadyExists"
INVALID = "Invalid"
PERMISSION_DENIED = "PermissionDenied"
UNAVAILABLE = "Unavailable"
INTERNAL = "Internal"
CANCELED = "Canceled"
CONFLICT = "Conflict"
TIMEOUT = "Timeout"
RATE_LIMITED = "RateLimited"
INVALID_STATE = "InvalidState"
LIMIT_EXCEEDED = "LimitExceeded"
UNKNOWN = ""


class WippyError(Exception):
    """An error with a kind.

    Args:
        kind: one of the constants of this module, or any other string.
        message: the text a user reads; says what, where and what to do.
        retryable: True, False, or None where nothing is known.
        details: plain data with string keys, or None.
        context: what was being done; shown by `err:stack()` only.
    """

    def __init__(
        self,
        kind: str,
        message: str,
        *,
        retryable: bool | None = False,
        details: dict[str, Any] | None = None,
        context: str | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.retryable = retryable
        self.details = details
        self.context = context

    def __str__(self) -> str:
        return self.message


class ArgumentError(Exception):
    """Wrong use of a module function: Lua code sees a raised `bad argument` error, not a returned one."""

    def __init__(self, position: int, text: str) -> None:
        super().__init__(text)
        self.position = position
        self.text = text


class SourceError(WippyError):
    """A mistake in a file the user wrote.

    Args:
        message: the text without the position.
        file: path as the user knows it, or an entry ID.
        line: 1-based, or None.
        column: 1-based, or None.
        text: the line itself, or None.
        hint: what to do about it, or None.
        kind: error kind.
        details: plain data with string keys, or None.
    """

    def __init__(
        self,
        message: str,
        *,
        file: str,
        line: int | None = None,
        column: int | None = None,
        text: str | None = None,
        hint: str | None = None,
        kind: str = INVALID,
        details: dict[str, Any] | None = None,
    ) -> None:
        self.bare = message
        self.file = file
        self.line = line
        self.column = column
        self.text = text
        self.hint = hint
        super().__init__(kind, self.render(), details=details)

    def render(self) -> str:
        """The message as a user reads it: `error: …`, `--> file:line:column`, the line, a caret, a hint."""
        where = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        out = [f"error: {self.bare}", f"  --> {where}"]
        if self.text is not None and self.line is not None:
            gutter = " " * len(str(self.line))
            shown = self.text.replace("\t", " ")
            out.append(f"{gutter} |")
            out.append(f"{self.line} | {shown}")
            if self.column is not None:
                out.append(f"{gutter} | {' ' * (self.column - 1)}^")
        if self.hint:
            out.append(f"  = {self.hint}")
        return "\n".join(out)

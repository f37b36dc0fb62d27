"""Python's own `logging`, which libraries write to, led into the log of the application."""

from __future__ import annotations

import logging

from .level import DEBUG, ERROR, INFO, WARN
from .log import Log

OWN = "wippy"
PREFIX = f"{OWN}."


class LibraryHandler(logging.Handler):
    """Writes records of Python libraries to `log`, under the library's logger name; our own lose the prefix."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
        except Exception:
            message = str(record.msg)
        level = DEBUG
        for lowest, ours in ((logging.INFO, INFO), (logging.WARNING, WARN), (logging.ERROR, ERROR)):
            if record.levelno >= lowest:
                level = ours
        fields: dict[str, str] = {}
        stack = ""
        if record.exc_info and record.exc_info[1] is not None:
            fields["error"] = str(record.exc_info[1]) or type(record.exc_info[1]).__name__
            if self._log.stacks:
                stack = logging.Formatter().formatException(record.exc_info)
        self._log.write(level, record.name.removeprefix(PREFIX), message, fields, stack=stack)


def take_over(log: Log) -> None:
    """Makes `log` the only place where Python's `logging` goes: of libraries warnings and errors, of ours all."""
    root = logging.getLogger()
    for handler in [each for each in root.handlers if isinstance(each, LibraryHandler)]:
        root.removeHandler(handler)
    root.addHandler(LibraryHandler(log))
    root.setLevel(logging.WARNING)
    logging.getLogger(OWN).setLevel(logging.DEBUG if log.level <= DEBUG else logging.INFO)
    logging.captureWarnings(True)

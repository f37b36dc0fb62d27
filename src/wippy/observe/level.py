"""Log levels as numbers that compare."""

from __future__ import annotations

DEBUG = -1
INFO = 0
WARN = 1
ERROR = 2

NAMES = {DEBUG: "DEBUG", INFO: "INFO", WARN: "WARN", ERROR: "ERROR"}
_LEVELS = {"debug": DEBUG, "info": INFO, "warn": WARN, "warning": WARN, "error": ERROR}


def level_of(name: str) -> int:
    """The level named `debug`, `info`, `warn` or `error`, in any case.

    Raises:
        KeyError: any other name.
    """
    return _LEVELS[name.lower()]

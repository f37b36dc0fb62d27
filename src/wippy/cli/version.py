"""`wippy version`."""

from __future__ import annotations

import platform

from .. import __version__
from .arguments import Arguments, Command, Flag


def banner() -> str:
    """The line that a run begins with."""
    return f"wippy {__version__} (Python {platform.python_version()})"


def run(arguments: Arguments) -> int:
    print(__version__ if arguments.on("short") else banner())
    return 0


COMMAND = Command("version", "Show the version", run, flags=(Flag("short", "the version only"),))

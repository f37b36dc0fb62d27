"""Entry point of the `wippy` command."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence

from ..errors import WippyError
from .arguments import Arguments, UsageError, read_arguments
from .commands import root


def execute(tokens: Sequence[str]) -> int:
    """Runs one command line and returns its exit code; what goes wrong is told on stderr.

    Args:
        tokens: arguments without the program's name.
    """
    arguments = Arguments((), root())
    try:
        arguments = read_arguments(arguments.command, tokens)
        return _run(arguments)
    except KeyboardInterrupt:
        return 1
    except BrokenPipeError:
        # The reader of our output has gone; Python must not try to flush again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except WippyError as error:
        from .failure import show

        show(error, console=arguments.on("console"), stack=arguments.on("very-verbose"))
        if isinstance(error, UsageError):
            print(f"Run '{' '.join(('wippy', *error.command))} --help' for usage.", file=sys.stderr)
        return 1
    except Exception as error:
        from .failure import show_fault

        show_fault(error, stack=arguments.on("very-verbose"))
        return 1


def _run(arguments: Arguments) -> int:
    from .help import usage

    command = arguments.command
    if arguments.on("help"):
        print(usage(arguments.path, command))
        return 0
    if command.run is None:
        if not arguments.path and not arguments.on("silent"):
            from .version import banner

            print(banner())
        print(usage(arguments.path, command))
        return 0
    return command.run(arguments)


def main() -> None:
    """Runs the command line of this process and ends it."""
    code = execute(sys.argv[1:])
    _flush()
    if any(thread is not threading.main_thread() and not thread.daemon for thread in threading.enumerate()):
        from .signals import restore_terminal

        # A worker still busy after the shutdown's time limit must not hold the process.
        restore_terminal()
        os._exit(code & 0xFF)
    sys.exit(code & 0xFF)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            continue

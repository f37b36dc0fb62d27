"""What a user sees when something goes wrong."""

from __future__ import annotations

import re
import sys
import traceback

from ..errors import SourceError, WippyError
from ..observe.log import wants_colour
from ..registry.notice import Problems

_RED = "\x1b[1;31m"
_BLUE = "\x1b[34m"
_CYAN = "\x1b[36m"
_BOLD = "\x1b[1m"
_RESET = "\x1b[0m"

_PLACE = re.compile(r"^( +)(-->)( .*)$")
_GUTTER = re.compile(r"^( *[0-9]* \|)(.*)$")
_ADVICE = re.compile(r"^( += )(.*)$")
_CARET = re.compile(r"^ *\^+$")


def show(error: WippyError, *, console: bool = False, stack: bool = False) -> None:
    """Prints a mistake of the user on stderr.

    Args:
        error: what happened; mistakes in files are shown with their place.
        console: without the leading `Error: `.
        stack: with the Python traceback.
    """
    text = error.message or error.kind or type(error).__name__
    if not isinstance(error, (SourceError, Problems)) and not text.startswith("error: ") and not console:
        text = f"Error: {text}"
    elif not console and text.startswith("error: "):
        text = f"Error: {text.removeprefix('error: ')}"
    if stack:
        text = f"{''.join(traceback.format_exception(error)).rstrip()}\n\n{text}"
    print(coloured(text) if wants_colour(sys.stderr) else text, file=sys.stderr)


def show_fault(error: BaseException, *, stack: bool = False) -> None:
    """Prints a fault of the runtime itself: one line, the traceback only when asked for."""
    if stack:
        traceback.print_exception(error)
    name = type(error).__name__
    text = f"Error: internal fault: {name}: {error}" if str(error) else f"Error: internal fault: {name}"
    advice = "" if stack else "\nRun again with --very-verbose to see where; please report it."
    print((coloured(text) if wants_colour(sys.stderr) else text) + advice, file=sys.stderr)


def coloured(text: str) -> str:
    """An error text with its parts in colours: the word `error`, the place, the caret, the advice."""
    return "\n".join(map(_coloured_line, text.split("\n")))


def _coloured_line(line: str) -> str:
    for word in ("Error:", "error:"):
        if line.startswith(word):
            return f"{_RED}{word}{_RESET}{_BOLD}{line.removeprefix(word)}{_RESET}"
    if match := _PLACE.match(line):
        return f"{match[1]}{_BLUE}{match[2]}{_RESET}{match[3]}"
    if match := _GUTTER.match(line):
        rest = f"{_RED}{match[2]}{_RESET}" if _CARET.match(match[2]) else match[2]
        return f"{_BLUE}{match[1]}{_RESET}{rest}"
    if match := _ADVICE.match(line):
        return f"{_CYAN}{match[1]}{match[2]}{_RESET}"
    return line

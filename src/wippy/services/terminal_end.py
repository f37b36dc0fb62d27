"""The end of a program on the terminal: exit code, and what is said about a failure."""

from __future__ import annotations

import math
import sys
from typing import Any

from wippy.errors import WippyError
from wippy.kernel import codec
from wippy.services.site import Site
from wippy.units.code import CodeStore
from wippy.units.place import place_of


def exit_code(value: Any) -> int:
    """The exit code of a program by what its process returned."""
    if value is True:
        return 0
    if value is False:
        return 1
    if isinstance(value, (int, float)):
        return int(value) if math.isfinite(value) else 1
    return 0


def report(error: WippyError, code: CodeStore) -> int:
    """Says on standard error why a program failed, and where; its exit code."""
    text = _once(error.message)
    place = place_of(text, code)
    print(text if place is None else f"{text}\n{place.render()}", file=sys.stderr)
    return 1


def terminal_ended(site: Site, packed: bytes) -> None:
    """A process of a terminal host has ended that is no program: the application goes with it."""
    value, error = codec.unpack(packed)
    sys.stdout.flush()
    site.exit(report(error.exception(), site.runtime.code) if error is not None else exit_code(value))


def _once(text: str) -> str:
    """A doubled leading `x: x: ` is printed once."""
    first, colon, rest = text.partition(": ")
    return rest if colon and rest.startswith(f"{first}: ") else text

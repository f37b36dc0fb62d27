"""Patterns over namespaces and entry ids: `*` one segment, `**` any number, `(a|b)` alternatives."""

from __future__ import annotations

import re
from functools import lru_cache

from ..errors import INVALID, WippyError
from .entry import ID


@lru_cache(maxsize=1024)
def compile_pattern(pattern: str) -> re.Pattern[str]:
    """The regular expression of a dotted pattern such as `app.*.test` or `**.(a|b)`."""
    out = ""
    pending = False
    for segment in pattern.split("."):
        if segment == "**":
            out += r"(?:\.[^.]+)*"
        else:
            out += r"\."
            if segment == "*":
                out += r"[^.]+"
            elif segment.startswith("(") and segment.endswith(")"):
                out += f"(?:{'|'.join(re.escape(part) for part in segment[1:-1].split('|'))})"
            else:
                out += re.escape(segment)
        pending = True
    return re.compile(out if pending else "", re.DOTALL)


def matches(pattern: str, text: str) -> bool:
    """Whether a dotted pattern fits the whole of `text`."""
    return compile_pattern(pattern).fullmatch(f".{text}" if text else "") is not None


class EntryPattern:
    """`namespace pattern:name pattern`.

    Raises:
        WippyError: INVALID, without `:` or with an empty side.
    """

    __slots__ = ("name", "ns")

    def __init__(self, text: str) -> None:
        ns, colon, name = text.partition(":")
        if not colon or not ns or not name:
            raise WippyError(
                INVALID, f'invalid entry pattern "{text}": expected namespace:name, both may hold patterns'
            )
        self.ns = ns
        self.name = name

    def fits(self, id_: ID) -> bool:
        """Whether an entry of this id is meant."""
        return matches(self.ns, id_.ns) and matches(self.name, id_.name)

"""Differences of texts and patches: the algorithms of diff-match-patch, on code points."""

from __future__ import annotations

import functools
import html
import re
from typing import Any

from wippy.modules.extras import optional

# Option -> attribute of the library, least and largest value.
_OPTIONS = {
    "diff_timeout": ("Diff_Timeout", 0.0, 1e9),
    "diff_edit_cost": ("Diff_EditCost", 0, 1 << 31),
    "match_threshold": ("Match_Threshold", 0.0, 1.0),
    "match_distance": ("Match_Distance", 0, 1 << 31),
    "patch_delete_threshold": ("Patch_DeleteThreshold", 0.0, 1.0),
    "patch_margin": ("Patch_Margin", 0, 1 << 15),
}
_NAMES = {-1: "delete", 0: "equal", 1: "insert"}
OPERATIONS = {name: number for number, name in _NAMES.items()}
Diff = tuple[str, str]
"""Operation and text."""


STEPS = 1000
"""Rounds of comparison that stand for the time limit where the clock must not decide; about a second at most."""


class _Rounds:
    """A deadline that has passed after so many looks at the clock."""

    def __init__(self) -> None:
        self._left = STEPS

    def __lt__(self, now: object) -> bool:
        self._left -= 1
        return self._left < 0


@functools.cache
def _engines() -> tuple[Any, Any]:
    """The class of the library, and one whose results follow from the texts alone."""
    timed = optional("diff_match_patch", "text", "text.diff").diff_match_patch

    class Counted(timed):
        def diff_main(self, a: str, b: str, checklines: bool = True, deadline: Any = None) -> Any:
            return super().diff_main(a, b, checklines, _Rounds() if deadline is None else deadline)

    return timed, Counted


class Differ:
    """Compares and patches.

    Args:
        options: see `text.diff.new`; numbers out of range and everything else count as absent.
        timed: whether the clock ends a comparison. Otherwise the number of rounds does, and the result follows from
            the texts alone.
    """

    def __init__(self, options: dict[str, Any], timed: bool) -> None:
        plain, counted = _engines()
        self._engine = plain() if timed else counted()
        for name, (attribute, least, largest) in _OPTIONS.items():
            value = options.get(name)
            if isinstance(value, (int, float)) and not isinstance(value, bool) and least <= value <= largest:
                setattr(self._engine, attribute, int(value) if isinstance(least, int) else value)
        if not timed:
            self._engine.Diff_Timeout = 0

    def compare(self, a: str, b: str) -> list[Diff]:
        """The way from `a` to `b`."""
        return [(_NAMES[number], text) for number, text in self._engine.diff_main(a, b, False)]

    def patches(self, a: str, b: str) -> list[str]:
        """The patches that turn `a` into `b`, as texts."""
        return [str(patch) for patch in self._engine.patch_make(a, b)]

    def apply(self, patches: list[str], text: str) -> tuple[str, bool]:
        """The patched text, and whether every patch found its place; unreadable patches are left out."""
        found = []
        for patch in patches:
            try:
                found.extend(self._engine.patch_fromText(patch))
            except (ValueError, IndexError):
                continue
        made, applied = self._engine.patch_apply(found, text)
        return made, all(applied)


def summary(diffs: list[Diff]) -> dict[str, int]:
    """Bytes inserted, deleted and kept."""
    counts = {"insert": 0, "delete": 0, "equal": 0}
    for operation, text in diffs:
        counts[operation] += len(text.encode("utf-8", "replace"))
    return {"insertions": counts["insert"], "deletions": counts["delete"], "equals": counts["equal"]}


def as_terminal_text(diffs: list[Diff]) -> str:
    """Inserted lines in green, deleted ones in red."""
    colours = {"insert": "\x1b[32m", "delete": "\x1b[31m"}
    out = []
    for operation, text in diffs:
        colour = colours.get(operation)
        out.append(text if colour is None else "\n".join(f"{colour}{line}\x1b[0m" for line in text.split("\n")))
    return "".join(out)


def as_html(diffs: list[Diff]) -> str:
    """`ins`, `del` and `span` elements."""
    opening = {
        "insert": '<ins style="background:#e6ffe6;">',
        "delete": '<del style="background:#ffe6e6;">',
        "equal": "<span>",
    }
    out = []
    for operation, text in diffs:
        escaped = html.escape(text, quote=False).replace('"', "&#34;").replace("'", "&#39;")
        start = opening[operation]
        name = re.split(r"[ >]", start[1:], maxsplit=1)[0]
        out.append(f"{start}{escaped.replace(chr(10), '&para;<br>')}</{name}>")
    return "".join(out)

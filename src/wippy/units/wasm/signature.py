"""Signatures of core modules, which say nothing about the meaning of their numbers themselves."""

from __future__ import annotations

import re

import msgspec

NUMBERS = frozenset(("s32", "u32", "s64", "u64", "f32", "f64", "bool"))

_LINE = re.compile(
    r"^\s*(?:export\s+)?([A-Za-z_][\w.\-]*)\s*:\s*func\s*\(([^)]*)\)\s*(?:->\s*(\([^)]*\)|[\w<>,\s\-]+?))?\s*;?\s*$",
    re.MULTILINE,
)


class Signature(msgspec.Struct, frozen=True):
    """A function: names of the types of its parameters and results."""

    params: tuple[str, ...]
    results: tuple[str, ...]


def signatures(wit: str) -> dict[str, Signature]:
    """The functions of a WIT text, by name: lines such as `export add: func(a: s32, b: s32) -> s32;`.

    Other text (package, world, braces, comments) is passed over.
    """
    found: dict[str, Signature] = {}
    for name, params, results in _LINE.findall(re.sub(r"//[^\n]*", "", wit)):
        typed = [part.partition(":")[2].strip() or part.strip() for part in params.split(",") if part.strip()]
        given = results.strip().strip("()")
        found[name] = Signature(
            tuple(typed), tuple(part.rpartition(":")[2].strip() for part in given.split(",") if part.strip())
        )
    return found

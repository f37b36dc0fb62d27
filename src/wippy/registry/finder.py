"""Filters over entries."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from .entry import Entry
from .notice import Notice

Test = Callable[[Entry], bool]

_FIELDS: dict[str, Callable[[Entry], str]] = {
    ".kind": lambda entry: entry.kind,
    ".name": lambda entry: entry.id.name,
    ".ns": lambda entry: entry.id.ns,
    ".id": lambda entry: str(entry.id),
}


class Filter:
    """All criteria of a filter must hold; an empty one matches everything.

    Args:
        criteria: `.kind .name .ns .id` (text with at most one `*`), `meta.F` (equality), `~meta.F`
            (regular expression), `*meta.F` (substring), `^meta.F`, `$meta.F` (prefix, suffix).

    Attributes:
        notices: warnings for keys that are ignored.
    """

    def __init__(self, criteria: dict[Any, Any]) -> None:
        self.notices: list[Notice] = []
        self._tests: list[Test] = []
        flat: dict[str, Any] = {}
        for key, value in criteria.items():
            if key == "meta" and isinstance(value, dict):
                flat.update((str(name), item) for name, item in value.items())
            else:
                flat[str(key)] = value
        for key, value in flat.items():
            test = self._test(key, value)
            if test is not None:
                self._tests.append(test)

    def __call__(self, entry: Entry) -> bool:
        return all(test(entry) for test in self._tests)

    def _test(self, key: str, value: Any) -> Test | None:
        field = _FIELDS.get(key)
        if field is not None:
            if not isinstance(value, str):
                return None
            fits = _wildcard(value)
            return lambda entry: fits(field(entry))
        if key.startswith("meta."):
            return _equal(key[len("meta.") :], value)
        operator, rest = key[:1], key[1:]
        if operator in ("~", "*", "^", "$") and rest.startswith("meta."):
            if not isinstance(value, str):
                self.notices.append(Notice("warn", "filter needs text, criterion ignored", {"key": key}))
                return None
            return self._operator(operator, rest[len("meta.") :], value)
        self.notices.append(
            Notice(
                "warn",
                "unknown filter key ignored",
                {"key": key, "hint": f"write .{key} for a field of the entry, or meta.{key}"},
            )
        )
        return None

    def _operator(self, operator: str, name: str, value: str) -> Test | None:
        if operator == "~":
            try:
                pattern = re.compile(value.replace(r"\z", r"\Z"))
            except (re.error, RecursionError, OverflowError) as error:
                self.notices.append(
                    Notice("warn", "invalid pattern, criterion ignored", {"pattern": value, "error": str(error)})
                )
                return None
            return lambda entry: isinstance(item := entry.meta.get(name), str) and pattern.search(item) is not None
        if operator == "^":
            return lambda entry: isinstance(item := entry.meta.get(name), str) and item.startswith(value)
        if operator == "$":
            return lambda entry: isinstance(item := entry.meta.get(name), str) and item.endswith(value)

        def contains(entry: Entry) -> bool:
            item = entry.meta.get(name)
            if isinstance(item, list):
                return any(isinstance(part, str) and value in part for part in item)
            return isinstance(item, str) and value in item

        return contains


def _wildcard(pattern: str) -> Callable[[str], bool]:
    start, star, end = pattern.partition("*")
    if not star:
        return lambda text: text == pattern
    size = len(start) + len(end)
    return lambda text: len(text) >= size and text.startswith(start) and text.endswith(end)


def _equal(name: str, value: Any) -> Test:
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):

        def contains_all(entry: Entry) -> bool:
            items = entry.meta.get(name)
            return isinstance(items, list) and all(item in items for item in value)

        return contains_all
    return lambda entry: name in entry.meta and same(entry.meta[name], value)


def same(a: Any, b: Any) -> bool:
    """Deep equality: numbers by value, everything else only within its type."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, int | float) and isinstance(b, int | float):
        return a == b
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(item, b[key]) for key, item in a.items())
    return type(a) is type(b) and a == b


def find(entries: Iterable[Entry], criteria: dict[Any, Any]) -> list[Entry]:
    """The entries that meet a filter, in the order given."""
    wanted = Filter(criteria)
    return [entry for entry in entries if wanted(entry)]

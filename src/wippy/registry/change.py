"""Setting one value deep inside an entry, on a copy."""

from __future__ import annotations

from typing import Any

from ..errors import INVALID, WippyError
from .entry import Entry


def split_path(path: str) -> list[str]:
    """The parts of a dotted path; one leading dot is dropped.

    Raises:
        WippyError: INVALID, an empty path or part.
    """
    parts = path[1:].split(".") if path.startswith(".") else path.split(".")
    if not all(part.strip() for part in parts):
        raise WippyError(INVALID, f'invalid path "{path}": a part is empty')
    return parts


def set_path(entry: Entry, path: str, value: Any, *, kind: bool) -> Entry:
    """A copy of the entry with one value set.

    Args:
        path: `meta.a.b`, `data.a.b` or `a.b` (in data); missing or non-map parents are replaced by maps.
        kind: whether the path `kind` means the kind of the entry.

    Raises:
        WippyError: INVALID, empty path or bad kind.
    """
    return change_path(entry, path, lambda _: value, kind=kind)


def append_path(entry: Entry, path: str, value: Any) -> Entry:
    """A copy of the entry with `value` appended to a list, unless an item with the same text is there.

    Raises:
        WippyError: INVALID, empty path, or no list.
    """

    def append(old: Any) -> Any:
        if old is None:
            return [value]
        if not isinstance(old, list):
            raise WippyError(INVALID, f'cannot append to "{path}": it is no list')
        return old if any(text_form(item) == text_form(value) for item in old) else [*old, value]

    return change_path(entry, path, append, kind=False)


def change_path(entry: Entry, path: str, change: Any, *, kind: bool) -> Entry:
    """A copy of the entry in which `change(old value or None)` stands at `path`; see `set_path`."""
    parts = split_path(path)
    if kind and parts == ["kind"]:
        value = change(entry.kind)
        if not isinstance(value, str) or not value.strip():
            raise WippyError(INVALID, "kind must be a non-empty string")
        return entry.with_(kind=value)
    if parts[0] == "meta" and len(parts) > 1:
        return entry.with_(meta=_changed(entry.meta, parts[1:], change))
    if parts[0] == "data" and len(parts) > 1:
        parts = parts[1:]
    return entry.with_(data=_changed(entry.data, parts, change))


def _changed(value: Any, parts: list[str], change: Any) -> dict[str, Any]:
    out = dict(value) if isinstance(value, dict) else {}
    head = parts[0]
    out[head] = change(out.get(head)) if len(parts) == 1 else _changed(out.get(head), parts[1:], change)
    return out


def text_form(value: Any) -> str:
    """How a scalar is written: `true`, `null`, `1.5`."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)

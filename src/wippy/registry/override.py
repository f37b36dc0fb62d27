"""Values that configuration or the command line sets inside entries."""

from __future__ import annotations

import re
from typing import Any

from ..errors import INVALID, WippyError
from .change import set_path, text_form
from .entry import ID, Entry

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)\Z")


def parse_override(text: str) -> tuple[str, Any]:
    """The key and value of `ns:entry:field=value` from the command line.

    Raises:
        WippyError: INVALID, bad form.
    """
    key, equals, value = text.partition("=")
    if not equals:
        raise WippyError(INVALID, f"invalid override: {text}: missing '=', expected ns:entry:field=value")
    split_key(key)
    return key, coerce(value)


def split_key(key: str) -> tuple[ID, str]:
    """The entry and path of `ns:entry:path`.

    Raises:
        WippyError: INVALID, bad form.
    """
    parts = key.split(":", 2)
    if len(parts) < 3:
        raise WippyError(INVALID, f"invalid override: {key}: missing separator ':', expected ns:entry:field")
    ns, name, path = parts
    if not ns.strip() or not name.strip() or not path.strip():
        raise WippyError(INVALID, f"invalid override: {key}: a part is empty, expected ns:entry:field")
    return ID(ns, name), path


def coerce(text: str) -> Any:
    """`true` and `false` in any case, canonical integers, floats with `.` or `e`; else the text itself."""
    lower = text.lower()
    if lower in ("true", "false"):
        return lower == "true"
    if _INTEGER.match(text) and -(2**63) <= int(text) < 2**63:
        return int(text)
    if "." in lower or "e" in lower:
        try:
            return float(text)
        except ValueError:
            return text
    return text


def apply_overrides(entries: list[Entry], overrides: dict[str, Any]) -> list[Entry]:
    """The entries with all overrides set.

    Raises:
        WippyError: INVALID, with every override that failed.
    """
    if not overrides:
        return entries
    out = list(entries)
    places: dict[ID, list[int]] = {}
    for number, entry in enumerate(out):
        places.setdefault(entry.id, []).append(number)
    failed: list[str] = []
    for key, value in overrides.items():
        try:
            id_, path = split_key(key)
            found = places.get(id_)
            if not found:
                raise WippyError(INVALID, f"{key}={text_form(value)}: no entry found for {id_}")
            for number in found:
                out[number] = set_path(out[number], path, value, kind=True)
        except WippyError as error:
            failed.append(error.message if key in error.message else f"{key}: {error.message}")
    if failed:
        raise WippyError(INVALID, f"failed to execute pipeline: override errors: [{'; '.join(failed)}]")
    return out

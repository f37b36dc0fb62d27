"""What a Temporal server refuses, in words that say what to do."""

from __future__ import annotations

import re

_UNMAPPED = re.compile(r"no mapping defined for search attribute (\S+)")


def told(text: str) -> str:
    """The server's text, and what to do about it where that is known."""
    found = _UNMAPPED.search(text)
    if found is None or "search-attribute create" in text:
        return text
    return (
        f"{text}; a server must know search attributes: temporal operator search-attribute create --name {found[1]} "
        "--type Keyword (or Int, Double, Bool, Datetime, KeywordList)"
    )

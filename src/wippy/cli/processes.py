"""Processes of a running application as rows of a table."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from .columns import Column, count, line, size, span, table

COLOURS = {"running": "\x1b[32m", "ready": "\x1b[36m", "blocked": "\x1b[33m"}
RESET = "\x1b[0m"
ROOMY = 100
"""Columns of a terminal that has room for all that is known of processes on several hosts."""


def short_pid(pid: str) -> str:
    """The number of a PID: enough to tell processes of one application apart."""
    return pid.rpartition("|")[2].removesuffix("}") if pid.startswith("{") else pid


def where(row: dict[str, Any]) -> str:
    """Entry and line; in brackets the place in a library."""
    source, at = row["source"], row.get("at", "")
    if at.startswith(f"{source}:"):
        return at
    return f"{source} ({at})" if at else source


def age(row: dict[str, Any]) -> str:
    """Time since the start; of calls it is not known."""
    began = row.get("started_at")
    return "" if began is None else span(time.time() - began / 1e9)


def memory(row: dict[str, Any]) -> str:
    """The estimate; with a plus where there is more."""
    found = row.get("memory")
    if found is None:
        return ""
    return f"{size(found)}{'+' if row.get('memory_cut') else ''}"


def lines(
    rows: Sequence[dict[str, Any]], width: int | None, rate: Callable[[dict[str, Any]], float] | None = None
) -> list[str]:
    """The table, its head first, in lines no longer than `width` (None for any length).

    Args:
        rate: gives reductions in a second, in place of their number.
    """
    hosts = len({row["host"] for row in rows}) > 1
    full = not hosts or width is None or width >= ROOMY
    columns = [
        Column("PID"),
        Column("STATE"),
        Column("MAIL", right=True),
        *([Column("STEPS", right=True)] if full else []),
        Column("REDS/S" if rate else "REDS", right=True),
        Column("MEMORY", right=True),
        *([Column("AGE", right=True)] if full else []),
        *([Column("HOST", shrinks=True, middle=True)] if hosts else []),
        Column("ENTRY:LINE", shrinks=True, middle=True, least=20),
        Column("WAITS FOR", shrinks=True),
    ]
    cells = [
        [
            short_pid(row["pid"]) if "pid" in row else "call",
            row["state"],
            count(row["mailbox"]),
            *([count(row["steps"])] if full else []),
            count(rate(row) if rate else row["reductions"]),
            memory(row),
            *([age(row)] if full else []),
            *([row["host"]] if hosts else []),
            where(row),
            row.get("waits", ""),
        ]
        for row in rows
    ]
    return [line(each) for each in table(columns, cells, width)]


def coloured(text: str, state: str) -> str:
    """A line of the table with its state in colour."""
    colour = COLOURS.get(state)
    return text.replace(state, f"{colour}{state}{RESET}", 1) if colour else text


def number_of(text: str, flag: str) -> int:
    """A flag's value that counts something. Raises WippyError: INVALID."""
    from ..errors import INVALID, WippyError

    if not text.isdigit():
        raise WippyError(INVALID, f"flag --{flag} takes a number, not {text}")
    return int(text)

"""Processes of a running application as rows of a table."""

from __future__ import annotations

import time
from typing import Any

from .columns import Column, count, size, span

COLOURS = {"running": "\x1b[32m", "ready": "\x1b[36m", "blocked": "\x1b[33m"}
RESET = "\x1b[0m"


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


def columns(hosts: bool, rates: bool = False) -> list[Column]:
    """Columns of `cells`."""
    return [
        Column("PID"),
        Column("STATE"),
        Column("MAIL", right=True),
        Column("STEPS", right=True),
        Column("REDS/S" if rates else "REDS", right=True),
        Column("MEMORY", right=True),
        Column("AGE", right=True),
        *([Column("HOST", shrinks=True)] if hosts else []),
        Column("ENTRY:LINE", shrinks=True),
        Column("WAITS FOR", shrinks=True),
    ]


def cells(row: dict[str, Any], hosts: bool, rate: float | None = None) -> list[str]:
    """One process."""
    return [
        short_pid(row["pid"]) if "pid" in row else "call",
        row["state"],
        count(row["mailbox"]),
        count(row["steps"]),
        count(row["reductions"] if rate is None else rate),
        memory(row),
        age(row),
        *([row["host"]] if hosts else []),
        where(row),
        row.get("waits", ""),
    ]


def coloured(line: str, state: str) -> str:
    """A line of the table with its state in colour."""
    colour = COLOURS.get(state)
    return line.replace(state, f"{colour}{state}{RESET}", 1) if colour else line


def number_of(text: str, flag: str) -> int:
    """A flag's value that counts something. Raises WippyError: INVALID."""
    from ..errors import INVALID, WippyError

    if not text.isdigit():
        raise WippyError(INVALID, f"flag --{flag} takes a number, not {text}")
    return int(text)

"""The table that people read."""

from __future__ import annotations

import os
import platform
from typing import Any

from lupa import lua54
from rich.console import Console
from rich.table import Table

from .row import LESS, Row


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    implementation = lua54.LuaRuntime().lua_implementation
    return {
        "cores": os.cpu_count(),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "lua": implementation,
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as lines:
            return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def number(value: float | None, unit: str) -> str:
    """A value for people."""
    if value is None:
        return "-"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3f}" if unit == "s" else f"{value:.2f}"


def _goal(row: Row) -> str:
    if row.goal is None:
        return ""
    sign = "≤" if row.unit in LESS else "≥"
    goal = f"{row.goal:,.0f}" if row.goal >= 100 else f"{row.goal:g}"
    return f"{sign} {goal}"


def _reached(reached: bool | None) -> str:
    return "" if reached is None else "[green]yes[/]" if reached else "[red]no[/]"


def show(rows: list[Row], head: dict[str, Any], width: int | None = None) -> None:
    """Prints all rows; the first line of a row has its value, each peer a line of its own."""
    console = Console(width=width, highlight=False)
    console.print(
        f"{head['cores']} cores ({head['processor']}), {head['system']}, Python {head['python']}, {head['lua']}, "
        f"load at the start {head['load']}. Best of the rounds after a warm-up; a ratio above 1 is in our favour."
    )
    table = Table()
    for title in ("", "value", "unit", "goal", "reached", "peer", "peer's value", "ratio", "goal", "reached"):
        numeric = title in ("value", "goal", "peer's value", "ratio")
        table.add_column(title, justify="right" if numeric else "left", no_wrap=numeric)
    for row in rows:
        first = [row.name, number(row.value, row.unit), row.unit, _goal(row), _reached(row.reached())]
        for peer in row.peers:
            ratio = row.ratio(peer)
            goal = "" if peer.goal is None else f"≥ {peer.goal:g}×"
            reached = None if peer.goal is None or ratio is None else ratio >= peer.goal
            name = f"{peer.name} ({peer.note})" if peer.note else peer.name
            shown = "-" if ratio is None else f"{ratio:.2f}×"
            table.add_row(*first, name, number(peer.value, row.unit), shown, goal, _reached(reached))
            first = [""] * 5
        if not row.peers:
            table.add_row(*first, row.note, "", "", "", "")
    console.print(table)

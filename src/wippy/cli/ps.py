"""`wippy ps`: the processes of the application that runs in this folder."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TYPE_CHECKING, Any

from .arguments import Arguments, Command, Flag
from .flags import APP, JSON

if TYPE_CHECKING:
    from .running import Running

LIMIT = 100
SHOWN = 20
"""PIDs of one kind that the detail view names."""

ABOUT = """\
Without arguments a table of processes; with a process - its PID, the number of it, or a registered name - what is
known of that one, with the place where its code stands.

Columns: MAIL messages waiting, STEPS turns so far, REDS loop rounds and calls of turns that were used up, MEMORY an
estimate of what its code holds."""

STATES = ("ready", "running", "blocked", "idle")
ORDERS = ("mailbox", "reductions", "steps", "memory", "age")


def run(arguments: Arguments) -> int:
    from .running import connect

    with connect(arguments) as running:
        if arguments.values:
            return _one(running, arguments.values[0], arguments.on("json"))
        return _list(running, arguments)


def _list(running: Running, arguments: Arguments) -> int:
    from .processes import number_of

    found = running.ask(
        "processes",
        host=arguments.text("host"),
        entry=arguments.text("entry"),
        state=arguments.text("state") or None,
        sort=arguments.text("sort") or None,
        limit=number_of(arguments.text("limit", str(0 if arguments.on("json") else LIMIT)), "limit"),
        memory=True,
        calls=arguments.on("calls"),
    )
    if found["silent"]:
        print(
            f"{found['silent']} VMs do not answer, or have no memory left: their processes are missing", file=sys.stderr
        )
    if arguments.on("json"):
        from .listing import print_data

        print_data(found["rows"], as_json=True)
        return 0
    _print(found["rows"], found["total"])
    return 0


def _print(rows: list[dict[str, Any]], total: int) -> None:
    from ..observe.log import wants_colour
    from . import processes

    if not rows:
        print("No processes.")
        return
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    head, *lines = processes.lines(rows, width)
    print(head)
    colour = wants_colour(sys.stdout)
    for row, text in zip(rows, lines, strict=True):
        print(processes.coloured(text, row["state"]) if colour else text)
    if len(rows) < total:
        print(f"\n{len(rows):,} of {total:,} processes; --limit 0 shows all")
    else:
        calls = " and calls" if any(row.get("call") for row in rows) else ""
        print(f"\n{total:,} process{'' if total == 1 else 'es'}{calls}")


def _one(running: Running, process: str, as_json: bool) -> int:
    from .columns import plain
    from .listing import print_data

    found = running.ask("process", pid=process)
    if as_json:
        print_data(found, as_json=True)
        return 0
    for title, text in _facts(found):
        print(f"{title:<12}{plain(text)}")
    if found["stack"]:
        print("\nStack, innermost first:")
        for frame in found["stack"]:
            name = f"  in {frame['name']}" if frame.get("name") else ""
            print(plain(f"  {frame['entry']}:{frame['line']}{name}"))
    if found["threads"]:
        print("\nFurther coroutines:")
        for thread in found["threads"]:
            waits = f"  waits for {thread['waits']}" if thread.get("waits") else ""
            print(plain(f"  {thread.get('at', 'not begun')}{waits}"))
    return 0


def _facts(found: dict[str, Any]) -> list[tuple[str, str]]:
    from .processes import age, memory

    began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(found["started_at"] / 1e9))
    waits = f", waits for {found['waits']}" if found.get("waits") else ""
    facts = [
        ("PID", found["pid"]),
        ("Entry", found["source"]),
        ("Host", found["host"]),
        ("State", found["state"] + waits),
        ("Started", f"{began}, {age(found)} ago"),
        ("Parent", found.get("parent", "")),
        ("Actor", found.get("actor_id", "")),
        ("Names", ", ".join(found.get("names", []))),
        ("Mailbox", f"{found['mailbox']:,} messages"),
        ("Topics", ", ".join(topic for topic in found["topics"] if not topic.startswith("@"))),
        ("Steps", f"{found['steps']:,}"),
        ("Reductions", f"{found['reductions']:,}"),
        ("Memory", f"about {memory(found)}"),
        ("Coroutines", str(found["coroutines"])),
        ("Timers", str(found["timers"] or "")),
        ("Calls", ", ".join(found["calls"])),
        ("Links", _some(found["links"])),
        ("Monitors", _some(found["monitors"])),
        ("Watched by", _some(found["monitored_by"])),
        ("Traps", "links" if found["trap_links"] else ""),
    ]
    return [fact for fact in facts if fact[1]]


def _some(pids: list[str]) -> str:
    more = f" and {len(pids) - SHOWN} more" if len(pids) > SHOWN else ""
    return ", ".join(pids[:SHOWN]) + more


def _flags() -> tuple[Flag, ...]:
    return (
        Flag("host", "only processes of this host", value="ID"),
        Flag("entry", "only processes of this entry: an ID, its name, or a beginning such as app.jobs:*", value="ID"),
        Flag("state", "only processes in this state", value="STATE", choices=STATES),
        Flag("calls", "function calls under way too"),
        Flag("sort", "the greatest first, or the oldest", value="KEY", choices=ORDERS),
        Flag("limit", "most processes shown, 0 for all", value="N", default=f"{LIMIT}, with --json all"),
        JSON,
        APP,
    )


COMMAND = Command(
    "ps",
    "Show the processes of the application that runs in this folder",
    run,
    flags=_flags(),
    arguments="[process]",
    limit=1,
    about=ABOUT,
)

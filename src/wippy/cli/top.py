"""`wippy top`: a running application, looked at again and again."""

from __future__ import annotations

import contextlib
import select
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from ..duration import parse_duration
from ..errors import INVALID, UNAVAILABLE, WippyError
from .arguments import Arguments, Command, Flag
from .flags import APP
from .ps import ORDERS

if TYPE_CHECKING:
    from .running import Running
    from .sample import Change

KEYS = {"m": "mailbox", "r": "reductions", "s": "steps", "e": "memory", "a": "age"}
SHORTEST = 0.1
"""Seconds between two looks, at least."""
WIDE = 90
"""Columns of a terminal that has room for all figures of a host."""

ABOUT = """\
Keys: r, m, s, e, a sort by reductions in a second, mailbox, steps, memory, age; q ends. Without a terminal, and with
--once, it prints one picture."""


def run(arguments: Arguments) -> int:
    from .running import connect

    seconds = _interval(arguments.text("interval", "2s"))
    sort, host = arguments.text("sort", "reductions"), arguments.text("host")
    with connect(arguments) as running:
        if arguments.on("once") or not sys.stdout.isatty():
            return _once(running, min(seconds, 1.0), sort, host)
        return _watch(running, seconds, sort, host)


def _interval(text: str) -> float:
    try:
        seconds = float(text) if text.replace(".", "", 1).isdigit() else parse_duration(text) / 1e9
    except WippyError:
        raise WippyError(INVALID, f"flag --interval takes a duration such as 2s, not {text}") from None
    if seconds < SHORTEST:
        raise WippyError(INVALID, f"flag --interval takes at least {SHORTEST:g}s, not {text}")
    return seconds


def _once(running: Running, seconds: float, sort: str, host: str) -> int:
    from .sample import Change, take

    before = take(running, sort, host)
    time.sleep(seconds)
    size = shutil.get_terminal_size() if sys.stdout.isatty() else None
    for line, _ in picture(Change(before, take(running, sort, host)), sort, size.columns if size else None, None):
        print(line)
    return 0


def _watch(running: Running, seconds: float, sort: str, host: str) -> int:
    from rich.console import Console
    from rich.live import Live

    from .sample import Change, Sample, take

    console = Console()
    before: Sample | None = None
    ended = ""
    with _keys() as pressed, Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            try:
                now = take(running, sort, host)
            except WippyError as error:
                if error.kind != UNAVAILABLE:
                    raise
                ended = error.message
                break
            change, due = Change(before, now), time.monotonic() + (seconds if before else min(seconds, 0.5))
            before = now
            left = True
            while left:
                size = console.size
                live.update(_text(picture(change, sort, size.width, size.height)), refresh=True)
                key = pressed(due - time.monotonic())
                if key == "q":
                    return 0
                if key in KEYS and KEYS[key] != sort:
                    sort, left = KEYS[key], False
                else:
                    left = key != ""
    print(ended)
    return 0


@contextlib.contextmanager
def _keys() -> Iterator[Callable[[float], str]]:
    """Gives a function that waits for a key: the key, or "" when the time is over."""
    try:
        import termios
        import tty
    except ImportError:
        termios = tty = None
    if termios is None or tty is None or not sys.stdin.isatty():
        yield lambda seconds: time.sleep(max(seconds, 0)) or ""
        return
    number = sys.stdin.fileno()
    settings = termios.tcgetattr(number)

    def wait(seconds: float) -> str:
        ready, _, _ = select.select([number], [], [], max(seconds, 0))
        return sys.stdin.read(1).lower() if ready else ""

    try:
        tty.setcbreak(number)
        yield wait
    finally:
        termios.tcsetattr(number, termios.TCSADRAIN, settings)


TOLD = "; sort: r m s e a, end: q"

Styled = tuple[str, str]
"""A line and how it looks: head, title, a state of processes, or nothing."""


def picture(change: Change, sort: str, width: int | None, height: int | None) -> list[Styled]:
    """The whole screen as lines no longer than `width`, at most `height` of them."""
    from .columns import count, plain, size, span

    figures = change.now.figures
    machine = figures["machine"]
    up = span((figures["now"] - figures["started_at"]) / 1e9)
    used = 100 * change.processor()
    facts = [
        (f"wippy {machine['os_pid']}, up {up}, {change.now.total:,} processes, {_services(figures)}", "head"),
        (
            f"CPU {used:.0f}% of {100 * machine['processors']}%, memory {size(machine['memory'])}, "
            f"{machine['threads']} threads; sorted by {sort}",
            "",
        ),
        (
            f"{count(change.rate('executed'))} steps/s, {count(change.rate('messages'))} messages/s, "
            f"{count(change.rate('reductions'))} reductions/s{'' if height is None else TOLD}",
            "",
        ),
        ("", ""),
        *_hosts(change, width),
        ("", ""),
    ]
    left = None if height is None else max(height - len(facts) - 1, 1)
    lines = facts + _processes(change, sort, width, left)
    cut = [(plain(text) if width is None else plain(text)[:width], style) for text, style in lines]
    return cut if height is None else cut[:height]


def _services(figures: dict[str, Any]) -> str:
    states: dict[str, int] = {}
    for service in figures["services"]:
        states[service["status"]] = states.get(service["status"], 0) + 1
    told = ", ".join(f"{number} {status}" for status, number in sorted(states.items()))
    return f"services: {told}" if told else "no services"


def _hosts(change: Change, width: int | None) -> list[Styled]:
    from .columns import Column, count, line, size, table

    titles = ["WORKERS", "PROCS", "QUEUE", "STEPS/S", "MSGS/S", "REDS/S", "MEMORY"]
    wide = width is None or width >= WIDE
    if wide:
        titles.append("STOLEN")
    columns = [
        Column("HOST", shrinks=True, middle=True),
        Column("STATE"),
        *(Column(title, right=True) for title in titles),
    ]
    rows = [
        [
            host["id"],
            "silent" if host["silent"] else host["state"],
            str(host["workers"]),
            count(host["processes"]),
            count(host["queue_depth"]),
            count(change.host_rate(host, "executed")),
            count(change.host_rate(host, "messages")),
            count(change.host_rate(host, "reductions")),
            size(host.get("memory", 0)),
            *([count(host["stolen"])] if wide else []),
        ]
        for host in change.now.figures["hosts"]
    ]
    head, *lines = map(line, table(columns, rows, width))
    return [(head, "title"), *((text, "") for text in lines)]


def _processes(change: Change, sort: str, width: int | None, most: int | None) -> list[Styled]:
    from .processes import lines

    rows = change.rows(sort)[:most]
    head, *texts = lines(rows, width, change.reductions)
    return [(head, "title"), *((text, row["state"]) for row, text in zip(rows, texts, strict=True))]


_STYLES = {"head": "bold", "title": "reverse", "running": "green", "ready": "cyan", "blocked": "yellow"}


def _text(lines: list[Styled]) -> Any:
    from rich.text import Text

    out = Text(no_wrap=True, overflow="crop")
    for index, (line, style) in enumerate(lines):
        out.append("\n" if index else "")
        out.append(line, _STYLES.get(style, ""))
    return out


COMMAND = Command(
    "top",
    "Watch the application that runs in this folder",
    run,
    flags=(
        Flag("interval", "time between two looks", short="i", value="TIME", default="2s"),
        Flag("sort", "what comes first", value="KEY", choices=ORDERS, default="reductions"),
        Flag("host", "only processes of this host", value="ID"),
        Flag("once", "print one picture and end"),
        APP,
    ),
    about=ABOUT,
)

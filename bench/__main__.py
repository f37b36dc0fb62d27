"""`python -m bench [NAME ...] [--quick] [--json]`."""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys

import msgspec

from .row import FULL, QUICK, Row
from .table import machine, show

SUBJECTS = (
    *("messages", "spawn", "calls", "safepoints", "workers", "latency", "actors", "faults", "workflows"),
    *("startup", "lang", "types", "json", "strings", "recovery"),
)
LONG = ("crash",)
"""Take minutes and are measured when they are named."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measures wippy and its peers in one run.")
    parser.add_argument(
        "names", metavar="NAME", nargs="*", help=f"one of {', '.join(SUBJECTS + LONG)}; all but {', '.join(LONG)}"
    )
    parser.add_argument("--only", metavar="NAME", action="append", default=[], help="the same")
    parser.add_argument("--quick", action="store_true", help="a tenth of the work, one round: to see that it runs")
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    parser.add_argument("--rows", metavar="NAME", help=argparse.SUPPRESS)
    options = parser.parse_args()
    names = options.names + options.only
    for name in names:
        if name not in SUBJECTS + LONG:
            parser.error(f"there is no {name}: choose from {', '.join(SUBJECTS + LONG)}")
    if options.rows:
        rows = importlib.import_module(f".{options.rows}", __package__).measure(QUICK if options.quick else FULL)
        sys.stdout.buffer.write(msgspec.json.encode(rows) + b"\n")
        return 0
    head, rows, failed = machine(), [], []
    for subject in names or SUBJECTS:
        print(f"measuring {subject} …", file=sys.stderr, flush=True)
        found = _measure(subject, options.quick)
        if found is None:
            failed.append(subject)
        rows += found or []
    if options.json:
        sys.stdout.buffer.write(msgspec.json.encode({"machine": head, "rows": rows}) + b"\n")
    else:
        show(rows, head, None if sys.stdout.isatty() else 180)
    if failed:
        print(f"failed, with the reason above: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


def _measure(subject: str, quick: bool) -> list[Row] | None:
    """The rows of a subject, measured in a process of its own; None where it failed (told on stderr)."""
    command = [sys.executable, "-m", "bench", "--rows", subject, *(["--quick"] if quick else [])]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        print(f"{subject} failed with exit code {done.returncode}", file=sys.stderr)
        return None
    return msgspec.json.decode(lines[-1], type=list[Row])


if __name__ == "__main__":
    sys.exit(main())

"""DBOS on SQLite. Arguments: rounds, steps of one run, runs, steps of each run, journal (shipped or wal).

It leaves SQLite's settings alone: a rollback journal and `synchronous` FULL. `wal` sets the file to the faster journal.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import sys
import tempfile
from pathlib import Path
from time import perf_counter


def main(rounds: int, steps: int, runs: int, each: int, journal: str) -> None:
    from dbos import DBOS

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "dbos.sqlite"
        if journal == "wal":
            db = sqlite3.connect(path)
            db.execute("PRAGMA journal_mode=WAL")
            db.close()
        DBOS(
            config={
                "name": "bench",
                "system_database_url": f"sqlite:///{path}",
                "run_admin_server": False,
                "log_level": "ERROR",
            }
        )
        logging.disable(logging.CRITICAL)

        @DBOS.step()
        def add(a: int, b: int) -> int:
            return a + b

        @DBOS.workflow()
        def count(steps: int) -> int:
            total = 0
            for number in range(steps):
                total = add(total, number)
            return total

        DBOS.launch()

        def one(steps: int) -> float:
            begin = perf_counter()
            count(steps)
            return steps / (perf_counter() - begin)

        def many() -> float:
            begin = perf_counter()
            handles = [DBOS.start_workflow(count, each) for _ in range(runs)]
            for handle in handles:
                handle.get_result()
            return runs * each / (perf_counter() - begin)

        one(max(steps // 10, 1))
        print(
            json.dumps({"one": max(one(steps) for _ in range(rounds)), "many": max(many() for _ in range(rounds))}),
            flush=True,
        )
        DBOS.destroy()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:5]), sys.argv[5])

"""An application that is killed at random moments until all its runs have ended, and what must be true then.

`python episode.py [--kills N] [--seed N]` kills that often, in episodes with a fresh application each, and prints one
line of JSON. It forks a process that has imported everything, so it must not have threads of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import select
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

import desk

from wippy.workflows import events as ev

KILLS = 12
"""In one episode; then it is left to end."""
PATIENCE = 60.0
"""Seconds after which an application that says nothing is taken for stuck."""

Row = tuple[Any, ...]


class Wrong(AssertionError):
    """Something that must hold does not."""


def demand(holds: Any, text: str) -> None:
    if not holds:
        raise Wrong(text)


class Plan:
    """The runs of an episode and what they must end with."""

    def __init__(self, chance: random.Random) -> None:
        self.runs: list[tuple[str, str, list[Any], dict[str, Any]]] = []
        self.results: dict[str, Any] = {}
        self.effects: set[str] = set()
        self.counts: dict[str, int] = {}
        for n in range(4):
            count = chance.randint(4, 14)
            self.add(f"steps{n}", "steps", [count], [str(i) for i in range(1, count + 1)])
        for n in range(3):
            count = chance.randint(3, 12)
            self.counts[f"listener{n}"] = count
            self.add(f"listener{n}", "listener", [count], [str(i) for i in range(1, count + 1)])
        for n in range(3):
            count = chance.randint(1, 3)
            keys = [f"{how}{i}" for how in ("called", "spawned") for i in range(1, count + 1)]
            total = count * (count + 1)
            self.add(f"family{n}", "family", [count], [*keys, "waiter"], [2 * total, total, "enough"])
        for n in range(2):
            count = chance.randint(1, 4)
            keys = [f"retry{i}" for i in range(1, count + 1)]
            self.add(f"stubborn{n}", "stubborn", [count], keys, [f"v{i}" for i in range(1, count + 1)])
        for n in range(3):
            count = chance.randint(2, 7)
            keys = [str(i) for i in range(count + 1)]
            self.add(f"chain{n}", "chain", [count, 0], keys, count * (count + 1) // 2)
        for n in range(3):
            self.add(f"sleeper{n}", "sleeper", [chance.randint(2, 8)], ["end"])
        for n in range(2):
            count = chance.randint(2, 4)
            policy = {"workflow.retry_policy": {"initial_interval": "3ms"}}
            self.add(f"unlucky{n}", "unlucky", [count], [str(i) for i in range(1, count + 1)], count, policy)
        chance.shuffle(self.runs)

    def add(
        self,
        id: str,
        entry: str,
        arguments: list[Any],
        effects: list[str],
        result: Any = None,
        options: dict[str, Any] | None = None,
    ) -> None:
        """A run, the keys of its effects and its result (None: looked at otherwise)."""
        self.runs.append((id, entry, arguments, options or {}))
        self.results[id] = result
        self.effects.update(f"{id}/{key}" for key in effects)


class Episode:
    """One application from its first start to the end of its runs.

    Attributes:
        kills: how often it was killed.
        runs: how many runs there were, children and next runs included.
    """

    def __init__(self, folder: Path, seed: str, kills: int) -> None:
        self.folder = folder
        self.chance = random.Random(seed)
        self.plan = Plan(self.chance)
        self.wanted = kills
        self.kills = self.runs = 0
        self.started: set[str] = set()
        self.sent: Counter[tuple[str, int]] = Counter()
        self.acknowledged = dict.fromkeys(self.plan.counts, 0)
        self.kept: dict[tuple[int, int], Row] = {}
        self.completed: dict[str, int] = {}
        self.buffer = b""
        self.answers = self.commands = -1
        provider = {
            "synchronous": self.chance.choice(["full", "normal"]),
            "cache_size": self.chance.choice([1000, 1000, 3, 0]),
        }
        desk.write(folder, provider)

    def run(self) -> None:
        """Kills and starts again until the application has stopped by itself. Raises Wrong."""
        results = None
        while results is None:
            pid = self.spawn()
            try:
                results = self.watch(pid)
            finally:
                os.kill(pid, signal.SIGKILL)
                _, status = os.waitpid(pid, 0)
                os.close(self.answers)
                os.close(self.commands)
            if results is None:
                demand(os.WIFSIGNALED(status), f"the application ended by itself with status {status}")
                self.kills += 1
                self.look()
        self.look()
        self.judge(results)

    def spawn(self) -> int:
        inward, outward = os.pipe(), os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                log = os.open(self.folder / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
                os.dup2(log, 1)
                os.dup2(log, 2)
                os.close(inward[1])
                os.close(outward[0])
                desk.live(self.folder, self.plan.runs, inward[0], outward[1])
            finally:
                os._exit(1)
        os.close(inward[0])
        os.close(outward[1])
        self.commands, self.answers = inward[1], outward[0]
        self.buffer = b""
        return pid

    def watch(self, pid: int) -> dict[str, Any] | None:
        """Talks to the application until the moment of its death has come; its results if it ends before."""
        last = self.kills >= self.wanted
        boot = not last and self.chance.random() < 0.2
        end = time.monotonic() + (self.chance.random() * 0.3 if boot else PATIENCE)
        while (left := end - time.monotonic()) > 0:
            if not select.select([self.answers], [], [], left)[0]:
                break
            data = os.read(self.answers, 1 << 16)
            demand(data, "the application has ended by itself")
            self.buffer += data
            *lines, self.buffer = self.buffer.split(b"\n")
            for line in lines:
                word, *rest = json.loads(line)
                if word == "done":
                    return rest[0]
                if word == "up" and not last:
                    end = min(end, time.monotonic() + self.chance.expovariate(1 / 0.08))
                elif word == "started":
                    self.started.add(rest[0])
                    self.send(rest[0])
                elif word == "sent":
                    id, number = rest
                    self.acknowledged[id] = max(self.acknowledged[id], number)
                    self.send(id)
        demand(not last, "the runs do not end")
        return None

    def send(self, id: str) -> None:
        """The next number for a listener; what was not acknowledged before a kill is sent again."""
        number = self.acknowledged.get(id, 1 << 30) + 1
        if number <= self.plan.counts.get(id, 0):
            self.sent[id, number] += 1
            os.write(self.commands, json.dumps(["send", id, number]).encode() + b"\n")

    def look(self) -> None:
        """What the store says, read from a copy: whole, and no event that was there before is gone or other."""
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            for each in self.folder.glob("workflows.db*"):
                if not each.name.endswith((".lock", "-shm")):
                    shutil.copy(each, name)
            if not (Path(name) / "workflows.db").exists():
                return
            store = sqlite3.connect(Path(name) / "workflows.db")
            found = store.execute("PRAGMA integrity_check").fetchall()
            demand(found == [("ok",)], f"the store is damaged: {found}")
            (tables,) = store.execute("SELECT count(*) FROM sqlite_master").fetchone()
            rows = {}
            if tables:
                rows = {row[:2]: row[2:] for row in store.execute("SELECT run, first, last, events FROM history")}
                self.executions = store.execute("SELECT workflow_id, run_id, status FROM execution").fetchall()
                self.left = {
                    table: store.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                    for table in ("activity", "timer", "buffered")
                }
                gone = self.started - {row[0] for row in self.executions}
                demand(not gone, f"runs are lost: {gone}")
            store.close()
        for key, row in self.kept.items():
            demand(rows.get(key) == row, f"events {key} of a history have changed")
        fresh = sorted(rows.keys() - self.kept.keys())
        self.kept = rows
        self._note_completed(fresh, rows)

    def _note_completed(self, fresh: list[tuple[int, int]], rows: dict[tuple[int, int], Row]) -> None:
        """Effects whose outcome is in the history now."""
        changed = {run for run, _ in fresh}
        for run in changed:
            keys: dict[int, str] = {}
            for key in sorted(key for key in rows if key[0] == run):
                for event in ev.decode_batch(rows[key][1]):
                    if isinstance(event, ev.ActivityTaskScheduled):
                        keys[event.id] = json.loads(event.args[0].data)
                    elif isinstance(event, ev.ActivityTaskCompleted):
                        self.completed.setdefault(keys[event.id], self.boots())

    def boots(self) -> int:
        with sqlite3.connect(self.folder / "ledger.db") as ledger:
            (boots,) = ledger.execute("SELECT max(n) FROM boot").fetchone()
        ledger.close()
        return boots

    def judge(self, results: dict[str, Any]) -> None:
        """Everything that must hold in the end. Raises Wrong."""
        plan = self.plan
        for id, (value, failure) in results.items():
            demand(failure is None, f"{id} has failed: {failure}")
            if plan.results[id] is not None:
                demand(value == plan.results[id], f"{id} has ended with {value}, not {plan.results[id]}")
        demand(results.keys() == plan.results.keys(), "not all runs have ended")
        for id, count in plan.counts.items():
            value = results[id][0]
            demand(list(dict.fromkeys(value)) == list(range(1, count + 1)), f"{id} has received {value}")
            for number, times in Counter(value).items():
                sent = self.sent[id, number]
                demand(times <= sent, f"{id} has received {number} {times} times; it was sent {sent} times")
        still = [row for row in self.executions if row[2] == 1]
        demand(not still, f"runs stay behind: {still}")
        demand(not any(self.left.values()), f"rows stay behind: {self.left}")
        self.runs = len(self.executions)
        with sqlite3.connect(self.folder / "ledger.db") as ledger:
            effects = dict(ledger.execute("SELECT key, value FROM effect"))
            attempts = ledger.execute("SELECT key, value, boot FROM attempt").fetchall()
        ledger.close()
        demand(effects.keys() == plan.effects, f"effects differ: {effects.keys() ^ plan.effects}")
        for key, value, boot in attempts:
            demand(value == effects[key], f"{key} was {effects[key]} and is {value}")
            demand(boot <= self.completed[key], f"{key} had ended in life {self.completed[key]} and ran in life {boot}")
        for (key, _), times in Counter((key, boot) for key, _, boot in attempts).items():
            demand(times == 1 or "/retry" in key, f"{key} ran {times} times in one life")
        for id, _, _, _ in plan.runs:
            if id.startswith("steps"):
                tokens = [effects[f"{id}/{n}"] for n in range(1, len(results[id][0]) + 1)]
                demand(results[id][0] == tokens, f"{id} has ended with other tokens")
            elif id.startswith("sleeper"):
                times = results[id][0]
                demand(times == sorted(times), f"the time of {id} goes back: {times}")


def run(kills: int, seed: int) -> dict[str, Any]:
    """Kills `kills` times. Gives kills, runs, episodes and seconds; raises Wrong."""
    begun = time.monotonic()
    done = runs = episodes = 0
    while done < kills:
        folder = Path(tempfile.mkdtemp(prefix="wippy-crash-"))
        episode = Episode(folder, f"{seed}/{episodes}", min(KILLS, kills - done))
        try:
            episode.run()
        except BaseException:
            print(f"SEED={seed}, episode {episodes}, after kill {episode.kills}; what is left: {folder}", flush=True)
            raise
        shutil.rmtree(folder)
        done += episode.kills
        runs += episode.runs
        episodes += 1
    return {"kills": done, "runs": runs, "episodes": episodes, "seconds": time.monotonic() - begun}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("SEED") or random.randrange(1 << 32)))
    options = parser.parse_args()
    print(f"SEED={options.seed}", file=sys.stderr, flush=True)
    try:
        found = run(options.kills, options.seed)
    except Wrong:
        traceback.print_exc()
        return 1
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())

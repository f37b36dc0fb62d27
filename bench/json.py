"""JSON through the Lua API: `json.encode` and `json.decode` of 1 KB and 1 MB, and what 10 MB cost others."""

from __future__ import annotations

import json
from collections.abc import Callable
from time import perf_counter
from typing import Any

import msgspec

from .application import Application, application, host, unit
from .row import Effort, Peer, Row, rate

SOURCE = """
return function(what, text, count)
  if what == "both" then
    json.encode(assert(json.decode(text)))
  elseif what == "encode" then
    local value = assert(json.decode(text))
    for _ = 1, count do json.encode(value) end
  else
    for _ = 1, count do json.decode(text) end
  end
  return true
end
"""


def document(records: int) -> str:
    """A list of records of some 130 bytes each."""
    return json.dumps(
        [
            {"id": n, "name": f"user {n}", "score": n * 1.25 + 0.1, "active": n % 2 == 0, "tags": ["a", "b"],
             "address": {"city": "Paris", "zip": "75001"}}
            for n in range(records)
        ]
    )  # fmt: skip


def waits(app: Application, text: str) -> list[float]:
    """Seconds that other processes of the worker took while the document was read and written, in rising order."""
    work = app.host().execute("app:json", ["both", text, 1])
    times = []
    while not work.done():
        before = perf_counter()
        app.run("echo", 1)
        times.append(perf_counter() - before)
    work.result()
    return sorted(times)


def measure(effort: Effort) -> list[Row]:
    rows = []
    echo = unit("process.lua", "echo", "return function(v) return v end")
    with application(host(), unit("process.lua", "json", SOURCE, "json"), echo) as app:
        for size, records, times in (("1 KB", 8, 20_000), ("1 MB", 7_800, 20)):
            text = document(records)
            value: Any = json.loads(text)
            count = effort.of(times, 5)
            for what in ("encode", "decode"):

                def work(what: str = what, text: str = text, count: int = count) -> None:
                    app.run("json", what, text, count)

                def peer(name: str, call: Callable[[Any], Any], given: Any, count: int = count) -> Peer:
                    def again() -> None:
                        for _ in range(count):
                            call(given)

                    return Peer(name, rate(effort, count, again))

                given = value if what == "encode" else text
                plain, fast = (
                    (json.dumps, msgspec.json.encode) if what == "encode" else (json.loads, msgspec.json.decode)
                )
                peers = [peer("Python json", plain, given), peer("msgspec", fast, given)]
                rows.append(Row(f"json.{what}, {size}", rate(effort, count, work), "values/s", peers=peers))
        times = waits(app, document(78_000))
        note = f"most {times[-1] * 1000:.1f} ms, {len(times)} times"
        wait = times[len(times) * 95 // 100]
        rows.append(Row("others during 10 MB of JSON, p95", wait, "s", goal=0.02, note=note))
    return rows

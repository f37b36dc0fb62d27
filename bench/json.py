"""JSON through the Lua API: `json.encode` and `json.decode` of 1 KB and 1 MB."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec

from .application import application, host, unit
from .row import Effort, Peer, Row, rate

SOURCE = """
return function(what, text, count)
  if what == "encode" then
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


def measure(effort: Effort) -> list[Row]:
    rows = []
    with application(host(), unit("process.lua", "json", SOURCE, "json")) as app:
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
    return rows

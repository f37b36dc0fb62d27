"""Validation by declared types: `T:is(v)` and `T(v)`."""

from __future__ import annotations

from .application import application, host, unit
from .row import Effort, Row, rate

SOURCE = """
type Address = {city: string, zip: string, country: string?}
type Flat = {
  id: string, name: string, email: string, age: integer, score: number,
  active: boolean, note: string?, group: string, rank: number, tag?: string,
}
type Nested = {
  id: string @min_len(1), name: string, kind: "a" | "b" | "c", age: integer @min(0), score: number,
  active: boolean, note: string?, address: Address, tags: {string}, limits: {[string]: number},
}
local flat = {
  id = "u1", name = "Ada", email = "ada@example.com", age = 36, score = 1.5,
  active = true, group = "x", rank = 3, tag = "t",
}
local nested = {
  id = "u1", name = "Ada", kind = "b", age = 36, score = 1.5, active = true,
  address = {city = "London", zip = "12345"}, tags = {"x", "y", "z"}, limits = {cpu = 1, memory = 2},
}
local bad = {id = "u1", name = "Ada", email = "ada@example.com", age = 36, score = 1.5, active = true, group = "x"}
return function(what, count)
  if what == "flat" then
    for _ = 1, count do assert(Flat:is(flat)) end
  elseif what == "nested" then
    for _ = 1, count do assert(Nested:is(nested)) end
  elseif what == "call" then
    for _ = 1, count do Flat(flat) end
  else
    for _ = 1, count do assert(not Flat:is(bad)) end
  end
  return true
end
"""


def measure(effort: Effort) -> list[Row]:
    rows = []
    with application(host(), unit("process.lua", "types", SOURCE)) as app:
        for name, what, share, goal in (
            ("T:is, record of ten fields", "flat", 1.0, 300_000.0),
            ("T:is, ten fields with constraints, record, array, map", "nested", 1.0, None),
            ("T(v), record of ten fields", "call", 1.0, None),
            ("T:is, record that lacks a field", "bad", 0.1, None),
        ):
            count = effort.of(int(1_000_000 * share))

            def work(what: str = what, count: int = count) -> None:
                app.run("types", what, count)

            rows.append(Row(name, rate(effort, count, work), "values/s", goal))
    return rows

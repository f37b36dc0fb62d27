"""The typed-Lua front end: parsing, emission, the compile cache."""

from __future__ import annotations

import tempfile

from wippy.lang.cache import CompileCache
from wippy.lang.compiler import parse
from wippy.lang.emitter import emit

from .row import QUICK, Effort, Row, rate, seconds

_HEAD = """local json = require("json")
local log = require("logger")
type Order = {id: string, items: {any}, rate?: number @min(0)}
local M = {}
local cache = {}
"""
_UNIT = """
-- prices one order, line by line
local function price_%(n)s(order: Order, rate: number?): (number, string?)
  if not order or not order.items then
    return 0, "no items in order " .. tostring(order and order.id)
  end
  local total = 0
  for i, item in ipairs(order.items) do
    local amount = item.price * item.count
    if item.discount then
      amount = amount - amount * item.discount / 100
    end
    total = total + amount
    log:debug("item priced", { index = i, amount = amount, name = item.name })
  end
  if rate ~= nil and rate > 0 then
    total = total * (1 + rate)
  end
  cache[order.id] = total

  return total, nil
end

function M.handle_%(n)s(payload)
  local data, err = json.decode(payload)
  if err then
    return nil, err
  end
  local result = {}
  while #result < 10 do
    local id = #result %% data.count
    table.insert(result, { id = id, text = "row " .. data.name .. ": " .. data.value })
  end
  return result :: {any}
end
"""
FILES, UNITS = 200, 4


def sources() -> list[tuple[str, str]]:
    """(name, source) of an application of some 30,000 lines in 200 files."""
    return [
        (
            f"app:file_{number}",
            _HEAD + "".join(_UNIT % {"n": f"{number}_{unit}"} for unit in range(UNITS)) + "return M\n",
        )
        for number in range(FILES)
    ]


def measure(effort: Effort) -> list[Row]:
    files = sources()
    lines = sum(source.count("\n") for _, source in files)

    def scaled(seconds: float) -> float:
        return seconds * 30_000 / lines

    def parse_all() -> None:
        for name, source in files:
            parse(source, name)

    def emit_all() -> None:
        for name, source in files:
            emit(parse(source, name))

    parse(files[0][1], files[0][0])
    emitted = seconds(effort, emit_all)
    parsed = rate(effort, lines, parse_all)
    with tempfile.TemporaryDirectory() as folder:
        cache = CompileCache(folder)

        def load_all() -> None:
            for name, source in files:
                cache.compile(source, name)

        compiled = seconds(QUICK, load_all)
        loaded = seconds(effort, load_all)
    return [
        Row("lines parsed", parsed, "lines/s"),
        Row("30,000 lines parsed and emitted", scaled(emitted), "s", 1.0),
        Row("30,000 lines compiled, checked, stored", scaled(compiled), "s"),
        Row("30,000 lines loaded from the cache", scaled(loaded), "s", 0.3),
    ]

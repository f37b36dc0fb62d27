"""CPU-bound Lua with the preemption counter and without; both texts come from the same emitter."""

from __future__ import annotations

from time import thread_time
from typing import Any

from wippy.kernel.vm import VM
from wippy.lang.emitter import Emitter
from wippy.lang.parser import parse

from .row import Effort, Row

RECURSION = """
local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
return fib(...)
"""
ORDINARY = """
local items = {}
for i = 1, 100 do
  items[i] = {name = "item " .. i, price = i * 1.5, count = i % 7, discount = i % 3 == 0 and 5 or nil}
end
local function price(order, rate)
  local total, names = 0, {}
  for index, item in ipairs(order.items) do
    local amount = item.price * item.count
    if item.discount then
      amount = amount - amount * item.discount / 100
    end
    if amount > 100 and rate then
      amount = amount * (1 + rate)
    end
    names[index] = item.name:upper() .. "=" .. item.count
    total = total + amount
    order.seen[item.name] = (order.seen[item.name] or 0) + 1
  end
  return total, table.concat(names, ",")
end
local sum = 0
for round = 1, ... do
  local total, text = price({items = items, seen = {}}, 0.19)
  sum = sum + total + #text
end
return sum
"""
TIGHT = """
local sum = 0
for i = 1, ... do sum = sum + i end
return sum
"""
RUN = b"""
local K, text, limit, argument = ...
local raw, base = K.raw, K.base
local rt = raw.setmetatable({limit = limit}, {__index = K.rt})
function rt.preempt() raw.coyield() return limit end
local body = raw.load(text, "=body", "t")(raw.setmetatable({}, {__index = base}), rt)
local co = raw.cocreate(function() body(argument) end)
while raw.costatus(co) ~= "dead" do
  local ok, err = raw.coresume(co)
  if not ok then raw.error(err, 0) end
end
"""


def _texts(source: str) -> tuple[bytes, bytes]:
    """The emitted text with safepoints, and without."""
    emitter = Emitter(parse(source, "bench:body"))
    text = emitter.text()
    assert emitter.safepoint in text
    return text.encode("latin-1"), text.replace(emitter.safepoint, " ").encode("latin-1")


def _seconds(run: Any, kernel: Any, limit: int, text: bytes, argument: int) -> float:
    begin = thread_time()
    run(kernel, text, limit, argument)
    return thread_time() - begin


def measure(effort: Effort) -> list[Row]:
    vm = VM()
    run = vm.load_chunk(RUN, b"run")
    kernel = vm.K._table
    limit = kernel[b"limit"]
    rows = []
    for name, source, argument, goal in (
        ("safepoints: recursion (fib 32)", RECURSION, 32 if effort.share == 1 else 27, 1.6),
        ("safepoints: ordinary bodies", ORDINARY, effort.of(6_000), 1.1),
        ("safepoints: empty loop", TIGHT, effort.of(30_000_000), None),
    ):
        with_, without = _texts(source)
        best = [float("inf"), float("inf")]
        for _ in range(effort.rounds + 1):  # the two take turns, so that what else the machine does hits both
            for index, text in enumerate((with_, without)):
                best[index] = min(best[index], _seconds(run, kernel, limit, text, argument))
        rows.append(Row(name, best[0] / best[1], "x slower", goal, note=f"{best[0]:.2f} s against {best[1]:.2f} s"))
    return rows

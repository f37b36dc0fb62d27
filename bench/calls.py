"""Function calls from a process."""

from __future__ import annotations

from .application import application, host, unit
from .row import Effort, Row, rate

ADD = "return function(a, b) return a + b end"
CALLER = """
local funcs = require("funcs")
return function(count)
  local total = 0
  for number = 1, count do
    local value, err = funcs.call("app:add", number, 1)
    if err then return nil, err end
    total = total + value
  end
  return total
end
"""
CALLS = 100_000


def measure(effort: Effort) -> list[Row]:
    calls = effort.of(CALLS)
    with application(host(), unit("function.lua", "add", ADD), unit("process.lua", "caller", CALLER, "funcs")) as app:
        app.run("caller", calls // 10)
        value = rate(effort, calls, lambda: app.run("caller", calls))
    return [Row("function calls, inline", value, "calls/s", 100_000)]

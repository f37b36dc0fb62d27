"""Two workers against one: processes that only compute."""

from __future__ import annotations

from .application import WAIT, Application, application, host, unit
from .row import Effort, Row, seconds

BURN = """
local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
return function(n) return fib(n) end
"""
JOBS = 8


def _burn(app: Application, on: str, n: int) -> None:
    for future in [app.host(on).execute("app:burn", [n]) for _ in range(JOBS)]:
        future.result(WAIT)


def measure(effort: Effort) -> list[Row]:
    n = 26 if effort.share < 1 else 31
    with application(host("one", 1), host("two", 2), unit("process.lua", "burn", BURN)) as app:
        _burn(app, "app:two", n - 6)
        _burn(app, "app:one", n - 6)
        two = seconds(effort, lambda: _burn(app, "app:two", n))
        one = seconds(effort, lambda: _burn(app, "app:one", n))
    return [Row("two workers against one, CPU-bound", one / two, "x", 1.6, note=f"{two:.2f} s against {one:.2f} s")]

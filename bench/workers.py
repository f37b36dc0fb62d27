"""Two workers against one: processes that only compute."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from wippy.kernel.vm import VM

from .application import WAIT, Application, application, host, unit
from .row import Effort, Peer, Row, seconds

BURN = """
local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
return function(n) return fib(n) end
"""
JOBS = 8


def _burn(app: Application, on: str, n: int) -> None:
    for future in [app.host(on).execute("app:burn", [n]) for _ in range(JOBS)]:
        future.result(WAIT)


def _ceiling(effort: Effort, n: int) -> float:
    """What two threads gain over one on this machine with Lua and nothing else."""
    text = b"local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end return fib(...)"
    bodies = [VM().load_chunk(text, b"fib") for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        two = seconds(effort, lambda: list(pool.map(lambda body: body(n), bodies)))
    one = seconds(effort, lambda: [body(n) for body in bodies])
    return one / two


def measure(effort: Effort) -> list[Row]:
    n = 26 if effort.share < 1 else 31
    with application(host("one", 1), host("two", 2), unit("process.lua", "burn", BURN)) as app:
        _burn(app, "app:two", n - 6)
        _burn(app, "app:one", n - 6)
        two = seconds(effort, lambda: _burn(app, "app:two", n))
        one = seconds(effort, lambda: _burn(app, "app:one", n))
    name = f"two workers against one ({two:.2f} s, {one:.2f} s)"
    return [Row(name, one / two, "x", 1.6, [Peer("plain Lua in two threads", _ceiling(effort, n + 3))])]

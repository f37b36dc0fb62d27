"""Two workers against one: processes that only compute; and what a VM for each process costs."""

from __future__ import annotations

import os
import resource
from concurrent.futures import ThreadPoolExecutor

from wippy.kernel.vm import VM

from .application import WAIT, Application, application, host, unit
from .row import Effort, Peer, Row, rate, seconds

BURN = """
local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
return function(n) return fib(n) end
"""
START = """
return function(on, jobs, n)
  for _ = 1, jobs do process.spawn_monitored("app:burn", on, n) end
  for _ = 1, jobs do process.events():receive() end
end
"""
WAIT_FOR_EVER = "return function() process.inbox():receive() end"
JOBS = 8


def _burn(app: Application, on: str, n: int) -> None:
    for future in [app.host(on).execute("app:burn", [n]) for _ in range(JOBS)]:
        future.result(WAIT)


def _start(app: Application, on: str, n: int) -> None:
    """One process of the host starts them all, on its own worker."""
    app.run("start", on, JOBS, n, on=on)


def _resident() -> int:
    """Bytes of this process in memory."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def _isolated(effort: Effort) -> list[Row]:
    """What processes cost that have a VM each."""
    count = effort.of(300, 50)
    isolated = host("isolated", 2)
    isolated["host"]["isolation"] = "process"
    nothing, waits = (
        unit("process.lua", "nothing", "return function() end"),
        unit("process.lua", "waits", WAIT_FOR_EVER),
    )
    with application(host("processes", 1), isolated, nothing, waits) as app:
        there = app.host("app:isolated")

        def all_at_once() -> None:
            for future in [there.execute("app:nothing", []) for _ in range(count)]:
                future.result(WAIT)

        all_at_once()
        spawned = rate(effort, count, all_at_once)
        rows = [Row("spawn and exit, a VM each", spawned, "processes/s")]
        if os.path.exists("/proc/self/statm"):
            before = _resident()
            for future in [there.spawn("app:waits", []) for _ in range(count)]:
                future.result(WAIT)
            rows.append(Row(f"idle process, a VM each, of {count}", (_resident() - before) / count, "bytes"))
    return rows


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
    isolated = host("isolated", 2)
    isolated["host"]["isolation"] = "process"
    units = [unit("process.lua", "burn", BURN), unit("process.lua", "start", START)]
    with application(host("one", 1), host("two", 2), isolated, *units) as app:
        for on in ("app:two", "app:one", "app:isolated"):
            _burn(app, on, n - 6)
        one = seconds(effort, lambda: _burn(app, "app:one", n))
        two = seconds(effort, lambda: _burn(app, "app:two", n))
        started = seconds(effort, lambda: _start(app, "app:two", n))
        cells = seconds(effort, lambda: _burn(app, "app:isolated", n))
    ceiling = [Peer("plain Lua in two threads", _ceiling(effort, n + 3))]
    return [
        Row(f"two workers against one ({two:.2f} s, {one:.2f} s)", one / two, "x", 1.7, ceiling),
        Row("the same, all started by one process", one / started, "x", 1.6, ceiling),
        Row("the same, a VM for each process", one / cells, "x", 1.6, ceiling),
        *_isolated(effort),
    ]

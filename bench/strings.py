"""Texts built from numbers, in the runtime and in plain Lua 5.4."""

from __future__ import annotations

from typing import Any

from lupa import lua54

from .application import application, host, unit
from .row import Effort, Peer, Row, rate

BODIES = {
    "floats concatenated": "for i = 1, count do last = 'x' .. (i + 0.5) .. ';' end",
    "integers concatenated": "for i = 1, count do last = 'x' .. i .. ';' end",
    "floats through tostring": "for i = 1, count do last = tostring(i + 0.25) end",
    "string.format('%d %s %.2f')": "for i = 1, count do last = string.format('%d %s %.2f', i, 'x', i + 0.5) end",
    "table.concat of 100 floats": "for i = 1, count / 100 do local t = {} for k = 1, 100 do t[k] = i + k / 8 end "
    "last = table.concat(t, ',') end",
}


def source(body: str) -> str:
    return f"return function(count) local last\n{body}\nreturn #last end"


def measure(effort: Effort) -> list[Row]:
    rows = []
    count = effort.of(500_000)
    units = [unit("process.lua", f"s{number}", source(body)) for number, body in enumerate(BODIES.values())]
    with application(host(), *units) as app:
        for number, (name, body) in enumerate(BODIES.items()):
            plain: Any = lua54.LuaRuntime(unpack_returned_tuples=True).execute(source(body))

            def ours(number: int = number) -> None:
                app.run(f"s{number}", count)

            value = rate(effort, count, ours)
            other = rate(effort, count, lambda plain=plain: plain(count))
            rows.append(Row(name, value, "texts/s", peers=[Peer("Lua 5.4", other)]))
    return rows

"""Runs Lua code against the files of the module on a small kernel with a clock that is moved by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lupa import lua54

import wippy.kernel
from wippy.modules.time import FILES, make_time_host

HERE = Path(__file__).parent
OBJECT = Path(wippy.kernel.__file__).parent / "lua" / "object.lua"
MODULE = Path(make_time_host.__code__.co_filename).parent


class LuaFailure(Exception):
    """The Lua code raised."""


class VM:
    """`time` and `test` (advance, set_wall, pending, ...) are globals of the code run here."""

    def __init__(self) -> None:
        self.runtime = lua54.LuaRuntime(encoding=None, unpack_returned_tuples=True, register_eval=False)
        load = self.runtime.eval(b"function(text, name) return assert(load(text, name)) end")
        chunk = {p: load(p.read_bytes(), f"@{p.name}".encode()) for p in (HERE / "time_kernel.lua", OBJECT)}
        host = self.runtime.table_from({name.encode(): fn for name, fn in make_time_host().items()})
        kernel, test = chunk[HERE / "time_kernel.lua"](host, chunk[OBJECT])
        module = None
        for name in FILES:
            module = load((MODULE / name).read_bytes(), f"@{name}".encode())(kernel)
        self._run = self.runtime.eval(
            b"""function(time, test)
              local env = setmetatable({ time = time, test = test, type = test.K.typeof }, { __index = _G })
              return function(source)
                local f, why = load(source, "=test", "t", env)
                if not f then return false, why end
                local function result(ok, ...)
                  if not ok then return false, tostring((...)) end
                  return true, ...
                end
                return result(pcall(f))
              end
            end"""
        )(module, test)

    def run(self, source: str) -> Any:
        """The result of a chunk, a list where there are several; text comes as str."""
        out = self._run(source.encode())
        ok, *values = out if isinstance(out, tuple) else (out,)
        if not ok:
            raise LuaFailure(values[0].decode())
        values = [v.decode() if isinstance(v, bytes) else v for v in values]
        return values[0] if len(values) == 1 else values if values else None

"""Runs compiled chunks in a plain Lua 5.4 with a small `rt`."""

from __future__ import annotations

import lupa.lua54 as lupa

from wippy.lang.compiler import compile_source

RT = rb"""
local stops, floats = 0, function(x)
  local i = math.tointeger(x)
  if i then return tostring(i) end
  if x ~= x then return "NaN" end
  return string.format("%.15g", x)
end
local hidden = {}
local function int(x)
  if math.type(x) == "integer" then return x end
  if type(x) ~= "number" then error("attempt to perform arithmetic on a " .. type(x) .. " value", 3) end
  return math.tointeger(x < 0 and math.ceil(x) or math.floor(x))
end
local rt = {limit = 1000, mtype = math.type}
function rt.preempt() stops = stops + 1 return 1000 end
function rt.str(x) if math.type(x) == "float" then return floats(x) end return x end
function rt.set(t, k, v) if k == nil or k ~= k then return end t[k] = v end
function rt.key(k) if k == nil or k ~= k then return hidden end return k end
function rt.fresh(t) t[hidden] = nil return t end
function rt.mod(a, b)
  if b == 0 and math.type(a) == "integer" and math.type(b) == "integer" then return 0/0 end
  return a % b
end
function rt.idiv(a, b) a, b = int(a), int(b) if b == 0 then error("attempt to divide by zero", 2) end return a // b end
function rt.shr(a, n)
  a, n = int(a), int(n)
  if n < 0 then return rt.shl(a, -n) elseif n >= 64 then return 0 elseif n == 63 then return a < 0 and -1 or 0 end
  return a // (1 << n)
end
function rt.shl(a, n) a, n = int(a), int(n) if n < 0 then return rt.shr(a, -n) end return a << n end
function rt.type(name) return "type " .. name end
return function(load_chunk, name, ...)
  local env = setmetatable({}, {__index = _G})
  local factory, problem = load(load_chunk, "=" .. name, "t")
  if not factory then error(problem, 0) end
  local results = table.pack(pcall(factory(env, rt), ...))
  local list = {}
  for i = 1, results.n do list[i] = results[i] end
  return env, stops, table.unpack(results, 1, results.n)
end
"""


class Outcome:
    def __init__(self, row: tuple) -> None:
        self.env, self.stops, self.ok, *self.values = row

    @property
    def value(self):
        return self.values[0] if self.values else None


def run(source: str, *args, name: str = "app:test") -> Outcome:
    lua = compile_source(source, name).lua
    runtime = lupa.LuaRuntime(encoding=None, unpack_returned_tuples=True)
    call = runtime.execute(RT)
    return Outcome(call(lua, name.encode(), *args))


def results(source: str, *args) -> list:
    """What the chunk returns; an error in it is raised."""
    outcome = run(source, *args)
    assert outcome.ok, outcome.values
    return outcome.values


def result(source: str, *args):
    values = results(source, *args)
    return values[0] if values else None

"""Runs Lua that uses declared types: in an application, with a library `models` imported as `m` and as `n`."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from typing import Any

from application import Application, application, function, library

MODELS = """
type Id = string @pattern("^[a-z]+$")
type Item = {id: Id, price: number @min(0)}
type Hidden = {a: string}
type Box<T> = {value: T}
interface Shape
  function area(): number
end
return {Item = Item, Box = Box}
"""
SHOW = """
local function show(...)
  local list = {}
  for i = 1, select("#", ...) do list[i] = tostring((select(i, ...))) end
  return table.concat(list, " ")
end
local function why(T, v)
  local value, err = T:is(v)
  if not err then return "ok" end
  assert(value == nil and err:kind() == "Invalid" and err:retryable() == nil)
  return tostring(err)
end
local function details(T, v)
  local _, err = T:is(v)
  local d = err:details()
  return show(d.field, d.expected, d.got, d.constraint)
end
"""


class Types:
    def __init__(self, app: Application) -> None:
        self.app = app
        self._numbers = itertools.count()

    def run(self, declarations: str, body: str, *args: Any, **entry: Any) -> Any:
        """What the body of a function returns; the declarations stand in front of it, at chunk level."""
        name = f"f{next(self._numbers)}"
        source = f"{SHOW}\n{declarations}\nreturn function(...)\n{body}\nend"
        self.app.define(function(name, source, imports={"m": "app:models", "n": "app:models"}, **entry))
        return self.app.call(f"app:{name}", *args)

    def why(self, type: str, value: str, more: str = "") -> str:
        """The message of `T:is(value)`, "ok" for a valid one; `value` is Lua."""
        return self.run(f"{more}\ntype T = {type}", f"return why(T, {value})")

    def details(self, type: str, value: str) -> str:
        """field, expected, got and constraint of the failure."""
        return self.run(f"type T = {type}", f"return details(T, {value})")

    def show(self, expression: str, declarations: str = "") -> str:
        """Values as text, one space between."""
        return self.run(declarations, f"return show({expression})")

    def error(self, statement: str, declarations: str = "") -> str:
        """The message that a statement raises, without its position."""
        text = self.run(declarations, f"local ok, e = pcall(function() {statement} end) assert(not ok) return e")
        position, _, message = text.partition(": ")
        assert position.startswith("app:f"), text
        return message


@contextlib.contextmanager
def types() -> Iterator[Types]:
    with application(library("models", MODELS)) as app:
        yield Types(app)

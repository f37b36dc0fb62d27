"""Strict types refuse entries with type errors, at boot and later, and let everything else pass (edge case 29).

tests/check has the checker.
"""

from __future__ import annotations

import pytest

from application import application, function
from wippy.errors import WippyError

STRICT = {"lua": {"type_system": {"enabled": True, "strict": True}}}
WELL_TYPED = """
type Shape = {kind: "circle", r: number} | {kind: "square", side: number}
type Box<T> = {value: T}
local Account = {}
Account.__index = Account
function Account.new(owner: string) return setmetatable({owner = owner, sum = 0}, Account) end
function Account:add(n: number) self.sum = self.sum + n return self end
local function area(s: Shape): number
  if s.kind == "circle" then return 3 * s.r * s.r end
  return s.side * s.side
end
local function first<T>(list: {T}): T? return list[1] end
local function len(s: string?): integer
  if s == nil then return 0 end
  return #s
end
return function(x)
  local box: Box<number> = {value = 5}
  return Account.new("ann"):add(area({kind = "square", side = 2})):add(box.value).sum + len(nil) + len("abc")
    + (first({1}) or 0) + (x and x.anything.goes or 0)
end
"""


def test_29_strict_types() -> None:
    with application(function("good", WELL_TYPED), config=STRICT) as app:
        assert app.call("app:good") == 13
        bad = function("bad", "local n: number = 'text'\nreturn function() return n end")
        with pytest.raises(WippyError) as caught:
            app.define(function("fine", "return function() end"), bad)
        assert caught.value.kind == "Invalid"
        assert "type errors in app:bad: 1:19" in caught.value.message
        assert app.app.registry.get("app:bad") is None
        assert app.app.registry.get("app:fine") is None
    with pytest.raises(WippyError, match="type errors in app:bad"), application(bad, config=STRICT):
        pass
    with application(bad) as app:
        assert app.call("app:bad") == "text"

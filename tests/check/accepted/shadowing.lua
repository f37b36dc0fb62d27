local type, next, string = type, next, string
local error = function(text) print("error: " .. tostring(text)) return nil end
local assert = function(v) return v end
local function f(x: string?): string?
  if not x then error("none") end
  assert(x)
  return x
end
local print = print
local x = 1
do
  local x = "text"
  print(x:upper())
  for x = 1, 3 do print(x + 1) end
  local function g(x) return x.y end
  print(g({y = 1}))
end
print(x + 1, type(x), next({}), string.upper("a"), f())
local x, err = f("a"), nil
local y, err = f("b"), nil
print(x, y, err)
local pairs = function(t) return function() return nil end end
for k in pairs({}) do print(k) end
local self = {n = 1}
print(self.n)

-- imports: shapes
local shapes = require("shapes")
local M = {Point = shapes.Point, distance = shapes.distance, version = "1"}
M.origin = shapes.origin
for name, value in pairs(shapes) do
  if M[name] == nil then M[name] = value end
end
function M.nearest(to: shapes.Point, all: {shapes.Point}): shapes.Point?
  local best: shapes.Point? = nil
  local smallest = math.huge
  for _, p in ipairs(all) do
    local d = shapes.distance(p, to)
    if d < smallest then best, smallest = p, d end
  end
  return best
end
local patched = require("shapes")
patched.distance, patched.new = function(text: string) return text end, nil
patched.distance("x")
patched.new = patched.new or function() return {x = 1} end
patched.new("x")
local wrapped = require("shapes")
wrapped.distance = function(text: string) return text end
wrapped.distance("x")
local found = M.nearest({x = 0, y = 0}, {{x = 1, y = 1}, shapes.new(2, 2)})
if found then print(found.x, shapes.extra, shapes.unknown and shapes.unknown()) end
local p = shapes.new(1, 2)
p:move(1, 1)
print(p.x + p.y, M.origin.x)
local checked, err = shapes.Point:is({x = 1})
if err then print(err:message()) else print(checked.x) end
return M

type Point = {x: number, y: number}
local M = {}
M.__index = M
M.origin = {x = 0, y = 0}
function M.new(x: number, y: number): Point
  return setmetatable({x = x, y = y}, M)
end
function M:move(dx: number, dy: number) self.x, self.y = self.x + dx, self.y + dy return self end
function M.distance(a: Point, b: Point): number
  local dx, dy = a.x - b.x, a.y - b.y
  return math.sqrt(dx * dx + dy * dy)
end
M.Point = Point
return M

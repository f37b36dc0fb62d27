type Point = {x: number, y: number}
type Shape = {kind: "circle", r: number} | {kind: "square", w: number}
local p: Point = {x = 1, y = 2}
print(p.z) --! E0004
print(p["w"]) --! E0004
local n = 5
print(n.x) --! E0005
local yes = true
print(yes.no) --! E0005
print((1).a) --! E0005
local function area(s: Shape): number
  if s.kind == "circle" then
    return s.w --! E0004
  end
  return s.w
end
local function opt(q: Point?): number
  return q.x --! E0023
end
local function opt_write(q: Point?)
  q.x = 1 --! E0023
end
local function unknown(v: unknown)
  return v.field --! E0005
end
local function index(q: {string}?)
  return q[1] --! E0023
end
local function after(q: Point?): number
  if q then print(q.x) end
  return q.x --! E0023
end
local function either(q: Point?): number
  if q == nil then
    print("none")
  end
  return q.y --! E0023
end
local function reassigned(q: Point?, r: Point?): number
  if not q then return 0 end
  q = r
  return q.x --! E0023
end
local function looped(q: Point?, list: {Point?}): number
  local last = q
  for _, each in ipairs(list) do
    q = each
  end
  return q.x --! E0023
end
print(area, opt, opt_write, unknown, index, after, either, reassigned, looped)

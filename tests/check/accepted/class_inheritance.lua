local Base = {}
Base.__index = Base
function Base.extend(parent)
  local cls = {}
  cls.__index = cls
  cls.super = parent
  return setmetatable(cls, {__index = parent, __call = function(c, ...)
    local obj = setmetatable({}, c)
    if c.init then c.init(obj, ...) end
    return obj
  end})
end
function Base:is_a(cls)
  local meta = getmetatable(self)
  while meta do
    if meta == cls then return true end
    meta = meta.super
  end
  return false
end

local Shape = Base:extend()
function Shape:init(name: string) self.name = name end
function Shape:area(): number return 0 end
function Shape:describe(): string return self.name .. ": " .. string.format("%.2f", self:area()) end

local Circle = Shape:extend()
function Circle:init(r: number)
  Shape.init(self, "circle")
  self.r = r
end
function Circle:area(): number return math.pi * self.r ^ 2 end

local Square = Shape:extend()
function Square:init(w: number)
  self.super.init(self, "square")
  self.w = w
end
function Square:area() return self.w * self.w end

local shapes = {Circle(2), Square(3)}
shapes[#shapes + 1] = Circle(1)
table.sort(shapes, function(p, q) return p:area() < q:area() end)
for i, s in ipairs(shapes) do print(i, s:describe(), s:is_a(Circle), s.w, s.r) end

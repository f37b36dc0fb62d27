local Events = {}
function Events:on(name: string, fn)
  self.handlers = self.handlers or {}
  self.handlers[name] = self.handlers[name] or {}
  table.insert(self.handlers[name], fn)
  return self
end
function Events:emit(name: string, ...)
  for _, fn in ipairs((self.handlers or {})[name] or {}) do fn(self, ...) end
  return self
end

local function mixin(target, ...)
  for _, source in ipairs({...}) do
    for k, v in pairs(source) do target[k] = v end
  end
  return target
end

type Player = {name: string, score: integer}
local Player = mixin({}, Events)
Player.__index = Player
function Player.new(name: string): Player
  return setmetatable({name = name, score = 0}, Player)
end
function Player:win(points: integer)
  self.score = self.score + points
  self:emit("win", points)
end

local p = Player.new("ann")
p:on("win", function(who, points) print(who.name, points) end)
p:win(3)
p:emit("lose")
p.level = 2
print(p.score + p.level)

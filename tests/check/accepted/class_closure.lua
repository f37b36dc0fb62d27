type Stack<T> = {push: (T) -> (), pop: () -> T?, size: () -> integer}

local function stack<T>(): Stack<T>
  local items = {}
  local n = 0
  return {
    push = function(v) n = n + 1; items[n] = v end,
    pop = function()
      if n == 0 then return nil end
      local v = items[n]
      items[n] = nil
      n = n - 1
      return v
    end,
    size = function() return n end,
  }
end

local function counter(start: integer?)
  local n = start or 0
  local self = {}
  function self.inc(by: integer?) n = n + (by or 1) return n end
  function self.get(): integer return n end
  self.reset = function() n = start or 0 end
  return self
end

local s: Stack<string> = stack()
s.push("a")
s.push("b")
local top = s.pop()
if top then print(top:upper()) end
local c = counter(5)
c.inc()
c.inc(3)
c.reset()
print(c.get() + 1, s.size() * 2)

type Node = {value: integer, next: Node?}
type List = {head: Node?, size: integer, add: (self: List, v: integer) -> List, each: (self: List, f: (integer) -> ()) -> ()}

local function list(): List
  local l: List = {
    head = nil,
    size = 0,
    add = function(self, v)
      self.head = {value = v, next = self.head}
      self.size = self.size + 1
      return self
    end,
    each = function(self, f)
      local at = self.head
      while at ~= nil do
        f(at.value)
        at = at.next
      end
    end,
  }
  return l
end

local l = list():add(1):add(2)
local sum = 0
l:each(function(v) sum = sum + v end)
if l.head and l.head.next then print(l.head.next.value + sum) end
print(l.size)

type Counter = {n: integer}
type Handler = (event: string, data: any) -> boolean
type Node<T> = {value: T, next: Node<T>?}
type Stack<T> = {items: {T}, push: (self: Stack<T>, item: T) -> (), pop: (self: Stack<T>) -> T?}
type Result = {ok: true, value: number} | {ok: false, error: string}
type Base = {id: integer}
type Full = Base & {title: string}

local Animal = {}
Animal.__index = Animal
function Animal.new(name: string, sound: string?)
  local self = setmetatable({}, Animal)
  self.name = name
  self.sound = sound or "..."
  return self
end
function Animal:speak(times: integer?): string
  return self.name .. self.sound:rep(times or 1)
end
function Animal:rename(name: string)
  self.name = name
  return self
end
local Dog = setmetatable({}, {__index = Animal, __call = function(cls, name) return cls.new(name) end})
Dog.__index = Dog
function Dog.new(name: string)
  local self = Animal.new(name, "woof")
  return setmetatable(self, Dog)
end
function Dog:speak(): string return Animal.speak(self) .. "!" end
local dog = Dog("rex")
print(dog:speak(), Dog.new("x"):rename("y"):speak(), Animal.new("cat"):speak(2))

local Vector = {}
Vector.__index = Vector
Vector.__add = function(a, b) return Vector.new(a.x + b.x) end
function Vector.new(x: number) return setmetatable({x = x}, Vector) end
print((Vector.new(1) + Vector.new(2)).x, Vector.new(1) + "x")

local function listen(name: string, handler: Handler): () handler(name, {}) end
listen("a", function(event, data)
  print(event:upper(), data.anything)
  return true
end)

local function walk(list: Node<string>?): {string}
  local out: {string} = {}
  local node = list
  while node do
    out[#out + 1] = node.value:upper()
    node = node.next
  end
  return out
end

local function length(list: Node<number>?): integer
  local node: Node<number>? = list
  local n = 0
  while node do
    n = n + 1
    node = node.next
  end
  return n
end

local function stack(): Stack<string>
  return {
    items = {},
    push = function(self, item) self.items[#self.items + 1] = item end,
    pop = function(self) return table.remove(self.items) end,
  }
end
local s = stack()
s:push("a")
print(s:pop(), #s.items)

local function outcome(r: Result): number
  if r.ok then return r.value end
  error(r.error)
end

local function full(f: Full): string
  local base: Base = f
  return f.title .. base.id .. f.id
end

local function or_error(x: string?): string
  local y: string = x or error("none")
  return y
end

local function default_table(options: {retries: integer?, tags: {string}?}?): integer
  options = options or {}
  local retries = options.retries or 3
  for _, tag in ipairs(options.tags or {}) do print(tag:upper()) end
  return retries
end

local cache: {[string]: {integer}} = {}
local function remember(key: string, n: integer): {integer}
  cache[key] = cache[key] or {}
  table.insert(cache[key], n)
  local list = cache[key]
  if not list then
    list = {}
    cache[key] = list
  end
  return list
end

local handlers: {[string]: (any) -> any} = {}
handlers.a = function(x) return x.y end
for name, handler in pairs(handlers) do print(name:upper(), handler(1)) end
if handlers.b then handlers.b(1) end
handlers["c"](2)

local function retry<T>(times: integer, f: () -> T): T?
  for i = 1, times do
    local ok, value = pcall(f)
    if ok then return value end
    if i == times then return nil end
  end
  return nil
end
print((retry(3, function() return 1 end) or 0) + 1)

local function filter<T>(list: {T}, keep: (T, integer) -> boolean): {T}
  local out: {T} = {}
  for i, each in ipairs(list) do
    if keep(each, i) then table.insert(out, each) end
  end
  return out
end
local users: {{name: string, age: integer}} = {{name = "a", age = 1}}
for _, user in ipairs(filter(users, function(u) return u.age > 18 end)) do print(user.name:upper()) end

local state = "idle"
local function step()
  if state == "idle" then state = "busy" elseif state == "busy" then state = "done" end
  return state
end
step()
if state == "done" then print(state) end
local total = 0
for i = 1, 10 do total = total + i / 2 end
local found
for _, user in ipairs(users) do
  if user.name == "a" then found = user break end
end
if found then print(found.name) end
local x = nil
if total > 1 then x = "text" else x = {1} end
print(x, #x)
local ch = channel.new(1)
local result = channel.select({ch:case_receive(), default = true})
if result.channel == ch and result.ok then print(result.value.any) end
local function main(...)
  local first, second = ...
  local args = {...}
  return first, second, #args, select("#", ...)
end
return {
  main = main, walk = walk, length = length, outcome = outcome, full = full, or_error = or_error,
  default_table = default_table, remember = remember, Counter = Counter,
}

type Item = {id: string, parent: Item?, meta: {[string]: string?}?, tags: {string}?}
type Slots = {[string]: Item?}
type Handler = (event: string, ...any) -> any
type List<T> = {items: {T}, add: (self: List<T>, item: T) -> List<T>, map: (self: List<T>, f: (T) -> any) -> {any}}
type Color = "red" | "green"
local Color = {RED = "red", GREEN = "green"}
local function color(c: Color): string return c end
color(Color.RED) color("green")
local slots: Slots = {}
local path = {key = "a", index = 1}
local list: {Item?} = {}
if slots[path.key] then print(slots[path.key].id) end
if list[path.index + 1] and list[path.index + 1].parent then print(list[path.index + 1].parent.id) end
if list[#list] then print(list[#list].id) end
if not slots.a then slots.a = {id = "x"} end
print(slots.a.id)
local name = "b"
slots[name] = slots[name] or {id = name}
print(slots[name].id)
local item: Item = {id = "x", meta = {}}
item.meta.note = "text"
if item.meta and item.meta.note then print(item.meta.note:upper()) end
local function each(f: Handler?, ...: any)
  f = f or function() end
  f("start", ...)
  if f then f("end") end
end
each() each(function(event) print(event:upper()) end) each(function() return 1 end, 1, 2)
local function maybe(cb: ((number) -> ())?)
  local _ = cb and cb(1)
  if not cb then return end
  cb(2)
  for _ = 1, 2 do cb(3) end
  local function later() cb(4) end
  later()
end
maybe(nil)
local function pick(n: integer): string
  local words: {string} = ({"a", "b"})[n] and {"x"} or {}
  local first = words[1] or "none"
  return (first)
end
local function results(): (string, error?) return "x" end
local function only(): string return results() end
local function shortened(): string return (results()) end
local function passed(...: string): (string?, string?)
  local a, b = ...
  local c: string? = select(2, ...)
  return a, b or c
end
local function add<T>(self: List<T>, item: T): List<T>
  self.items[#self.items + 1] = item
  return self
end
local numbers: List<number> = {items = {}, add = add, map = function(self, f)
  local out = {}
  for i, v in ipairs(self.items) do out[i] = f(v) end
  return out
end}
print(numbers:add(1):add(2.5):map(function(n) return n + 1 end)[1])
local ok: boolean, err: string? = pcall(pick, 1)
local joined: string = 5 .. "" .. 2.5
local parsed: integer = tonumber("5") or 0
local doubled: number = (tonumber("5") or 0) * 2
local stamp: integer = os.time({year = 2024, month = 1, day = 2})
local sum, count = 0, 0
for _, n in ipairs({1, 2.5}) do sum, count = sum + n, count + 1 end
local average: number = count > 0 and sum / count or 0
local a: string, b: number = "x", 1
local c, d = b, a
a, b = d, c
local memo: {[string]: {[string]: integer}} = {}
local function bump(x: string, y: string): integer
  local row = memo[x]
  if row == nil then
    row = {}
    memo[x] = row
  end
  row[y] = (row[y] or 0) + 1
  return row[y]
end
local function fib(n: integer): integer
  if n < 2 then return n end
  return fib(n - 1) + fib(n - 2)
end
local even, odd
function even(n: integer): boolean if n == 0 then return true end return odd(n - 1) end
function odd(n: integer): boolean if n == 0 then return false end return even(n - 1) end
local text: string | error = errors.new("x")
local shown: string = tostring(text) .. text
local queue = {first = 1, last = 0, items = {}}
local function push(v) queue.last = queue.last + 1 queue.items[queue.last] = v end
push(1) push("x")
local function parse(raw: string | {text: string} | nil): string
  if type(raw) == "table" then raw = raw.text end
  raw = raw or ""
  return raw:upper()
end
local function walk(node: Item?, depth: integer?): integer
  depth = depth or 0
  if not node then return depth end
  for i, tag in ipairs(node.tags or {}) do print(i, tag:upper(), depth) end
  return walk(node.parent, depth + 1)
end
local function wait(f: () -> (string?, error?)): string
  local value, problem
  repeat
    value, problem = f()
    if problem and problem:kind() ~= errors.UNAVAILABLE then error(problem) end
  until value
  return value
end
local function until_nil(f: () -> Item?): integer
  local n, at = 0, f()
  while at do
    if at.parent == nil then break end
    n, at = n + 1, at.parent
  end
  return n + (at and 1 or 0)
end
local state: {phase: "a" | "b" | "c", n: integer} = {phase = "a", n = 0}
local function advance()
  if state.phase == "a" then
    state.phase = "b"
    state.n = state.n + 1
    if state.phase == "b" then print(state.n) end
  elseif state.phase == "b" then state.phase = "c" end
end
advance()
if state.phase == "c" then print("end") end
local bits: 0 | 1 = 1
bits = bits == 1 and 0 or 1
local unit: () -> nil = function() end
local any_result: () -> any = function(): () end
local entries: {{[string]: any}} = {{a = 1, b = "x"}, {c = {1}}}
for _, e in ipairs(entries) do for k, v in pairs(e) do print(k:upper(), v.x) end end
local nested = {list = {{name = "x"}}}
print(nested.list[1].name, nested["list"][1]["name"], #nested.list)
print(color, pick, only, shortened, passed("x"), ok, err, joined, parsed, doubled, stamp, average, a, b, bump, fib(3))
print(even(2), shown, parse(), walk(), wait, until_nil, bits, unit, any_result)
return {Item = Item, List = List}

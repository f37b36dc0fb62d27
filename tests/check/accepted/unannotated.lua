local function fetch(id)
  if not id then return nil, "no id" end
  if id == 0 then return nil, errors.new({kind = errors.NOT_FOUND, message = "none"}) end
  return {id = id, items = {{sku = "a", n = 1}}}
end
local function check(err) if err then error(err) end end
local order, err = fetch(1)
check(err)
print(order.id, order.items[1].sku)
local other, problem = fetch(0)
if problem then print(problem:kind()) end
if other then print(other.items.n) end
local cached
local function get()
  if not cached then cached = {value = 1} end
  return cached.value
end
local x
if get() > 0 then x = 1 else x = "one" end
print(x, get())
local total
for _, item in ipairs(order.items) do total = (total or 0) + item.n end
print(total + 1)
local mode = "a"
if order.special then mode = "b" end
if mode == "b" then print("b") end
local handler = nil
local function set(h) handler = h end
set(function() return 1 end)
if handler then handler() end
local value = 1
value = "text"
print(value:upper())
value = {a = value}
print(value.a)
local i = 0
while i < 3 do i = i + 1 end
local done = false
repeat done = i > 2 until done
local name = order.name or order.title or "untitled"
print(name:len(), #name)
local num = "5"
num = tonumber(num)
print(num + 1)
local obj = {n = 1}
obj.n = "x"
obj = nil
obj = obj or {n = 2}
print(obj.n)
local a, b, c = 1
print(a, b, c)
local t = setmetatable({}, {__index = function(_, k) return k end})
print(t.anything, t[1])

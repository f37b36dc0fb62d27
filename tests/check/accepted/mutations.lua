-- FP probing 3: untyped code with literal-looking locals mutated in odd ways
local status = "new"
local function set(s) status = s end
set("x")
if status == "x" then print(1) end
local count = 0
local handlers = {inc = function() count = count + 1 end}
handlers.inc()
if count == 1 then print(count) end
local found = false
for _, v in ipairs({1}) do if v == 1 then found = true end end
if found then print("f") end
local first = true
local out = ""
for i = 1, 3 do
  if not first then out = out .. "," end
  first = false
  out = out .. i
end
local last = nil
for i = 1, 3 do
  if last ~= nil and last > i then print(last) end
  last = i
end
local result, err = nil, nil
local ok = pcall(function() result = {a = 1} end)
if result then print(result.a) end
local x = 5
x = tostring(x)
x = x:rep(2)
local y
y = {}
y.a = 1
y = y.a
print(y + 1)
local mode = arg and "a" or nil
if mode == "a" then print(mode:upper()) end
local t = {}
t.x = nil
t.y = t.x or {}
t.y.z = 1
t[1], t[2] = 1, "x"
print(t[1] + 1, t[2]:upper())
local n = tonumber("x")
if not n then n = 0 end
n = n + 1
local s = nil
if n > 1 then s = "a" elseif n < 0 then s = "b" end
if s then print(s:upper()) end
print((s or ""):upper())
local function f(a, b)
  a = a or {}
  b = b or "x"
  a.list = a.list or {}
  a.list[#a.list + 1] = b
  if type(b) == "number" then b = tostring(b) end
  return a, b:upper()
end
f() f({}, 5) f(nil, "x")
local cache = {}
local function get(k)
  if cache[k] == nil then cache[k] = {n = 0} end
  cache[k].n = cache[k].n + 1
  return cache[k]
end
get("a").n = 5
local state = {value = nil, err = nil}
local function load() state.value = 5 end
load()
if state.value then print(state.value + 1) end
local done = false
coroutine.spawn(function() done = true end)
while not done do if done then break end end
if done == true then print("x") end
local v = false
v = v or 5
print(v + 1)
local w = nil
w = w and w.x or 1
print(w)
local data = json and json.decode("{}") or {}
print(data.x)
local num = 10
if num == "10" then print("never") end
num = "a" .. num
local fn = nil
local function later() return fn and fn() end
fn = function() return 1 end
print(later(), fn())
local opts = {timeout = 5}
opts.timeout = "5s"
opts = {timeout = false}
if opts.timeout == false then print("x") end
local i, j = 1
while i < 3 do i, j = i + 1, i end
print(i, j)
local acc = 0
local add = function(...) for _, k in ipairs({...}) do acc = acc + k end return acc end
add(1, 2)
local parts = {}
for k in ("a,b"):gmatch("%w") do parts[#parts + 1] = k end
local a, b = parts[1], parts[2]
print(a .. b, #a)
local str = "x"
str = str == "x" and 1 or str
print(str)
local z = 1
do z = "s" end
print(z:upper())
local p = 1
if found then p = "s" end
print(p)
print(p == 1 and p + 1 or p:upper())
local q = found and 1 or "s"
if type(q) == "number" then print(q + 1) else print(q:upper()) end
local r = found and {1} or nil
for _, e in ipairs(r or {}) do print(e) end
local flag = 1 == 1
flag = not flag and "x"
print(flag)

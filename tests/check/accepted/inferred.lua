-- Values whose types are found out.
type Shape = {area: (self: Shape) -> number, name: string}
type Tree<T> = {value: T, children: {Tree<T>}}
type Result<T> = {ok: boolean, value: T?, error: string?}
type Pred<T> = (T) -> boolean
local function square(w: number): Shape
  local self = {name = "square"}
  function self:area() return w * w end
  return self
end
local function circle(r: number): Shape
  local c: Shape = {name = "circle", area = function() return r * r end}
  return c
end
local function scaled(s: Shape, by: number): Shape
  return {name = s.name, area = function(self) return s:area() * by end}
end
local shapes = {square(1), circle(2)}
table.insert(shapes, scaled(shapes[1], 2))
local function leaf<T>(value: T): Tree<T> return {value = value, children = {}} end
local function node<T>(value: T, ...: Tree<T>): Tree<T> return {value = value, children = {...}} end
local function fold<T, A>(t: Tree<T>, acc: A, f: (A, T) -> A): A
  acc = f(acc, t.value)
  for _, c in ipairs(t.children) do acc = fold(c, acc, f) end
  return acc
end
local t = node(1, leaf(2), node(3, leaf(4)))
print(fold(t, 0, function(a, v) return a + v end) + 1)
print(fold(t, {}, function(a, v) a[#a + 1] = v return a end)[1])
local function ok<T>(v: T): Result<T> return {ok = true, value = v} end
local function fail<T>(e: string): Result<T> return {ok = false, error = e} end
local function try<T>(f: () -> T): Result<T>
  local good, v = pcall(f)
  if good then return ok(v) end
  return fail(tostring(v))
end
local function unwrap<T>(r: Result<T>): T
  if not r.ok then error(r.error or "failed") end
  return r.value
end
print(unwrap(try(function() return 5 end)) + 1)
local function any_of<T>(list: {T}, p: Pred<T>): boolean
  for _, v in ipairs(list) do if p(v) then return true end end
  return false
end
print(any_of({1, 2}, function(n) return n > 1 end), any_of({"a"}, function(s) return s:len() > 0 end))
local registry: {[string]: (...any) -> any} = {print = print, max = math.max, upper = string.upper}
registry.lower = string.lower
registry["x"] = function(a, b) return a end
local enum = {A = 1, B = 2}
type Enum = keyof(typeof(enum))
local by_value = {}
for k, v in pairs(enum) do by_value[v] = k end
print(by_value[1]:lower())
local date = os.date("*t")
print(date.year + 1, os.date("%Y") .. "x")
local n = 0
local ops: {[string]: (number, number) -> number} = {
  ["+"] = function(a, b) return a + b end,
  ["/"] = function(a, b) if b == 0 then error("zero") end return a / b end,
}
print(ops["+"](1, 2) + n, (ops["*"] or ops["+"])(1, 2))
local buffer = {}
local function write(...) for i = 1, select("#", ...) do buffer[#buffer + 1] = tostring((select(i, ...))) end end
write(1, nil, "x")
print(table.concat(buffer, ","):upper())
local obj = setmetatable({}, {__index = {greet = function(self, n: string) return "hi " .. n end}, __call = function(self, x) return x end,
  __add = function(a, b) return a end, __concat = function(a, b) return "" end, __len = function() return 1 end, __lt = function() return true end})
print(obj:greet("x"), obj(1), obj + 1, obj .. "x", #obj, obj < obj, -5 % 3)
local lines = ("a\nb"):gmatch("[^\n]+")
for line in lines do print(line:upper()) end
for k, v in next, {a = 1} do print(k, v) end
for i, v in ipairs(select(2, 1, {"x"})) do print(i, v) end
local packed = {n = select("#", 1, 2), ...}
print(packed.n + 1, packed[1])
local function default(v, d) if v == nil then return d end return v end
print(default(nil, 1) + 1, default("x", 1))
local weird: number | string | nil = default(nil, 2)
if type(weird) ~= "number" then weird = tonumber(weird) or 0 end
print(weird + 1)
local ok2, res = pcall(function() return {a = 1} end)
print(ok2 and res.a)
local function multi(): (number?, string?, error?) return 1, "x", nil end
local m1, m2, m3 = multi()
if m3 then return m3 end
print(m1 + 1, m2:upper())
local q: {string} | string = {"a"}
if type(q) == "string" then q = {q} end
for _, s in ipairs(q) do print(s:upper()) end
local up: {name: string, next: any}? = nil
while up do up = up.next end
local function cb(f: ((err: error?, data: string?) -> ())) f(nil, "x") end
local conf = {debug = false, level = 1}
conf.debug = conf.level > 0
conf.level = conf.debug and 2 or "none"
local total: number = 0
for _, v in pairs({a = 1, b = 2.5}) do total = total + v end

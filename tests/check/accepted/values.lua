type Level = "low" | "high"
type Options = {level: Level, tags: {string}, limits: {[string]: number}?, done: ((string) -> boolean)?}
type Point = {x: number, y: number}
type Named = {name: string}
type Aged = {age: integer}
type Tree = {value: integer, left: Tree?, right: Tree?}
type Json = nil | boolean | number | string | {Json} | {[string]: Json}
type Box<T> = {value: T}
type Short = string @max_len(3)
interface Reader
  function read(n: integer): string
  function close()
end

local level = "low"
local options: Options = {level = level, tags = {}, limits = {a = 1, b = 2.5}, extra = true}
options = {level = "high", tags = {"a", "b"}, done = function(text) return text:len() > 2 end}
local empty: {[string]: Point} = {}
empty.a = {x = 1, y = 2}
empty["b"] = nil
local person: Named & Aged = {name = "a", age = 1}
print(person.name, person.age + 1)
local tree: Tree = {value = 1, left = {value = 2, right = {value = 3}}}
print(tree.left and tree.left.value)
local json: Json = {a = {1, "x", {b = true}}}
local box: Box<string> = {value = "a"}
print(box.value:upper(), json)
local short: Short = "a long text"
local text: string = short
local float: number = 1
local whole: integer = 3.0
local third: integer = 7 // 2
local rest: integer = 7 % 2
local wide: number = whole
local floor: integer = math.floor(2.5)
local half: integer = 10 / 2
local count: integer = select("#", 1, 2) + #"abc"
local number = tonumber("12")
local sum = number + 1
local probe: Point = {x = 1, y = 2}
if probe.z then print(probe.z) end
print(probe.name or "none", not probe.w, type(probe.v))
if probe.q == nil or probe.q ~= 1 then print("none") end
local list: {Point} = {{x = 1, y = 2}}
local first: Point = list[1]
local maybe: Point? = list[2]
for i, point in ipairs(list) do print(i + 1, point.x) end
for key, value in pairs(options.limits or {}) do print(key:upper(), value + 1) end
list[#list + 1] = {x = 0, y = 0}
list[1] = nil
local class = {}
class.__index = class
type Counter = {n: integer}
function class.new(n: integer): Counter
  return setmetatable({n = n}, class)
end
function class:add(by: integer): Counter
  self.n = self.n + by
  return self
end
local counter = class.new(1)
print(counter:add(2):add(3).n)
local open = {}
open.a = 1
function open.f(a, b) return a, b end
function open:g(x) self.seen = x return self end
print(open.a, open.missing, open.f(1), open:g(2):g(3))
local function vararg(...: number): number
  local all = {...}
  local n = select("#", ...)
  return n + #all
end
print(vararg(1, 2, 3), vararg())
local function map<T, U>(items: {T}, f: (T) -> U): {U}
  local out: {U} = {}
  for i, item in ipairs(items) do out[i] = f(item) end
  return out
end
local lengths = map({"a", "b"}, function(s) return #s end)
print(lengths[1] + 1)
local function identity<T>(x: T): T return x end
print(identity("a"):upper(), identity(1) + 1, identity(true))
local function unannotated(a, b) return a, b end
unannotated() unannotated(1) unannotated(1, 2)
local function partly(a: string, b) return a, b end
partly("x") partly("x", 1, 2)
local function optional(a: string, b: number?, c: any) return a, b, c end
optional("x") optional("x", nil, 1)
local s: string, err = tostring(1), nil
local ok, value = pcall(function() return 1 end)
print(s, err, ok, value, value.x, ok and value + 1)
local reader: Reader = {read = function(n) return "x" end, close = function() end}
print(reader:read(3):upper())
local e: error = errors.new("x")
local function takes(t: string) return t end
takes(e)
print("x" .. e, e .. "y", e:message())
local cast = (value :: Point).x + (value as number) + #(value :: string)
local nn = maybe!
local function handler(cb: (string, integer) -> ()) cb("x", 1) end
handler(function(s) print(s:upper()) end)
handler(function() end)
local function forward(...) return unannotated(...) end
forward(1)
local function returns_tail(): (string, integer) return ("x"):gsub("a", "b") end
local function nothing(): () return end
local function perhaps(): string? end
local point = Point({x = 1, y = 2})
print(point.x, Point:is({}), returns_tail(), nothing(), perhaps(), cast, nn)
local recursive
recursive = function(n) if n > 0 then return recursive(n - 1) end return n end
local a, b = "x", 1
a, b = b, a
print(text, float, third, rest, wide, floor, half, count, sum, first, recursive(3), a, b)
local cond = ok and {x = 1, y = 2} or nil
local chosen: Point? = cond
local nums: {number} = {1, 2.5, nil, 4}
table.sort(nums, function(p, q) return p < q end)
print(chosen, table.concat({"a"}, ","), ("x"):rep(3):len(), math.max(1, 2) + 1)

type Point = {x: number, y: number}
type Box<T> = {value: T}
interface Reader
  function read(n: integer): string
end
function add(a: number, b: number): number return a + b end
local api = {half = function(n: number): number return n / 2 end}
local point: Point = {x = 1, y = 2}
local list: {number} = {1}
local reader: Reader = {read = function(n) return "" end}

add("x", 1) --! E0000
add(1) --! E0003
api.half("x") --! E0000
reader:read("x") --! E0000
local text: number = reader:read(1) --! E0000
print(point + 1) --! E0019
print(list .. "x") --! E0019
print({} + 1) --! E0019
print("a" .. {}) --! E0019
print(point()) --! E0002
print(list[1].x) --! E0005
print(point.x.y) --! E0005
local box: Box<number> = {value = "x"} --! E0000
local both: {number, string} = {1, 2} --! E0000
local none: never = 1 --! E0000
local function call(cb: (number) -> string): number
  cb("x") --! E0000
  cb() --! E0003
  return cb(1) --! E0000
end
local function texts(): string return "x" end
add(texts(), 1) --! E0000
add(1, texts()) --! E0000
local word = "x"
word = word .. 1
local size: string = #word --! E0000
point.x = word .. "y" --! E0000
local n: number = 5
n = n .. "a" --! E0000
n = point.x > 1 and "big" or 1 --! E0000
print((nil).x) --! E0023
local deep: {inner: {leaf: number?}?} = {}
print(deep.inner.leaf) --! E0023
if deep.inner then add(deep.inner.leaf, 1) end --! E0000
print(text, box, both, none, call, size)

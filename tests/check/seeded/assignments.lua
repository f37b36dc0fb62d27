type Point = {x: number, y: number}
type Mode = "fast" | "slow"
type User = {name: string, age?: integer}

local a: number = "text" --! E0000
local b: string = 42 --! E0000
local c: boolean = nil --! E0000
local d: integer = 1.5 --! E0000
local e: Mode = "medium" --! E0000
local f: Point = {x = 1} --! E0000
local g: Point = {x = 1, y = "2"} --! E0000
local h: {number} = {1, "two", 3} --! E0000
local i: {[string]: number} = {a = "x"} --! E0000
local j: string | number = true --! E0000
local k: {string} = 5 --! E0000
local l: User = {age = 3} --! E0000
local m: () -> () = "f" --! E0000
local n: string, o: number = "x", "y" --! E0000
local p: string, q: number = "x" --! E0000

a = "again" --! E0000
local point: Point = {x = 1, y = 2}
point.x = "one" --! E0000
point.z = 1 --! E0004
point = nil --! E0000
local maybe: string? = os.date() ~= "" and "x" or nil
local sure: string = maybe --! E0000
local numbers: {number} = {1}
numbers[1] = "x" --! E0000
local scores: {[string]: integer} = {}
scores.bob = "ten" --! E0000
local s: string = b
local t: number = s --! E0000
local u: unknown = s
local v: string = u --! E0000
local fixed: readonly {number} = {1}
fixed[1] = 2 --! E0008
local words: {integer} = {1}
local wide: {number} = words --! E0000
local double: (number) -> number = function(x) return "x" end --! E0000
local nested: {Point} = {{x = 1, y = 2}, {x = 1}} --! E0000
local inner: {p: Point} = {p = {x = 1, y = true}} --! E0000
for step = 1, "ten" do print(step) end --! E0000
print(c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, sure, t, v, wide, double, nested, inner)

type Point = {x: number, y: number}
type Animal = {name: string}
type Dog = {name: string, bark: () -> string}
type Options = {on: boolean?, level: ("a" | "b")?}
local dog: Dog = {name = "rex", bark = function() return "woof" end}
local dogs: {Dog} = {dog}
local animals: readonly {Animal} = dogs
local by_name: readonly {[string]: Animal} = {rex = dog}
local fresh: {Animal} = {dog, {name = "x", extra = 1}}
local takes_animal: (Animal) -> () = function(a) print(a.name) end
local takes_dog: (Dog) -> () = takes_animal
local gives_dog: () -> Dog = function() return dog end
local gives_animal: () -> Animal = gives_dog
local ignores: (string, number) -> () = function() end
local anything: any = dogs
local numbers: {number} = anything
anything = numbers
local function none() return 1 end
local function plain(a, b) return a, b end
local function partly(a: string, b) return a, b end
none(1) none(1, 2) plain(1, 2, 3) plain() partly("x", 1, 2) partly("x")
local function open(a: any, b: unknown, c: string?, d) return a, b, c, d end
open() open(1) open(1, 2)
local point: Point = {x = 1, y = 2}
if point.z then print(1) end
if not point.z then print(2) end
if point.z == nil or point.z ~= 1 then print(3) end
while point.w and point.w.v do break end
print(point.q or 1, point.q and 2, type(point.q), not point.q)
if type(point.q) == "string" then print(point.q:upper()) end
local maybe: string? = tostring(1)
local size: number? = 3
print("a" .. maybe, maybe .. "b", size + 1, size < 4, #maybe, -size, size .. "x")
local loose: any? = nil
print(loose.x, loose(), loose + 1)
local text = "a"
local level: "a" | "b" = "a"
local options: Options = {level = text == "a" and "a" or "b", on = nil, surplus = {}}
options = {}
local whole: integer = 7 // 2 + 7 % 2 + 2 * 3 - 1
local count: integer = #dogs + select("#", 1, 2)
local third: number = 10 / 3
local first: Dog, second: Dog? = dogs[1], dogs[2]
dogs[1] = nil
local map: {[string]: Point} = {}
map.a, map["b"] = {x = 1, y = 2}, nil
local found: Point, lost: Point? = map.a, map.missing
local unknown_shape = {}
print(unknown_shape[1], unknown_shape[text], unknown_shape[point], unknown_shape.deep)
local both: Point & {label: string} = {x = 1, y = 2, label = "p"}
local one: Point, other: {label: string} = both, both
print(both.x + 1, both.label:upper())
local function shorten(s: string @max_len(3)): string return s end
shorten("longer than three")
local function infer(items) return items[1] end
local x: number = infer({"x"})
local s: string, err = infer({}), nil
local function generic<T>(a: T, b: T): T return a or b end
local mixed: number = generic(infer({}), 1)
local function inner(): never error("x") end
local function ends(n: integer): string
  if n > 1 then return "a" end
  inner()
end
local function loops(): string
  while true do
    if none() then return "x" end
  end
end
local function covers(v: "a" | "b" | nil): integer
  if v == "a" then return 1 elseif v == "b" then return 2 elseif v == nil then return 3 end
end
local function typed(v: string | number): integer
  if type(v) == "string" then return 1 elseif type(v) == "number" then return 2 end
end
local function maybe_nothing(): string? if none() then return "x" end end
local function two(): (string?, error?) return end
local function dead(v: string): integer
  if false then return v end
  if v == nil then return v.x + {} end
  do return 1 end
  return "never reached"
end
print(animals, by_name, fresh, takes_dog, gives_animal, ignores, level, options, whole, count, third, first, second)
print(found, lost, one, other, x, s, err, mixed, ends, loops, covers, typed, maybe_nothing, two, dead)

type Tree = {left: Tree?, right: Tree?} | nil
type Json = nil | string | {Json} | {[string]: Json}
type Chain = {next: Chain}
type Either = Tree | Chain
type Channels = {Channel}
local list: {string} = {"a"}
local mixed: {[string | integer]: number} = {}
local any: {[any]: any} = {}
local by_mode: {["a" | "b"]: number} = {}
local key = "a"
local i = 1
print(list[1], list[i], list[#list], list[i + 1], list[tonumber("1")], list[key == "a" and 1 or 2])
print(mixed[1], mixed["x"], mixed[key], any[true], any[1.5], by_mode[key], by_mode.b)
for k, v in pairs(list) do print(list[k], v) end
for _, k in ipairs({1, 2}) do print(list[k]) end
local value: number
if i > 0 then value = 1 else value = 2 end
print(value)
local found: string
for _, each in ipairs(list) do
  if each == "a" then found = each break end
end
print(found)
local later: () -> number
local function call(): number return later() end
later = function() return 1 end
local filled: number
pcall(function() filled = 1 end)
print(call(), filled)
local empty: string?
if not empty then print(empty) end
local one, err = pcall(call)
local two, err = pcall(call)
print(one, two, err)
local M = {}
if i > 1 then
  function M.run() return 1 end
else
  function M.run() return 2 end
end
function M.a() end
function M.b() end
function M:c() end
local t = {["x"] = 1, y = 2, [1] = 3, 4, [2] = 5}
local _ = 1
local _ = 2
print(t, M, function(_, _, x) return x end)
local function inside<T>(x: T): T
  type Held = {value: T}
  type Nested = {held: Held?, more: {Nested}}
  local held: Held = {value = x}
  local nested: Nested = {held = held, more = {}}
  return nested.held and nested.held.value or held.value
end
print(inside(1) + 1)

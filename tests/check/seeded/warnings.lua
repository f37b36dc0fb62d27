type Point = {x: number, y: number, x: string} --! E0017
type Mode = "a" | "b"
type Mode = "c" --! E0017
type Loop = Loop --! E0013
type First = Second? --! E0013
type Second = First | nil --! E0013
type Short = Point @min(1)
local p: Pont = {} --! E0012
local list: {Point} = {}
local scores: {[string]: number} = {}
local names: {[integer]: string} = {}
local function twice(a: number, b: number, a: string) return b end --! E0017
local options = {retries = 1, timeout = 2, retries = 3} --! E0017
print(list["first"], list[true]) --! E0018 E0018
print(scores[1], names.x, names["y"], scores[true]) --! E0018 E0018 E0018 E0018
local key = "k"
print(list[key], names[key]) --! E0018 E0018
print(scores[nil], {[nil] = 1}) --! E0018 E0018
names[key] = "x" --! E0018
local M = {}
function M.load() return 1 end
function M.load() return 2 end --! E0017
function M:run() return 1 end
function M:run() return 2 end --! E0017
local total: number
print(total + 1) --! E0015
local count: integer
if p then count = 1 end
local label: string
local function read() return label end
label = "x"
local late: Mode
if p then print(late) else late = "b" end --! E0015
print(count, twice, options, read(), late)

type Money = {amount: integer, scale: integer}
local function round(x: number, places: integer?): number
  local factor = 10 ^ (places or 0)
  return math.floor(x * factor + 0.5) / factor
end
local function money(x: number): Money return {amount = math.floor(x * 100), scale = 2} end
local function mid(lo: integer, hi: integer): integer return (lo + hi) // 2 end
local function mean(list: {number}): number
  if #list == 0 then return 0 end
  local sum = 0
  for _, v in ipairs(list) do sum = sum + v end
  return sum / #list
end
local function index(hash: integer, size: integer): integer return hash % size + 1 end
local function clamp(x: number, lo: number, hi: number): number return math.max(lo, math.min(hi, x)) end
local function half(n: integer): integer
  local h = n / 2
  return math.tointeger(h) or math.floor(h)
end
local pages: integer = math.ceil(101 / 10)
local last: integer = #"abc" - 1
local big: number = 2 ^ 31
local bits: integer = 5 & 3 | 1 << 4
local negative: integer = -5
local time: integer = os.time() - 60
local roll: integer = math.random(1, 6)
local huge: number = -math.huge
for i = 10, 1, -1 do print(i, mid(1, i)) end
for x = 0, 1, 0.25 do print(x) end
for i = 1, #"abc" / 2 do print(i) end
print(round(1.25, 1), money(2.5).amount, mean({1, 2}), index(5, 2), clamp(1, 0, 5), half(3), pages, last, big, bits)
print(negative, time, roll, huge, math.abs(-1) + 1, math.pi * 2, 7 // 2 + 1, 1e3 + 0x10)

local function trim(s: string): string return (s:gsub("^%s+", ""):gsub("%s+$", "")) end
local function split(s: string, sep: string): {string}
  local out: {string} = {}
  for part in s:gmatch("([^" .. sep .. "]+)") do out[#out + 1] = part end
  return out
end
local function camel(s: string): string
  local text = s:gsub("_(%w)", function(c) return c:upper() end)
  return text
end
local function pad(n: number, width: integer): string
  local text = tostring(n)
  return ("0"):rep(width - #text) .. text
end
local function parse(line: string): (string?, number?)
  local key, value = line:match("^(%w+)=(%d+)$")
  if not key then return nil, nil end
  return key, tonumber(value)
end
local function find(s: string, what: string): integer
  local from, to = s:find(what, 1, true)
  if from then return to - from end
  return -1
end
local first, rest = ("a,b"):match("(%w),(.*)")
local name = first or "none"
print(trim(" x "), #split("a,b", ","), camel("a_b"), pad(3, 5), parse("a=1"), find("abc", "b"), name .. rest)
local bytes = {("abc"):byte(1, -1)}
for i, b in ipairs(bytes) do print(i + b, string.char(b)) end
print(("%s %d %5.2f"):format("a", 1, 2), string.format("%q", "x"), #"abc" + 1, "a" .. 1 .. 2.5)
print("a" < "b", ("x"):rep(3), ("abc"):sub(2), ("abc"):sub(-1, -1), string.upper("a"), ("A"):lower():reverse())
local count = select(2, ("a.b.c"):gsub("%.", ""))
print(count + 1)
local number = tonumber("0x10", 16)
if number then print(number * 2) end

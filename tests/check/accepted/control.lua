local function search(list: {integer}, wanted: integer): integer?
  for i, v in ipairs(list) do
    if v == wanted then return i end
  end
end
local function sign(n: number): integer
  if n > 0 then return 1 elseif n < 0 then return -1 else return 0 end
end
local function wait(n: integer): integer
  repeat
    n = n - 1
    if n == 5 then return n end
  until n <= 0
  return n
end
local function forever(f: () -> boolean): string
  while true do
    if f() then return "done" end
  end
end
local function nested(n: integer): string
  do
    if n > 1 then return "big" end
  end
  for i = 1, n do
    for j = i, n do
      if j == 3 then goto out end
    end
  end
  ::out::
  return "small"
end
local function guard(x: string?): string
  if x == nil then error("missing", 2) end
  return x
end
local function fail(message: string): never error(message) end
local function must(x: number?): number
  if x then return x end
  return fail("none")
end
local function level(name: "debug" | "info" | "error"): integer
  if name == "debug" then return 0 end
  if name == "info" then return 1 end
  return 2
end
local function mode(name: "a" | "b" | "c"): string
  if name == "a" or name == "b" then return "early"
  elseif name == "c" then return "late" end
end
local function ternary(x: integer): string return x > 0 and "pos" or x < 0 and "neg" or "zero" end
local function try(f: () -> number): number
  local ok, value = pcall(f)
  if not ok then return -1 end
  return value
end
local function cleanup(path: string): boolean
  local ok, err = xpcall(function() error("x") end, function(e) return "wrapped: " .. tostring(e) end)
  if not ok then print(path, err) end
  return ok
end
print(search({1}, 1), sign(1), wait(9), forever(function() return true end), nested(1), guard("x"), must(1), level("info"))
print(mode("a"), ternary(1), try(function() return 1 end), cleanup("x"))

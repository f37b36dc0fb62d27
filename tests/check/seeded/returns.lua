type User = {name: string}
local function a(x: number): string
  if x > 1 then return "big" end
end --! E0010
local function b(): number
  return "x" --! E0000
end
local function c(): (number, string)
  return 1 --! E0010
end
local function d(): number
  return --! E0010
end
local function e(): number
end --! E0010
local function f(x: string?): string
  return x --! E0000
end
local function g(): User
  return {} --! E0000
end
local function h(): (User, boolean)
  return nil --! E0000 E0010
end
local function i(x: number): number
  while x > 0 do
    x = x - 1
    if x == 5 then return x end
  end
end --! E0010
local function j(kind: "a" | "b"): number
  if kind == "a" then
    return 1
  end
end --! E0010
local k = function(): string
  for n = 1, 3 do return tostring(n) end
end --! E0010
local M = {}
function M.l(): boolean
  return 1 --! E0000
end
function M:m(): {string}
  return {1} --! E0000
end
local function n(): number
  while true do
    if M.l() then break end
  end
end --! E0010
print(a, b, c, d, e, f, g, h, i, j, k, n)

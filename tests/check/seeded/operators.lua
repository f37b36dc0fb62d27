local s, n, b = "a", 1, true
print(s + s) --! E0019
print(s + n) --! E0019
print("10" * 2) --! E0019
print(b + 1) --! E0019
print(-"x") --! E0019
print(-b) --! E0019
print("a" .. b) --! E0019
print("a" .. nil) --! E0019
print(#n) --! E0019
print(#b) --! E0019
print(s < n) --! E0019
print(b < b) --! E0019
print("x" // 2) --! E0019
print(s & 1) --! E0019
print(1 % "2") --! E0019
local function typed(text: string, flag: boolean): number
  return text - 1 --! E0019
end
local function length(x: number): integer
  return #x --! E0019
end
local function unknown(v: unknown): number
  return v + 1 --! E0019
end
print(typed, length, unknown)

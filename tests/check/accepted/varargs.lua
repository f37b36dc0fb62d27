local function log(level: string, format: string, ...: any)
  print(level .. ": " .. string.format(format, ...))
end
local function sum(...: number): number
  local total = 0
  for i = 1, select("#", ...) do total = total + select(i, ...) end
  for _, v in ipairs({...}) do total = total + v end
  return total
end
local function bind(f, ...)
  local held, n = {...}, select("#", ...)
  return function(...)
    local args = {unpack(held, 1, n)}
    for _, v in ipairs({...}) do args[#args + 1] = v end
    return f(unpack(args))
  end
end
local function head(...) local first = ... return first end
local function tail(_, ...) return ... end
local function tuple(): (number, string, boolean) return 1, "a", true end
local function wrap(...) local ok, a, b = pcall(...) if ok then return a, b end return nil, a end
log("info", "%d items", 3)
log("info", "none")
print(sum(), sum(1), sum(1, 2.5), bind(print, 1, 2)(3), head(1, 2), tail(1, 2))
local n, s, b = tuple()
print(n + 1, s:upper(), not b, (tuple()) + 1, select(2, tuple()))
local t = {tuple(), tuple()}
print(#t, wrap(tuple), wrap(error, "x"))
local function opt(first, ...)
  if first == nil then return "none" end
  local options = select(1, ...) or {}
  return options.name or first
end
print(opt(), opt(1), opt(1, {name = "x"}))

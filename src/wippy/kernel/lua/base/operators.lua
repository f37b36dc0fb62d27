-- Operators: helpers that emitted code calls, and the metatables of types that are no tables. Handlers of the latter
-- run only when an operation has failed, so they cost nothing where it succeeds.
local K = ...
local raw = K.raw
local rawtype, getmt, rawget, error, tonumber, mathtype, floor, setmt_any = raw.type, raw.getmetatable, raw.rawget,
  raw.error, raw.tonumber, raw.mathtype, raw.floor, raw.setmetatable_any
local typeof, float_text = K.typeof, K.float_text
local maxinteger, mininteger = raw.maxinteger, raw.mininteger
local rt = K.rt

-- A number as the integer that operators on integers see: without its fraction, at most the integer range.
local function truncated(x)
  if mathtype(x) == "integer" then return x end
  if x ~= x then return 0 end
  if x >= 0x1p63 then return maxinteger end
  if x < -0x1p63 then return mininteger end
  return x < 0 and -floor(-x) or floor(x)
end
K.truncated = truncated

-- The handler that an operand brings itself. Only tables can: the metatables of all other types are ours.
local function own(v, event)
  if rawtype(v) ~= "table" then return nil end
  local mt = getmt(v)
  return mt and rawget(mt, event)
end

-- Emitted helpers

rt.mtype = mathtype

function rt.str(x)
  if mathtype(x) == "float" then return float_text(x) end
  return x
end

rt["set"] = function(t, k, v)
  if k ~= nil and k == k then
    t[k] = v
    return
  end
  local mt = getmt(t)
  local handler = mt and rawget(mt, "__newindex")
  if handler == nil then
    if rawtype(t) ~= "table" then t[k] = v end
    return
  end
  if rawtype(handler) == "function" then handler(t, k, v) else rt.set(handler, k, v) end
end

local NO_KEY = {}

function rt.key(k)
  if k == nil or k ~= k then return NO_KEY end
  return k
end

function rt.fresh(t)
  t[NO_KEY] = nil
  return t
end

function rt.mod(a, b)
  if b == 0 and mathtype(a) == "integer" then return 0 / 0 end
  return a % b
end
local mod = rt.mod

-- Helpers may be tail calls, where no level is the user's: positions of ours are replaced when the error is caught.
local function not_number(a, b, what)
  local bad = rawtype(a) == "number" and b or a
  error("attempt to perform " .. what .. " on a " .. typeof(bad) .. " value")
end

function rt.idiv(a, b)
  if rawtype(a) ~= "number" or rawtype(b) ~= "number" then
    local handler = own(a, "__idiv") or own(b, "__idiv")
    if handler then return (handler(a, b)) end
    not_number(a, b, "arithmetic")
  end
  local divisor = truncated(b)
  if divisor == 0 then error("attempt to divide by zero") end
  return truncated(a) // divisor
end

local function shifted_right(a, n)
  if n < 0 then
    if n <= -64 then return 0 end
    return a << -n
  end
  if n < 63 then return a // (1 << n) end
  if n == 63 then return a < 0 and -1 or 0 end
  return 0
end

function rt.shr(a, b)
  if rawtype(a) ~= "number" or rawtype(b) ~= "number" then
    local handler = own(a, "__shr") or own(b, "__shr")
    if handler then return (handler(a, b)) end
    not_number(a, b, "bitwise operation")
  end
  return shifted_right(truncated(a), truncated(b))
end

function rt.shl(a, b)
  if rawtype(a) ~= "number" or rawtype(b) ~= "number" then
    local handler = own(a, "__shl") or own(b, "__shl")
    if handler then return (handler(a, b)) end
    not_number(a, b, "bitwise operation")
  end
  a, b = truncated(a), truncated(b)
  if b >= 0 then return b < 64 and a << b or 0 end
  if b == mininteger then return 0 end
  return shifted_right(a, -b)
end

-- Metatables

local ARITHMETIC = {
  add = function(a, b) return a + b end,
  sub = function(a, b) return a - b end,
  mul = function(a, b) return a * b end,
  div = function(a, b) return a / b end,
  mod = mod,
  pow = function(a, b) return a ^ b end,
}
local BITWISE = {
  band = function(a, b) return a & b end,
  bor = function(a, b) return a | b end,
  bxor = function(a, b) return a ~ b end,
  shl = function(a, b) return rt.shl(a, b) end,
  shr = function(a, b) return a >> b end,
}

local function arithmetic_handler(name)
  local event, text = "__" .. name, "cannot perform " .. name .. " operation between "
  return function(a, b)
    local handler = own(a, event) or own(b, event)
    if handler then return handler(a, b) end
    error(text .. typeof(a) .. " and " .. typeof(b), 2)
  end
end

-- Numeric strings take part in arithmetic.
local function string_arithmetic(name, operate)
  local event, text = "__" .. name, "cannot perform " .. name .. " operation between "
  return function(a, b)
    local handler = own(a, event) or own(b, event)
    if handler then return handler(a, b) end
    local t, u = rawtype(a), rawtype(b)
    local x = t == "number" and a or t == "string" and tonumber(a)
    local y = u == "number" and b or u == "string" and tonumber(b)
    if x and y then return operate(x, y) end
    error(text .. typeof(a) .. " and " .. typeof(b), 2)
  end
end

local function bitwise_handler(name, operate)
  local event = "__" .. name
  return function(a, b)
    local handler = own(a, event) or own(b, event)
    if handler then return handler(a, b) end
    if rawtype(a) == "number" and rawtype(b) == "number" then return operate(truncated(a), truncated(b)) end
    local bad = rawtype(a) == "number" and b or a
    error("attempt to perform bitwise operation on a " .. typeof(bad) .. " value", 2)
  end
end

local function bitwise_not(a)
  if rawtype(a) == "number" then return ~truncated(a) end
  error("attempt to perform bitwise operation on a " .. typeof(a) .. " value", 2)
end

local function integer_division(a, b)
  local handler = own(a, "__idiv") or own(b, "__idiv")
  if handler then return handler(a, b) end
  local bad = rawtype(a) == "number" and b or a
  error("attempt to perform arithmetic on a " .. typeof(bad) .. " value", 2)
end

local function concat(a, b)
  local handler = own(a, "__concat") or own(b, "__concat")
  if handler then return handler(a, b) end
  error("cannot perform concat operation between " .. typeof(a) .. " and " .. typeof(b), 2)
end

local function no_index(v, key)
  error("attempt to index a non-table object(" .. typeof(v) .. ") with key '" .. K.plain_text(key) .. "'", 2)
end

local function no_length() error("__len undefined", 2) end
local function no_minus() error("__unm undefined", 2) end

local function metatable(more)
  local mt = { __metatable = false, __index = no_index, __newindex = no_index }
  for name, operate in raw.next, BITWISE do mt["__" .. name] = bitwise_handler(name, operate) end
  mt.__bnot = bitwise_not
  for name, value in raw.next, more do mt[name] = value end
  return mt
end

local function full_metatable()
  local more = { __concat = concat, __idiv = integer_division, __len = no_length, __unm = no_minus }
  for name in raw.next, ARITHMETIC do more["__" .. name] = arithmetic_handler(name) end
  return metatable(more)
end

-- Numbers and strings: a numeric string takes part in arithmetic, on either side.
local numbers = { __concat = concat, __len = no_length }
for name, operate in raw.next, ARITHMETIC do numbers["__" .. name] = string_arithmetic(name, operate) end
setmt_any(0, metatable(numbers))
setmt_any(nil, full_metatable())
setmt_any(true, full_metatable())
setmt_any(raw.type, full_metatable())
setmt_any(raw.cocreate(raw.type), full_metatable())

local strings = full_metatable()
for name, operate in raw.next, ARITHMETIC do strings["__" .. name] = string_arithmetic(name, operate) end
function strings.__unm(a)
  local x = tonumber(a)
  if x then return -x end
  error("__unm undefined", 2)
end
strings.__len = nil
strings.__index = nil -- the string library, when it is there
K.string_metatable = strings
setmt_any("", strings)

-- Errors take part in concatenation with their message.
function K.error_class.__concat(a, b)
  local x, y = a, b
  if K.is_error(x) or mathtype(x) == "float" then x = K.text(x) end
  if K.is_error(y) or mathtype(y) == "float" then y = K.text(y) end
  if rawtype(x) ~= "table" and rawtype(y) ~= "table" and x ~= nil and y ~= nil then
    local t, u = rawtype(x), rawtype(y)
    if (t == "string" or t == "number") and (u == "string" or u == "number") then return x .. y end
  end
  local handler = not K.is_error(a) and own(a, "__concat") or not K.is_error(b) and own(b, "__concat")
  if handler then return handler(a, b) end
  error("cannot perform concat operation between " .. typeof(a) .. " and " .. typeof(b), 2)
end

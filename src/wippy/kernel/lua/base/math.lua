-- The math library: arithmetic gives floats, floor and ceil integers where they fit.
local K = ...
local raw = K.raw
local plain = raw.math
local mathtype, rawtype, select, error = raw.mathtype, raw.type, raw.select, raw.error
local floor, ceil, exp, log, fmod, random = plain.floor, plain.ceil, plain.exp, plain.log, plain.fmod, plain.random
local huge = raw.huge
local badarg = K.badarg
local number_arg, integer_arg = K.arg.number, K.arg.integer

local math = {
  pi = plain.pi,
  huge = 1.7976931348623157e308, -- the largest finite number
  maxinteger = raw.maxinteger,
  mininteger = raw.mininteger,
}

-- Functions of one number that plain Lua has and that give floats there.
for _, name in raw.ipairs({ "acos", "asin", "atan", "cos", "deg", "exp", "log", "rad", "sin", "sqrt", "tan" }) do
  local f = plain[name]
  math[name] = function(x)
    if not mathtype(x) then x = number_arg(x, 1, name) end
    return (f(x))
  end
end

function math.abs(x)
  if not mathtype(x) then x = number_arg(x, 1, "abs") end
  x = x + 0.0
  return x <= 0 and 0.0 - x or x
end

function math.floor(x)
  if not mathtype(x) then x = number_arg(x, 1, "floor") end
  return (floor(x))
end

function math.ceil(x)
  if not mathtype(x) then x = number_arg(x, 1, "ceil") end
  return (ceil(x))
end

function math.atan2(y, x)
  if not mathtype(y) then y = number_arg(y, 1, "atan2") end
  if not mathtype(x) then x = number_arg(x, 2, "atan2") end
  return (plain.atan(y, x))
end

function math.pow(x, y)
  if not mathtype(x) then x = number_arg(x, 1, "pow") end
  if not mathtype(y) then y = number_arg(y, 2, "pow") end
  return x ^ y
end

function math.log10(x)
  if not mathtype(x) then x = number_arg(x, 1, "log10") end
  return (log(x, 10))
end

-- Near 0 the difference of the powers would lose digits, and far from it the power is out of range first.
local function sinh(x)
  if x < 0 then return -sinh(-x) end
  if x < 0.3 then
    local q = x * x
    return x * (1 + q / 6 * (1 + q / 20 * (1 + q / 42 * (1 + q / 72 * (1 + q / 110)))))
  end
  if x > 700 then
    local half = exp(x / 2)
    return half / 2 * half
  end
  local e = exp(x)
  return (e - 1 / e) / 2
end

local function cosh(x)
  if x < 0 then x = -x end
  if x > 700 then return sinh(x) end
  local e = exp(x)
  return (e + 1 / e) / 2
end

function math.sinh(x)
  if not mathtype(x) then x = number_arg(x, 1, "sinh") end
  return sinh(x + 0.0)
end

function math.cosh(x)
  if not mathtype(x) then x = number_arg(x, 1, "cosh") end
  return cosh(x + 0.0)
end

function math.tanh(x)
  if not mathtype(x) then x = number_arg(x, 1, "tanh") end
  if x > 20 then return 1.0 elseif x < -20 then return -1.0 end
  return sinh(x + 0.0) / cosh(x + 0.0)
end

-- Remainder with the sign of the dividend; NaN for a divisor of 0.
function math.fmod(x, y)
  if not mathtype(x) then x = number_arg(x, 1, "fmod") end
  if not mathtype(y) then y = number_arg(y, 2, "fmod") end
  return (fmod(x + 0.0, y + 0.0))
end
math.mod = math.fmod

-- The integral part and the fraction, both with the sign of x.
function math.modf(x)
  if not mathtype(x) then x = number_arg(x, 1, "modf") end
  x = x + 0.0
  if x == huge or x == -huge then return x, 0.0 end
  local fraction = fmod(x, 1.0)
  return x - fraction, fraction
end

-- m, e with x = m * 2^e and 0.5 <= |m| < 1.
function math.frexp(x)
  if not mathtype(x) then x = number_arg(x, 1, "frexp") end
  x = x + 0.0
  if x == 0 or x ~= x or x == huge or x == -huge then return x, 0.0 end
  local e = 0
  local size = x < 0 and -x or x
  if size < 0x1p-1022 then
    x, size, e = x * 0x1p64, size * 0x1p64, -64
  end
  local bits = raw.unpack_string("<i8", raw.pack("<d", size)) >> 52
  local shift = bits - 1022
  -- In two steps: 2^shift alone can be out of range.
  local half = shift // 2
  return x / 2.0 ^ half / 2.0 ^ (shift - half), e + shift + 0.0
end

function math.ldexp(m, e)
  if not mathtype(m) then m = number_arg(m, 1, "ldexp") end
  e = integer_arg(e, 2, "ldexp")
  m = m + 0.0
  if e > 4200 then e = 4200 elseif e < -4200 then e = -4200 end
  while e > 1000 do m, e = m * 0x1p1000, e - 1000 end
  if e < -1000 and m ~= 0 then
    -- One rounding only: bring m near 1 before the last step.
    local size, n = math.frexp(m)
    m, e = size, e + raw.tointeger(n)
    if e < -1100 then return m * 0.0 end
    if e < -1000 then return m * 2.0 ^ (e + 60) * 0x1p-60 end
  end
  return m * 2.0 ^ e
end

function math.max(best, ...)
  local n = select("#", ...)
  if not mathtype(best) then
    if best == nil and n == 0 then error("wrong number of arguments to max", 2) end
    best = number_arg(best, 1, "max")
  end
  local x = ...
  if n == 1 and mathtype(x) then return (x > best and x or best) + 0.0 end
  for i = 1, n do
    x = (select(i, ...))
    if not mathtype(x) then x = number_arg(x, i + 1, "max") end
    if x > best then best = x end
  end
  return best + 0.0
end

function math.min(best, ...)
  local n = select("#", ...)
  if not mathtype(best) then
    if best == nil and n == 0 then error("wrong number of arguments to min", 2) end
    best = number_arg(best, 1, "min")
  end
  local x = ...
  if n == 1 and mathtype(x) then return (x < best and x or best) + 0.0 end
  for i = 1, n do
    x = (select(i, ...))
    if not mathtype(x) then x = number_arg(x, i + 1, "min") end
    if x < best then best = x end
  end
  return best + 0.0
end

function math.random(m, n)
  if m == nil then return (random()) end
  if mathtype(m) ~= "integer" then m = integer_arg(m, 1, "random") end
  if n == nil then
    if m < 1 then badarg(1, "random", "interval is empty") end
    return (random(m))
  end
  if mathtype(n) ~= "integer" then n = integer_arg(n, 2, "random") end
  if m > n then badarg(2, "random", "interval is empty") end
  return (random(m, n))
end

-- Accepted and without effect: the runtime seeds.
function math.randomseed() end

function math.tointeger(x)
  if rawtype(x) == "string" then x = raw.tonumber(x) end
  return mathtype(x) and raw.tointeger(x) or nil
end

function math.type(...)
  if select("#", ...) == 0 then badarg(1, "type", "value expected") end
  return mathtype((...)) or nil
end

function math.ult(a, b)
  return plain.ult(integer_arg(a, 1, "ult"), (integer_arg(b, 2, "ult")))
end

if K.workflow then
  -- SplitMix64 with a state of its own for every run (Steele, Lea, Flood 2014: Fast splittable pseudorandom generators)
  local function bits()
    local state = K.run_state
    local x = (state.random or K.random_seed[1] + K.random_seed[2] * 0x2545F4914F6CDD1D) + 0x9E3779B97F4A7C15
    state.random = x
    x = (x ~ (x >> 30)) * 0xBF58476D1CE4E5B9
    x = (x ~ (x >> 27)) * 0x94D049BB133111EB
    return x ~ (x >> 31)
  end
  random = function(m, n)
    if not m then return (bits() >> 11) * 0x1p-53 end
    if not n then m, n = 1, m end
    local span = n - m -- unsigned
    if span == -1 then return bits() end
    -- the least bit mask that holds the span, and another draw where it is exceeded: no value is favoured
    local mask = span
    for shift = 0, 5 do mask = mask | mask >> (1 << shift) end
    local x
    repeat x = bits() & mask until not plain.ult(span, x)
    return m + x
  end
elseif K.host.entropy then -- else the VM's own seed stays
  plain.randomseed(raw.unpack_string("<jj", K.host.entropy(16)))
end

K.base.math = K.freeze(math)

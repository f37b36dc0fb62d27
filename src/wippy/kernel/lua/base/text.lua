-- Values as text.
local K = ...
local raw = K.raw
local rawtype, tostring, tonumber, rawget, getmt, error = raw.type, raw.tostring, raw.tonumber, raw.rawget,
  raw.getmetatable, raw.error
local mathtype, tointeger, format, gsub, match = raw.mathtype, raw.tointeger, raw.format, raw.gsub, raw.match
local pack, sunpack = raw.pack, raw.unpack_string

-- Floats lie closer below a power of two than above it: 16 digits may do although the nearest 16 do not.
local function power_of_two(x, text)
  local sign, first, digits, exponent = match(format("%.15e", x), "^(%-?)(%d)%.(%d+)(e.*)$")
  local middle = tonumber(first .. digits)
  for i = middle - 1, middle + 1 do
    local try = gsub(format("%s%d.%015d", sign, i // 1000000000000000, i % 1000000000000000), "%.?0*$", "", 1) .. exponent
    if tonumber(try) == x then return try end
  end
  return text
end

-- The shortest digits that read back as the same float.
local function float_text(x)
  local i = tointeger(x)
  if i then return tostring(i) end
  if x ~= x then return "NaN" end
  if x == 1 / 0 then return "+Inf" end
  if x == -1 / 0 then return "-Inf" end
  local size = x < 0 and -x or x
  -- subnormal numbers have fewer digits
  local precision = size < 0x1p-1022 and 1 or 15
  local text = format("%." .. precision .. "g", x)
  while precision < 17 and tonumber(text) ~= x do
    precision = precision + 1
    text = format("%." .. precision .. "g", x)
  end
  if precision == 17 and (sunpack("<i8", pack("<d", x))) & 0xfffffffffffff == 0 then return power_of_two(x, text) end
  if size >= 1e6 and size < 0x1p63 then
    text = gsub(format("%." .. precision - 1 .. "e", x), "%.?0*e", "e", 1)
  end
  return text
end
K.float_text = float_text

local setmt = raw.setmetatable

-- The text of an object without one of its own. In a workflow it has a number instead of its address, in the order in
-- which they are asked for: the text is the same on replay.
local anonymous = tostring
if K.workflow then
  K.run_state = {} -- what is kept for the run at work; the workflow dispatcher puts another in its place
  anonymous = function(v)
    local state = K.run_state
    local numbers = state.numbers
    if not numbers then
      numbers, state.last_number = setmt({}, { __mode = "k" }), 0
      state.numbers = numbers
    end
    local n = numbers[v]
    if not n then
      n = state.last_number + 1
      state.last_number = n
      numbers[v] = n
    end
    return format("%s: 0x%08x", rawtype(v), n)
  end
end
K.anonymous_text = anonymous

-- tostring as the language has it. `__tostring` is called from Lua, so it may wait.
function K.text(v)
  local t = rawtype(v)
  if t == "string" then return v end
  if t == "number" then
    if mathtype(v) == "float" then return float_text(v) end
    return tostring(v)
  end
  if t == "table" then
    local mt = getmt(v)
    local handler = mt and rawget(mt, "__tostring")
    if handler then
      local text = handler(v)
      local kind = rawtype(text)
      if kind == "string" then return text end
      if kind == "number" or kind == "table" and K.is_error(text) then return K.text(text) end
      error("'__tostring' must return a string", 2)
    end
    return anonymous(v)
  end
  if t == "nil" or t == "boolean" then return tostring(v) end
  return anonymous(v)
end

-- The same without calling `__tostring` of user code.
function K.plain_text(v)
  if rawtype(v) == "table" and not K.classof(v) then
    return K.workflow and anonymous(v) or format("table: %p", v)
  end
  return K.text(v)
end

-- Arguments of the functions of `time`: text, whole numbers, durations.
local K = ...
local T = {} -- what the files of this module share
K.time = T
local raw = K.raw
local rawtype, mathtype, tointeger = raw.type, raw.mathtype, raw.tointeger

-- A string argument; numbers and error objects count as their text.
function T.text(n, name, value)
  local t = rawtype(value)
  if t == "string" then return value end
  if t == "number" or K.is_error(value) then return K.text(value) end
  K.badtype(n, name, "string", value, 3)
end

-- A number as an integer, its fraction dropped; nil beyond 64 bits.
local function whole(value)
  if mathtype(value) == "integer" then return value end
  if value ~= value or value - value ~= 0 then return nil end
  local part = value % 1
  if part ~= 0 then value = value < 0 and value - part + 1 or value - part end
  return tointeger(value)
end
T.whole = whole

-- A whole number between -limit and limit (default: any of 64 bits).
function T.integer(n, name, value, limit)
  if rawtype(value) ~= "number" then K.badtype(n, name, "number", value, 3) end
  local out = whole(value)
  if not out or limit and (out > limit or out < -limit) then K.badarg(n, name, "number out of range", 3) end
  return out
end

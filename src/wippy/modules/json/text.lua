-- json: the texts of strings and numbers.
local K = ...
local raw = K.raw
local byte, sub, find, gsub, format, rep, match, char = raw.byte, raw.sub, raw.find, raw.gsub, raw.format, raw.rep, raw.match, raw.char
local tonumber, tostring, tointeger, concat, utf8len, huge = raw.tonumber, raw.tostring, raw.tointeger, raw.concat, raw.utf8len, raw.huge

-- A text that needs no escape, which most texts are.
local CLEAN = "^[%w !#$%%'-;=?-Z%[%]^-~]*$"
-- Bytes that are looked at before others may run.
local PIECE = 16384

local escapes = {}
for code = 0, 31 do escapes[char(code)] = format("\\u%04x", code) end
escapes["\b"], escapes["\f"], escapes["\n"], escapes["\r"], escapes["\t"] = "\\b", "\\f", "\\n", "\\r", "\\t"
escapes['"'], escapes["\\"], escapes["<"], escapes[">"], escapes["&"] = '\\"', "\\\\", "\\u003c", "\\u003e", "\\u0026"
local separators = { ["\226\128\168"] = "\\u2028", ["\226\128\169"] = "\\u2029" }

-- Text with every byte that is no UTF-8 replaced by U+FFFD.
local function repaired(s)
  local out, n, from = {}, 0, 1
  while true do
    local good, bad = utf8len(s, from)
    n = n + 1
    if good then
      out[n] = sub(s, from)
      return concat(out)
    end
    out[n] = sub(s, from, bad - 1) .. "\239\191\189"
    from = bad + 1
    if from > #s then return concat(out) end
  end
end

local function escaped(s)
  if match(s, '^[^%c"\\<>&]*()') <= #s then s = gsub(s, '[%c"\\<>&]', escapes) end
  local count = utf8len(s)
  if count ~= #s then
    if not count then s = repaired(s) end
    if find(s, "\226\128", 1, true) then s = gsub(s, "\226\128[\168\169]", separators) end
  end
  return s
end

-- Where the piece of a long text that begins at i ends: no character is cut.
local function piece_end(s, i)
  local stop = i + PIECE
  for back = 0, 3 do
    local b = byte(s, stop - back)
    if not b or b < 128 or b >= 192 then return stop - back - 1 end
  end
  return stop - 1
end

local function long(s)
  local out, n, i = {}, 0, 1
  while i <= #s do
    local stop = piece_end(s, i)
    local piece = sub(s, i, stop)
    n = n + 1
    out[n] = find(piece, CLEAN) and piece or escaped(piece)
    i = stop + 1
    K.give_way()
  end
  return concat(out)
end

-- What stands between the quotes for a string.
local function inner(s)
  if #s > PIECE then return long(s) end
  if find(s, CLEAN) then return s end
  return escaped(s)
end

-- Shortest digits that read back as the same float, with an exponent where C writes one.
local function shortest(x)
  local s = format("%.15g", x)
  if tonumber(s) == x and (x > 1e-300 or x < -1e-300) then return s end
  for precision = (x < 1e-300 and x > -1e-300) and 1 or 16, 17 do
    s = format("%." .. precision .. "g", x)
    if tonumber(s) == x then return s end
  end
end

-- The same without an exponent.
local function plain(s)
  if not find(s, "e", 1, true) then return s end
  local sign, whole, fraction, exponent = match(s, "^(%-?)(%d+)%.?(%d*)[eE]([+-]?%d+)$")
  if not whole then return s end
  local digits, point = whole .. fraction, #whole + tonumber(exponent)
  if point <= 0 then return sign .. "0." .. rep("0", -point) .. digits end
  if point >= #digits then return sign .. digits .. rep("0", point - #digits) end
  return sign .. sub(digits, 1, point) .. "." .. sub(digits, point + 1)
end

-- A float inside a table.
local function float_text(x)
  if x < 1e15 and x > 1e-4 or x > -1e15 and x < -1e-4 then -- no exponent
    local s = format("%.15g", x)
    if tonumber(s) == x then return s end
    s = format("%.16g", x)
    if tonumber(s) == x then return s end
    return format("%.17g", x)
  end
  local whole = tointeger(x)
  if whole then return tostring(whole) end
  if x ~= x or x == huge or x == -huge then return "null" end
  return plain(shortest(x))
end

-- A float that is the whole document.
local function top_float(x)
  local size = x < 0 and -x or x
  if x ~= x or size == huge or size == 0 or size >= 1e-6 and size < 1e21 then return float_text(x) end
  local s = shortest(x)
  if not find(s, "e", 1, true) then s = format("%.16e", x) end
  return (gsub(s, "e([+-])0*(%d)", "e%1%2"))
end

K.json_text = {
  CLEAN = CLEAN, PIECE = PIECE, inner = inner, float = float_text, top_float = top_float,
  decimal = function(x) return plain(shortest(x)) end,
}

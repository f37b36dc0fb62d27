-- json: written in Lua because the values are there; a crossing to Python would walk them a second time.
local K = ...
local raw = K.raw
local rawtype, next, getmt, rawlen, pcall, error = raw.type, raw.next, raw.getmetatable, raw.rawlen, raw.pcall, raw.error
local mathtype, tonumber, tostring, floor = raw.mathtype, raw.tonumber, raw.tostring, raw.floor
local byte, sub, find, gsub, format, rep, match, len, char = raw.byte, raw.sub, raw.find, raw.gsub, raw.format, raw.rep, raw.match, raw.len, raw.char
local concat, sort, utf8len, tointeger = raw.concat, raw.sort, raw.utf8len, raw.tointeger
local utf8char, codepoint = raw.utf8.char, raw.utf8.codepoint
local hash_marks, unfrozen, typeof, is_error = K.hash_marks, K.unfrozen, K.typeof, K.is_error
local huge, maxinteger, mininteger = raw.huge, raw.maxinteger, raw.mininteger

local MAX_DEPTH = 128
local MAX_FLOAT = 1.7976931348623157e308

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
    if from > len(s) then return concat(out) end
  end
end

local function quoted(s)
  if find(s, '[%c"\\<>&]') then s = gsub(s, '[\0-\31"\\<>&]', escapes) end
  if find(s, "[\128-\255]") then
    if not utf8len(s) then s = repaired(s) end
    if find(s, "\226\128[\168\169]") then s = gsub(s, "\226\128[\168\169]", separators) end
  end
  return '"' .. s .. '"'
end

-- Shortest digits that read back as the same float, with an exponent where C writes one.
local function shortest(x)
  for precision = (x < 1e-300 and x > -1e-300) and 1 or 15, 17 do
    local s = format("%." .. precision .. "g", x)
    if tonumber(s) == x then return s end
  end
end

local function plain(s)
  local sign, whole, fraction, exponent = match(s, "^(%-?)(%d+)%.?(%d*)[eE]([+-]?%d+)$")
  if not whole then return s end
  local digits, point = whole .. fraction, len(whole) + tonumber(exponent)
  if point <= 0 then return sign .. "0." .. rep("0", -point) .. digits end
  if point >= len(digits) then return sign .. digits .. rep("0", point - len(digits)) end
  return sign .. sub(digits, 1, point) .. "." .. sub(digits, point + 1)
end

local function float_text(x, top)
  if x ~= x or x == huge or x == -huge then return "null" end
  if not top then
    local whole = tointeger(x)
    if whole then return tostring(whole) end
    return plain(shortest(x))
  end
  local size = x < 0 and -x or x
  if size ~= 0 and (size < 1e-6 or size >= 1e21) then
    local s = shortest(x)
    if not find(s, "e", 1, true) then s = format("%.16e", x) end
    return (gsub(s, "e([+-])0*(%d)", "e%1%2"))
  end
  local whole = tointeger(x)
  return whole and tostring(whole) or plain(shortest(x))
end

local keys_known, keys_count = {}, 0
local function key_text(k)
  local found = keys_known[k]
  if found then return found end
  found = quoted(k) .. ":"
  if keys_count >= 4096 then keys_known, keys_count = {}, 0 end
  keys_known[k], keys_count = found, keys_count + 1
  return found
end

local write

local function other_key(k)
  local t = rawtype(k)
  if t == "boolean" then return tostring(k) end
  if t ~= "number" then return nil end
  return mathtype(k) == "integer" and tostring(k) or plain(shortest(k))
end

local function write_object(out, n, t, path, depth)
  local keys, count, named = {}, 0, nil
  for k in next, t do
    if rawtype(k) ~= "string" then
      if mathtype(k) == "integer" and k > 0 then
        for other in next, t do
          if mathtype(other) ~= "integer" or other <= 0 then
            error("cannot encode mixed-key table: table has both numeric and non-numeric keys", 0)
          end
        end
        error("cannot encode sparse array: non-contiguous numeric keys found", 0)
      end
      local key = other_key(k)
      if key and key ~= "inf" and key ~= "-inf" then
        named = named or {}
        named[key] = k
        k = key
      else
        k = nil
      end
    end
    if k then
      count = count + 1
      keys[count] = k
    end
  end
  sort(keys) -- the same value gives the same text, in every run
  out[n + 1] = "{"
  n = n + 1
  local first = true
  for i = 1, count do
    local k = keys[i]
    local v = t[k]
    if named and named[k] ~= nil and (v == nil or keys[i + 1] == k) then v = t[named[k]] end
    n = n + 1
    out[n] = first and key_text(k) or "," .. key_text(k)
    first = false
    n = write(out, n, v, path, depth)
  end
  out[n + 1] = "}"
  return n + 1
end

write = function(out, n, v, path, depth)
  local kind = rawtype(v)
  if kind == "string" then
    out[n + 1] = quoted(v)
    return n + 1
  elseif kind == "number" then
    out[n + 1] = mathtype(v) == "integer" and tostring(v) or float_text(v)
    return n + 1
  elseif kind == "boolean" then
    out[n + 1] = v and "true" or "false"
    return n + 1
  elseif kind ~= "table" then
    out[n + 1] = "null"
    return n + 1
  end
  if getmt(v) then
    if typeof(v) ~= "table" then
      if is_error(v) then
        out[n + 1] = quoted(tostring(v))
      else
        out[n + 1] = K.constant_name(v) == "sql.NULL" and '"SQL_NULL"' or "null"
      end
      return n + 1
    end
    v = unfrozen(v)
  end
  if path[v] then error("cannot encode recursively nested tables to JSON", 0) end
  if depth > MAX_DEPTH then error("exceeded maximum nesting depth for JSON encoding", 0) end
  local count = rawlen(v)
  if count == 0 and next(v) == nil then
    out[n + 1] = hash_marks[v] and "{}" or "[]"
    return n + 1
  end
  path[v] = true
  local keys = 0
  if count > 0 then
    for _ in next, v do keys = keys + 1 end
  end
  if count > 0 and keys == count then
    out[n + 1] = "["
    n = write(out, n + 1, v[1], path, depth + 1)
    for i = 2, count do
      out[n + 1] = ","
      n = write(out, n + 1, v[i], path, depth + 1)
    end
    out[n + 1] = "]"
    n = n + 1
  else
    n = write_object(out, n, v, path, depth + 1)
  end
  path[v] = nil
  return n
end

local function encode(value)
  if value == nil then return "null", nil end
  if mathtype(value) == "float" then return float_text(value, true), nil end
  local out = {}
  local ok, n = pcall(write, out, 0, value, {}, 0)
  if not ok then return K.fail("Internal", "encode failed: " .. tostring(n)) end
  return concat(out, "", 1, n), nil
end

-- Decoding ------------------------------------------------------------------------------------------------------

local function broken(s, i, what)
  if i > len(s) then error("unexpected end of JSON input", 0) end
  error((what or ("invalid character '" .. (match(s, "^[%g ]", i) or format("\\x%02x", byte(s, i))) .. "'")) .. " at offset " .. (i - 1), 0)
end

local plain_escapes = {
  [34] = '"', [92] = "\\", [47] = "/", [98] = "\b", [102] = "\f", [110] = "\n", [114] = "\r", [116] = "\t",
}

-- The string whose opening quote stands at i; `j` is the first backslash in it.
local function escaped_string(s, i, j)
  local out, n, from = {}, 0, i + 1
  while true do
    local b = byte(s, j)
    if b == 34 then
      out[n + 1] = sub(s, from, j - 1)
      return concat(out), j + 1
    elseif b ~= 92 then
      broken(s, j or len(s) + 1, b and "control character in string")
    end
    out[n + 1] = sub(s, from, j - 1)
    local e = byte(s, j + 1)
    local simple = plain_escapes[e]
    if simple then
      out[n + 2] = simple
      from = j + 2
    elseif e == 117 then
      local hex = match(s, "^%x%x%x%x", j + 2)
      if not hex then broken(s, j, "invalid \\u escape") end
      local code = tonumber(hex, 16)
      from = j + 6
      if code >= 0xD800 and code <= 0xDFFF then
        local low = code < 0xDC00 and match(s, "^\\u([dD][c-fC-F]%x%x)", from)
        if not low then broken(s, j, "lone surrogate in string") end
        code = 0x10000 + (code - 0xD800) * 0x400 + (tonumber(low, 16) - 0xDC00)
        from = from + 6
      end
      out[n + 2] = utf8char(code)
    else
      broken(s, j, "invalid escape")
    end
    n = n + 2
    j = find(s, '["\\\0-\31]', from)
    if not j then broken(s, len(s) + 1) end
  end
end

local function read_string(s, i)
  local j = find(s, '["\\\0-\31]', i + 1)
  if not j then broken(s, len(s) + 1) end
  if byte(s, j) == 34 then return sub(s, i + 1, j - 1), j + 1 end
  return escaped_string(s, i, j)
end

local function read_number(s, i)
  local _, e = find(s, "^-?%d+", i)
  if not e then broken(s, i + 1) end
  local start = byte(s, i) == 45 and i + 1 or i
  if byte(s, start) == 48 and e > start then broken(s, start, "number with a leading zero") end
  local b = byte(s, e + 1)
  if b ~= 46 and b ~= 101 and b ~= 69 then
    local n = tonumber(sub(s, i, e))
    if mathtype(n) == "float" then n = n > 0 and maxinteger or mininteger end
    return n, e + 1
  end
  if b == 46 then
    local _, stop = find(s, "^%d+", e + 2)
    if not stop then broken(s, e + 2) end
    e = stop
    b = byte(s, e + 1)
  end
  if b == 101 or b == 69 then
    local _, stop = find(s, "^[+-]?%d+", e + 2)
    if not stop then broken(s, e + 2) end
    e = stop
  end
  local x = tonumber(sub(s, i, e)) + 0.0
  if x == huge then x = MAX_FLOAT elseif x == -huge then x = -MAX_FLOAT end
  return x, e + 1
end

local read

-- Position of the next byte that is no white space.
local function skip(s, i)
  return find(s, "[^ \n\r\t]", i) or len(s) + 1
end

local function read_array(s, i, depth)
  if depth > MAX_DEPTH then error("exceeded maximum nesting depth", 0) end
  local t, n = {}, 0
  i = skip(s, i + 1)
  if byte(s, i) == 93 then return t, i + 1 end
  while true do
    n = n + 1
    t[n], i = read(s, i, depth + 1)
    local b = byte(s, i)
    if b ~= 44 and b ~= 93 then
      i = skip(s, i)
      b = byte(s, i)
    end
    if b == 93 then return t, i + 1 end
    if b ~= 44 then broken(s, i) end
    i = i + 1
    b = byte(s, i)
    if not b or b <= 32 then i = skip(s, i) end
  end
end

local function read_object(s, i, depth)
  if depth > MAX_DEPTH then error("exceeded maximum nesting depth", 0) end
  local t, nulls = {}, nil
  i = skip(s, i + 1)
  local b = byte(s, i)
  if b == 125 then
    hash_marks[t] = true
    return t, i + 1
  end
  while true do
    if b ~= 34 then broken(s, i) end
    local key, value
    local at = i
    key, i = read_string(s, i)
    if byte(s, i) ~= 58 then
      i = skip(s, i)
      if byte(s, i) ~= 58 then broken(s, i) end
    end
    i = i + 1
    b = byte(s, i)
    if not b or b <= 32 then i = skip(s, i) end
    value, i = read(s, i, depth + 1)
    if t[key] ~= nil or nulls and nulls[key] then broken(s, at, "duplicate name " .. quoted(key)) end
    if value == nil then
      nulls = nulls or {}
      nulls[key] = true
    else
      t[key] = value
    end
    b = byte(s, i)
    if b ~= 44 and b ~= 125 then
      i = skip(s, i)
      b = byte(s, i)
    end
    if b == 125 then
      if nulls and next(t) == nil then hash_marks[t] = true end
      return t, i + 1
    end
    if b ~= 44 then broken(s, i) end
    i = i + 1
    b = byte(s, i)
    if not b or b <= 32 then
      i = skip(s, i)
      b = byte(s, i)
    end
  end
end

local function literal(word, value)
  local pattern = "^" .. word
  return function(s, i)
    if not find(s, pattern, i) then broken(s, i) end
    return value, i + len(word)
  end
end

local readers = {
  [34] = read_string, [91] = read_array, [123] = read_object, [45] = read_number,
  [116] = literal("true", true), [102] = literal("false", false), [110] = literal("null", nil),
}
for digit = 48, 57 do readers[digit] = read_number end

read = function(s, i, depth)
  local reader = readers[byte(s, i)]
  if not reader then broken(s, i) end
  return reader(s, i, depth)
end

local function read_document(s)
  local value, stop = read(s, skip(s, 1), 0)
  local good, bad = utf8len(s)
  if not good and bad < stop then broken(s, bad, "invalid UTF-8") end
  return value
end

local function decode(text)
  if is_error(text) then text = K.text(text) end
  if rawtype(text) ~= "string" then return K.fail("Invalid", "string expected") end
  if text == "" then return K.fail("Invalid", "empty string is not valid JSON") end
  local ok, value = pcall(read_document, text)
  if not ok then return K.fail("Internal", "decode failed: " .. tostring(value)) end
  return value, nil
end

K.json_encode, K.json_decode = encode, decode
return { encode = encode, decode = decode }

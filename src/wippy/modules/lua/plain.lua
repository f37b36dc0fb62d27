-- Plain data for what knows nothing of Lua: a table with a positive integer key is a list without its other keys, any
-- other table a map with text keys (an empty one too); functions and objects become their text.
local K = ...
if K.plain then return end
local raw = K.raw
local rawtype, next, mathtype, pcall, error, pack, concat = raw.type, raw.next, raw.mathtype, raw.pcall, raw.error, raw.pack, raw.concat
local typeof, text, encode, is_error = K.typeof, K.text, K.encode, K.is_error

local MAX_DEPTH = 200

local left = 0 -- steps until others may run
local function step()
  left = left - 1
  if left < 0 then left = K.give_way() end
end

-- The content of a table and its length as a list, 0 for a map.
local function opened(v, path, depth)
  if path[v] then error("table contains itself", 0) end
  if depth > MAX_DEPTH then error("exceeded maximum nesting depth", 0) end
  path[v] = true
  local source, n, held = K.unfrozen(v), 0, 0
  for k in next, source do
    if mathtype(k) == "integer" and k > n then n = k end
    held = held + 1
    step()
  end
  if n > 1048576 and n > 16 * held then error("list with index " .. text(n) .. " has too many missing items", 0) end
  return source, n
end

local function scalar(v, t)
  if v == nil or t == "string" or t == "boolean" or t == "number" then return v end
  return text(v)
end

local function plain(v, null, path, depth)
  local t = typeof(v)
  if t ~= "table" then return scalar(v, t) end
  local source, n = opened(v, path, depth)
  local out = {}
  for i = 1, n do
    local item = source[i]
    if item == nil then out[i] = null else out[i] = plain(item, null, path, depth + 1) end
  end
  if n == 0 then
    for k, item in next, source do out[rawtype(k) == "string" and k or text(k)] = plain(item, null, path, depth + 1) end
    K.hash_marks[out] = true
  end
  path[v] = nil
  return out
end

local function head(n, fix, wide)
  if n < 16 then return raw.char(fix + n) end
  if n < 0x10000 then return pack(">BI2", wide, n) end
  return pack(">BI4", wide + 1, n)
end

local function write(out, n, v, path, depth)
  local t = typeof(v)
  if t ~= "table" then
    out[n + 1] = encode(scalar(v, t))
    return n + 1
  end
  local source, length = opened(v, path, depth)
  n = n + 1
  if length > 0 then
    out[n] = head(length, 0x90, 0xdc)
    for i = 1, length do n = write(out, n, source[i], path, depth + 1) end
  else
    local start, count = n, 0
    for k, item in next, source do
      count = count + 1
      out[n + 1] = encode(rawtype(k) == "string" and k or text(k))
      n = write(out, n + 1, item, path, depth + 1)
    end
    out[start] = head(count, 0x80, 0xde)
  end
  path[v] = nil
  return n
end

local function answer(ok, value)
  if ok then return value, nil end
  if is_error(value) then return nil, value end
  -- what ends the unit, and the end of memory, is not for the caller
  if rawtype(value) ~= "string" or value == "not enough memory" then error(value, 0) end
  return K.fail("Internal", value)
end

-- A copy as plain data -> value | nil, err. Missing items of lists are `null`, by default nil.
function K.plain(v, null) return answer(pcall(plain, v, null, {}, 0)) end

-- The same as one MessagePack value, with missing items kept -> bytes | nil, err.
function K.plain_pack(v)
  local out = {}
  local ok, n = pcall(write, out, 0, v, {}, 0)
  if not ok then return answer(ok, n) end
  return concat(out, "", 1, n), nil
end

-- JSON text of plain data -> text | nil, err.
function K.plain_json(v)
  local value, err = K.plain(v, K.constant("null"))
  if err then return nil, err end
  K.load_module("json")
  return K.json_encode(value)
end

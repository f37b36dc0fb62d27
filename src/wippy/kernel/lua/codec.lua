-- MessagePack: the wire form of everything that crosses a VM border.
local K = ...
local raw = K.raw
local rawtype, next, getmt, rawget, rawlen = raw.type, raw.next, raw.getmetatable, raw.rawget, raw.rawlen
local char, byte, sub, len = raw.char, raw.byte, raw.sub, raw.len
local spack, sunpack, concat, utf8len, mathtype = raw.pack, raw.unpack_string, raw.concat, raw.utf8len, raw.mathtype
local setmt, error, select, tunpack = raw.setmetatable, raw.error, raw.select, raw.tunpack
local CLASS = K.CLASS

local EXT_ERROR, EXT_REF = 1, 5
K.ext_packers = {}   -- class -> function(object) -> extension code, data; nil: the object travels as nil
K.ext_unpackers = {} -- extension code -> function(data) -> value
-- Tables that are JSON objects even while they are empty.
K.hash_marks = setmt({}, { __mode = "k" })
local hash_marks, ext_packers, ext_unpackers = K.hash_marks, K.ext_packers, K.ext_unpackers

local small = {} -- integer -> its one-byte form
for i = 0, 127 do small[i] = char(i) end
for i = -32, -1 do small[i] = char(256 + i) end

local function pack_integer(n)
  local one = small[n]
  if one then return one end
  if n >= 0 then
    if n < 0x100 then return char(0xcc, n) end
    if n < 0x10000 then return spack(">BI2", 0xcd, n) end
    if n < 0x100000000 then return spack(">BI4", 0xce, n) end
    return spack(">Bi8", 0xd3, n)
  end
  if n >= -0x80 then return spack(">Bi1", 0xd0, n) end
  if n >= -0x8000 then return spack(">Bi2", 0xd1, n) end
  if n >= -0x80000000 then return spack(">Bi4", 0xd2, n) end
  return spack(">Bi8", 0xd3, n)
end

local function pack_binary(s)
  local n = len(s)
  if n < 0x100 then return char(0xc4, n) .. s end
  if n < 0x10000 then return spack(">BI2", 0xc5, n) .. s end
  return spack(">BI4", 0xc6, n) .. s
end
K.pack_binary = pack_binary

local function pack_string(s)
  local n = len(s)
  if not utf8len(s) then return pack_binary(s) end
  if n < 32 then return char(0xa0 + n) .. s end
  if n < 0x100 then return char(0xd9, n) .. s end
  if n < 0x10000 then return spack(">BI2", 0xda, n) .. s end
  return spack(">BI4", 0xdb, n) .. s
end

local function pack_extension(code, data)
  local n = len(data)
  if n < 0x100 then return char(0xc7, n, code) .. data end
  if n < 0x10000 then return spack(">BI2B", 0xc8, n, code) .. data end
  return spack(">BI4B", 0xc9, n, code) .. data
end

local function head(n, fix, wide)
  if n < 16 then return char(fix + n) end
  if n < 0x10000 then return spack(">BI2", wide, n) end
  return spack(">BI4", wide + 1, n)
end

-- Writes `value` behind out[n]; returns the new n. `refs` counts tables so that one seen twice travels as a reference;
-- without it shared tables are written again and a cycle is an error.
local function write(out, n, value, refs, path)
  local t = rawtype(value)
  if t == "string" then
    out[n + 1] = pack_string(value)
    return n + 1
  elseif t == "number" then
    if mathtype(value) == "integer" then
      out[n + 1] = pack_integer(value)
    else
      out[n + 1] = spack(">Bd", 0xcb, value)
    end
    return n + 1
  elseif t == "boolean" then
    out[n + 1] = value and "\xc3" or "\xc2"
    return n + 1
  elseif t == "table" then
    local mt = getmt(value)
    if mt then
      if rawget(mt, CLASS) then
        local packer = ext_packers[mt]
        if packer then
          local code, data = packer(value)
          out[n + 1] = code and pack_extension(code, data) or "\xc0"
        else
          out[n + 1] = "\xc0"
        end
        return n + 1
      end
      value = K.unfrozen(value)
    end
    if refs then
      local index = refs[value]
      if index then
        out[n + 1] = pack_extension(EXT_REF, spack(">I4", index))
        return n + 1
      end
      index = refs.n + 1
      refs.n = index
      refs[value] = index
    else
      if path[value] then error("table contains itself", 0) end
      path[value] = true
    end
    local count = rawlen(value)
    local keys = 0
    for _ in next, value do keys = keys + 1 end
    if keys == count and (keys > 0 or not hash_marks[value]) then
      n = n + 1
      out[n] = head(count, 0x90, 0xdc)
      for i = 1, count do n = write(out, n, value[i], refs, path) end
    else
      n = n + 1
      local start = n
      keys = 0
      for k, v in next, value do
        local kt = rawtype(k)
        local vt = rawtype(v)
        if vt ~= "function" and vt ~= "thread" and (kt ~= "table" or not getmt(k)) and kt ~= "function" and kt ~= "thread" then
          keys = keys + 1
          n = write(out, n, k, refs, path)
          n = write(out, n, v, refs, path)
        end
      end
      out[start] = head(keys, 0x80, 0xde)
    end
    if not refs then path[value] = nil end
    return n
  end
  out[n + 1] = "\xc0"
  return n + 1
end

-- Values as one MessagePack array. A table that contains itself raises.
function K.pack(...)
  local count = select("#", ...)
  local out, n, path = { head(count, 0x90, 0xdc) }, 1, {}
  for i = 1, count do n = write(out, n, (select(i, ...)), nil, path) end
  return concat(out, "", 1, n)
end

-- One value.
function K.encode(value)
  local out = {}
  return concat(out, "", 1, write(out, 0, value, nil, {}))
end

-- The same with shared tables and cycles inside one value kept; only for another VM, Python cannot read it.
function K.pack_shared(count, values)
  local out, n = { head(count, 0x90, 0xdc) }, 1
  for i = 1, count do n = write(out, n, values[i], { n = 0 }) end
  return concat(out, "", 1, n)
end

local read

local function read_array(s, i, count, refs)
  local t = {}
  if refs then refs[#refs + 1] = t end
  for k = 1, count do t[k], i = read(s, i, refs) end
  return t, i
end

local function read_map(s, i, count, refs)
  local t = {}
  if refs then refs[#refs + 1] = t end
  if count == 0 then hash_marks[t] = true end
  local k, v
  for _ = 1, count do
    k, i = read(s, i, refs)
    v, i = read(s, i, refs)
    if k ~= nil then t[k] = v end
  end
  return t, i
end

local function read_extension(s, i, n, refs)
  local code = byte(s, i)
  local data = sub(s, i + 1, i + n)
  i = i + 1 + n
  if code == EXT_REF then return refs[sunpack(">I4", data)], i end
  local unpacker = ext_unpackers[code]
  return unpacker and unpacker(data), i
end

local readers = {
  [0xc0] = function(_, i) return nil, i end,
  [0xc2] = function(_, i) return false, i end,
  [0xc3] = function(_, i) return true, i end,
  [0xcc] = function(s, i) return byte(s, i), i + 1 end,
  [0xcd] = function(s, i) return sunpack(">I2", s, i) end,
  [0xce] = function(s, i) return sunpack(">I4", s, i) end,
  [0xcf] = function(s, i) return sunpack(">i8", s, i) end,
  [0xd0] = function(s, i) return sunpack(">i1", s, i) end,
  [0xd1] = function(s, i) return sunpack(">i2", s, i) end,
  [0xd2] = function(s, i) return sunpack(">i4", s, i) end,
  [0xd3] = function(s, i) return sunpack(">i8", s, i) end,
  [0xca] = function(s, i) return sunpack(">f", s, i) end,
  [0xcb] = function(s, i) return sunpack(">d", s, i) end,
  [0xd9] = function(s, i) return sunpack(">s1", s, i) end,
  [0xda] = function(s, i) return sunpack(">s2", s, i) end,
  [0xdb] = function(s, i) return sunpack(">s4", s, i) end,
  [0xc4] = function(s, i) return sunpack(">s1", s, i) end,
  [0xc5] = function(s, i) return sunpack(">s2", s, i) end,
  [0xc6] = function(s, i) return sunpack(">s4", s, i) end,
  [0xdc] = function(s, i, r) local n; n, i = sunpack(">I2", s, i); return read_array(s, i, n, r) end,
  [0xdd] = function(s, i, r) local n; n, i = sunpack(">I4", s, i); return read_array(s, i, n, r) end,
  [0xde] = function(s, i, r) local n; n, i = sunpack(">I2", s, i); return read_map(s, i, n, r) end,
  [0xdf] = function(s, i, r) local n; n, i = sunpack(">I4", s, i); return read_map(s, i, n, r) end,
  [0xd4] = function(s, i, r) return read_extension(s, i, 1, r) end,
  [0xd5] = function(s, i, r) return read_extension(s, i, 2, r) end,
  [0xd6] = function(s, i, r) return read_extension(s, i, 4, r) end,
  [0xd7] = function(s, i, r) return read_extension(s, i, 8, r) end,
  [0xd8] = function(s, i, r) return read_extension(s, i, 16, r) end,
  [0xc7] = function(s, i, r) return read_extension(s, i + 1, byte(s, i), r) end,
  [0xc8] = function(s, i, r) local n; n, i = sunpack(">I2", s, i); return read_extension(s, i, n, r) end,
  [0xc9] = function(s, i, r) local n; n, i = sunpack(">I4", s, i); return read_extension(s, i, n, r) end,
}

read = function(s, i, refs)
  local b = byte(s, i)
  if b < 0x80 then return b, i + 1 end
  if b < 0x90 then return read_map(s, i + 1, b - 0x80, refs) end
  if b < 0xa0 then return read_array(s, i + 1, b - 0x90, refs) end
  if b < 0xc0 then
    local stop = i + b - 0xa0
    return sub(s, i + 1, stop), stop + 1
  end
  if b >= 0xe0 then return b - 256, i + 1 end
  return readers[b](s, i + 1, refs)
end

-- How many values `data` (from K.pack or Python) holds, and where the first begins.
local function array_head(data)
  local b = byte(data, 1)
  if b < 0xa0 then return b - 0x90, 2 end
  if b == 0xdc then return sunpack(">I2", data, 2) end
  return sunpack(">I4", data, 2)
end

-- Values of K.pack_shared as a table and their number.
function K.unpack_values(data)
  local n, i = array_head(data)
  local values = {}
  for k = 1, n do values[k], i = read(data, i, {}) end
  return values, n
end

function K.unpack(data)
  local values, n = K.unpack_values(data)
  return tunpack(values, 1, n)
end

-- One MessagePack value.
function K.decode(data) return (read(data, 1)) end

-- One envelope: an array whose last element is opaque bytes.
function K.pack_envelope(envelope, n)
  local out, m = { head(n, 0x90, 0xdc) }, 1
  for i = 1, n do
    local v = envelope[i]
    if i == n and rawtype(v) == "string" then
      m = m + 1
      out[m] = pack_binary(v)
    else
      m = write(out, m, v, nil, {})
    end
  end
  return concat(out, "", 1, m)
end

function K.join_envelopes(list, n) return head(n, 0x90, 0xdc) .. concat(list, "", 1, n) end

ext_unpackers[EXT_ERROR] = function(data)
  local kind, message, retryable, details, context = K.unpack(data)
  return K.new_error(kind, message, retryable, details, context)
end
function K.pack_error(err) return EXT_ERROR, K.pack(K.error_parts(err)) end
ext_packers[K.error_class] = K.pack_error

-- An instant for readers in Python: MessagePack's own extension for it.
local EXT_TIMESTAMP = 0xff
local SECONDS, NANOSECONDS = K.key("seconds"), K.key("nanoseconds")
local Timestamp = K.class { name = "timestamp" }
function K.timestamp(seconds, nanoseconds)
  return raw.setmetatable({ [SECONDS] = seconds, [NANOSECONDS] = nanoseconds }, Timestamp)
end
ext_packers[Timestamp] = function(t) return EXT_TIMESTAMP, spack(">I4i8", t[NANOSECONDS], t[SECONDS]) end

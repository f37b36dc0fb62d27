-- payload: making payloads and changing their format. The objects themselves are the kernel's.
local K, natives = ...
local raw = K.raw
local rawtype, next, mathtype, tostring = raw.type, raw.next, raw.mathtype, raw.tostring
local typeof = K.typeof
local VALUE, FORMAT = K.PAYLOAD_VALUE, K.PAYLOAD_FORMAT
local fn = natives.fn

local LUA, JSON, YAML, MSGPACK = "lua/any", "json/plain", "yaml/plain", "application/msgpack"
local STRING, BYTES, GOLANG, ERROR = "text/plain", "application/octet-stream", "golang/any", "golang/error"

-- The value as plain data: lists and maps with text keys, everything else as text. An empty table is a map.
local function plain(v, path)
  local t = typeof(v)
  if v == nil or t == "string" or t == "boolean" or t == "number" then return v end
  if t ~= "table" then return tostring(v) end
  if path[v] then return tostring(v) end
  path[v] = true
  local source, out, n = K.unfrozen(v), {}, 0
  for k in next, source do
    if mathtype(k) == "integer" and k > n then n = k end
  end
  if n > 0 then
    for i = 1, n do out[i] = plain(source[i], path) end
  else
    for k, item in next, source do out[rawtype(k) == "string" and k or tostring(k)] = plain(item, path) end
    K.hash_marks[out] = true
  end
  path[v] = nil
  return out
end
K.plain = function(v) return plain(v, {}) end

local function json_encode(v)
  K.load_module("json")
  return K.json_encode(v)
end
local function json_decode(v)
  K.load_module("json")
  return K.json_decode(v)
end

local function floats(v)
  if mathtype(v) == "integer" then return v + 0.0 end
  if rawtype(v) ~= "table" then return v end
  local out = {}
  for k, item in next, v do out[k] = floats(item) end
  if next(out) == nil and K.hash_marks[v] then K.hash_marks[out] = true end
  return out
end

local function scalar_text(v)
  if v == nil then return "" end
  local t = rawtype(v)
  if t == "string" then return v end
  if t == "number" or t == "boolean" then return K.text(v) end
  return K.fail("Internal", "no transcoding path found")
end
local function same(v) return v end

-- One step from format to format: function(value) -> value, err.
local steps = {
  [LUA] = { [JSON] = json_encode, [STRING] = scalar_text, [BYTES] = scalar_text, [GOLANG] = K.plain },
  [JSON] = {
    [LUA] = json_decode,
    [GOLANG] = function(text)
      local value, err = json_decode(text)
      if err then return nil, err end
      return floats(value)
    end,
  },
  [STRING] = { [LUA] = same },
  [BYTES] = { [LUA] = same },
  [GOLANG] = { [LUA] = K.plain, [JSON] = json_encode, [YAML] = fn._yaml_encode, [MSGPACK] = fn._msgpack_encode },
  [YAML] = { [GOLANG] = fn._yaml_decode },
  [MSGPACK] = { [GOLANG] = fn._msgpack_decode },
}
local ORDER = { LUA, GOLANG, JSON, YAML, MSGPACK, STRING, BYTES }

-- The shortest chain of steps, as a list of formats after `from`, or nil.
local chains = {}
local function chain(from, to)
  local known = chains[from .. ">" .. to]
  if known ~= nil then return known or nil end
  local queue, head, before = { from }, 1, { [from] = true }
  while queue[head] do
    local at = queue[head]
    head = head + 1
    for i = 1, #ORDER do
      local following = ORDER[i]
      if steps[at] and steps[at][following] and not before[following] then
        before[following] = at
        queue[#queue + 1] = following
      end
    end
  end
  local found = false
  if before[to] and to ~= from then
    found = {}
    local at = to
    while at ~= from do
      raw.insert(found, 1, at)
      at = before[at]
    end
  end
  if not steps[from] or not (steps[to] or to == LUA) then return nil end
  chains[from .. ">" .. to] = found
  return found or nil
end

local function converted(value, from, to, context)
  local path = chain(from, to)
  if not path then return nil, K.new_error("Internal", "no transcoding path found", false, nil, context) end
  local at = from
  for i = 1, #path do
    local err
    value, err = steps[at][path[i]](value)
    if err then return nil, K.new_error("Internal", err:message(), false, nil, context) end
    at = path[i]
  end
  return value, nil
end

function K.payload_decode(p)
  return converted(p[VALUE], p[FORMAT] or LUA, LUA, "transcode failed")
end

function K.payload_transcode(p, format)
  if rawtype(format) ~= "string" then K.badtype(2, "transcode", "string", format, 3) end
  local from = p[FORMAT] or LUA
  if format == from then return p, nil end
  local value, err = converted(p[VALUE], from, format, "transcode failed")
  if err then return nil, err end
  return K.payload(value, format ~= LUA and format or nil), nil
end

return {
  new = function(value)
    if K.is_error(value) then return K.payload(value, ERROR) end
    return K.payload(value)
  end,
}

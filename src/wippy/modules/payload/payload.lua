-- payload: making payloads and changing their format. The objects themselves are the kernel's.
local K, natives = ...
local raw = K.raw
local rawtype, next, mathtype = raw.type, raw.next, raw.mathtype
local VALUE, FORMAT = K.PAYLOAD_VALUE, K.PAYLOAD_FORMAT
local fn = natives.fn

local LUA, JSON, YAML, MSGPACK = "lua/any", "json/plain", "yaml/plain", "application/msgpack"
local STRING, BYTES, GOLANG, ERROR = "text/plain", "application/octet-stream", "golang/any", "golang/error"

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
  local shown = json_encode(v) -- for people
  return shown or K.text(v)
end
local function same(v) return v end
local function plain(v) return K.plain(v) end
-- A step that Python carries out on the packed value.
local function packed(convert)
  return function(v)
    local data, err = K.plain_pack(v)
    if err then return nil, err end
    return convert(data)
  end
end

-- One step from format to format: function(value) -> value, err.
local steps = {
  [LUA] = { [JSON] = json_encode, [STRING] = scalar_text, [BYTES] = scalar_text, [GOLANG] = plain },
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
  [GOLANG] = { [LUA] = plain, [JSON] = K.plain_json, [YAML] = packed(fn._yaml_encode), [MSGPACK] = packed(fn._msgpack_encode) },
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

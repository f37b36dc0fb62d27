-- Message and Payload objects.
local K = ...
local raw = K.raw
local setmt, getmt, rawget = raw.setmetatable, raw.getmetatable, raw.rawget
local error, tostring, rawtype = raw.error, raw.tostring, raw.type

local VALUE, FORMAT = K.key("value"), K.key("format")
K.PAYLOAD_VALUE, K.PAYLOAD_FORMAT = VALUE, FORMAT

local payload_methods = {}
local Payload = K.class({
  name = "payload.Payload",
  methods = payload_methods,
  missing = function(key)
    if rawtype(key) == "table" then return nil end
    error("a Payload is not a table: call :data() to get its value (reading '" .. tostring(key) .. "')", 2)
  end,
  tostring = function(p) return "payload{format=" .. (p[FORMAT] or "lua/any") .. "}" end,
})
K.Payload = Payload

function K.payload(value, format) return setmt({ [VALUE] = value, [FORMAT] = format }, Payload) end

local function bad(p, name) K.badtype(1, name, "payload.Payload", p, 3) end

function payload_methods.get_format(p)
  if getmt(p) ~= Payload then bad(p, "get_format") end
  return p[FORMAT] or "lua/any"
end

function payload_methods.data(p)
  if getmt(p) ~= Payload then bad(p, "data") end
  if rawget(p, FORMAT) then return K.payload_decode(p) end
  return rawget(p, VALUE)
end
payload_methods.unmarshal = payload_methods.data

function payload_methods.transcode(p, format)
  if getmt(p) ~= Payload then bad(p, "transcode") end
  return K.payload_transcode(p, format)
end

-- A message is {topic, from, value or values, count, sequence}; without count it has one value, without sequence it
-- came before all others.
local message_methods = {}
local Message = K.class({
  name = "process.Message",
  methods = message_methods,
  missing = function(key)
    if key == 3 or key == 4 or key == 5 then return nil end -- parts that this message does not have
    error("a Message is not a table: call :payload():data() to get its value (reading '" .. tostring(key) .. "')", 2)
  end,
  tostring = function(m) return "process.Message{topic=" .. m[1] .. "}" end,
})
K.Message = Message

local function bad_message(m, name) K.badtype(1, name, "process.Message", m, 3) end

function message_methods.topic(m)
  if getmt(m) ~= Message then bad_message(m, "topic") end
  return m[1]
end

function message_methods.from(m)
  if getmt(m) ~= Message then bad_message(m, "from") end
  return m[2]
end

function message_methods.payload(m)
  if getmt(m) ~= Message then bad_message(m, "payload") end
  local n = rawget(m, 4)
  if not n or n == 1 then return setmt({ [VALUE] = m[3] }, Payload) end
  if n == 0 then return nil end
  local values, list = m[3], {}
  for i = 1, n do list[i] = setmt({ [VALUE] = values[i] }, Payload) end
  return list
end

-- What a raw subscription gives for a message.
function K.message_value(m)
  if rawget(m, 4) == 0 then return nil end
  return m[3]
end

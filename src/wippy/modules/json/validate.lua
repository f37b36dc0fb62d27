-- json: schema and data as texts, or the data as plain values.
local K, natives = ...
local raw = K.raw
local rawtype, rawlen, next = raw.type, raw.rawlen, raw.next
local fn = natives.fn

local function invalid(message)
  local _, err = K.fail("Invalid", message)
  return false, err
end

-- A schema as JSON text -> text | false, err.
local function schema_text(schema)
  if schema == nil then return invalid("schema is required") end
  if rawtype(schema) == "string" then return schema end
  local text, err = K.json_encode(schema)
  if err then return invalid("compile schema: " .. err:message()) end
  return text
end

local function is_list(value)
  local content, keys = K.unfrozen(value), 0
  for _ in next, content do keys = keys + 1 end
  return keys > 0 and keys == rawlen(content)
end

local function validate(schema, data)
  local text, err = schema_text(schema)
  if err then return false, err end
  if data == nil then return invalid("data is required") end
  local packed
  if K.typeof(data) == "table" and not is_list(data) then
    packed, err = K.plain_pack(data)
    if err then return invalid("validation failed: evaluation failed: " .. err:message()) end
    return fn._validate_packed(text, packed)
  end
  packed, err = K.json_encode(data)
  if err then return invalid("validation failed: evaluation failed: " .. err:message()) end
  return fn._validate_text(text, packed)
end

local function validate_string(schema, data)
  local text, err = schema_text(schema)
  if err then return false, err end
  if data == nil then return invalid("data is required") end
  if rawtype(data) ~= "string" then return invalid("data must be a JSON string") end
  return fn._validate_text(text, data)
end

return { validate = validate, validate_string = validate_string }

-- sql: typed values and parameters.
local K, natives = ...
local raw = K.raw
local rawtype, next, mathtype, floor, tonumber, setmt, tostring, is = raw.type, raw.next, raw.mathtype, raw.floor, raw.tonumber, raw.setmetatable, raw.tostring, K.is
local typeof, unfrozen = K.typeof, K.unfrozen

local NULL = K.constant("sql.NULL")
local VALUE, BINARY = K.key("value"), K.key("binary")

local Typed = K.class { name = "sql.Value", tostring = function(v) return tostring(v[VALUE]) end }
local function typed(value, binary) return setmt({ [VALUE] = value, [BINARY] = binary }, Typed) end

local as = {}
function as.int(v)
  if rawtype(v) ~= "number" then return typed(0) end
  if mathtype(v) == "float" then
    if v ~= v or v >= 2.0 ^ 63 or v < -2.0 ^ 63 then return typed(0) end
    v = raw.tointeger(v < 0 and -floor(-v) or floor(v))
  end
  return typed(v)
end
function as.float(v) return typed(rawtype(v) == "number" and v + 0.0 or 0.0) end
function as.text(v)
  local t = rawtype(v)
  return typed(t == "string" and v or t == "number" and K.text(v) or "")
end
function as.binary(v)
  if rawtype(v) ~= "string" then return NULL end
  return typed(v, true)
end
function as.null() return NULL end

-- What is sent for one value: numbers, strings, booleans; NULL for what has no form in a database.
local function plain(v)
  local t = rawtype(v)
  if t == "string" or t == "number" or t == "boolean" then return v end
  if t == "table" and is(v, Typed) then
    local inner = v[VALUE]
    return v[BINARY] and { inner } or inner
  end
  return NULL
end

-- The parameters of a statement as a list without holes. `count`: how many; else the largest integer key with a value.
local function list(params, count)
  params = unfrozen(params)
  if not count then
    count = 0
    for k in next, params do
      if mathtype(k) == "integer" and k > count then count = k end
    end
  end
  local out = {}
  for i = 1, count do out[i] = plain(params[i]) end
  return out
end

local LIST = K.key("list")
local Prepared = K.class { name = "sql.Prepared" }
-- A list that is sent as it is.
local function prepared(args)
  local out = {}
  for i = 1, args.n do out[i] = args[i] end
  return setmt({ [LIST] = out }, Prepared)
end

K.converters["sql.params"] = function(params)
  if params == nil then return nil end
  if is(params, Prepared) then return params[LIST] end
  if typeof(params) ~= "table" then
    return nil, K.new_error("Invalid", "parameters must be a table, got " .. typeof(params), false, nil, "check params")
  end
  return list(params)
end

natives.sql = { NULL = NULL, Typed = Typed, plain = plain, prepared = prepared, is_typed = function(v) return is(v, Typed) end }

local stats = natives.native["sql.DB"]._stats
natives.methods["sql.DB"].stats = function(db) return K.freeze((stats(db))), nil end

return { NULL = NULL, as = K.freeze(as) }

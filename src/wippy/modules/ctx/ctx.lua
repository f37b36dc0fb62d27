-- The ctx module: the values of the running unit's frame. They are plain data and shared: code gets copies.
local K = ...
local raw = K.raw
local rawtype, next = raw.type, raw.next
local S, fail, hash_marks = K.state, K.fail, K.hash_marks

-- Numbers come back as floats.
local function read(v)
  local t = rawtype(v)
  if t == "number" then return v + 0.0 end
  if t ~= "table" then return v end
  local r = {}
  for k, item in next, v do r[k] = read(item) end
  if hash_marks[v] then hash_marks[r] = true end
  return r
end

local ctx = {}

function ctx.get(key)
  if rawtype(key) ~= "string" then K.badtype(1, "get", "string", key, 2) end
  if key == "" then return fail("Invalid", "empty key") end
  local values = S.cur.p.frame.values
  local value = values and values[key]
  if value == nil then return fail("NotFound", "key not found: " .. key) end
  return read(value), nil
end

function ctx.all()
  local all = read(S.cur.p.frame.values or {})
  hash_marks[all] = true
  return all, nil
end

return ctx

-- Why a value does not match a type: the first failure, as an error object.
local K = ...
local raw = K.raw
local rawtype, rawget, rawlen, mathtype, next, ipairs, sort = raw.type, raw.rawget, raw.rawlen, raw.mathtype, raw.next,
  raw.ipairs, raw.sort
local T = K.types
local force, compile, open, state = T.force, T.compile, T.open, T.state

local function failure(path, message, expected, got, constraint)
  if path ~= "" then message = path .. ": " .. message end
  return { message = message, field = path ~= "" and path or nil, expected = expected, got = got, constraint = constraint }
end

local function mismatch(node, v, path)
  local expected, got = T.expected(node), K.typeof(v)
  return failure(path, "expected " .. expected .. ", got " .. got, expected, got)
end

local function below(path, name) return path == "" and name or path .. "." .. name end

local explain

local MESSAGES = {
  min = "value below minimum",
  max = "value above maximum",
  min_len = "length below minimum",
  max_len = "length above maximum",
  pattern = "pattern mismatch",
}

local function constraint_failure(n, v, path)
  local message = MESSAGES[n.constraint]
  if n.constraint == "pattern" and K.host.expression_found(n.arg, v) == nil then message = "invalid regex" end
  return failure(path, message, K.text(n.arg), K.plain_text(v), n.constraint)
end

-- Text keys in order, then the others by their text.
local function ordered_keys(t)
  local keys = {}
  for key in next, t do keys[#keys + 1] = { rawtype(key) == "string" and 0 or 1, K.plain_text(key), key } end
  sort(keys, function(a, b)
    if a[1] ~= b[1] then return a[1] < b[1] end
    local x, y = a[3], b[3]
    if rawtype(x) == "number" and rawtype(y) == "number" then return x < y end
    return a[2] < b[2]
  end)
  return keys
end

local explainers = {
  optional = function(n, v, path) return explain(n.inner, v, path) end,

  intersection = function(n, v, path)
    for _, item in ipairs(n.items) do
      if not compile(item)(v, 0) then return explain(item, v, path) end
    end
  end,

  constrained = function(n, v, path)
    if not compile(n.base)(v, 0) then return explain(n.base, v, path) end
    return constraint_failure(n, v, path)
  end,

  record = function(n, v, path)
    local t = open(v)
    for _, field in ipairs(t and n.fields or {}) do
      local name, optional, node = field[1], field[2], field[3]
      local x = rawget(t, name)
      if not (x == nil and optional) and not compile(node)(x, 0) then
        if x ~= nil or T.bare(node).kind == "unresolved" then return explain(node, x, below(path, name)) end
        local where = below(path, name)
        return { message = where .. ": required field missing", field = where, expected = T.expected(node), got = "nil" }
      end
    end
  end,

  array = function(n, v, path)
    local t = open(v)
    for i = 1, t and rawlen(t) or 0 do
      local item = rawget(t, i)
      if item ~= nil and not compile(n.item)(item, 0) then return explain(n.item, item, path .. "[" .. i .. "]") end
    end
  end,

  tuple = function(n, v, path)
    local t = open(v)
    for i, node in ipairs(t and n.items or {}) do
      local item = rawget(t, i)
      if not compile(node)(item, 0) then return explain(node, item, path .. "[" .. i .. "]") end
    end
  end,

  map = function(n, v, path)
    local t = open(v)
    if not t then return nil end
    local key_check, check = compile(n.key), compile(n.value)
    local texts, free, items = T.key_classes(n.key)
    for _, entry in ipairs(ordered_keys(t)) do
      local key = entry[3]
      local text = rawtype(key) == "string"
      local item = not text and mathtype(key) == "integer" and key >= 1 and key <= rawlen(t)
      if text and texts or item and items or not text and not item then
        if not (item or text and free) and not key_check(key, 0) then return explain(n.key, key, path .. "[key]") end
        if not check(rawget(t, key), 0) then
          return explain(n.value, rawget(t, key), text and below(path, key) or path .. "[" .. entry[2] .. "]")
        end
      end
    end
  end,

  unresolved = function(n) return { message = "unresolved type " .. n.name, expected = n.name } end,
}

-- v does not match the type.
explain = function(node, v, path)
  local n = force(node)
  local explainer = explainers[n.kind]
  return explainer and explainer(n, v, path) or mismatch(node, v, path)
end

-- The error object for a value that does not match a type. `too_deep`: the check gave up.
function T.failure(node, v, too_deep)
  local found
  if too_deep then
    found = { message = "recursion limit exceeded" }
  else
    found = explain(node, v, "")
  end
  state.too_deep = false
  return K.new_error("Invalid", found.message, nil, {
    field = found.field,
    expected = found.expected,
    got = found.got,
    constraint = found.constraint,
  })
end

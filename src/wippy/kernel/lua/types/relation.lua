-- Subtypes and equality. A pair that is being compared counts as related, so recursive types come to an end.
local K = ...
local raw = K.raw
local rawtype, ipairs, mathtype = raw.type, raw.ipairs, raw.mathtype
local T = K.types
local force = T.force

local MAX_DEPTH, MAX_PAIRS = 64, 10000
local subtype

local TABLES = { array = true, map = true, record = true, tuple = true, interface = true, table = true }

local function literal_fits(value, b)
  if b.kind == "literal" then return value == b.value end
  if b.kind == "integer" then return mathtype(value) == "integer" or mathtype(value) == "float" and value % 1 == 0 end
  return rawtype(value) == b.kind
end

local function all(nodes, b, seen)
  for _, node in ipairs(nodes) do
    if not subtype(node, b, seen) then return false end
  end
  return true
end

local function any(nodes, test)
  for _, node in ipairs(nodes) do
    if test(node) then return true end
  end
  return false
end

-- Name -> node of an interface with its bases.
local function members(n, out, seen)
  out, seen = out or {}, seen or {}
  if seen[n] then return out end
  seen[n] = true
  for _, base in ipairs(n.bases or {}) do
    local b = force(base)
    if b.kind == "interface" or b.kind == "record" then members(b, out, seen) end
  end
  for _, field in ipairs(n.fields) do out[field[1]] = field[3] end
  return out
end
T.members = members

local function has_constraint(n, wanted)
  while n.kind == "constrained" do
    if n.constraint == wanted.constraint and n.arg == wanted.arg then return true end
    n = force(n.base)
  end
  return false
end

-- a has every field that b must have, and what both have fits.
local function fields_fit(a, b, seen)
  for _, field in ipairs(b.fields) do
    local own = a.by_name[field[1]]
    if own then
      if not subtype(own[3], field[3], seen) then return false end
      if own[2] and not field[2] and not subtype(T.basic["nil"], field[3], seen) then return false end
    elseif not field[2] and not subtype(T.basic["nil"], field[3], seen) then
      return false
    end
  end
  return true
end

local function functions_fit(a, b, seen)
  if a.any or b.any then return b.any or false end
  for i = 1, #a.params do
    local theirs = b.params[i] or b.vararg or T.basic["nil"]
    if not subtype(theirs, a.params[i], seen) then return false end
  end
  for i = #a.params + 1, #b.params do
    if a.vararg and not subtype(b.params[i], a.vararg, seen) then return false end
  end
  if #a.results < #b.results then return false end
  for i, result in ipairs(b.results) do
    if not subtype(a.results[i], result, seen) then return false end
  end
  return true
end

local structural = {
  array = function(a, b, seen)
    if b.kind == "array" then return subtype(a.item, b.item, seen) end
    return b.kind == "map" and subtype(T.basic.integer, b.key, seen) and subtype(a.item, b.value, seen)
  end,
  tuple = function(a, b, seen)
    if b.kind == "tuple" then
      if #a.items ~= #b.items then return false end
      for i, item in ipairs(a.items) do
        if not subtype(item, b.items[i], seen) then return false end
      end
      return true
    end
    return b.kind == "array" and all(a.items, b.item, seen)
  end,
  map = function(a, b, seen)
    return b.kind == "map" and subtype(a.key, b.key, seen) and subtype(b.key, a.key, seen)
      and subtype(a.value, b.value, seen)
  end,
  record = function(a, b, seen)
    if b.kind == "record" then return fields_fit(a, b, seen) end
    if b.kind == "interface" then
      for name, node in raw.next, members(b) do
        local own = a.by_name[name]
        if not own or not subtype(own[3], node, seen) then return false end
      end
      return true
    end
    if b.kind ~= "map" or not subtype(T.basic.string, b.key, seen) then return false end
    for _, field in ipairs(a.fields) do
      if not subtype(field[3], b.value, seen) then return false end
    end
    return true
  end,
  interface = function(a, b, seen)
    if b.kind ~= "interface" then return false end
    local own = members(a)
    for name, node in raw.next, members(b) do
      if not own[name] or not subtype(own[name], node, seen) then return false end
    end
    return true
  end,
  ["function"] = function(a, b, seen) return b.kind == "function" and functions_fit(a, b, seen) end,
}

local function related(a, b, seen)
  local ak, bk = a.kind, b.kind
  if bk == "any" or bk == "unknown" or ak == "never" then return true end
  if ak == "any" or ak == "unknown" or ak == "unresolved" or bk == "unresolved" or ak == "cycle" then return false end
  if ak == "union" then return all(a.items, b, seen) end
  if ak == "optional" then return subtype(T.basic["nil"], b, seen) and subtype(a.inner, b, seen) end
  if bk == "constrained" then return has_constraint(a, b) and subtype(a, b.base, seen) end
  if bk == "intersection" then
    for _, item in ipairs(b.items) do
      if not subtype(a, item, seen) then return false end
    end
    return true
  end
  if bk == "optional" then return ak == "nil" or subtype(a, b.inner, seen) end
  if bk == "union" then
    local function fits(item) return subtype(a, item, seen) end
    return any(b.items, fits) or ak == "constrained" and subtype(a.base, b, seen)
  end
  if ak == "constrained" then return subtype(a.base, b, seen) end
  if ak == "intersection" then
    if any(a.items, function(item) return subtype(item, b, seen) end) then return true end
    if bk ~= "record" then return false end
    local fields = {}
    for _, item in ipairs(a.items) do
      local n = T.bare(item)
      for _, field in ipairs(n.kind == "record" and n.fields or {}) do fields[#fields + 1] = field end
    end
    return fields_fit(T.record(fields), b, seen)
  end
  if ak == "literal" then return literal_fits(a.value, b) end
  if ak == "integer" and bk == "number" then return true end
  if bk == "table" then return TABLES[ak] or false end
  local structure = structural[ak]
  if structure then return structure(a, b, seen) end
  if ak == "userdata" then return bk == "userdata" and (a.name == b.name or b.name == "userdata") end
  return ak == bk and ak ~= "generic"
end

subtype = function(x, y, seen)
  local a, b = force(x), force(y)
  if a == b then return true end
  if seen.depth > MAX_DEPTH or seen.count > MAX_PAIRS then return false end
  local row = seen[a]
  if not row then
    row = {}
    seen[a] = row
  end
  local known = row[b]
  if known ~= nil then return known end
  row[b] = true
  local trail, mark = seen.trail, #seen.trail
  trail[mark + 1] = { row, b }
  seen.depth, seen.count = seen.depth + 1, seen.count + 1
  local result = related(a, b, seen)
  seen.depth = seen.depth - 1
  if not result then
    -- what was found to hold because this pair was taken to hold is open again
    for i = #trail, mark + 1, -1 do
      local pair = trail[i]
      if pair[1][pair[2]] then pair[1][pair[2]] = nil end
      trail[i] = nil
    end
    row[b] = false
  end
  return result
end

-- Does every value of type a match type b?
function T.subtype(a, b) return subtype(a, b, { depth = 0, count = 0, trail = {} }) end

-- Fields of records that may be absent must be so in both; `{}` equals `{}` only.
local function same_fields(a, b)
  if #a.fields ~= #b.fields then return false end
  for i, field in ipairs(a.fields) do
    if field[1] ~= b.fields[i][1] or field[2] ~= b.fields[i][2] then return false end
  end
  return true
end

function T.same(x, y)
  local a, b = force(x), force(y)
  if a == b then return true end
  if a.kind ~= b.kind then return false end
  if a.kind == "record" and not same_fields(a, b) then return false end
  return T.subtype(a, b) and T.subtype(b, a)
end

-- Keys of a table in a defined order: 1..n, other numbers, strings, booleans, then the rest in the order in which this
-- run first saw them. A workflow iterates by it, so that a replay takes the same way.
local K = ...
local raw = K.raw
local rawtype, next, rawget, rawlen, setmt, sort, mathtype, error = raw.type, raw.next, raw.rawget, raw.rawlen,
  raw.setmetatable, raw.sort, raw.mathtype, raw.error

local function number_of(key)
  local state = K.run_state
  local seen = state.seen
  if not seen then
    seen, state.last_seen = setmt({}, { __mode = "k" }), 0
    state.seen = seen
  end
  local n = seen[key]
  if not n then
    n = state.last_seen + 1
    state.last_seen = n
    seen[key] = n
  end
  return n
end

-- Called when a key is stored: `next` meets tables and functions in the order of their addresses.
local function note(key)
  local kind = rawtype(key)
  if kind == "table" or kind == "function" or kind == "thread" or kind == "userdata" then number_of(key) end
end

local function by_number(a, b) return number_of(a) < number_of(b) end

local function sorted_keys(t)
  local n = rawlen(t)
  local keys, numbers, strings, others = {}, {}, {}, {}
  local has_false, has_true
  for i = 1, n do
    if rawget(t, i) ~= nil then keys[#keys + 1] = i end
  end
  for k in next, t do
    local kind = rawtype(k)
    if kind == "number" then
      if mathtype(k) ~= "integer" or k < 1 or k > n then numbers[#numbers + 1] = k end
    elseif kind == "string" then
      strings[#strings + 1] = k
    elseif kind == "boolean" then
      if k then has_true = true else has_false = true end
    else
      number_of(k)
      others[#others + 1] = k
    end
  end
  sort(numbers)
  sort(strings)
  sort(others, by_number)
  for i = 1, #numbers do keys[#keys + 1] = numbers[i] end
  for i = 1, #strings do keys[#keys + 1] = strings[i] end
  if has_false then keys[#keys + 1] = false end
  if has_true then keys[#keys + 1] = true end
  for i = 1, #others do keys[#keys + 1] = others[i] end
  return keys
end

-- table -> {keys=, at= key -> position} of the traversal by `next` that goes on
local traversals = setmt({}, { __mode = "k" })

local ordered = {}
K.ordered_keys = ordered
ordered.sorted = sorted_keys
ordered.note = note

-- An iterator over t as it is now; keys that vanish meanwhile are left out.
function ordered.iterator(t)
  local keys, i = sorted_keys(t), 0
  return function()
    while true do
      i = i + 1
      local k = keys[i]
      if k == nil then return nil end
      local v = rawget(t, k)
      if v ~= nil then return k, v end
    end
  end
end

function ordered.next(t, k)
  if k == nil then
    traversals[t] = nil
    if next(t) == nil then return nil end
    local v = rawget(t, 1)
    if v ~= nil then return 1, v end
  end
  local walk = traversals[t]
  if not walk or k ~= nil and not walk.at[k] then
    local keys, at = sorted_keys(t), {}
    for i = 1, #keys do at[keys[i]] = i end
    walk = { keys = keys, at = at }
    traversals[t] = walk
  end
  local i = 0
  if k ~= nil then
    i = walk.at[k]
    if not i then error("invalid key to 'next'", 3) end
  end
  while true do
    i = i + 1
    local key = walk.keys[i]
    if key == nil then
      traversals[t] = nil
      return nil
    end
    local v = rawget(t, key)
    if v ~= nil then return key, v end
  end
end

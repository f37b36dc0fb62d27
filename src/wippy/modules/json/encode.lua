-- json.encode, written in Lua because the values are there; a crossing to Python would walk them a second time.
local K = ...
local raw = K.raw
local rawtype, next, getmt, pcall, error = raw.type, raw.next, raw.getmetatable, raw.pcall, raw.error
local mathtype, tostring, tunpack = raw.mathtype, raw.tostring, raw.tunpack
local concat, sort, find, format = raw.concat, raw.sort, raw.find, raw.format
local collectgarbage, rawset = raw.collectgarbage, raw.rawset
local hash_marks, unfrozen, typeof, is_error = K.hash_marks, K.unfrozen, K.typeof, K.is_error
local text, shapes = K.json_text, K.json_shapes
local inner, float_text, CLEAN, PIECE = text.inner, text.float, text.CLEAN, text.PIECE
local learn, written = shapes.learn, shapes.written

local MAX_DEPTH = 128
local TRACK = 8 -- depth from which on tables are looked for among those they stand in; a cycle is met there too
local RUN = 2000 -- names that plain Lua sorts at once
local PIECES = 2000 -- texts that are kept before they are joined

local Failure = {}
local function failure(message) error({ [Failure] = message }, 0) end

-- Whether an empty table has, or has had, named fields. Lua keeps the room for them, so that one more needs no memory.
local PROBE = {}
local function had_names(t)
  local before = collectgarbage("count")
  rawset(t, PROBE, true)
  local had = collectgarbage("count") == before
  rawset(t, PROBE, nil)
  hash_marks[t] = had
  return had
end

local left = 0 -- steps until others may run
local function pause(out, n)
  if n > PIECES then
    local joined = out.joined
    joined[#joined + 1] = concat(out, "", 1, n)
    n = 0
  end
  left = K.give_way()
  return n
end

local known, known_count = {}, 0
local function key_text(k)
  local found = known[k]
  if found then return found end
  found = '"' .. inner(k) .. '":'
  if #k <= 100 then
    if known_count >= 4096 then known, known_count = {}, 0 end
    known[k], known_count = found, known_count + 1
  end
  return found
end

-- An iterator over the sorted names of `runs`, lists that are sorted each: a heap of the lists by their next name.
local function each_sorted(runs)
  local size = #runs
  local at = {}
  for i = 1, size do at[runs[i]] = 1 end
  local function sink(i)
    local run = runs[i]
    local name = run[at[run]]
    while true do
      local child = 2 * i
      if child > size then break end
      local one = runs[child]
      local least = one[at[one]]
      if child < size then
        local other = runs[child + 1]
        local second = other[at[other]]
        if second < least then child, one, least = child + 1, other, second end
      end
      if name <= least then break end
      runs[i] = one
      i = child
    end
    runs[i] = run
  end
  for i = size // 2, 1, -1 do sink(i) end
  return function()
    local run = runs[1]
    if not run then return nil end
    local i = at[run]
    local name = run[i]
    at[run] = i + 1
    if run[i + 1] == nil then
      runs[1], runs[size] = runs[size], nil
      size = size - 1
    end
    if size > 0 then sink(1) end
    return name
  end
end

-- How many items a table with a positive integer key has; raises when it is no list.
local function list_length(v)
  local count, highest, mixed = 0, 0, false
  for k in next, v do
    count = count + 1
    if mathtype(k) == "integer" and k > 0 then
      if k > highest then highest = k end
    else
      mixed = true
    end
    left = left - 1
    if left < 0 then left = K.give_way() end
  end
  if mixed then failure("cannot encode mixed-key table: table has both numeric and non-numeric keys") end
  if highest ~= count then failure("cannot encode sparse array: non-contiguous numeric keys found") end
  return count
end

local write

-- The items of a list from `at` on, integers many at once.
local INTEGERS = 64
local FORMAT = raw.rep(",%d", INTEGERS)
local function write_items(out, n, v, at, depth, path)
  local count, attempt = list_length(v), at
  while at <= count do
    local stop = at
    if at >= attempt and at + INTEGERS <= count then
      while stop < at + INTEGERS and mathtype(v[stop]) == "integer" do stop = stop + 1 end
    end
    if stop == at + INTEGERS then
      n = n + 1
      out[n] = format(FORMAT, tunpack(v, at, stop - 1))
      at = stop
      left = left - INTEGERS
    else
      if at >= attempt then attempt = at + INTEGERS end
      n = write(out, n, ",", v[at], depth, path)
      at = at + 1
      left = left - 1
    end
    if left < 0 then n = pause(out, n) end
  end
  return n
end

local function write_list(out, n, lead, v, depth, path)
  local i, inside = 0, depth + 1
  local shape -- of the item before
  lead = lead .. "["
  for k, item in next, v do
    i = i + 1
    if k ~= i then
      local count = list_length(v)
      for at = i, count do
        n = write(out, n, lead, v[at], depth, path)
        lead = ","
      end
      break
    end
    if rawtype(item) == "string" then
      n = n + 1
      if #item > PIECE or not find(item, CLEAN) then item = inner(item) end
      out[n] = lead .. '"' .. item .. '"'
    elseif mathtype(item) == "integer" then
      n = n + 1
      out[n] = lead .. item
      if i == 16 then
        n = write_items(out, n, v, i + 1, depth, path)
        break
      end
    else
      local done = shape and rawtype(item) == "table" and not getmt(item) and shape.write(out, n, lead, item, inside, path)
      if done then
        n = done
        left = left - 4
      else
        n, shape = write(out, n, lead, item, depth, path)
        if depth >= path.from then shape = nil end
      end
    end
    lead = ","
    left = left - 1
    if left < 0 then n = pause(out, n) end
  end
  out[n + 1] = "]"
  return n + 1
end

local function other_key(k)
  local t = rawtype(k)
  if t == "boolean" then return tostring(k) end
  if t ~= "number" or k ~= k or k - k ~= 0 then return nil end
  return mathtype(k) == "integer" and tostring(k) or text.decimal(k)
end

local function write_member(out, n, lead, v, k, value, depth, path)
  n = write(out, n, lead .. key_text(k), value, depth, path)
  left = left - 1
  if left < 0 then return pause(out, n) end
  return n
end

local function write_object(out, n, lead, v, first, depth, path, plain)
  local keys, count, named, runs = {}, 0, nil, nil
  for k in next, v do
    if rawtype(k) ~= "string" then
      if mathtype(k) == "integer" and k > 0 then
        lead = lead .. "["
        for i = 1, list_length(v) do
          n = write(out, n, lead, v[i], depth, path)
          lead = ","
        end
        out[n + 1] = "]"
        return n + 1
      end
      local key = other_key(k)
      if key then
        named = named or {}
        named[key] = k
      end
      k = key
    end
    if k then
      if count == RUN then
        runs = runs or {}
        sort(keys)
        runs[#runs + 1] = keys
        keys, count = {}, 0
      end
      count = count + 1
      keys[count] = k
    end
    left = left - 1
    if left < 0 then left = K.give_way() end
  end
  -- the same value gives the same text, in every run
  sort(keys)
  lead = lead .. "{"
  if runs then
    runs[#runs + 1] = keys
    local before
    for k in each_sorted(runs) do
      local other = named and named[k]
      n = write_member(out, n, lead, v, k, (other == nil or before == k) and v[k] or v[other], depth, path)
      lead, before = ",", k
    end
  else
    if plain and not named then learn(v, first, keys, write) end
    for i = 1, count do
      local k = keys[i]
      local item = v[k]
      if named and named[k] ~= nil and (item == nil or keys[i + 1] == k) then item = v[named[k]] end
      n = write_member(out, n, lead, v, k, item, depth, path)
      lead = ","
    end
  end
  out[n + 1] = lead == "," and "}" or lead .. "}"
  return n + 1
end

-- Writes `lead` and the text of v behind out[n] -> the new n and the shape of v. `path` holds the tables that v stands in.
write = function(out, n, lead, v, depth, path)
  local kind = rawtype(v)
  if kind == "string" then
    out[n + 1] = lead .. '"' .. inner(v) .. '"'
    return n + 1
  elseif kind == "number" then
    out[n + 1] = mathtype(v) == "integer" and lead .. v or lead .. float_text(v)
    return n + 1
  elseif kind == "boolean" then
    out[n + 1] = v and lead .. "true" or lead .. "false"
    return n + 1
  elseif kind ~= "table" then
    out[n + 1] = lead .. "null"
    return n + 1
  end
  local plain, shape = true, nil
  if getmt(v) then
    if typeof(v) ~= "table" then
      if is_error(v) then
        out[n + 1] = lead .. '"' .. inner(tostring(v)) .. '"'
      else
        out[n + 1] = K.constant_name(v) == "sql.NULL" and lead .. '"SQL_NULL"' or lead .. "null"
      end
      return n + 1
    end
    v = unfrozen(v)
    plain = not getmt(v)
  end
  local tracked = depth >= path.from
  if tracked then
    if path[v] then failure("cannot encode recursively nested tables to JSON") end
    if depth > MAX_DEPTH then failure(path) end
    path[v] = true
  end
  left = left - 4
  if left < 0 then n = pause(out, n) end
  local first = next(v)
  if first == 1 then
    n = write_list(out, n, lead, v, depth + 1, path)
  elseif first ~= nil then
    local done
    if plain then done, shape = written(out, n, lead, v, first, depth + 1, path) end
    n = done or write_object(out, n, lead, v, first, depth + 1, path, plain)
  else
    n = n + 1
    local named = hash_marks[v]
    if named == nil then named = had_names(v) end
    out[n] = lead .. (named and "{}" or "[]")
  end
  if tracked then path[v] = nil end
  return n, shape
end

-- Lua pays for one large allocation with as much collection at once as it would take for many small ones, which holds
-- the worker; so this one is not counted.
local function join(pieces)
  collectgarbage("stop")
  local ok, whole = pcall(concat, pieces)
  collectgarbage("restart")
  if not ok then error(whole, 0) end
  return whole
end

local function attempt(value, from)
  local out = { joined = {} }
  local ok, n = pcall(write, out, 0, "", value, 0, { from = from })
  if ok then
    local joined = out.joined
    local last = concat(out, "", 1, n)
    if #joined == 0 then return last end
    joined[#joined + 1] = last
    return join(joined)
  end
  local reason = rawtype(n) == "table" and n[Failure] or n
  -- what ends the unit, and the end of memory, is not for the caller
  if reason == n and (rawtype(n) ~= "string" or n == "not enough memory") then error(n, 0) end
  return nil, reason
end

local function encode(value)
  local kind = rawtype(value)
  if kind == "nil" then return "null", nil end
  if kind == "string" then return '"' .. inner(value) .. '"', nil end
  if mathtype(value) == "float" then return text.top_float(value), nil end
  local done, reason = attempt(value, TRACK)
  if done then return done, nil end
  -- too deep: perhaps a cycle that is longer than what was tracked
  if rawtype(reason) == "table" then done, reason = attempt(value, 0) end
  if rawtype(reason) ~= "string" then reason = "exceeded maximum nesting depth for JSON encoding" end
  return K.fail("Internal", "encode failed: " .. reason)
end

K.json_encode = encode
return { encode = encode }

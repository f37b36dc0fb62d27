-- Copies of values that pass from one unit to another in the same VM.
local K = ...
local raw = K.raw
local rawtype, next, getmt, rawget, setmt = raw.type, raw.next, raw.getmetatable, raw.rawget, raw.setmetatable
local CLASS, hash_marks, unfrozen = K.CLASS, K.hash_marks, K.unfrozen

local copy_table

-- Objects become nil, but errors stay errors.
local function copy_value(v, vt, seen)
  if vt == "table" then
    local done = seen[v]
    if done then return done end
    return copy_table(v, seen)
  elseif vt == "function" or vt == "thread" or vt == "userdata" then
    return nil
  end
  return v
end

copy_table = function(t, seen)
  local mt = getmt(t)
  local source = t
  if mt then
    if rawget(mt, CLASS) then
      if K.is_error(t) then return t end
      local copier = K.copiers[mt]
      return copier and copier(t) or nil
    end
    source = unfrozen(t)
  end
  local r = {}
  if seen then seen[t] = r end
  for k, v in next, source do
    local vt, kt = rawtype(v), rawtype(k)
    if vt == "table" or vt == "function" or vt == "thread" or vt == "userdata" then
      if not seen then seen = { [t] = r } end
      v = copy_value(v, vt, seen)
    end
    if kt == "table" or kt == "function" or kt == "thread" or kt == "userdata" then
      if not seen then seen = { [t] = r } end
      k = copy_value(k, kt, seen)
    end
    if k ~= nil then r[k] = v end
  end
  if next(r) == nil and hash_marks[source] then hash_marks[r] = true end
  return r
end

K.copiers = {} -- class -> function(object) -> what arrives; without it an object arrives as nil

function K.copy(v)
  local t = rawtype(v)
  if t == "table" then return copy_table(v, nil) end
  if t == "function" or t == "thread" or t == "userdata" then return nil end
  return v
end

-- The n values of `list` copied in place.
function K.copy_all(list, n)
  for i = 1, n do
    local v = list[i]
    local t = rawtype(v)
    if t == "table" then
      list[i] = copy_table(v, nil)
    elseif t == "function" or t == "thread" or t == "userdata" then
      list[i] = nil
    end
  end
  return list
end

-- Plain data that any consumer understands: a table with a sequence part is a list without its other keys, any other
-- table a map with text keys; what has no plain form becomes text. A table that contains itself raises.
local function native(v, path)
  local t = rawtype(v)
  if t == "table" then
    local mt = getmt(v)
    if mt then
      if rawget(mt, CLASS) then return K.text(v) end
      v = unfrozen(v)
    end
    if path[v] then raw.error(K.new_error("Internal", "table contains itself", false), 0) end
    path[v] = true
    local r = {}
    local n = raw.rawlen(v)
    if n > 0 then
      for i = 1, n do r[i] = native(v[i], path) end
    else
      for k, x in next, v do r[K.text(k)] = native(x, path) end
      if next(r) == nil then hash_marks[r] = true end
    end
    path[v] = nil
    return r
  end
  if t == "function" or t == "thread" or t == "userdata" then return K.text(v) end
  return v
end

function K.native(v) return native(v, {}) end

-- Search attributes as their reader in Python takes them: times stay times. A value of a type that they cannot have
-- becomes an empty table, which the reader refuses.
function K.attributes(values)
  local found = {}
  for name, value in next, unfrozen(values) do
    if rawtype(name) == "string" then
      local kind = K.typeof(value)
      if K.classof(value) == "time.Time" then
        found[name] = K.timestamp(value.unix(value), value.nanosecond(value))
      elseif kind == "string" or kind == "number" or kind == "boolean" or kind == "table" then
        found[name] = K.native(value)
      else
        found[name] = {}
      end
    end
  end
  return found
end

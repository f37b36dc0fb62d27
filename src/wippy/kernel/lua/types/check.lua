-- Types as functions check(value, depth) -> boolean; depth counts the tables around the value.
local K = ...
local raw = K.raw
local rawtype, getmt, rawget, rawlen, next, mathtype, ipairs =
  raw.type, raw.getmetatable, raw.rawget, raw.rawlen, raw.next, raw.mathtype, raw.ipairs
local T = K.types
local force, typeof, CLASS, CONTENT = T.force, K.typeof, K.CLASS, K.CONTENT

local MAX_DEPTH = 64
local MAX_EAGER = 500 -- nodes that are compiled at once; instances of generics may go on for ever

local MANY = 1000 -- items from which on a table counts as work

-- too_deep is set by a check that gave up: the value is nested too deeply. work: items of long tables so far.
local state = { too_deep = false, work = 0 }
T.state = state

local function give_up()
  state.too_deep = true
  return false
end

-- The table in which the raw content of a table value stands; nil for everything else.
local function open(v)
  if rawtype(v) ~= "table" then return nil end
  local mt = getmt(v)
  if mt == nil then return v end
  if rawget(mt, CLASS) then return nil end
  return rawget(mt, CONTENT) or v
end
T.open = open

local compile

local function integral(v)
  local t = mathtype(v)
  if t == "integer" then return true end
  return t == "float" and v % 1 == 0
end

local function always() return true end

local function raw_type(name)
  return function(v) return rawtype(v) == name end
end

local function is_table(v) return open(v) ~= nil end

-- The name of the raw type that is all a check asks for, or nil; and whether nil passes too.
local RAW = { string = "string", number = "number", boolean = "boolean", ["function"] = "function" }
local function plain(node)
  local n = force(node)
  if n.kind == "optional" then
    return RAW[force(n.inner).kind], true
  end
  return RAW[n.kind], false
end

-- Which keys of a map a key type speaks of: text (and whether any text will do), items of the sequence.
local function key_classes(node)
  local n = force(node)
  local kind = n.kind
  if kind == "any" or kind == "unknown" then return true, true, true end
  if kind == "string" then return true, true, false end
  if kind == "number" or kind == "integer" then return false, false, true end
  if kind == "literal" then return rawtype(n.value) == "string", false, rawtype(n.value) == "number" end
  if kind == "constrained" then
    local text, _, items = key_classes(n.base)
    return text, false, items
  end
  if kind == "optional" then return key_classes(n.inner) end
  local text, free, items = false, false, false
  if kind == "union" then
    for _, item in ipairs(n.items) do
      local a, b, c = key_classes(item)
      text, free, items = text or a, free or b, items or c
    end
  end
  return text, free, items
end
T.key_classes = key_classes

-- The constraint's test of a value whose base type has matched; nil where the constraint says nothing.
local tests = {
  min = function(arg)
    if rawtype(arg) ~= "number" then return nil end
    return function(v) return rawtype(v) ~= "number" or v >= arg end
  end,
  max = function(arg)
    if rawtype(arg) ~= "number" then return nil end
    return function(v) return rawtype(v) ~= "number" or v <= arg end
  end,
  pattern = function(arg)
    if rawtype(arg) ~= "string" then return nil end
    return function(v) return rawtype(v) ~= "string" or K.host.expression_found(arg, v) == true end
  end,
}
-- `#` of a table is its raw length here: validation asks no metamethods.
local function length_test(compare)
  return function(arg)
    if rawtype(arg) ~= "number" then return nil end
    return function(v)
      if rawtype(v) == "string" then return compare(#v, arg) end
      local t = open(v)
      return t == nil or compare(rawlen(t), arg)
    end
  end
end
tests.min_len = length_test(function(n, arg) return n >= arg end)
tests.max_len = length_test(function(n, arg) return n <= arg end)

local compilers = {
  any = function() return always end,
  unknown = function() return always end,
  never = function() return function() return false end end,
  ["nil"] = function() return function(v) return v == nil end end,
  boolean = function() return raw_type("boolean") end,
  number = function() return raw_type("number") end,
  string = function() return raw_type("string") end,
  ["function"] = function() return raw_type("function") end,
  thread = function() return function(v) return typeof(v) == "thread" end end,
  userdata = function() return function(v) return typeof(v) == "userdata" end end,
  integer = function() return integral end,
  table = function() return is_table end,
  interface = function() return is_table end,
  generic = function() return function() return false end end,
  unresolved = function() return function() return false end end,
  cycle = function() return give_up end,

  literal = function(n)
    local value = n.value
    return function(v) return v == value end
  end,

  optional = function(n)
    local inner = compile(n.inner)
    return function(v, depth) return v == nil or inner(v, depth) end
  end,

  union = function(n)
    local checks, literals, count = {}, {}, 0
    for _, item in ipairs(n.items) do
      local one = force(item)
      if one.kind == "literal" then
        literals[one.value] = true
      else
        count = count + 1
        checks[count] = compile(item)
      end
    end
    local any_literal = next(literals) ~= nil
    return function(v, depth)
      if any_literal and v ~= nil and literals[v] then return true end
      for i = 1, count do
        if checks[i](v, depth) then return true end
      end
      return false
    end
  end,

  intersection = function(n)
    local checks = {}
    for i, item in ipairs(n.items) do checks[i] = compile(item) end
    local count = #checks
    return function(v, depth)
      for i = 1, count do
        if not checks[i](v, depth) then return false end
      end
      return true
    end
  end,

  array = function(n)
    local check, want = compile(n.item), (plain(n.item))
    return function(v, depth)
      local t = open(v)
      if t == nil then return false end
      if depth >= MAX_DEPTH then return give_up() end
      local length = rawlen(t)
      if length >= MANY then state.work = state.work + length end
      for i = 1, length do
        local item = rawget(t, i)
        if rawtype(item) ~= want and item ~= nil and not check(item, depth + 1) then return false end
      end
      return true
    end
  end,

  tuple = function(n)
    local checks = {}
    for i, item in ipairs(n.items) do checks[i] = compile(item) end
    local count = #checks
    return function(v, depth)
      local t = open(v)
      if t == nil then return false end
      if depth >= MAX_DEPTH then return give_up() end
      for i = 1, count do
        if not checks[i](rawget(t, i), depth + 1) then return false end
      end
      return true
    end
  end,

  map = function(n)
    local key_check, check = compile(n.key), compile(n.value)
    local texts, free, items = key_classes(n.key)
    return function(v, depth)
      local t = open(v)
      if t == nil then return false end
      if depth >= MAX_DEPTH then return give_up() end
      local length, seen = rawlen(t), 0
      for key, item in next, t do
        seen = seen + 1
        if rawtype(key) == "string" then
          if texts and not ((free or key_check(key, depth + 1)) and check(item, depth + 1)) then return false end
        elseif mathtype(key) == "integer" and key >= 1 and key <= length then
          if items and not check(item, depth + 1) then return false end
        elseif not (key_check(key, depth + 1) and check(item, depth + 1)) then
          return false
        end
      end
      if seen >= MANY then state.work = state.work + seen end
      return true
    end
  end,

  record = function(n)
    local names, wants, checks, absent, count = {}, {}, {}, {}, #n.fields
    for i, field in ipairs(n.fields) do
      local want, optional = plain(field[3])
      names[i], wants[i], checks[i] = field[1], want or false, compile(field[3])
      absent[i] = field[2] or optional
    end
    return function(v, depth)
      if rawtype(v) ~= "table" then return false end
      if depth >= MAX_DEPTH then return give_up() end
      local get
      if getmt(v) ~= nil then
        v = open(v)
        if v == nil then return false end
        get = rawget
      end
      for i = 1, count do
        local x
        if get then x = get(v, names[i]) else x = v[names[i]] end
        local want = wants[i]
        if want then
          if rawtype(x) ~= want and (x ~= nil or not absent[i]) then return false end
        elseif not (x == nil and absent[i]) and not checks[i](x, depth + 1) then
          return false
        end
      end
      return true
    end
  end,

  constrained = function(n)
    local base, test = compile(n.base), T.test(n)
    if not test then return base end
    return function(v, depth) return base(v, depth) and (v == nil or test(v)) end
  end,
}

-- The test of a constrained node without its base, or nil.
function T.test(n)
  local make = tests[n.constraint]
  return make and make(n.arg)
end

local eager, level = 0, 0

compile = function(node)
  local n = force(node)
  local check = n.check
  if check then return check end
  if level == 0 then eager = 0 end
  eager = eager + 1
  if n.pending or eager > MAX_EAGER or level > MAX_DEPTH then
    return function(v, depth) return (n.check or compile(n))(v, depth) end
  end
  n.pending = true
  level = level + 1
  check = compilers[n.kind](n)
  level = level - 1
  n.pending, n.check = nil, check
  return check
end
T.compile = compile

-- The basic functions.
local K = ...
local raw = K.raw
local base = K.base
local rawtype, getmt, setmt, rawget, rawset, rawlen, next, error, select, tunpack = raw.type, raw.getmetatable,
  raw.setmetatable, raw.rawget, raw.rawset, raw.rawlen, raw.next, raw.error, raw.select, raw.tunpack
local rawtonumber, find, concat, mathtype, xpcall = raw.tonumber, raw.find, raw.concat, raw.mathtype, raw.xpcall
local typeof, badarg, badtype, text, truncated = K.typeof, K.badarg, K.badtype, K.text, K.truncated
local CLASS, CONTENT, OWN, KILL, handler = K.CLASS, K.CONTENT, K.OWN, K.KILL, K.handler

local metatables = K.user_metatables
local NO_MEMORY = "not enough memory"

base._VERSION = "Lua 5.3 - Wippy Modification"
base.error = error
base.rawequal = raw.rawequal

-- typeof for user code: plain Lua's function complains when there is no argument.
do
  local type = raw.type
  function base.type(...)
    local t = type(...)
    if t ~= "table" then return t end
    local mt = getmt((...))
    if mt == nil then return t end
    local class = rawget(mt, CLASS)
    if class then return class == "type" and "type" or "userdata" end
    return t
  end
end

function base.tostring(...)
  local v = ...
  if v == nil and select("#", ...) == 0 then badarg(1, "tostring", "value expected") end
  return (text(v))
end

-- The table that holds the content of `t`; raises for what is no table to user code. Never give it to user code.
local function content_of(t, n, name)
  if rawtype(t) ~= "table" then badtype(n, name, "table", t, 3) end
  local mt = getmt(t)
  if mt == nil then return t end
  if rawget(mt, CLASS) then badtype(n, name, "table", t, 3) end
  local own = rawget(mt, OWN)
  if own then own(t) end
  return rawget(mt, CONTENT) or t
end
K.content_of = content_of

function base.assert(...)
  local v, message = ...
  if v then return ... end
  local count = select("#", ...)
  if count == 0 then badarg(1, "assert", "value expected") end
  if message == nil then error("assertion failed!", 2) end
  if rawtype(message) ~= "string" then
    if not K.is_error(message) and rawtype(message) ~= "number" then badtype(2, "assert", "string", message) end
    message = text(message)
  end
  error(message, 2)
end

-- Protected calls. What ends a unit passes through.

local function passes(e) return e == KILL or e == NO_MEMORY end
K.uncatchable = passes

local function checked(ok, ...)
  if ok then return true, ... end
  local e = ...
  if e == KILL or e == NO_MEMORY then error(e, 0) end
  return false, e
end

local function not_callable(f)
  if rawtype(f) == "function" then return nil end
  local mt = getmt(f)
  if rawtype(f) == "table" and mt and rawget(mt, "__call") ~= nil then return nil end
  return "attempt to call a " .. typeof(f) .. " value"
end

function base.pcall(f, ...)
  if rawtype(f) ~= "function" then
    local refusal = not_callable(f)
    if refusal then return false, refusal end
  end
  return checked(xpcall(f, handler, ...))
end

-- What the handler makes of an error; an error of the handler itself is then the one that is told.
local function told(on_error, e)
  local _, value = checked(xpcall(on_error, handler, e))
  return false, value
end

local function handled(on_error, ok, ...)
  if ok then return true, ... end
  local e = ...
  if e == KILL or e == NO_MEMORY then error(e, 0) end
  return told(on_error, e)
end

function base.xpcall(f, on_error)
  if not_callable(on_error) then badtype(2, "xpcall", "function", on_error) end
  local refusal = not_callable(f)
  if refusal then return told(on_error, refusal) end
  return handled(on_error, xpcall(f, handler))
end

-- Tables

function base.getmetatable(...)
  local v = ...
  -- the metatables of all other types are ours
  if rawtype(v) ~= "table" then
    if v == nil and select("#", ...) == 0 then badarg(1, "getmetatable", "value expected") end
    return nil
  end
  local mt = getmt(v)
  if mt == nil or rawget(mt, CLASS) then return nil end
  local content = rawget(mt, CONTENT)
  if content then
    mt = getmt(content)
    if mt == nil then return nil end
  end
  local shown = rawget(mt, "__metatable")
  if shown ~= nil then return shown end
  return K.shown_metatable(mt)
end

function base.setmetatable(t, mt)
  if rawtype(t) ~= "table" then badtype(1, "setmetatable", "table", t) end
  local old = getmt(t)
  if old ~= nil then
    if rawget(old, CLASS) then badtype(1, "setmetatable", "table", t) end
    if rawget(old, CONTENT) then error("attempt to modify Immutable table", 2) end
    if rawget(old, "__metatable") ~= nil then error("cannot change a protected metatable", 2) end
  end
  if mt ~= nil then
    if rawtype(mt) ~= "table" then badarg(2, "setmetatable", "nil or table expected") end
    local its = getmt(mt)
    if its ~= nil then
      if rawget(its, CLASS) then badarg(2, "setmetatable", "nil or table expected") end
      mt = rawget(its, CONTENT) or mt
    end
    if rawget(mt, "__lt") ~= nil and rawget(mt, "__le") == nil then
      rawset(mt, "__le", function(a, b) return not (b < a) end)
    end
    metatables[mt] = true
    if rawget(mt, "__gc") ~= nil then return K.set_unfinalized(t, mt) end
  end
  return setmt(t, mt)
end

function base.rawget(t, ...)
  local content = content_of(t, 1, "rawget")
  if select("#", ...) == 0 then badarg(2, "rawget", "value expected") end
  return rawget(content, (...))
end

function base.rawset(t, ...)
  local content = content_of(t, 1, "rawset")
  local given, k, v = select("#", ...), ...
  if given < 2 then badarg(given + 2, "rawset", "value expected") end
  if content ~= t then error("attempt to modify Immutable table", 2) end
  if k == nil then error("table index is nil", 2) end
  if k ~= k then error("table index is NaN", 2) end
  return rawset(t, k, v)
end

function base.unpack(t, i, j)
  local content = content_of(t, 1, "unpack")
  if i == nil then
    i = 1
  else
    i = rawtype(i) == "number" and i or rawtonumber(i) or badtype(2, "unpack", "number", i)
    i = truncated(i)
  end
  if j == nil then
    j = rawlen(content)
  else
    j = rawtype(j) == "number" and j or rawtonumber(j) or badtype(3, "unpack", "number", j)
    j = truncated(j)
  end
  if j - i >= 2000 and j - i < 200000 then K.charge(16 * (j - i)) end
  return tunpack(content, i, j)
end

-- Iteration. Iterators are closures over a table that has been checked: plain `next` would open objects and content.

local step = raw.ipairs({}) -- opens nothing: it asks metamethods

function base.ipairs(t)
  local content = content_of(t, 1, "ipairs")
  if getmt(content) == nil and content == t then
    return step, t, 0
  end
  return function(_, i)
    i = i + 1
    local v = rawget(content, i)
    if v ~= nil then return i, v end
  end, t, 0
end

if K.workflow then
  local ordered = K.ordered_keys
  function base.next(t, k) return ordered.next(content_of(t, 1, "next"), k) end
  function base.pairs(t) return ordered.iterator(content_of(t, 1, "pairs")), t, nil end
else
  function base.next(t, k) return next(content_of(t, 1, "next"), k) end

  -- 1..n in order, then the rest, for a table whose sequence is scattered: i items are done already.
  local function scattered(t, n, i)
    local at = nil
    return function()
      while i < n do
        i = i + 1
        local v = rawget(t, i)
        if v ~= nil then return i, v end
      end
      local v
      repeat
        at, v = next(t, at)
      until mathtype(at) ~= "integer" or at < 1 or at > n
      return at, v
    end
  end

  function base.pairs(t)
    local content = content_of(t, 1, "pairs")
    local n = rawlen(content)
    if n == 0 then
      return function(_, k) return next(content, k) end, t, nil
    end
    local i, rest = 0, nil
    return function(_, k)
      if rest then return rest() end
      local key, v = next(content, k)
      if i < n then
        i = i + 1
        if key ~= i then
          rest = scattered(content, n, i - 1)
          return rest()
        end
      end
      return key, v
    end, t, nil
  end
end

-- Arguments

function base.select(n, ...)
  if n == "#" then return select("#", ...) end
  if rawtype(n) ~= "number" then
    local number = rawtonumber(n)
    if not number then badtype(1, "select", "number", n) end
    n = number
  end
  n = truncated(n)
  if n == 0 or n < 0 and -n > select("#", ...) then badarg(1, "select", "index out of range") end
  return select(n, ...)
end

function base.tonumber(...)
  local v, radix = ...
  local t = rawtype(v)
  if t == "number" then return v end
  if t ~= "string" then
    if v == nil and select("#", ...) == 0 then badarg(1, "tonumber", "value expected") end
    return nil
  end
  if radix == nil or find(v, ".", 1, true) then
    local n = rawtonumber(v)
    if n == nil or mathtype(n) == "integer" or find(v, ".", 1, true) then return n end
    return nil
  end
  if rawtype(radix) ~= "number" then
    radix = rawtonumber(radix) or badtype(2, "tonumber", "number", radix)
  end
  radix = truncated(radix)
  if radix < 2 or radix > 36 then badarg(2, "tonumber", "base out of range") end
  return rawtonumber(v, radix)
end

function base.print(...)
  local n = select("#", ...)
  local parts = { ... }
  for i = 1, n do parts[i] = text(parts[i]) end
  local cur = K.state and K.state.cur
  local p = cur and cur.p
  local pid = p and K.pid_of(p) or ""
  local chunk, line = K.user_place()
  K.host.print(chunk or p and p.unit.id or "", pid, line, concat(parts, " ", 1, n))
end

base.package = K.freeze({
  path = "",
  cpath = "",
  seeall = function() end,
  loadlib = function() return nil, "dynamic libraries are not supported", "absent" end,
})

local names = K.function_names
for name, value in next, base do
  if rawtype(value) == "function" then names[value] = name end
end

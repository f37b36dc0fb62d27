-- Objects for user code: tables with private keys and a class as metatable.
local K = ...
local raw = K.raw
local rawtype, getmt, setmt, error, tostring, rawget = raw.type, raw.getmetatable, raw.setmetatable, raw.error, raw.tostring, raw.rawget

local CLASS = {} -- private key: marks a metatable as a class of ours
K.CLASS = CLASS
K.OWN = {} -- private key: a function in a metatable that is called before user code looks at the table as a whole

-- A private key: only who holds it can read the field. The name helps when debugging the kernel.
function K.key(name) return { name } end

-- class{name=, methods=, index=, newindex=, tostring=, ...other metamethods} -> class.
-- newindex=false: the kernel sets private fields later, so there is no handler.
-- missing(key): called for a key that is neither a field nor a method; without it such a key reads nil.
function K.class(spec)
  local methods, missing = spec.methods or {}, spec.missing
  local class = {
    [CLASS] = spec.name,
    __name = spec.name,
    __metatable = false,
    __index = methods,
    __newindex = spec.newindex or (spec.newindex == nil and function(_, key)
      error("cannot assign field '" .. tostring(key) .. "' of a " .. spec.name, 2)
    end or nil),
    __tostring = spec.tostring or function() return spec.name .. "{}" end,
    __len = function() error("__len undefined", 2) end,
  }
  if missing then raw.setmetatable(methods, { __index = function(_, key) return missing(key) end }) end
  for name, value in raw.next, spec do
    if raw.sub(name, 1, 2) == "__" then class[name] = value end
  end
  return class
end

function K.is(value, class) return getmt(value) == class end

-- The name of the class of an object of ours, else nil.
function K.classof(value)
  if rawtype(value) ~= "table" then return nil end
  local mt = getmt(value)
  return mt and rawget(mt, CLASS)
end

-- type() as user code sees it.
function K.typeof(value)
  local t = rawtype(value)
  if t ~= "table" then return t end
  local mt = getmt(value)
  local class = mt and rawget(mt, CLASS)
  if class then return class == "type" and "type" or "userdata" end
  return "table"
end

-- Raises `bad argument #n to name (text)` with the position of the user's call.
function K.badarg(n, name, text, level)
  error("bad argument #" .. n .. " to " .. name .. " (" .. text .. ")", (level or 2) + 1)
end

function K.badtype(n, name, expected, value, level)
  local got = value == nil and "nil" or K.typeof(value)
  error("bad argument #" .. n .. " to " .. name .. " (" .. expected .. " expected, got " .. got .. ")", (level or 2) + 1)
end

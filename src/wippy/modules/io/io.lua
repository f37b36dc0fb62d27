-- The io module: only the process of a terminal host has a terminal.
local K, natives = ...
local raw = K.raw
local select, concat = raw.select, raw.concat
local S, fn = K.state, natives.fn

local function absent()
  if S.cur.p.terminal then return nil end
  return K.new_error("Unavailable", "no terminal context", false)
end

local function joined(separator, ...)
  local n, parts = select("#", ...), {}
  for i = 1, n do parts[i] = K.text((select(i, ...))) end
  return concat(parts, separator)
end

local io = {}

function io.write(...)
  local err = absent()
  if err then return nil, err end
  return fn._write(joined("", ...), false)
end

function io.print(...)
  local err = absent()
  if err then return nil, err end
  return fn._write(joined("\t", ...) .. "\n", false)
end

function io.eprint(...)
  local err = absent()
  if err then return nil, err end
  return fn._write(joined("\t", ...) .. "\n", true)
end

function io.read(n)
  if n ~= nil and raw.type(n) ~= "number" then K.badtype(1, "read", "number", n, 2) end
  local err = absent()
  if err then return nil, err end
  n = n and raw.tointeger(raw.floor(n)) or 0
  return fn._read(n > 0 and n or 1024)
end

function io.readline()
  local err = absent()
  if err then return nil, err end
  return fn._readline()
end

function io.raw(enable)
  local err = absent()
  if err then return nil, err end
  return fn._raw(enable ~= false)
end

function io.flush()
  local err = absent()
  if err then return nil, err end
  return true
end

function io.args()
  if absent() then return {} end
  return fn._args()
end

return io

-- Code of entries in this VM: chunks, unit definitions, and the state (environment) that a unit runs in.
local K = ...
local raw = K.raw
local setmt, rawtype, xpcall, load, next, rawget, rawset =
  raw.setmetatable, raw.type, raw.xpcall, raw.load, raw.next, raw.rawget, raw.rawset
local S = K.state

local chunks = {} -- key -> {factory=, key=}
local units = {}  -- entry ID -> definition

-- What the code of a chunk calls, for one unit: the names in its types are those of the unit.
local function make_rt(scope)
  local rt = {}
  for name, helper in next, K.rt do rt[name] = helper end
  function rt.type(name, env) return K.types.declared_value(scope, name, env) end
  return rt
end

-- A chunk by its key; the text comes from Python once per VM.
local function chunk_of(key, name)
  local chunk = chunks[key]
  if chunk then return chunk end
  local text, mode = K.host.chunk(key)
  if not text then return nil, "the code of " .. name .. " is gone" end
  local factory, err = load(text, "=" .. name, mode)
  if not factory then return nil, err end
  chunk = { factory = factory, key = key }
  chunks[key] = chunk
  return chunk
end

-- A state reads the globals it was given through its metatable, until it replaces one of them or looks at its table as
-- a whole: then it gets its own copy.
local COPIED = { __metatable = false }
local function environment_metatable(base)
  local function own(env)
    raw.setmetatable_any(env, COPIED)
    for name, value in next, base do
      if rawget(env, name) == nil then env[name] = value end
    end
  end
  return {
    __index = base,
    __newindex = function(env, name, value)
      if name == nil or name ~= name then return end
      if base[name] ~= nil then own(env) end
      rawset(env, name, value)
    end,
    __metatable = false,
    [K.OWN] = own,
  }
end

local function define(id)
  local packed, kind, message = K.host.code(id)
  if not packed then return nil, K.new_error(kind, message, false, { id = id }) end
  local d = K.decode(packed)
  local unit = { id = id, kind = d.kind, method = d.method, pool_config = d.pool, options = d.options,
    default_host = d.default_host, callable = d.callable, libs = {}, revision = d.revision, pinned = d.pinned, guest = d.guest }
  if d.guest then return unit end
  local base, aliases = {}, { channel = true, process = true, payload = true, errors = true }
  for name, value in next, K.base do base[name] = value end
  for _, pair in raw.ipairs(d.modules) do
    local module, err = K.module(pair[2])
    if not module then return nil, err end
    base[pair[1]], aliases[pair[1]] = module, true
  end
  for i, lib in raw.ipairs(d.libs) do
    local chunk, err = chunk_of(lib.key, lib.id)
    if not chunk then return nil, K.new_error("Internal", "failed to load dependency " .. lib.id .. ": " .. err, false) end
    local scope = K.types.scope(lib.key, aliases)
    for _, alias in raw.ipairs(lib.aliases) do aliases[alias] = scope end
    unit.libs[i] = { factory = chunk.factory, rt = make_rt(scope), aliases = lib.aliases, id = lib.id }
  end
  if d.main then
    local chunk, err = chunk_of(d.main, id)
    if not chunk then return nil, K.new_error("Internal", "failed to execute script: " .. err, false) end
    unit.main, unit.main_rt = chunk.factory, make_rt(K.types.scope(d.main, aliases))
  end
  unit.envmt = environment_metatable(base)
  return unit
end

-- The definition of an entry, or nil and an error.
function K.unit(id)
  local unit = units[id]
  if unit then return unit end
  local err
  unit, err = define(id)
  if not unit then return nil, err end
  units[id] = unit
  return unit
end

-- Code changed: the next use takes the newest.
function K.invalidate(ids)
  for _, id in raw.ipairs(ids) do
    units[id] = nil
  end
end

function K.forget_units() units = {} end

local function instantiate(unit, env)
  local libs = unit.libs
  for i = 1, #libs do
    local lib = libs[i]
    S.loading = lib.id
    local value = lib.factory(env, lib.rt)()
    local aliases = lib.aliases
    for k = 1, #aliases do env[aliases[k]] = value end
  end
  S.loading = nil
  return unit.main(env, unit.main_rt)()
end

-- A fresh state of a unit: environment and entry function, or nil, nil, error.
function K.new_state(unit, p, method)
  if unit.guest then return K.guest_state(unit, p) end
  local env = {}
  env._G = env
  setmt(env, unit.envmt)
  local th = S.cur
  p.env = env
  S.cur = { loading = true, p = p }
  local ok, result = xpcall(instantiate, K.handler, unit, env)
  local cause = not ok and (result == K.KILL and "terminated" or K.error_text(result))
  S.cur = th
  if not ok then
    local lib = S.loading
    S.loading = nil
    local text = lib and "failed to load dependency " .. lib .. ": " .. cause or "failed to execute script: " .. cause
    local kind = raw.find(cause, "not enough memory", 1, true) and "LimitExceeded" or "Internal"
    return nil, nil, K.new_error(kind, text, false)
  end
  if rawtype(result) == "function" then return env, result end
  method = method or unit.method or "main"
  local main = rawtype(result) == "table" and not K.classof(result) and rawget(K.unfrozen(result), method)
  if rawtype(main) ~= "function" then
    return nil, nil, K.new_error("NotFound", 'method "' .. method .. '" not found in module', false)
  end
  return env, main
end

function K.base.require(name)
  if rawtype(name) ~= "string" then K.badtype(1, "require", "string", name, 2) end
  local p = S.cur.p
  local value = p.env[name]
  if value == nil then
    raw.error("module '" .. name .. "' not found: it is in neither modules: nor imports: of " .. (p.unit and p.unit.id or "this entry"), 2)
  end
  return value
end

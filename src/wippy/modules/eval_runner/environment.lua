-- What a program finds in its environment: the base library, the granted modules, nothing of its caller.
local K, natives = ...
local raw = K.raw
local rawtype, next, select, setmt, corunning = raw.type, raw.next, raw.select, raw.setmetatable, raw.corunning
local rawget, rawset = raw.rawget, raw.rawset
local list_modules, print_line = natives.fn._modules, natives.fn._print

local program = {}
natives.program = program

local BANNED = { process = true, storage = true, network = true }
local HIDDEN = { "process", "channel", "payload", "subscribe", "unsubscribe" }
local hidden = {}
for _, name in raw.ipairs(HIDDEN) do hidden[name] = true end

local known, names -- module -> list of classes; sorted names

local function modules()
  if not known then
    local found = list_modules()
    names = {}
    for name in next, found do names[#names + 1] = name end
    raw.sort(names)
    known = found
  end
  return known
end

-- The first class of a module that is banned and not lifted, else nil.
local function forbidden(classes, lifted)
  for _, class in raw.ipairs(classes) do
    if BANNED[class] and not lifted[class] then return class end
  end
end

-- Which modules a program may use: name -> true, or nil and a text. wanted: list of names, empty for all that may be.
function program.grant(wanted, lifted)
  local all, granted = modules(), {}
  if #wanted == 0 then
    for name, classes in next, all do
      if not hidden[name] and not forbidden(classes, lifted) then granted[name] = true end
    end
    return granted
  end
  for _, name in raw.ipairs(wanted) do
    local classes = all[name]
    if classes then
      local class = forbidden(classes, lifted)
      if class then return nil, 'module "' .. name .. '" has forbidden class "' .. class .. '"' end
      granted[name] = true
    elseif K.base[name] == nil or hidden[name] then
      return nil, 'module "' .. name .. '" is not available (have ' .. #names .. " modules: " .. raw.concat(names, ", ") .. ")"
    end
  end
  return granted
end

local function print(...)
  local parts = { ... }
  local n = select("#", ...)
  for i = 1, n do parts[i] = K.text(parts[i]) end
  print_line(raw.concat(parts, "\t", 1, n))
end

local plain_coroutine = {}
for name, value in next, K.unfrozen(K.base.coroutine) do plain_coroutine[name] = value end

-- The environment of one program. counted(fn): a function that runs fn with its turns counted; own: its coroutines.
function program.environment(granted, custom, counted, own)
  local base = {}
  for name, value in next, K.base do
    if not hidden[name] then base[name] = value end
  end
  base.print = print
  local coroutine = {}
  for name, value in next, plain_coroutine do coroutine[name] = value end
  function coroutine.spawn(fn)
    if rawtype(fn) ~= "function" then K.badtype(1, "spawn", "function", fn) end
    return plain_coroutine.spawn(counted(fn))
  end
  function coroutine.running()
    if own[corunning()] then return nil end
    return plain_coroutine.running()
  end
  base.coroutine = K.freeze(coroutine)
  for name, value in next, custom do base[name] = value end
  -- modules are made when they are first used: a program may use nearly all of them and uses few
  setmt(base, { __index = function(_, name)
    if not granted[name] then return nil end
    local module = K.load_module(name)
    base[name] = module
    return module
  end })
  local env = {}
  env._G = env
  -- its own copy of what it was given, once it replaces a part or looks at the table as a whole
  local function own_copy(table)
    for name in next, granted do
      if base[name] == nil then base[name] = K.load_module(name) end
    end
    raw.setmetatable_any(table, { __metatable = false })
    for name, value in next, base do
      if rawget(table, name) == nil then table[name] = value end
    end
  end
  return setmt(env, {
    __index = base,
    __newindex = function(table, name, value)
      if name == nil or name ~= name then return end
      if base[name] ~= nil then own_copy(table) end
      rawset(table, name, value)
    end,
    __metatable = false,
    [K.OWN] = own_copy,
  })
end

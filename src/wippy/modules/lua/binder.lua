-- Makes module tables, stubs and object classes from the declarations in Python, when a module is first asked for.
local K = ...
local raw = K.raw
local rawtype, select, tpack, tunpack, next = raw.type, raw.select, raw.tpack, raw.tunpack, raw.next
local mathtype, tointeger, load, error, setmt, getmt, rawget = raw.mathtype, raw.tointeger, raw.load, raw.error, raw.setmetatable, raw.getmetatable, raw.rawget
local pack, unpack, sub, match = K.pack, K.unpack, raw.sub, raw.match
local badtype, badarg, text, is_error, coisyieldable = K.badtype, K.badarg, K.text, K.is_error, raw.coisyieldable

local EXT_HANDLE, EXT_CONSTANT = 2, 4
local NUMBER = K.key("handle")
local NAME = K.key("name")

K.converters = K.converters or {} -- name -> function(value) -> value | nil, err
local converters = K.converters

local classes = {}     -- class id -> class
local class_names = {} -- class -> name as argument errors show it
local class_of = {}    -- "sql.DB" -> class
K.native_class = class_of

-- Opaque named values such as sql.NULL: the same object for the same name.
local constants = {}
local Constant
Constant = K.class { name = "constant", tostring = function(self) return self[NAME] end }
function K.constant(name)
  local found = constants[name]
  if not found then
    found = setmt({ [NAME] = name }, Constant)
    constants[name] = found
  end
  return found
end
-- The name of a constant, else nil.
function K.constant_name(value) return getmt(value) == Constant and value[NAME] or nil end

K.ext_packers[Constant] = function(value) return EXT_CONSTANT, value[NAME] end
K.ext_unpackers[EXT_CONSTANT] = function(name) return K.constant(name) end
K.ext_unpackers[EXT_HANDLE] = function(data)
  local id, number, module = unpack(data)
  local class = classes[id]
  if not class and module then
    K.load_module(module)
    class = classes[id]
  end
  return class and setmt({ [NUMBER] = number }, class)
end
local function pack_handle(class_id)
  return function(object) return EXT_HANDLE, pack(class_id, object[NUMBER]) end
end

-- One argument as its declared type: value, or nil and an explanation ("" for a plain wrong type).
local checks = {
  string = function(v)
    local t = rawtype(v)
    if t == "string" then return v end
    if t == "number" or is_error(v) then return text(v) end
    return nil, ""
  end,
  number = function(v)
    if rawtype(v) == "number" then return v end
    return nil, ""
  end,
  integer = function(v)
    if mathtype(v) == "integer" then return v end
    if rawtype(v) ~= "number" then return nil, "" end
    local n = tointeger(v)
    if n then return n end
    return nil, "number has no integer representation"
  end,
  boolean = function(v)
    if rawtype(v) == "boolean" then return v end
    return nil, ""
  end,
  table = function(v)
    if K.typeof(v) == "table" then return v end
    return nil, ""
  end,
  ["function"] = function(v)
    if rawtype(v) == "function" then return v end
    return nil, ""
  end,
}
local shown = { integer = "number" }

local function check_of(kind)
  if kind == "any" then return false end
  return checks[kind] or function(v)
    local mt = rawtype(v) == "table" and getmt(v)
    if mt and class_names[mt] == kind then return v end
    return nil, ""
  end
end

local function finish(name, failure, status, ...)
  if status == 0 then return ... end
  if status == 1 then return failure, (...) end
  local position, message = ...
  if position then badarg(position, name, message) end
  error(message, 2)
end

local function reply(name, failure, status, packed)
  return finish(name, failure, status, unpack(packed))
end

-- Whether the running code may be suspended without a replay that would notice.
function K.can_wait()
  local th = K.state and K.state.cur
  return not K.workflow and coisyieldable() and not (th and th.loading)
end

local HEAVY = 100000 -- bytes of arguments that stay behind when the command leaves

-- Calls a function beside other work when its arguments are large.
local function by_size(id, large)
  local command, module_call = K.command, K.host.module_call
  return function(...)
    local packed = pack(...)
    if #packed < large or not K.can_wait() then return module_call(id, packed) end
    if #packed >= HEAVY then
      local status, answer = module_call("@hold", packed)
      if status ~= 0 then return status, answer end
      packed = "@" .. unpack(answer)
    end
    return command("module", id, packed)
  end
end

-- The function that Lua code calls for one declared Python function.
local function stub(spec)
  local id, name, failure, rest = spec.id, match(spec.name, "[^.]+$"), spec.failure, spec.rest
  local kinds, optional, converts = spec.types, spec.optional, spec.converts
  local count = #kinds
  local fixed = rest and count - 1 or count
  local check = {}
  for i = 1, count do check[i] = check_of(kinds[i]) end
  local call
  if spec.effect then
    local command = K.command
    call = function(...) return command("module", id, pack(...)) end
  else
    local module_call = K.host.module_call
    call = function(...) return module_call(id, pack(...)) end
    if spec.large then call = by_size(id, spec.large) end
  end
  local refused = spec.refused
  if count == 0 then
    return function()
      if refused and K.workflow then return failure, K.refused(id) end
      return reply(name, failure, call())
    end
  end
  return function(...)
    local n = select("#", ...)
    local args = { ... }
    if not rest and n > count then n = count end
    if n < fixed then n = fixed end
    for i = 1, n do
      local slot = i <= count and i or count
      local value, convert = args[i], converts[slot]
      if convert then
        local err
        value, err = converters[convert](value)
        if err ~= nil then return failure, err end
        args[i] = value
      elseif value == nil then
        if not optional[slot] and check[slot] then badtype(i, name, shown[kinds[slot]] or kinds[slot], nil) end
      elseif check[slot] then
        local good, why = check[slot](value)
        if why == "" then
          badtype(i, name, shown[kinds[slot]] or kinds[slot], value)
        elseif why then
          badarg(i, name, why)
        end
        args[i] = good
      end
    end
    if refused and K.workflow then return failure, K.refused(id) end
    while n > fixed and args[n] == nil and not rest do n = n - 1 end
    return reply(name, failure, call(tunpack(args, 1, n)))
  end
end

function K.refused(id)
  local _, err = K.fail("Invalid", id .. " cannot be used in a workflow: call it from a function and call that function", nil, false)
  return err
end

local function bind_class(spec, natives)
  local methods = {}
  local class_text = spec.text
  local text_stub = spec.text_function and stub(spec.text_function)
  local class = K.class {
    name = spec.name,
    methods = methods,
    tostring = text_stub and function(self) return (text_stub(self)) end or function() return class_text end,
  }
  classes[spec.id] = class
  class_names[class] = spec.name
  class_of[spec.name] = class
  K.ext_packers[class] = pack_handle(spec.id)
  natives.classes[spec.name] = class
  natives.methods[spec.name] = methods
  local own = {}
  natives.native[spec.name] = own
  return function()
    for _, m in next, spec.methods do
      if not m.lua then
        local made = stub(m)
        own[m.name] = made
        if sub(m.name, 1, 1) ~= "_" then methods[m.name] = made end
      end
    end
  end, methods
end

local function frozen(value)
  if rawtype(value) ~= "table" or getmt(value) then return value end
  local out = {}
  for k, v in next, value do out[k] = frozen(v) end
  return K.freeze(out)
end

local function missing(name, what)
  error("module " .. name .. " declares " .. what .. " and does not implement it", 0)
end

-- Where a declared function stands: `random.bytes` is `bytes` in the table `random` of the module.
local function place(module, name)
  local outer, inner = match(name, "^([^.]+)%.(.+)$")
  if not outer then return module, name end
  local held = module[outer]
  if not held then
    held = {}
    module[outer] = held
  end
  return held, inner
end

local function check_implemented(spec, declared, held, prefix)
  for key, value in next, held do
    if rawtype(value) == "function" and not declared[prefix .. key] then
      error("module " .. spec.name .. " implements " .. prefix .. key .. " and does not declare it", 0)
    end
  end
end

local function check_declared(spec, module, natives)
  if K.typeof(module) == "table" then
    local declared, inner = {}, {}
    for _, f in next, spec.functions do
      declared[f.name] = true
      local held, name = place(module, f.name)
      if f.lua and rawtype(held[name]) ~= "function" then missing(spec.name, f.name) end
      if held ~= module then inner[match(f.name, "^[^.]+")] = held end
    end
    check_implemented(spec, declared, module, "")
    for outer, held in next, inner do
      check_implemented(spec, declared, held, outer .. ".")
      module[outer] = K.freeze(held)
    end
  end
  for _, o in next, spec.objects do
    local methods = natives.methods[o.name]
    for _, m in next, o.methods do
      if m.lua and rawtype(methods[m.name]) ~= "function" then missing(o.name, m.name) end
    end
  end
end

-- Makes the module table from its declaration. `chunks`: {bytecode, name} of its Lua files.
local function bind(spec, chunks)
  local natives = { classes = {}, methods = {}, native = {}, fn = {} }
  local fill = {}
  for i, o in next, spec.objects do fill[i] = bind_class(o, natives) end
  for _, f in next, fill do f() end
  for _, f in next, spec.functions do
    if not f.lua then natives.fn[f.name] = stub(f) end
  end
  local module = {}
  for i = 1, #chunks do
    local piece = chunks[i]
    local run, why = load(piece[1], piece[2], "b")
    if not run then error("module " .. spec.name .. ": " .. why, 0) end
    local part = run(K, natives)
    if K.typeof(part) == "table" then
      for name, value in next, part do module[name] = value end
    elseif part ~= nil then
      module = part
    end
  end
  if K.typeof(module) == "table" then
    for name, f in next, natives.fn do
      if sub(name, 1, 1) ~= "_" then
        local held, key = place(module, name)
        if held[key] == nil then held[key] = f end
      end
    end
    check_declared(spec, module, natives)
    for name, value in next, spec.constants do module[name] = frozen(value) end
    return K.freeze(module)
  end
  return module
end

-- The table that require(name) gives, made when first asked for; nil for an unknown name.
function K.load_module(name)
  local found = rawget(K.modules, name)
  if found ~= nil then return found end
  local packed = K.host.module_load(name)
  if packed == nil then return nil end
  local spec, chunks = unpack(packed)
  if not spec then error("module " .. name .. ": " .. chunks, 0) end
  found = bind(spec, chunks)
  K.modules[name] = found
  return found
end

K.modules = K.modules or {}
setmt(K.modules, {
  __index = function(_, name)
    if rawtype(name) == "string" then return K.load_module(name) end
  end,
})

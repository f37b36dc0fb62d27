-- eval_runner: what may be run, and with what.
local K, natives = ...
local raw = K.raw
local rawtype, next, setmt, pcall = raw.type, raw.next, raw.setmetatable, raw.pcall
local S, fail, permit = K.state, K.fail, K.permit
local program = natives.program

local METHOD, MODULES = K.key("method"), K.key("modules")
local methods = {}
local Program = K.class({ name = "eval_runner.Program", methods = methods })
natives.methods["eval_runner.Program"] = methods

local function table_of(value)
  if K.typeof(value) == "table" then return K.unfrozen(value) end
end

-- The texts of a list; anything else in it is ignored.
local function texts(list)
  local found, source = {}, table_of(list)
  if source then
    for i = 1, raw.rawlen(source) do
      if rawtype(source[i]) == "string" then found[#found + 1] = source[i] end
    end
  end
  return found
end

-- Imports by alias: {alias=, id=, modules= that it needs}, sorted; nil and a text for a wrong one.
local function imports_of(map)
  local found, source = {}, table_of(map)
  if source then
    for alias, target in next, source do
      local inner, modules = table_of(target), nil
      if inner then target, modules = inner.id, texts(inner.modules) end
      if rawtype(alias) == "string" then
        if rawtype(target) ~= "string" then return nil, 'import "' .. alias .. '" needs the ID of a library' end
        found[#found + 1] = { alias = alias, id = target, modules = modules or {} }
      end
    end
    raw.sort(found, function(a, b) return a.alias < b.alias end)
  end
  return found
end

-- The modules of a program and of its imports; none are all that may be granted.
local function all_modules(modules, imports)
  local list = { raw.tunpack(modules) }
  for _, one in raw.ipairs(imports) do
    for _, name in raw.ipairs(one.modules) do
      if #modules > 0 then list[#list + 1] = name end
    end
  end
  return list
end

local function allowed(action, resource, alias)
  if permit(action, resource, { entry_id = S.cur.p.unit.id, alias = alias }) then return nil end
  local text = "permission denied: " .. action .. (resource ~= "" and " " .. resource or "")
  return K.new_error("PermissionDenied", text, false, { action = action, resource = resource })
end

-- The first permission that is missing, as an error.
local function denied(action, modules, imports, classes)
  local err = allowed(action, "")
  if err then return err end
  for _, name in raw.ipairs(all_modules(modules, imports)) do
    err = allowed("eval.module", name)
    if err then return err end
  end
  for _, one in raw.ipairs(imports) do
    err = allowed("eval.import", one.id, one.alias)
    if err then return err end
  end
  for _, class in raw.ipairs(classes) do
    err = allowed("eval.class", class)
    if err then return err end
  end
end

local function uncompiled(text) return K.new_error("Internal", "compile failed: " .. text, false) end

-- Everything that is known before a program runs: {code=, granted=, libraries=}, or nil and an error.
local function prepared(source, modules, imports, classes)
  local lifted = {}
  for _, class in raw.ipairs(classes) do lifted[class] = true end
  local granted, why = program.grant(all_modules(modules, imports), lifted)
  if not granted then return nil, uncompiled(why) end
  local libraries = {}
  for i, one in raw.ipairs(imports) do
    local unit, err = K.unit(one.id)
    local problem
    if not unit then
      problem = program.shown(err)
    elseif raw.find(unit.kind, "library.", 1, true) ~= 1 then
      problem = "it is a " .. unit.kind .. ", not a library"
    end
    if problem then return nil, uncompiled('failed to import "' .. one.alias .. '" (' .. one.id .. "): " .. problem) end
    libraries[i] = { alias = one.alias, id = one.id, unit = unit }
  end
  local code
  code, why = program.compiled(source)
  if not code then return nil, uncompiled(why) end
  return { code = code, granted = granted, libraries = libraries }
end

local eval_runner = {}

function eval_runner.compile(source, method, options)
  if rawtype(source) ~= "string" then K.badtype(1, "compile", "string", source, 2) end
  if method == nil then method = "" elseif rawtype(method) ~= "string" then K.badtype(2, "compile", "string", method, 2) end
  if options ~= nil and not table_of(options) then K.badtype(3, "compile", "table", options, 2) end
  K.waiting_thread("eval_runner.compile")
  if source == "" then return fail("Invalid", "source is required") end
  local o = table_of(options) or {}
  local modules = texts(o.modules)
  local imports, why = imports_of(o.imports)
  if not imports then return fail("Invalid", why) end
  local err = denied("eval.compile", modules, imports, {})
  if err then return nil, err end
  local ready
  ready, err = prepared(source, modules, imports, {})
  if not ready then return nil, err end
  return setmt({ [METHOD] = method, [MODULES] = modules }, Program), nil
end

-- Plain data, or nil and an error that names the option.
local function plain(value, option)
  local ok, made = pcall(K.native, value)
  if ok then return made end
  return fail("Internal", "failed to convert " .. option .. ": " .. program.shown(made))
end

local function custom_of(map)
  local found, source = {}, table_of(map)
  for name, content in next, source or {} do
    if rawtype(name) == "string" and table_of(content) then
      local made, err = plain(content, 'custom module "' .. name .. '"')
      if err then return nil, err end
      found[name] = made
    end
  end
  return found
end

local function frame_with(context)
  local frame = S.cur.p.frame
  local source = table_of(context)
  if not source or next(source) == nil then return frame end
  local values = {}
  for name, value in next, frame.values or {} do values[name] = value end
  for name, value in next, source do
    local made, err = plain(value, "context")
    if err then return nil, err end
    values[rawtype(name) == "string" and name or K.text(name)] = made
  end
  return K.make_frame(frame.actor, frame.scope, values)
end

function eval_runner.run(options)
  local o = table_of(options)
  if not o then K.badtype(1, "run", "table", options, 2) end
  K.waiting_thread("eval_runner.run")
  local source, method = o.source, o.method
  if rawtype(source) ~= "string" or source == "" then return fail("Invalid", "source is required") end
  if method == nil then method = "" end
  if rawtype(method) ~= "string" then return fail("Invalid", "method must be a string") end
  local modules, classes = texts(o.modules), texts(o.allow_classes)
  local imports, why = imports_of(o.imports)
  if not imports then return fail("Invalid", why) end
  local err = denied("eval.run", modules, imports, classes)
  if err then return nil, err end
  local ready, args, custom, frame
  ready, err = prepared(source, modules, imports, classes)
  if not ready then return nil, err end
  custom, err = custom_of(o.custom_modules)
  if not custom then return nil, err end
  frame, err = frame_with(o.context)
  if not frame then return nil, err end
  local given = table_of(o.args) or {}
  local count = 0
  for k in next, given do
    if raw.mathtype(k) == "integer" and k > count and k <= 250 then count = k end
  end
  args = {}
  for i = 1, count do
    args[i], err = plain(given[i], "args")
    if err then return nil, err end
  end
  ready.method, ready.args, ready.count, ready.custom, ready.frame = method, args, count, custom, frame
  return program.run(ready)
end

function methods.method(self)
  if not K.is(self, Program) then K.badtype(1, "method", "eval_runner.Program", self, 2) end
  return self[METHOD]
end

function methods.modules(self)
  if not K.is(self, Program) then K.badtype(1, "modules", "eval_runner.Program", self, 2) end
  local list = {}
  for i, name in raw.ipairs(self[MODULES]) do list[i] = name end
  return list
end

return eval_runner

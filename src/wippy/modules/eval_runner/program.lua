-- Running a program: a unit of its own in the worker of its caller, whose turns are counted.
local K, natives = ...
local raw = K.raw
local rawtype, next, select, error, load = raw.type, raw.next, raw.select, raw.error, raw.load
local cocreate, coresume, coyield, costatus, tpack, tunpack = raw.cocreate, raw.coresume, raw.coyield, raw.costatus,
  raw.tpack, raw.tunpack
local S, PARK, NO_MEMORY = K.state, K.PARK, "not enough memory"
local program = natives.program
local compile = natives.fn._compile

local MAX_STEPS = 10000
local TOO_LONG = "eval exceeded maximum step limit"

local function failure(text) return K.new_error("Internal", text, false) end

local function shown(value)
  if rawtype(value) == "string" then return value end
  local _, message, _, _, context = nil, K.text(value)
  if K.is_error(value) then
    _, message, _, _, context = K.error_parts(value)
    if context and context ~= "" then message = context .. ": " .. message end
  end
  return message
end
program.shown = shown

-- The function and types of a source: {factory=, types=}, or nil and a text.
function program.compiled(source)
  local text, types = compile(source)
  if not text then return nil, shown(types) end
  local factory, err = load(text, "=eval", "t")
  if not factory then return nil, err end
  return { factory = factory, types = types }
end

local function runtime_of(code, aliases)
  local decoded = K.decode(code.types)
  local scope = K.types.scope("eval", aliases)
  local declared = {}
  for _, declaration in raw.ipairs(decoded.types) do declared[declaration.name] = declaration end
  scope.declared, scope.locals = declared, decoded.aliases
  local rt = {}
  for name, helper in next, K.rt do rt[name] = helper end
  function rt.type(name, env) return K.types.declared_value(scope, name, env) end
  return rt
end

-- Whether anything is under way that may wake a program.
local function pending(c)
  local commands, timers, calls = c.commands, c.timers, c.calls
  return commands and next(commands) ~= nil or timers and next(timers) ~= nil or calls and next(calls) ~= nil
    or c.topics ~= nil
end

-- Looks, when all that is ready now has had its turn, whether the program has had one: if not, nothing wakes it.
local function watch(state)
  if state.watched or state.outside or pending(state.unit) then return end
  state.watched = true
  local before = state.steps
  local probe = { co = cocreate(function()
    state.watched = false
    local c = state.unit
    if c.done or pending(c) then return end
    if state.steps ~= before then
      watch(state)
    else
      K.kill(c, failure("process became idle"))
    end
  end), p = { done = true } }
  K.ready(probe)
end

-- Functions that run others in a coroutine, so that every turn of the program passes through here.
local function counter(own, state)
  local function drive(co, ok, ...)
    while true do
      local first = ...
      if not ok then
        if rawtype(first) == "string" and first ~= NO_MEMORY and K.clean_message then first = K.clean_message(first, co) end
        error(first, 0)
      end
      if costatus(co) == "dead" then return ... end
      if first ~= PARK then error("yield command is not allowed in eval context", 0) end
      state.steps = state.steps + 1
      if state.steps > MAX_STEPS then error(TOO_LONG, 0) end
      watch(state)
      return drive(co, coresume(co, coyield(PARK)))
    end
  end
  return function(fn)
    return function(...)
      local co = cocreate(fn)
      own[co] = true
      return drive(co, coresume(co, ...))
    end
  end
end

local function import(env, libraries)
  for _, library in raw.ipairs(libraries) do
    local unit = library.unit
    local ok, value = K.base.pcall(unit.main(env, unit.main_rt))
    if not ok then
      error(failure('failed to import "' .. library.alias .. '" (' .. library.id .. "): " .. shown(value)), 0)
    end
    env[library.alias] = value
  end
end

-- Runs a program and waits for it -> first result | nil, error.
-- options: code, method, args (list), count, granted, custom, libraries, frame
function program.run(options)
  local th = K.waiting_thread("eval_runner.run")
  local parent = th.p
  local own = raw.setmetatable({}, { __mode = "k" })
  -- outside: what others may do at any time can wake it
  local state = { steps = 0, outside = options.granted.process or options.granted.workflow }
  local counted = counter(own, state)
  local env = program.environment(options.granted, options.custom, counted, own)
  local aliases = { errors = true }
  for name in next, options.granted do aliases[name] = true end
  for _, library in raw.ipairs(options.libraries) do
    -- its types are found by what its table holds
    local scope = K.types.scope("eval", {})
    scope.declared, scope.locals = {}, {}
    aliases[library.alias] = scope
  end
  local rt, method = runtime_of(options.code, aliases), options.method
  local results

  local main = counted(function(...)
    import(env, options.libraries)
    local chunk = options.code.factory(env, rt)
    if method ~= "" then
      local exported = chunk()
      chunk = rawtype(exported) == "table" and not K.classof(exported) and raw.rawget(K.unfrozen(exported), method) or nil
      if rawtype(chunk) ~= "function" then error(failure('method "' .. method .. '" not found in program'), 0) end
    end
    local found = tpack(chunk(...))
    if found.n == 0 then error(failure("process completed with no result"), 0) end
    local value = found[1]
    if rawtype(value) ~= "nil" then value = K.native(value) end
    results = { value }
  end)

  local unit = { id = parent.unit.id, kind = "function.eval", libs = {} }
  local pool = { unit = unit, idle = {}, count = 1, max = 1, waiting = {} }
  local args = options.args
  args.n = options.count
  local c = { co = false, p = false, pid = false, unit = unit, frame = options.frame, env = env, args = args,
    state = { env = env, main = main, pool = pool }, parent = parent }
  c.p, state.unit = c, c
  local err, done, waiting
  function c.waiter(_, problem)
    err, done = problem, true
    if waiting then K.ready_first(th) end
  end
  c.co = cocreate(main)
  S.fresh = S.fresh + 1
  K.add_to(parent, "calls", c)
  K.ready_first(c)
  waiting = true
  if not done then K.park() end
  if results and not err then return results[1], nil end
  local text = err and shown(err) or "process completed with no result"
  if raw.find(text, "deadlock: all coroutines blocked", 1, true) then text = "process became idle" end
  if text == "process completed with no result" then return nil, failure(text) end
  return nil, failure("run failed: " .. text)
end

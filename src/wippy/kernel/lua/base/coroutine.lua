-- Coroutines of user code. What the kernel yields passes through them; only coroutine.yield reaches the resumer.
local K = ...
local raw = K.raw
local rawtype, error, setmt = raw.type, raw.error, raw.setmetatable
local cocreate, coresume, coyield, costatus, corunning = raw.cocreate, raw.coresume, raw.coyield, raw.costatus,
  raw.corunning
local PARK, badtype, clean, uncatchable = K.PARK, K.badtype, K.clean_message, K.uncatchable

-- Coroutines that only the kernel may continue: its own, and those of user code while they wait for it.
local scheduled = setmt({}, { __mode = "k" })
local ended = cocreate(function() end)
coresume(ended)

local function failure(co, e)
  if rawtype(e) ~= "string" then return e end
  if e == "cannot resume dead coroutine" then return "can not resume a dead thread" end
  if e == "cannot resume non-suspended coroutine" then return "can not resume a running thread" end
  return clean(e, co)
end

local function continued(co, ...)
  scheduled[co] = nil
  return coresume(co, ...)
end

-- The coroutine waits for the kernel: so does its resumer, and then it goes on.
local function waited(co)
  scheduled[co] = true
  return continued(co, coyield(PARK))
end

local function settled(co, ok, ...)
  local first = ...
  if ok then
    if first == PARK then return settled(co, waited(co)) end
    return true, ...
  end
  if uncatchable(first) then error(first, 0) end
  return false, failure(co, first)
end

local function wrapped(co, ok, ...)
  local first = ...
  if ok then
    if first == PARK then return wrapped(co, waited(co)) end
    return ...
  end
  if uncatchable(first) then error(first, 0) end
  error(failure(co, first), 0)
end

local coroutine = {}

function coroutine.create(f)
  if rawtype(f) ~= "function" then badtype(1, "create", "function", f) end
  return cocreate(f)
end

function coroutine.resume(co, ...)
  if rawtype(co) ~= "thread" then badtype(1, "resume", "thread", co) end
  if scheduled[co] then
    if costatus(co) == "dead" then return false, "can not resume a dead thread" end
    return false, "can not resume a running thread"
  end
  return settled(co, coresume(co, ...))
end

function coroutine.wrap(f)
  if rawtype(f) ~= "function" then badtype(1, "wrap", "function", f) end
  local co = cocreate(f)
  return function(...)
    if scheduled[co] then error("can not resume a running thread", 2) end
    return wrapped(co, coresume(co, ...))
  end
end

coroutine.yield = coyield

function coroutine.status(co)
  if rawtype(co) ~= "thread" then badtype(1, "status", "thread", co) end
  return costatus(co)
end

-- The running coroutine; nil in the main one of a unit.
function coroutine.running()
  local co, main = corunning()
  if main then return nil end
  local th = K.state and K.state.cur
  if th and th.co == co then
    if th == th.p or th == th.p.main then return nil end
    scheduled[co] = true
  end
  return co
end

function coroutine.spawn(fn)
  if rawtype(fn) ~= "function" then badtype(1, "spawn", "function", fn) end
  local co = K.spawn_thread(fn).co or ended
  scheduled[co] = true
  return co
end

K.base.coroutine = K.library(coroutine)

-- Function calls in the VM of their caller: states, pools, cancellation.
--
-- A call is a unit with p.state (the pool's state it runs in), p.parent (its caller's unit), p.waiter (gets the outcome).
local K = ...
local raw = K.raw
local cocreate, next, remove = raw.cocreate, raw.next, raw.remove
local S, ready_first = K.state, K.ready_first

local pools = {} -- entry ID -> {unit=, idle=, count=, max=, waiting=}

local function pool_of(unit)
  local pool = pools[unit.id]
  if pool and pool.unit == unit then return pool end
  local config = unit.pool_config
  pool = { unit = unit, idle = {}, count = 0, max = config and config.limit or 100, waiting = {} }
  pools[unit.id] = pool
  return pool
end

local function begin(c, state)
  c.state, c.env = state, state.env
  local co = cocreate(state.main)
  c.co = co
  S.fresh = S.fresh + 1
  ready_first(c)
end

local function enter(pool, c)
  local idle = pool.idle
  local n = #idle
  if n > 0 then
    local state = idle[n]
    idle[n] = nil
    begin(c, state)
    return true
  end
  if pool.count < pool.max then
    pool.count = pool.count + 1
    local env, main, err = K.new_state(pool.unit, c)
    if not env then
      pool.count = pool.count - 1
      return false, err
    end
    begin(c, { env = env, main = main, pool = pool })
    return true
  end
  pool.waiting[#pool.waiting + 1] = c
  c.queued = pool
  return true
end

local last_call = 0

-- A unit's calls that are under way: call -> number, by which they are ended in the order they began.
local function add_call(parent, c)
  last_call = last_call + 1
  local calls = parent.calls
  if calls then calls[c] = last_call else parent.calls = { [c] = last_call } end
end
K.add_call = add_call

-- Starts a call for a unit. waiter(value, err) is told the outcome; args belong to the call from now on.
-- Returns the call, or nil and an error.
function K.call_start(unit, frame, args, parent, waiter)
  local c = { co = false, p = false, pid = false, unit = unit, frame = frame, env = false, args = args, state = false,
    parent = parent, waiter = waiter }
  c.p = c
  local ok, err = enter(pool_of(unit), c)
  if not ok then
    K.unborn(c)
    return nil, err
  end
  if parent then add_call(parent, c) end
  return c
end

local function release(state)
  local pool = state.pool
  local waiting = pool.waiting
  while waiting[1] do
    local c = remove(waiting, 1)
    if not c.done then
      c.queued = nil
      begin(c, state)
      return
    end
  end
  if pools[pool.unit.id] == pool then pool.idle[#pool.idle + 1] = state end
end

function K.call_finished(c)
  local parent = c.parent
  if parent and parent.calls then parent.calls[c] = nil end
  local state = c.state
  if state and not c.doomed then
    release(state)
  elseif state then
    -- the state of a call that was cut off is not used again: its code stopped at any point
    local pool = state.pool
    pool.count = pool.count - 1
    while pool.waiting[1] and pool.count < pool.max do
      local waiting = remove(pool.waiting, 1)
      if not waiting.done then
        waiting.queued = nil
        local ok, err = enter(pool, waiting)
        if not ok then K.finish(waiting, nil, err) end
      end
    end
  end
end

-- Ends a running call: kind Canceled or Timeout.
function K.call_cancel(c, kind, message)
  if c.done then return end
  c.doomed = true
  local parent = c.parent
  if parent and parent.calls then parent.calls[c] = nil end
  local err = K.new_error(kind or "Canceled", message or "context canceled", nil)
  if c.remote then
    c.done = true
    c.remote(kind)
    c.waiter(nil, err)
  elseif c.queued then
    c.done, c.queued = true, nil
    c.waiter(nil, err)
  else
    K.finish(c, nil, err)
  end
end

function K.calls_cancel(p)
  local calls = p.calls
  p.calls = nil
  local list, n = {}, 0
  for c in next, calls do
    n = n + 1
    list[n] = c
  end
  if n > 1 then raw.sort(list, function(a, b) return calls[a] < calls[b] end) end
  for i = 1, n do K.call_cancel(list[i]) end
end

-- Drops idle states (memory of functions nobody calls).
function K.pools_trim()
  for id, pool in next, pools do
    if pool.count == #pool.idle then pools[id] = nil end
  end
end

-- Threads (coroutines of units), the run queue, parking and preemption.
--
-- A thread is a table: co (coroutine, nil when it is gone), p (its unit), args (until it has started).
-- A unit (process, function call, workflow) is the thread of its main coroutine and its own p; after an upgrade p.main
-- is that thread.
local K = ...
local raw = K.raw
local cocreate, coresume, coyield, costatus = raw.cocreate, raw.coresume, raw.coyield, raw.costatus
local coisyieldable, error, tunpack, pcall = raw.coisyieldable, raw.error, raw.tunpack, raw.pcall
local collectgarbage, coclose, floor = raw.collectgarbage, raw.coclose, raw.floor
local PARK, KILL = K.PARK, K.KILL

-- CPU seconds and kilobytes in use. A host that replays a schedule gives its own.
local clock = K.host.cpu_time or raw.os.clock
local wanted = K.host.wanted or function() return false end -- whether a worker has much less to do than this one
local memory = K.host.memory_in_use or function() return collectgarbage("count") end

local S = { cur = nil, fresh = 0, hard = 0 }
K.state = S

K.slice = 3000          -- turns of one slice
K.limit = 4000          -- reductions of one turn
local HARD_LIMIT = 5000 -- turns that code which cannot yield may take
local PREEMPT_COST = 64 -- share of a slice's budget that a full turn uses up
local TURN_TIME = 0.0005 -- seconds of CPU time after which a turn should be over: costly loops get fewer reductions
local SLICE_TIME = 0.002 -- seconds after which preemption ends the slice, so that envelopes are read
local FIRST_LIMIT = 100 -- reductions of the first turn, of which nobody knows what they cost
local MIN_LIMIT = 1
local HARD_TIME = 1     -- seconds of CPU time that code which cannot yield may take
local NO_MEMORY = "not enough memory" -- what Lua raises, without a position

-- The queue is two arrays of (thread, value) pairs: one is worked off while the other fills.
local current, chead, ctail = {}, 1, 0
local coming, ntail = {}, 0
-- Threads that run before the queue.
local front, nfront = {}, 0
local NIL = {}
local budget = 0
local slice_start, hard_start = 0, 0

local function ready(th, value)
  if value == nil then value = NIL end
  ntail = ntail + 2
  coming[ntail - 1] = th
  coming[ntail] = value
end
K.ready = ready

-- A thread woken by a message runs next, while the message and its sender are still in the processor's caches; after
-- MAX_HOPS such turns in a row the queue goes on.
local MAX_HOPS = 32
local slot, slot_value, hops = nil, nil, 0

local function ready_soon(th, value)
  if slot or hops >= MAX_HOPS then
    ready(th, value)
  else
    slot, slot_value = th, value
  end
end
K.ready_soon = K.workflow and ready or ready_soon

-- The thread runs before everything that is queued.
function K.ready_first(th, value)
  if value == nil then value = NIL end
  nfront = nfront + 2
  front[nfront - 1] = th
  front[nfront] = value
end

local empty = 0 -- places in the queue whose thread has been taken out

function K.runnable() return (ctail - chead + 1 + ntail + nfront) // 2 + (slot and 1 or 0) - empty end

-- Suspends the running coroutine; returns the value it is woken with.
local function park() return coyield(PARK) end
K.park = park

-- The running thread, or an error where code may not wait (top-level code of an entry or library).
local function current_thread(what)
  local th = S.cur
  if th.loading or not coisyieldable() then
    error(what .. " cannot wait here: top-level code and callbacks of C functions must not block", 3)
  end
  return th
end
K.waiting_thread = current_thread

-- A thread whose turn has come while another one of its unit is in the middle of a loop.
local function defer(p, th, value)
  local later = p.later
  if not later then
    later = { n = 0 }
    p.later = later
  end
  local n = later.n + 2
  later[n - 1], later[n], later.n = th, value, n
end

local function release(p)
  local later = p.later
  if later then
    p.later = nil
    for i = 1, later.n, 2 do ready(later[i], later[i + 1]) end
  end
end

-- The running coroutine has done something that others may do waiting: those of its unit that were held up go first.
function K.give_turn(p)
  p.turn = nil
  release(p)
  local th = S.cur
  if coisyieldable() and not th.loading then
    ready(th)
    coyield(PARK)
  end
end

-- A turn that used up its reductions: the next one gets as many as fit into the time of a turn.
local function next_turn(th)
  local now, since, limit = clock(), th.since, th.limit or K.rt.limit
  local p = th.p
  p.reductions = (p.reductions or 0) + limit
  S.reductions = S.reductions + limit
  if S.profile then S.profile(th, limit) end
  -- once this slice is over, what others wait for leaves, and processes that have not begun can go to a worker that has
  -- less to do
  if now - slice_start > SLICE_TIME or K.outgoing() > 0 or (S.fresh > 0 and (S.hungry or wanted(K.runnable() + 1))) then
    budget = 0
  end
  if since then
    local took = now - since
    if took > TURN_TIME then
      limit = floor(limit * TURN_TIME / took)
      if limit < MIN_LIMIT then limit = MIN_LIMIT end
    elseif limit < K.limit then
      limit = 2 * limit
      if limit > K.limit then limit = K.limit end
    end
  end
  th.limit = limit
  -- the other coroutines of the unit wait: between two operations that wait nothing changes
  local threads = p.threads
  if threads and threads.n > 0 then p.turn = th end
  ready(th)
  coyield(PARK)
  th.since = clock()
  return limit
end

function K.preempt()
  local th = S.cur
  if th.p.doomed then error(KILL, 0) end
  local soft = S.soft_memory
  if soft and memory() > soft then
    collectgarbage("collect")
    if memory() > soft then error(NO_MEMORY, 0) end
  end
  if coisyieldable() and not th.loading then
    budget = budget - PREEMPT_COST
    S.hard = 0
    if not K.workflow then return next_turn(th) end
    -- the order of a run depends on nothing but its history: only where the slice ends may depend on the clock
    if clock() - slice_start > SLICE_TIME then budget = 0 end
    K.ready_first(th)
    coyield(PARK)
  else
    if S.hard == 0 then hard_start = clock() end
    S.hard = S.hard + 1
    if S.hard > HARD_LIMIT or (not K.workflow and clock() - hard_start > HARD_TIME) then
      S.hard = 0
      th.p.doomed = true
      error("code that cannot be suspended ran too long", 2)
    end
  end
  return K.limit
end
K.rt.preempt = K.preempt
K.rt.limit = FIRST_LIMIT

-- A further coroutine of the running unit, queued ahead of its spawner.
function K.spawn_thread(fn)
  local th = current_thread("coroutine.spawn")
  local p = th.p
  local new = { co = cocreate(fn), p = p }
  local threads = p.threads
  if not threads then
    threads = { n = 0 }
    p.threads = threads
  end
  threads[new] = true
  threads.n = threads.n + 1
  ready(new)
  ready(th)
  park()
  return new
end

local function ended(th, ok, a, b)
  local co = th.co
  if not co then return end -- its unit was ended while it ran
  if costatus(co) == "suspended" then
    ready(th) -- a plain coroutine.yield of a scheduled coroutine gives way
    return
  end
  th.co = nil
  local p = th.p
  if not ok and a == NO_MEMORY then
    -- what it held must be free before anything is allocated for its end
    coclose(co)
    K.unit_forget(p)
    collectgarbage("collect")
  end
  if th == p or th == p.main then
    if ok then K.unit_returned(p, a, b) else K.unit_failed(p, a, co) end
    return
  end
  local threads = p.threads
  if threads then
    threads[th] = nil
    threads.n = threads.n - 1
  end
  if not ok then K.unit_failed(p, a, co) else K.check_deadlock(p) end
end

-- The end of a unit failed in the kernel, for example on a result too deep to copy.
local function broken(th, reason)
  if reason == NO_MEMORY then error(reason, 0) end
  local p = th.p
  if p.done then
    K.host.complain("the end of a unit could not be announced", K.error_text(reason))
  else
    K.unit_failed(p, reason)
  end
end

S.turns, S.reductions = 0, 0 -- of all units so far; reductions of turns that were used up

-- Runs ready threads until none is left or the slice is used up.
function K.run(slice)
  budget = slice
  slice_start = clock()
  local turns = 0
  while budget > 0 do
    local th, value
    if nfront > 0 then
      th, value = front[nfront - 1], front[nfront]
      front[nfront], front[nfront - 1] = nil, nil
      nfront = nfront - 2
    elseif slot then
      th, value = slot, slot_value
      slot, slot_value = nil, nil
      hops = hops + 1
    else
      hops = 0
      if chead > ctail then
        if ntail == 0 then break end
        current, coming = coming, current
        chead, ctail, ntail = 1, ntail, 0
      end
      th, value = current[chead], current[chead + 1]
      current[chead], current[chead + 1] = nil, nil
      chead = chead + 2
    end
    local co = th.co
    if co then
      local p = th.p
      local held = p.turn
      if held then
        if held ~= th and held.co then
          defer(p, th, value)
          goto deferred
        end
        p.turn = nil
      end
      budget = budget - 1
      turns = turns + 1
      S.cur = th
      p[1] = (p[1] or 0) + 1
      local args = th.args
      local ok, a, b
      if args then
        th.args = nil
        S.fresh = S.fresh - 1
        ok, a, b = coresume(co, tunpack(args, 1, args.n))
      elseif value == NIL then
        ok, a, b = coresume(co)
      else
        ok, a, b = coresume(co, value)
      end
      if held and not p.turn then release(p) end
      if a ~= PARK then
        local fine, reason = pcall(ended, th, ok, a, b)
        if not fine then broken(th, reason) end
      end
      ::deferred::
    elseif th.empty then
      empty = empty - 1
    end
  end
  S.interrupted = budget <= 0 and S.cur or nil -- who had the processor when the slice was over
  S.turns = S.turns + turns
  S.cur, S.launched_at = nil, nil
end

-- Every thread that is queued: visit(th).
function K.each_queued(visit)
  for i = chead, ctail, 2 do visit(current[i]) end
  for i = 1, ntail, 2 do visit(coming[i]) end
  for i = 1, nfront, 2 do visit(front[i]) end
  if slot then visit(slot) end
end

-- Threads that have not begun to run, newest first: visit(th) returns true to take it out of the queue.
function K.each_unstarted(visit)
  for list = 1, 2 do
    local q = list == 1 and coming or current
    local from, to = list == 1 and 1 or chead, list == 1 and ntail or ctail
    for i = to - 1, from, -2 do
      local th = q[i]
      if th and th.args and th.co then
        local go = visit(th)
        if go == nil then return end
        if go then
          q[i] = { p = th.p, empty = true }
          empty = empty + 1
          S.fresh = S.fresh - 1
        end
      end
    end
  end
end

-- Takes away what is queued, and leaves an empty queue: the runs of one VM take turns.
function K.schedule_save()
  local saved = { current, chead, ctail, coming, ntail, front, nfront, slot, slot_value }
  saved.runnable = K.runnable()
  current, chead, ctail = {}, 1, 0
  coming, ntail = {}, 0
  front, nfront = {}, 0
  slot, slot_value = nil, nil
  return saved
end

-- Puts back what schedule_save has taken.
function K.schedule_load(saved)
  current, chead, ctail, coming, ntail = saved[1], saved[2], saved[3], saved[4], saved[5]
  front, nfront, slot, slot_value = saved[6], saved[7], saved[8], saved[9]
end

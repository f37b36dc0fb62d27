-- Timers: a binary heap by due time. The clock comes from the host.
local K = ...
local raw = K.raw
local next = raw.next
local S, ready, park = K.state, K.ready, K.park

local heap, size = {}, 0
local order = 0

local function before(a, b) return a.due < b.due or (a.due == b.due and a.order < b.order) end

local function up(i)
  local t = heap[i]
  while i > 1 do
    local parent = i // 2
    local o = heap[parent]
    if not before(t, o) then break end
    heap[i], o.index = o, i
    i = parent
  end
  heap[i], t.index = t, i
end

local function down(i)
  local t = heap[i]
  while true do
    local child = 2 * i
    if child > size then break end
    if child < size and before(heap[child + 1], heap[child]) then child = child + 1 end
    local o = heap[child]
    if not before(o, t) then break end
    heap[i], o.index = o, i
    i = child
  end
  heap[i], t.index = t, i
end

local function take_out(t)
  local i = t.index
  t.index = nil
  local last = heap[size]
  heap[size] = nil
  size = size - 1
  if last ~= t then
    heap[i] = last
    last.index = i
    up(i)
    down(last.index)
  end
end

local function start(ns, t)
  order = order + 1
  t.due, t.order = K.monotonic() + ns, order
  size = size + 1
  heap[size] = t
  up(size)
  local p = S.cur and S.cur.p
  if p then
    t.p = p
    local timers = p.timers
    if timers then timers[t] = true else p.timers = { [t] = true } end
  end
  return t
end

-- The live dispatcher's primitives; in the VM of a workflow others stand in their place.
function K.timer_start(ns, fn) return start(ns, { fn = fn }) end

function K.timer_stop(t)
  if not t.index then return false end
  take_out(t)
  if t.p and t.p.timers then t.p.timers[t] = nil end
  return true
end

function K.sleep(ns)
  local th = K.waiting_thread("time.sleep")
  if ns <= 0 then
    ready(th)
    park()
    return
  end
  start(ns, { th = th })
  park()
end

-- A timer of the runtime itself, without an owner.
function K.timer_system(ns, fn)
  local cur = S.cur
  S.cur = nil
  local t = start(ns, { fn = fn })
  S.cur = cur
  return t
end

function K.timers_release(p)
  local timers = p.timers
  if not timers then return end
  p.timers = nil
  for t in next, timers do
    if t.index then take_out(t) end
  end
end

-- The due time of the next timer, or nil.
function K.timer_due() return size > 0 and heap[1].due or nil end

-- What a timer was to do went wrong, for example since a value is nested too deeply.
local function failed(p, reason)
  if reason == "not enough memory" then raw.error(reason, 0) end
  if p and not p.done then
    K.unit_failed(p, reason)
  else
    K.host.complain("a timer failed", K.error_text(reason))
  end
end

-- Fires what is due.
function K.timers_fire(now)
  while size > 0 do
    local t = heap[1]
    if t.due > now then return end
    take_out(t)
    local p = t.p
    if p and p.timers then p.timers[t] = nil end
    if t.th then
      ready(t.th)
    else
      S.cur = p -- what the function starts belongs to the same unit
      local fine, reason = raw.pcall(t.fn, now)
      S.cur = nil
      if not fine then failed(p, reason) end
    end
  end
end

function K.timer_count() return size end

-- The life of a unit: start, result, end.
local K = ...
local raw = K.raw
local cocreate, rawtype, next = raw.cocreate, raw.type, raw.next
local S, ready, copy = K.state, K.ready, K.copy
local new_pid = K.new_pid

local procs = {} -- PID -> unit
K.procs = procs
S.count = 0
S.limit_owner = "host"
S.spawned = 0

function K.no_memory_text() return "memory limit of the " .. S.limit_owner .. " exceeded: not enough memory" end

-- The text of a raised value. User code may run here, and fail again.
function K.error_text(value)
  local fine, text = raw.pcall(K.text, value)
  if fine or rawtype(text) == "string" then return text end
  return "the error is a " .. K.typeof(value) .. " that has no text"
end
local error_text = K.error_text

-- What a raised value is for whoever waits for the unit.
function K.raised_error(value, co)
  if K.is_error(value) then return value end
  if value == K.KILL then return K.new_error("Canceled", "context canceled", nil) end
  if rawtype(value) == "string" then
    if raw.find(value, "not enough memory", 1, true) then
      return K.new_error("LimitExceeded", K.no_memory_text(), nil)
    end
    return K.new_error("Internal", K.clean_message and K.clean_message(value, co) or value, nil)
  end
  return K.new_error("Internal", error_text(value), nil)
end

-- The outcome of an entry function that returned a, b.
local function outcome(a, b)
  if b ~= nil then
    local t = rawtype(b)
    if t == "string" then return nil, K.new_error("Internal", b, false) end
    if t == "table" and K.is_error(b) then return nil, b end
  end
  local t = rawtype(a)
  if t == "table" or t == "function" or t == "thread" or t == "userdata" then return copy(a) end
  return a
end
K.outcome = outcome

-- A process from a definition; it is not routable and not queued yet. For whoever looks at it from outside it has [1]
-- turns so far, [2] time of its start, [3] PID of the unit that started it, or false.
function K.new_process(unit, frame, args)
  local limit = S.max_processes
  if limit and not K.host.process_admit() then
    return nil, K.new_error("LimitExceeded", "max processes limit exceeded", false, { max_processes = limit })
  end
  local p = { 0, 0, false, co = false, p = false, pid = false, unit = unit, frame = frame, env = false, args = args,
    inbox = nil }
  p.p = p
  p.pid = new_pid()
  local env, main, err = K.new_state(unit, p)
  if not env then
    K.unborn(p)
    K.process_left()
    return nil, err
  end
  p.co = cocreate(main)
  return p
end

-- A unit that does not come to run gives back what its top-level code has taken.
function K.unborn(p)
  if not p.held then return end
  p.held = nil
  procs[p.pid] = nil
  K.host.release(p.pid)
end

-- A process that had been counted is no more; the limit counts those of all workers of the host.
function K.process_left()
  if S.max_processes then K.host.process_left() end
end

-- Makes a process routable and queues it. parent: PID of the unit that starts it, if it is known.
function K.launch(p, parent)
  procs[p.pid] = p
  local at = S.launched_at -- one time for all that are started in a slice
  if not at then
    at = K.now()
    S.launched_at = at
  end
  p[2], p[3] = at, parent
  S.count = S.count + 1
  S.spawned = S.spawned + 1
  S.fresh = S.fresh + 1
  ready(p)
end

-- The unit running now as others know it.
function K.pid_of(p)
  local pid = p.pid
  if not pid then
    pid = K.new_call_pid(p.unit.id)
    p.pid = pid
    procs[pid] = p
  end
  return pid
end

-- No coroutine of the unit runs again.
local function drop_threads(p)
  p.co = nil
  local threads = p.threads
  if threads then
    p.threads = nil
    threads.n = nil
    for th in next, threads do
      th.co = nil
      if th.args then
        th.args = nil
        S.fresh = S.fresh - 1
      end
    end
  end
end
K.drop_threads = drop_threads

-- A unit that used up the memory lets go of all it holds; it is ended next.
function K.unit_forget(p)
  p.doomed = true
  drop_threads(p)
  p.env, p.inbox, p.topics, p.unrouted = nil, nil, nil, nil
  local state = p.state
  if state then state.env, state.main = nil, nil end
end

-- Ends a unit: err is nil after a normal end.
local function finish(p, value, err)
  if p.done then return end
  p.done, p.failure = true, err
  drop_threads(p)
  if p.args then
    p.args = nil
    S.fresh = S.fresh - 1
  end
  local pid = p.pid
  if pid then procs[pid] = nil end
  if p.names then K.names_release(p) end
  if p.calls then K.calls_cancel(p) end
  if p.commands then K.commands_abort(p) end
  if p.timers then K.timers_release(p) end
  if p.held then K.host.release(pid) end
  if p.state then
    K.call_finished(p, value, err)
  else
    S.count = S.count - 1
    K.process_left()
  end
  local waiter = p.waiter
  if waiter then waiter(value, err) end
  if p.watchers or p.links or p.watching then K.announce_end(p, value, err) end
  -- last: what is asked of the process meanwhile comes here, and is answered behind the news of its end
  if p.home then K.emit({ "moved_end", p.home, K.worker, 0, pid, "" }, 6) end
end
K.finish = finish

function K.unit_returned(p, a, b)
  if p.on_return then return p.on_return(a, b) end
  local value, err = outcome(a, b)
  finish(p, value, err)
end

function K.unit_failed(p, value, co)
  if p.done then return end
  local err = K.raised_error(value, co)
  if p.on_return then return p.on_return(nil, err, true) end
  finish(p, nil, err)
end

-- Leaves the running coroutine if what it did has ended its own unit.
function K.leave_ended(p)
  if p.done then raw.error(K.KILL, 0) end
end

-- Ends a unit from outside; it does not run again.
function K.kill(p, err)
  p.doomed = true
  finish(p, nil, err)
end

-- A thread that waits on nothing at all.
function K.stuck(th)
  th.stuck = true
  S.check_stuck = true
  K.check_deadlock(th.p, true)
end

function K.check_deadlock(p)
  if p.done or not (p.co or p.main) then return end
  local waiting = p.co and p.stuck and 1 or 0
  local total = p.co and 1 or 0
  for th in next, p.threads or {} do
    if rawtype(th) == "table" then
      total = total + 1
      if th.stuck then waiting = waiting + 1 end
    end
  end
  if waiting == total then
    local text = "deadlock: all coroutines blocked with no pending operations (threads=" .. total .. ")"
    finish(p, nil, K.kindless(K.new_error("", text, nil)))
  end
end

-- The worker's way in: one slice of work, and what others ask of this VM.
local K = ...
local raw = K.raw
local tunpack, next = raw.tunpack, raw.next
local S, procs, handlers = K.state, K.procs, K.handlers

local moved = {} -- PID -> number of the worker that took the process over before it had started
K.moved = moved

function handlers.send(e)
  local target = e[2]
  local p = procs[target]
  local topic = e[5]
  if not p then
    K.dead_letter(topic, e[6], target, "process not found")
    K.reply(e, false, "NotFound", "process not found")
    return
  end
  local values, n = K.unpack_values(e[8])
  local value = values
  if n == 1 then value = values[1] end
  if raw.byte(topic, 1) == 64 then
    K.deliver_system(p, topic, value)
    K.reply(e, true)
  elseif K.deliver(p, topic, e[6], value, n) then
    K.reply(e, true)
  else
    K.dead_letter(topic, e[6], target, "mailbox is full")
    K.reply(e, false, K.new_error("RateLimited", "mailbox of " .. target .. " is full", true))
  end
end

-- Messages that reach nobody are told to the host once in a slice, with the first as an example.
local dead, dead_topic, dead_from, dead_to, dead_reason = 0, nil, nil, nil, nil
function K.dead_letter(topic, from, to, reason)
  if dead == 0 then dead_topic, dead_from, dead_to, dead_reason = topic, from, to, reason end
  dead = dead + 1
end

local function tell_dead()
  local told = K.host.dead_letters
  if told then told(dead, dead_topic, dead_from, dead_to, dead_reason) end
  dead = 0
end

local function control(name, act)
  handlers[name] = function(e)
    local ok, reason = act(e[2], e[5], e[6])
    if ok then K.reply(e, true) else K.reply(e, false, "Internal", reason) end
  end
end
-- A unit elsewhere has given a process of this VM a name.
function handlers.named(e)
  local p = procs[e[2]]
  if p then K.add_to(p, "names", e[5]) else K.host.names_release(e[2]) end
end

control("monitor", function(target, watcher) return K.monitor_here(target, watcher) end)
control("unmonitor", function(target, watcher) return K.unmonitor_here(target, watcher) end)
control("link", function(target, other) return K.link_here(target, other) end)
control("unlink", function(target, other) return K.unlink_here(target, other) end)
control("cancel", function(target, from, reason) return K.cancel_here(target, from, reason) end)
control("terminate", function(target) return K.terminate_here(target) end)

function handlers.event(e)
  local p = procs[e[2]]
  if not p then return end
  local value, err = K.unpack(e[7])
  K.event(p, { kind = e[5], from = e[6], at = K.now() // 1000000000, result = { value = value, error = err } })
end

-- spawn: entry, frame, options (packed: watcher, linked, exec, name, messages, terminal), arguments
function handlers.spawn(e)
  local options = e[7] ~= "" and K.decode(e[7]) or {}
  local values, n = K.unpack_values(e[8])
  values.n = n
  local done = nil
  if options.exec then
    done = function(value, err)
      if err then K.reply(e, true, nil, err) else K.reply(e, true, value) end
    end
  end
  local pid, err, held = K.spawn_here(e[5], K.frame_of(e[6]), values, options, done)
  if not pid then
    K.reply(e, false, err)
  elseif not options.exec then
    K.reply(e, true, pid, nil, held)
  elseif options.tell_pid then
    K.emit({ "spawned", "", K.worker, 0, options.tell_pid, pid, "" }, 7)
  elseif options.begun then
    K.emit({ "begun", e[3], K.worker, 0, e[4], pid }, 6)
  end
end

-- A process that was asked for has started elsewhere; its result comes later.
S.begun = {} -- request number -> function(pid)
function handlers.begun(e)
  local told = S.begun[e[5]]
  if told then
    S.begun[e[5]] = nil
    told(e[6])
  end
end

-- call: entry, frame, options, arguments; answered with the outcome
function handlers.call(e)
  local values, n = K.unpack_values(e[8])
  values.n = n
  local key = e[3] .. ":" .. e[4]
  local c = K.start_call(e[5], K.frame_of(e[6]), values, nil, function(value, failure)
    S.foreign[key] = nil
    if failure then K.reply(e, false, failure) else K.reply(e, true, value) end
  end)
  if c and not c.done then S.foreign[key] = c end
end
S.foreign = {}

function handlers.cancel_call(e)
  local c = S.foreign[e[3] .. ":" .. e[5]]
  if c then K.call_cancel(c, e[6] ~= "" and e[6] or nil) end
end

function handlers.invalidate(e)
  local change = K.decode(e[5])
  K.invalidate(change.affected)
  K.reply(e, true, K.tell_outdated(change.sources, change.revision))
end

-- Answered when a process waits for the first time, in whatever, or has ended.
local beginners -- envelopes of those who ask, or nil
function handlers.first_wait(e)
  beginners = beginners or {}
  beginners[#beginners + 1] = e
end

local function answer_beginners()
  local left
  local queued = {}
  K.each_queued(function(th) queued[th] = true end)
  for i = 1, #beginners do
    local e = beginners[i]
    local p = procs[e[2]]
    local main = p and (p.main or p)
    if moved[e[2]] then
      e[9] = nil
      K.emit({ "forward", moved[e[2]], K.worker, 0, K.pack(tunpack(e, 1, 8)) }, 5)
    elseif p and (p.args or queued[main]) then
      left = left or {}
      left[#left + 1] = e
    else
      K.reply(e, true)
    end
  end
  beginners = left
end

-- The host stops: no process starts any more, every living one gets CANCEL.
function handlers.cancel_all(e)
  S.accepting, S.stop_reason = "stopping", e[5]
  for _, pid in raw.ipairs(K.ordered(procs)) do
    if not procs[pid].state then K.cancel_here(pid, "{|}", e[5]) end
  end
end

function handlers.kill_all(e)
  S.accepting, S.stop_reason, S.killed, S.begun = "stopping", e[5], true, {}
  for _, pid in raw.ipairs(K.ordered(procs)) do
    local p = procs[pid]
    if p then K.kill(p, K.new_error("Canceled", e[5], nil)) end
  end
end

-- Gives up to half of the processes that have not begun to another worker.
function handlers.give(e)
  if S.accepting ~= true then return end
  local wanted = e[5]
  K.each_unstarted(function(p)
    if wanted <= 0 then return nil end
    if p.state or p.waiter or p.on_return or p.unrouted or p.names or p.no_move then return false end
    wanted = wanted - 1
    local args = p.args
    local watchers, links = K.ordered(p.watchers or {}), K.ordered(p.links or {})
    K.emit({ "adopt", e[6], K.worker, 0, p.pid, p.unit.id, K.frame_blob(p.frame), K.pack(watchers, links, p[3]),
      K.pack_shared(args.n, args) }, 9)
    moved[p.pid] = e[6]
    procs[p.pid] = nil
    p.co, p.done, p.args = nil, true, nil
    S.count = S.count - 1
    S.given = (S.given or 0) + 1
    return true
  end)
end

function handlers.adopt(e)
  local values, n = K.unpack_values(e[9])
  values.n = n
  local watchers, links, parent = K.unpack(e[8])
  K.adopt(e[5], e[6], K.frame_of(e[7]), values, watchers, links, e[3], parent)
end

local envelopes, next_envelope -- those that have come in and are not handled yet
local unread = false           -- whether they could not even be read

-- What was asked could not be done, for example since a value is nested too deeply.
local function broken(e, reason)
  if reason == "not enough memory" then raw.error(reason, 0) end
  local text = K.error_text(reason)
  K.host.complain("an envelope could not be handled: " .. e[1], text)
  if e[1] ~= "reply" then K.reply(e, false, K.new_error("Internal", text, false)) end
end

local function handle_envelopes()
  while envelopes do
    local e = envelopes[next_envelope]
    if not e then
      envelopes = nil
      return
    end
    next_envelope = next_envelope + 1
    local forward = moved[e[2]]
    if forward and e[1] ~= "adopt" then
      e[9] = nil
      K.emit({ "forward", forward, K.worker, 0, K.pack(tunpack(e, 1, 8)) }, 5)
    else
      local fine, reason = raw.pcall(handlers[e[1]], e)
      if not fine then broken(e, reason) end
    end
  end
end

-- One slice. incoming: packed envelopes or nil; now: monotonic nanoseconds; hungry: another worker has nothing to do.
-- Returns packed envelopes or nil, the due time of the next timer or nil, runnable threads, unstarted threads, how many
-- processes and calls from outside live here, and turns and processes taken over so far.
function K.step(now, incoming, hungry)
  S.cur, S.hungry = nil, hungry
  if incoming then
    unread = true
    envelopes, next_envelope = K.decode(incoming), 1
    unread = false
    handle_envelopes()
  end
  K.timers_fire(now)
  K.run(K.slice)
  if dead > 0 then tell_dead() end
  if beginners then answer_beginners() end
  return K.take_outgoing(), K.timer_due(), K.runnable(), S.fresh,
    (S.ties > 0 or next(S.foreign) or next(S.begun)) and S.count + 1 or S.count, S.turns, S.adopted or 0
end

-- Goes on with a slice in which the kernel itself ran out of memory.
function K.step_again(now, incoming)
  local th = S.cur
  S.cur = nil
  if th and not th.p.done then
    K.unit_forget(th.p)
    K.unit_failed(th.p, "not enough memory")
  end
  raw.collectgarbage("collect")
  if not unread then incoming = nil end
  if envelopes then
    local e = envelopes[next_envelope - 1]
    if e[1] == "reply" or e[1] == "done" then
      next_envelope = next_envelope - 1
    else
      -- a mailbox that has no room for a message: the one that does not read it gives its memory back
      local p = e[1] == "send" and procs[e[2]]
      if p then
        K.unit_forget(p)
        K.unit_failed(p, "not enough memory")
        raw.collectgarbage("collect")
      end
      K.reply(e, false, K.new_error("LimitExceeded", K.no_memory_text(), true))
    end
    handle_envelopes()
  end
  return K.step(now, incoming)
end

-- The VM will not run again: all that lives here ends with this error, and what waits to be read is answered with it.
-- Returns packed envelopes or nil, and where processes have moved to, packed.
function K.abandon(kind, text)
  S.cur, S.accepting = nil, "stopping"
  local err = K.new_error(kind, text, nil)
  local all = {}
  for _, p in next, procs do all[#all + 1] = p end
  for _, c in next, S.foreign do all[#all + 1] = c end
  for _, p in raw.ipairs(all) do raw.pcall(K.kill, p, err) end
  while envelopes do
    local e = envelopes[next_envelope]
    if not e then break end
    next_envelope = next_envelope + 1
    if e[1] ~= "reply" and e[1] ~= "done" then raw.pcall(K.reply, e, false, err) end
  end
  return K.take_outgoing(), K.pack(moved)
end

-- This VM takes the place of one that was abandoned.
function K.inherit(packed)
  for pid, number in next, (K.unpack(packed)) do moved[pid] = number end
end

-- A process that had moved away has ended.
function handlers.moved_end(e) moved[e[5]] = nil end

handlers["forward"] = function(e)
  local inner = { K.unpack(e[5]) }
  handlers[inner[1]](inner)
end

function handlers.figures(e)
  local processes, spawned, given, adopted, timers = K.figures()
  K.reply(e, true, processes, spawned, given, adopted, timers, K.runnable())
end

-- The live dispatcher: how the commands of functions and processes are carried out.
-- The VM of a workflow run has another (workflow.lua) with the same names.
local K = ...
local raw = K.raw
local rawtype, next, tunpack = raw.type, raw.next, raw.tunpack
local S, procs, ready, park = K.state, K.procs, K.ready, K.park

local ops = {}
K.ops = ops

-- An answer of K.request as values: value... or nil, error with `context`.
local function answer(reply, kind, context)
  if reply.ok then return tunpack(reply.values, 1, reply.n) end
  local err, text = reply.values[1], reply.values[2]
  if K.is_error(err) then
    if kind then
      local _, message, _, details = K.error_parts(err)
      return nil, K.new_error(kind, message, false, details, context)
    end
    return nil, err
  end
  return nil, K.new_error(kind or err, text, false, nil, context)
end

function ops.send(target, topic, count, values)
  local p = S.cur.p
  local reply = K.request("send", target, topic, K.pid_of(p), "", K.pack_shared(count, values))
  if reply.ok then return true end
  local err = reply.values[1]
  if K.is_error(err) then return nil, err end
  return nil, K.new_error(err, reply.values[2], false)
end

-- What a unit is tied to elsewhere: a unit that has ended meanwhile lets go of it.
local function tie(p, field, pid)
  if not p.done then
    K.add_to(p, field, pid)
  elseif field == "watching" then
    K.send_unmonitor(pid, p.pid)
  elseif p.failure then
    K.send_event(pid, "pid.link.down", p.pid, nil, p.failure)
  else
    K.send_unlink(pid, p.pid)
  end
end

S.ties = 0 -- answers of that kind that have not come

-- A request whose answer ties the unit to another. tied(ok, values...) is called as soon as the answer has come, before
-- anything that the other sends later, and whether or not the unit still waits.
local function request_tie(op, destination, tied, a, b, c, data)
  local th = K.waiting_thread(op)
  S.ties = S.ties + 1
  K.request_async(op, destination, function(ok, ...)
    S.ties = S.ties - 1
    tied(ok, ...)
    if th.co then ready(th, { ok = ok, values = { ... }, n = raw.select("#", ...) }) end
  end, a, b, c, data)
  return park()
end

-- options: monitored, linked, name, messages
function ops.spawn(id, host, frame, args, options)
  local p = S.cur.p
  local me = (options and (options.monitored or options.linked)) and K.pid_of(p)
  local wire = nil
  if options then
    wire = { watcher = options.monitored and me or nil, linked = options.linked and me or nil, name = options.name,
      messages = options.messages, options = options.options, from = K.pid_of(p) }
  end
  if host == K.spawn_host and not p.terminal then
    local pid, err = K.spawn_here(id, frame, args, wire)
    return pid, err
  end
  local reply = request_tie("spawn", host, function(ok, pid, _, held)
    if not ok or held then return end
    if wire and wire.watcher then tie(p, "watching", pid) end
    if wire and wire.linked then tie(p, "links", pid) end
  end, id, K.frame_blob(frame), K.encode(wire or { from = K.pid_of(p) }), K.pack_shared(args.n, args))
  local pid, err = answer(reply)
  return pid, err
end

-- Starts a process and waits for its result.
function ops.exec(id, host, frame, args, options)
  local th = K.waiting_thread("process.exec")
  if host == K.spawn_host then
    local pid, err = K.spawn_here(id, frame, args, nil, function(value, failure)
      ready(th, { value = value, err = failure })
    end)
    if not pid then
      local _, message, _, details = K.error_parts(err)
      return nil, K.new_error("Internal", message, false, details, "exec failed")
    end
    local done = park()
    if done.err then return nil, done.err end
    return done.value
  end
  local wire = { exec = true, from = K.pid_of(th.p), options = options }
  local reply = K.request("spawn", host, id, K.frame_blob(frame), K.encode(wire), K.pack_shared(args.n, args))
  return answer(reply, not reply.ok and "Internal" or nil, "exec failed")
end

local here = { monitor = K.monitor_here, unmonitor = K.unmonitor_here, link = K.link_here, unlink = K.unlink_here,
  cancel = K.cancel_here, terminate = K.terminate_here }

local function drop(p, field, pid)
  local set = p[field]
  if set then set[pid] = nil end
end

-- Both ends of a link between two VMs change in one order, that of the end whose PID is the lesser: it changes when the
-- other's request comes or its own leaves, the other end with the messages of the first.
local function ask_control(op, p, target, reason)
  local me = p.pid
  local first = me < target
  if first and op == "link" then
    K.add_to(p, "links", target)
  elseif first and op == "unlink" then
    drop(p, "links", target)
  end
  local reply = request_tie(op, target, function(ok)
    if not ok then
      if first and op == "link" then drop(p, "links", target) end
    elseif op == "monitor" then
      tie(p, "watching", target)
    elseif op == "unmonitor" then
      drop(p, "watching", target)
    elseif first then
      return
    elseif op == "link" then
      tie(p, "links", target)
    elseif op == "unlink" then
      drop(p, "links", target)
    end
  end, me, reason, "")
  if reply.ok then return true end
  local err = reply.values[1]
  return nil, K.is_error(err) and K.text(err) or reply.values[2]
end

-- monitor, unmonitor, link, unlink, cancel, terminate of a PID.
function ops.control(op, target, reason)
  local p = S.cur.p
  local me = K.pid_of(p)
  local ok, text
  if S.cur.loading then K.waiting_thread(op) end
  if procs[target] then
    ok, text = here[op](target, me, reason)
    if ok and op == "monitor" then
      K.add_to(p, "watching", target)
    elseif op == "unmonitor" then
      drop(p, "watching", target)
    elseif ok and op == "link" then
      K.add_to(p, "links", target)
    elseif op == "unlink" then
      drop(p, "links", target)
    end
    K.leave_ended(p)
  else
    ok, text = ask_control(op, p, target, reason)
  end
  if not ok then return nil, K.new_error("Internal", text, false, nil, op .. " failed") end
  return true
end

local function unknown_target(target)
  return K.new_error("NotFound", "no handler registered for target: " .. target, false, { target = target })
end

-- Starts a call of a function, or of a process that may be called as one.
-- waiter(value, err) is told the outcome, perhaps before this returns. Returns the call.
local function start_call(target, frame, args, parent, waiter)
  local unit, err = K.unit(target)
  if not unit then
    if K.error_parts(err) == "NotFound" then err = unknown_target(target) end
    waiter(nil, err)
    return nil
  end
  if unit.default_host then
    local c = { co = false, unit = unit, frame = frame, parent = parent, waiter = waiter }
    c.p = c
    if parent then K.add_call(parent, c) end
    local spawned, request
    local function done(value, failure)
      if request then S.begun[request] = nil end
      if c.done then return end
      c.done = true
      if parent and parent.calls then parent.calls[c] = nil end
      waiter(value, failure)
    end
    local function cancel()
      K.emit({ "cancel", spawned, K.worker, 0, "{|}", "caller context canceled", "", "" }, 8)
    end
    c.remote = function()
      if spawned then cancel() end
    end
    local function failed(failure)
      done(nil, K.new_error("Internal", "failed to start process: " .. K.text(failure), false))
    end
    if unit.default_host == K.spawn_host then
      local pid, failure = K.spawn_here(target, frame, args, nil, done)
      spawned = pid
      if not pid then failed(failure) end
    else
      request = K.request_async("spawn", unit.default_host, function(ok, value, failure)
        if ok then done(value, failure) else failed(value) end
      end, target, K.frame_blob(frame), K.encode({ exec = true, begun = true }), K.pack_shared(args.n, args))
      S.begun[request] = function(pid)
        spawned = pid
        if c.done then cancel() end
      end
    end
    return c
  end
  if not unit.callable then
    waiter(nil, unknown_target(target))
    return nil
  end
  if unit.pinned and not K.functions_home then
    local c = { co = false, unit = unit, frame = frame, parent = parent, waiter = waiter, state = false }
    c.p = c
    if parent then K.add_call(parent, c) end
    local id = K.request_async("call", "functions:home", function(ok, value, failure)
      if c.done then return end
      c.done = true
      if parent and parent.calls then parent.calls[c] = nil end
      if ok then waiter(value, failure) else waiter(nil, value) end
    end, target, K.frame_blob(frame), "", K.pack_shared(args.n, args))
    c.remote = function(kind)
      K.emit({ "cancel_call", "functions:home", K.worker, 0, id, kind or "", "", "" }, 8)
    end
    return c
  end
  local c
  c, err = K.call_start(unit, frame, args, parent, waiter)
  if not c then waiter(nil, err) end
  return c
end
K.start_call = start_call

-- Calls and waits. args: copied values with n.
function ops.call(target, frame, args)
  local th = K.waiting_thread("funcs.call")
  local value, err, done
  local waiting = false
  start_call(target, frame, args, th.p, function(v, e)
    value, err, done = v, e, true
    if waiting then K.ready_first(th) end
  end)
  if not done then
    waiting = true
    park()
  end
  if err then return nil, err end
  return value, nil
end

-- Starts a call; done(value, err) is told the outcome in the kernel. Returns a function that cancels it.
function ops.async(target, frame, args, done)
  local c = start_call(target, frame, args, S.cur.p, done)
  return function(kind, message)
    if c and not c.done then K.call_cancel(c, kind, message) end
    if S.cur then K.leave_ended(S.cur.p) end
  end
end

-- New code in the same process: PID, names, monitors, links and mailbox stay.
function ops.upgrade(id, args)
  local p = S.cur.p
  if p.state then
    K.finish(p, nil, nil)
    park()
  end
  id = id or p.unit.id
  local unit, err = K.unit(id)
  if not unit then
    K.kill(p, K.new_error("Internal", "upgrade: create failed: " .. K.text(err), nil))
    park()
  end
  -- What still waits for the old code wakes nobody: its threads are gone, the new main one is a thread of its own.
  K.drop_threads(p)
  p.options, p.stuck = nil, nil
  if p.calls then K.calls_cancel(p) end
  K.leave_ended(p)
  if p.commands then K.commands_abort(p) end
  K.timers_release(p)
  if p.held then K.host.release(p.pid, true) end
  K.mailbox_keep(p)
  local env, main
  env, main, err = K.new_state(unit, p)
  if not env then
    K.kill(p, K.new_error("Internal", "upgrade: init failed: " .. K.text(err), nil))
    park()
  end
  p.unit = unit
  local th = { co = raw.cocreate(main), p = p, args = args, no_move = true }
  p.main, p.threads = th, { n = 1, [th] = true }
  S.fresh = S.fresh + 1
  ready(th)
  park()
end

-- A destination as a PID, or nil and an error.
function ops.resolve(destination)
  if procs[destination] then return destination end
  if K.pid_check(destination) then return destination end
  local pid = K.host.name_holder(destination)
  if pid then return pid end
  return nil, K.new_error("NotFound", "could not resolve '" .. destination .. "' as PID or registered name", false)
end

-- Starting processes on this host.
local K = ...
local raw = K.raw
local next, ipairs = raw.next, raw.ipairs
local S, procs = K.state, K.procs

S.accepting = true

local function spawnable(unit)
  return raw.find(unit.kind, "process.", 1, true) == 1
end

-- options: watcher, linked (PIDs), name, messages {{topic, packed values}...}. done(value, err) is told the end.
-- Returns the PID, or nil and an error; of a name that is held the holder, nil, true.
function K.spawn_here(id, frame, args, options, done)
  if S.accepting ~= true then
    return nil, K.new_error("Unavailable", S.accepting == "stopping" and "host is shutting down" or "host is not running", false)
  end
  local unit, err = K.unit(id)
  if not unit then
    if K.error_parts(err) == "NotFound" then
      return nil, K.new_error("NotFound", "factory not found: " .. id, false, { factory_id = id })
    end
    return nil, err
  end
  if not spawnable(unit) then
    return nil, K.new_error("NotFound", "factory not found: " .. id .. " is a " .. unit.kind, false, { factory_id = id })
  end
  local name = options and options.name
  if name then
    local holder = K.host.name_holder(name)
    if holder then
      for _, m in ipairs(options.messages or {}) do K.post(holder, m[1], "", m[2]) end
      return holder, nil, true
    end
  end
  local p
  p, err = K.new_process(unit, frame, args)
  if not p then return nil, err end
  local pid = p.pid
  if name then
    local holder = K.host.name_register(name, pid)
    if holder ~= pid then
      K.unborn(p)
      K.process_left()
      for _, m in ipairs(options.messages or {}) do K.post(holder, m[1], "", m[2]) end
      return holder, nil, true
    end
    p.names = { [name] = true }
  end
  p.waiter = done
  if K.terminal_host then
    p.terminal = true
    if not (options and options.terminal) then p.waiter = K.terminal_waiter(done) end
  end
  if options then
    local watcher, linked = options.watcher, options.linked
    if watcher then
      p.watchers = { [watcher] = true }
      local w = procs[watcher]
      if w then K.add_to(w, "watching", pid) end
    end
    if linked then
      p.links = { [linked] = true }
      local l = procs[linked]
      if l then K.add_to(l, "links", pid) end
    end
  end
  K.launch(p, options and options.from or S.cur and S.cur.p.pid or false)
  if options and options.messages then
    for _, m in ipairs(options.messages) do
      local values, n = K.unpack_values(m[2])
      local value = values
      if n == 1 then value = values[1] end
      K.deliver(p, m[1], "", value, n)
    end
  end
  return pid
end

-- For a process of the terminal that is not the program: when it ends, the application does.
function K.terminal_waiter(done)
  return function(value, err)
    if done then done(value, err) end
    local t = raw.type(value)
    if t ~= "number" and t ~= "boolean" then value = nil end
    K.host.terminal_ended(K.pack(value, err))
  end
end

-- A message in packed form to any PID, without an answer.
function K.post(pid, topic, from, packed)
  local p = procs[pid]
  if p then
    local values, n = K.unpack_values(packed)
    local value = values
    if n == 1 then value = values[1] end
    if not K.deliver(p, topic, from, value, n) then K.dead_letter(topic, from, pid, "mailbox is full") end
  else
    K.emit({ "send", pid, K.worker, 0, topic, from, "", packed }, 8)
  end
end

-- Takes over a process that another worker had not begun; its PID stays.
function K.adopt(pid, id, frame, args, watchers, links, home, parent)
  local unit, err = K.unit(id)
  local p
  if unit then
    p = { 0, 0, false, co = false, p = false, pid = pid, unit = unit, frame = frame, env = false, args = args, inbox = nil }
    p.p, p.home = p, home
    local env, main
    env, main, err = K.new_state(unit, p)
    if env then p.co = raw.cocreate(main) end
  end
  p = p or { pid = pid }
  for _, other in next, watchers do K.add_to(p, "watchers", other) end
  for _, other in next, links do K.add_to(p, "links", other) end
  if not p.co then
    K.process_left()
    K.announce_end(p, nil, err)
    K.emit({ "moved_end", home, K.worker, 0, pid, "" }, 6)
    return
  end
  p.no_move = true
  K.launch(p, parent)
  S.adopted = (S.adopted or 0) + 1
  -- it was on its way when the host began to stop
  if S.killed then
    K.kill(p, K.new_error("Canceled", S.stop_reason, nil))
  elseif S.accepting == "stopping" then
    K.cancel_here(pid, "{|}", S.stop_reason)
  end
end

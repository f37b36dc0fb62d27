-- Processes whose code is not Lua. A machine in Python runs the code; the unit here owns PID, mailbox, links and names,
-- so all that is said of processes holds for them. What the code asks for is carried out as a coroutine of the unit.
local K = ...
local raw = K.raw
local next, tpack, tunpack, select, xpcall = raw.next, raw.tpack, raw.tunpack, raw.select, raw.xpcall
local procs, ready = K.procs, K.ready

-- Loads the code into a fresh machine. Returns environment and entry function, or nil, nil, error.
function K.guest_state(unit, p)
  local ok, kind, message = K.host.guest_load(unit.id, p.pid)
  if not ok then return nil, nil, K.new_error(kind, message, false) end
  p.held, p.no_move = true, true
  return {}, function(...)
    local fine, value = K.command("guest", p.terminal or false, ...)
    if not fine then return nil, value end
    return value
  end
end

-- Messages and events in plain form.
local function plain_message(m)
  local payload = m:payload()
  if payload == nil then return m:topic(), m:from(), 0 end
  if K.is(payload, K.Payload) then return m:topic(), m:from(), 1, payload:data() end
  local values, n = {}, #payload
  for i = 1, n do values[i] = payload[i]:data() end
  return m:topic(), m:from(), n, tunpack(values, 1, n)
end

local acts = {}

function acts.receive(topic)
  local process = K.module("process")
  local ch, err
  if topic == nil then ch = process.inbox() else ch, err = process.listen(topic, { message = true }) end
  if not ch then return nil, err end
  local m, ok = ch:receive()
  if not ok then return nil end
  return plain_message(m)
end

function acts.event()
  local event = K.module("process").events():receive()
  local result = event.result or {}
  return event.kind, event.from, event.reason, event.at, result.value, result.error, event.sources
end

-- options: monitored, linked, name, messages, context, options
function acts.spawn(options, id, host, ...)
  local process = K.module("process")
  local spawner = process.with_options(options.options or {})
  if options.context then spawner = spawner:with_context(options.context) end
  if options.name then spawner = spawner:with_name(options.name) end
  for _, m in raw.ipairs(options.messages or {}) do spawner = spawner:with_message(tunpack(m)) end
  local name = "spawn" .. (options.linked and "_linked" or "") .. (options.monitored and "_monitored" or "")
  return spawner[name](spawner, id, host, ...)
end

function acts.permit(action, resource) return K.permit(action, resource) end

-- A function of a module: `process.send`, `process.registry.lookup`, `funcs.call`.
function acts.invoke(name, ...)
  local at
  for part in raw.gmatch(name, "[^.]+") do
    local err
    if at == nil then at, err = K.module(part) else at = at[part] end
    if at == nil then return nil, err or K.new_error("NotFound", "no module function " .. name, false) end
  end
  return at(...)
end

local function perform(e, act, values, n)
  local r = tpack(xpcall(act, K.handler, tunpack(values, 1, n)))
  if not r[1] then
    local reason = r[2]
    if reason == K.KILL then raw.error(reason, 0) end
    K.reply(e, false, K.raised_error(reason))
  elseif r[2] == nil and K.is_error(r[3]) or r[2] == false and K.is_error(r[3]) then
    K.reply(e, false, r[3])
  else
    for i = 2, r.n do r[i] = K.copy(r[i]) end
    K.reply(e, true, tunpack(r, 2, r.n))
  end
end

function K.handlers.guest(e)
  local p = procs[e[2]]
  if not p or not p.unit.guest or p.done then
    K.reply(e, false, K.new_error("NotFound", "process not found", false))
    return
  end
  local values, n = K.unpack_values(e[8])
  local act = acts[e[5]]
  local th = { p = p }
  th.co = raw.cocreate(function() perform(e, act, values, n) end)
  local threads = p.threads
  if not threads then
    threads = { n = 0 }
    p.threads = threads
  end
  threads[th] = true
  threads.n = threads.n + 1
  ready(th)
end

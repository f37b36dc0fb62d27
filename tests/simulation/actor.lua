-- An actor: carries out the operations it is told, and records what it did and what it received.
--
-- spec: op (of the spawn), parent (PID), ops, deaf (does not read its mailbox until `open`)
local funcs, time = require("funcs"), require("time")

local function outcome(value, err)
  if err ~= nil then return { "error", err:kind(), err:message() } end
  if value == nil then return { "nil" } end
  return { "ok", value }
end

local function shape(t) return type(t) == "table" and t.list and t.list[1] == t.op and t.list[2][1] == t.op end

local function main(spec)
  local me = process.pid()
  local last, future, future_op = me, nil, nil
  local reader, closing
  record("start", spec.op, process.id())

  local function open()
    if reader or closing then return end
    local inbox, events = process.inbox(), process.events()
    reader = { inbox = inbox, events = events, done = channel.new(1) }
    local this = reader
    coroutine.spawn(function()
      while true do
        local result = channel.select({ inbox:case_receive(), events:case_receive() })
        if not result.ok then break end
        local value = result.value
        if result.channel == events then
          local r = value.result or {}
          record("event", value.kind, value.from, value.reason, r.value, r.error and r.error:message())
        else
          local payload = value:payload():data()
          record("message", value:from(), value:topic(), shape(payload) and payload.op or "broken")
        end
      end
      this.done:send(true)
    end)
  end

  local function close()
    if not reader then return end
    process.unlisten(reader.inbox)
    process.unlisten(reader.events)
    reader.done:receive()
    reader = nil
  end

  local function place(to)
    if to == "self" then return me end
    if to == "last" then return last end
    if to == "future" then return future_op end
    if to == "parent" then return spec.parent end
    return to
  end

  local function child(op) return { op = op.op, parent = me, ops = op.ops or {}, deaf = op.deaf } end

  local acts = {}
  function acts.send(op, to)
    local payload = { op = op.op, list = { op.op, { op.op } } }
    local ok, err = process.send(to, op.topic, payload)
    payload.list[2][1], payload.list = 0, nil
    return ok, err
  end
  function acts.spawn(op)
    local by, name = process, "spawn" .. op.flavour
    local pid, err
    if op.name or op.messages then
      by = process.with_options({})
      if op.name then by = by:with_name(op.name) end
      for _, id in ipairs(op.messages or {}) do by = by:with_message("m", { op = id, list = { id, { id } } }) end
      pid, err = by[name](by, op.entry, op.host, child(op))
    else
      pid, err = process[name](op.entry, op.host, child(op))
    end
    if pid then last = pid end
    return pid, err
  end
  function acts.exec(op) return process.exec(op.entry, op.host, child(op)) end
  function acts.await(op) return funcs.call(op.entry, child(op)) end
  function acts.call(op)
    local made, err = funcs.async(op.entry, child(op))
    if made then future, future_op = made, tostring(op.op) end
    return made and true, err
  end
  function acts.cancel_call() return future == nil or (future:cancel()) end
  for _, name in ipairs({ "monitor", "unmonitor", "link", "unlink", "terminate" }) do
    acts[name] = function(_, to) return process[name](to) end
  end
  function acts.cancel(op, to) return process.cancel(to, op.op) end
  function acts.trap(op) return process.set_options({ trap_links = op.value }) end
  function acts.register(op) return process.registry.register(op.name) end
  function acts.register_other(op, to) return process.registry.register(op.name, to) end
  function acts.unregister(op) return process.registry.unregister(op.name) and "freed" or "nobody" end
  function acts.lookup(op) return process.registry.lookup(op.name) end
  function acts.open() open() return true end
  function acts.sleep(op) time.sleep(op.ns) return true end
  function acts.pause() coroutine.yield() return true end
  function acts.spin(op) local n = 0 for i = 1, op.times do n = n + i % 7 end return true end
  function acts.fail(op) error("boom " .. op.op, 0) end
  function acts.upgrade(op)
    close()
    process.upgrade(op.entry, child(op))
  end

  function acts.aside(op)
    coroutine.spawn(function()
      if op.ns then time.sleep(op.ns) end
      closing = true
      close()
      process.upgrade(op.entry, child(op))
    end)
    return true
  end

  -- Returns whether the actor ends, with what.
  local function run(ops)
    for _, op in ipairs(ops) do
      local to = place(op.to)
      record("begin", op.op, to)
      if op.act == "exit" then return true, op.op end
      if op.act == "refuse" then return true, nil, "refused " .. op.op end
      record("end", op.op, table.unpack(outcome(acts[op.act](op, to))))
    end
  end

  local orders = process.listen("do")
  if not spec.deaf then open() end
  local ends, value, err = run(spec.ops)
  while not ends do
    ends, value, err = run(orders:receive())
  end
  return value, err
end

return main

-- The children of one supervisor: starting, watching, stopping. Who is started again is decided elsewhere.
local time = require("time")

type ChildSpec = {
  id: string,
  entry: string,
  host?: string,
  args?: {any},
  restart?: "permanent" | "transient" | "temporary",
  shutdown?: any,
  name?: string,
  type?: "worker" | "supervisor",
}

type Child = {
  spec: ChildSpec,
  pid: string?,
  failed: boolean,
  reason: any,
  ended: boolean,
  stopped: boolean,
  restarts: integer,
}

type Children = {
  list: {Child},
  by_pid: {[string]: Child},
  linked: {[string]: boolean},
  host: string,
  cancelled: boolean,
  broken: any,
}

local M = {}

local SHUTDOWN = "5s"

local function invalid(text: string): error
  return errors.new({kind = errors.INVALID, message = "supervisor: " .. text, retryable = false})
end
M.invalid = invalid

-- Host of the running process, for children that name none.
local function own_host(): string
  local pid = process.pid()
  return string.match(pid, "@([^|]+)|") or string.match(pid, "^{([^|]+)|") or ""
end

function M.new(host: string?): Children
  return {
    list = {},
    by_pid = {},
    linked = {},
    host = host or own_host(),
    cancelled = false,
    broken = nil,
  }
end

function M.find(all: Children, id: string): (Child?, integer)
  for i, child in ipairs(all.list) do
    if child.spec.id == id then return child, i end
  end
  return nil, 0
end

local RESTARTS: {[string]: boolean} = { permanent = true, transient = true, temporary = true }
local TYPES: {[string]: boolean} = { worker = true, supervisor = true }

-- What is wrong with a child spec, or nil.
local function mistake(all: Children, spec: any): string?
  if type(spec) ~= "table" then return "a child must be a table" end
  if type(spec.id) ~= "string" or spec.id == "" then return "a child needs an id" end
  local where = 'child "' .. spec.id .. '": '
  if type(spec.entry) ~= "string" or spec.entry == "" then return where .. "entry is required" end
  if spec.host ~= nil and type(spec.host) ~= "string" then return where .. "host must be a host id" end
  if spec.args ~= nil and type(spec.args) ~= "table" then return where .. "args must be a list" end
  if spec.name ~= nil and type(spec.name) ~= "string" then return where .. "name must be a string" end
  if spec.restart ~= nil and not RESTARTS[spec.restart] then
    return where .. "restart must be permanent, transient or temporary"
  end
  if spec.type ~= nil and not TYPES[spec.type] then return where .. "type must be worker or supervisor" end
  local shutdown = spec.shutdown
  if shutdown ~= nil and shutdown ~= "brutal" and shutdown ~= "infinity" then
    local _, err = time.parse_duration(shutdown)
    if err then return where .. "shutdown must be a duration, brutal or infinity" end
  end
  if M.find(all, spec.id) then return where .. "there is a child of that id already" end
  return nil
end

-- Adds a child that does not run yet.
function M.add(all: Children, spec: any): (Child?, error?)
  local wrong = mistake(all, spec)
  if wrong then return nil, invalid(wrong) end
  local child: Child = {
    spec = spec,
    pid = nil,
    failed = false,
    reason = nil,
    ended = false,
    stopped = false,
    restarts = 0,
  }
  table.insert(all.list, child)
  return child, nil
end

function M.remove(all: Children, child: Child): nil
  local _, i = M.find(all, child.spec.id)
  if i > 0 then table.remove(all.list, i) end
end

-- A process under a name; a holder of the name that is not this child is an error.
local function spawn_named(name: string, spec: ChildSpec, host: string): (string?, any)
  if process.registry.lookup(name) then
    return nil, errors.new({kind = errors.ALREADY_EXISTS, message = "name already registered: " .. name})
  end
  local args = spec.args or {}
  local fine, pid, err = pcall(function()
    return process.with_options({}):with_name(name):spawn_linked_monitored(spec.entry, host, table.unpack(args))
  end)
  if not fine then return nil, pid end
  if pid and process.monitor(pid) then
    -- somebody else took the name meanwhile: this one is not ours
    process.unmonitor(pid)
    return nil, errors.new({kind = errors.ALREADY_EXISTS, message = "name already registered: " .. name})
  end
  return pid, err
end

-- Starts a child. Returns nil where it runs, else why it does not.
function M.start(all: Children, child: Child): any
  if child.pid then return nil end
  local spec = child.spec
  local host = spec.host or all.host
  local pid, err
  if spec.name then
    pid, err = spawn_named(spec.name, spec, host)
  else
    pid, err = process.spawn_linked_monitored(spec.entry, host, table.unpack(spec.args or {}))
  end
  if not pid then return err or "not started" end
  child.pid, child.ended, child.stopped, child.failed, child.reason = pid, false, false, false, nil
  all.by_pid[pid] = child
  all.linked[pid] = true
  return nil
end

-- Takes an event of the supervisor's process. Returns the child that it ended, if any.
function M.take(all: Children, event: any): Child?
  if event.kind == process.event.CANCEL then
    all.cancelled = true
  elseif event.kind == process.event.LINK_DOWN then
    if all.linked[event.from] then
      all.linked[event.from] = nil
    else
      all.broken = event.result and event.result.error or "linked process failed"
    end
  elseif event.kind == process.event.EXIT then
    local child = all.by_pid[event.from]
    all.by_pid[event.from] = nil
    if child then
      local reason = event.result and event.result.error
      if reason == nil then all.linked[event.from] = nil end
      child.pid, child.ended, child.failed, child.reason = nil, true, reason ~= nil, reason
      return child
    end
  end
  return nil
end

-- Waits until a child has ended, taking all events meanwhile. Returns false if the time is over.
local function await_end(all: Children, child: Child, limit: any): boolean
  local events = process.events()
  local timer = limit ~= nil and time.after(limit) or nil
  while child.pid do
    local cases = { events:case_receive() }
    if timer then cases[2] = timer:case_receive() end
    local got = channel.select(cases)
    if got.channel ~= events or not got.ok then return false end
    M.take(all, got.value)
  end
  return true
end

-- Ends a child: asks it to, and after its shutdown time ends it by force.
function M.stop(all: Children, child: Child): nil
  local spec = child.spec
  local limit = spec.shutdown
  if limit == nil then limit = spec.type == "supervisor" and "infinity" or SHUTDOWN end
  local pid = child.pid
  if pid then
    if limit ~= "brutal" then
      process.cancel(pid, "supervisor is stopping it")
      if limit == "infinity" then limit = nil end
    end
    if limit == "brutal" or not await_end(all, child, limit) then
      process.terminate(pid)
      await_end(all, child, nil)
    end
  end
  child.ended = false
end

-- Ends the children from the last to the one at `first`; those that are temporary are forgotten where `prune` is set.
function M.stop_from(all: Children, first: integer, prune: boolean): nil
  for i = #all.list, first, -1 do
    local child = all.list[i]
    M.stop(all, child)
    if prune and child.spec.restart == "temporary" then table.remove(all.list, i) end
  end
end

return M

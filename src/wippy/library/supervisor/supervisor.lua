-- Supervisors: processes that keep other processes running.
--
-- `run(spec)` turns the calling process into a supervisor and returns after an orderly stop. The other functions are
-- for everybody else: they ask a supervisor by PID or name.
local logger = require("logger")
local time = require("time")
local children = require("supervised_children")

type Spec = {
  strategy?: "one_for_one" | "one_for_all" | "rest_for_one",
  intensity?: integer,
  period?: any,
  host?: string,
  children?: {supervised_children.ChildSpec},
}

type ChildInfo = {
  id: string,
  entry: string,
  pid?: string,
  type: string,
  restart: string,
  restarts: integer,
}

type ChildCount = {
  specs: integer,
  active: integer,
  supervisors: integer,
  workers: integer,
}

type Supervisor = {
  all: supervised_children.Children,
  strategy: string,
  intensity: integer,
  period: integer,
  failures: {integer},
}

local TOPIC = "wippy.supervisor"
local INTENSITY, PERIOD, PATIENCE = 3, "5s", "30s"
local STRATEGIES: {[string]: boolean} = { one_for_one = true, one_for_all = true, rest_for_one = true }

local M = {}

local function make(spec: any): Supervisor
  if type(spec) ~= "table" then error(children.invalid("a table is required")) end
  local strategy = spec.strategy or "one_for_one"
  if not STRATEGIES[strategy] then
    error(children.invalid("strategy must be one_for_one, one_for_all or rest_for_one"))
  end
  local intensity = spec.intensity == nil and INTENSITY or spec.intensity
  if math.type(intensity) ~= "integer" or intensity < 0 then
    error(children.invalid("intensity must be an integer of at least 0"))
  end
  local period, err = time.parse_duration(spec.period or PERIOD)
  if err or period:nanoseconds() <= 0 then error(children.invalid("period must be a duration above 0")) end
  local self: Supervisor = {
    all = children.new(spec.host),
    strategy = strategy,
    intensity = intensity,
    period = period:nanoseconds(),
    failures = {},
  }
  for _, each in ipairs(spec.children or {}) do
    local _, wrong = children.add(self.all, each)
    if wrong then error(wrong) end
  end
  return self
end

-- Ends all children, then the supervisor itself with this reason.
local function give_up(self: Supervisor, text: string, child: supervised_children.Child?): nil
  children.stop_from(self.all, 1, false)
  local details = child and { child = child.spec.id, entry = child.spec.entry } or nil
  error(errors.new({kind = errors.INTERNAL, message = text, retryable = true, details = details}))
end

-- Counts a failure; too many of them within the period are the end.
local function count(self: Supervisor, child: supervised_children.Child): nil
  local now = time.now():unix_nano()
  local recent: {integer} = {}
  for _, at in ipairs(self.failures) do
    if now - at < self.period then table.insert(recent, at) end
  end
  table.insert(recent, now)
  self.failures = recent
  child.restarts = child.restarts + 1
  if #recent > self.intensity then
    local text = string.format(
      'supervisor gave up: %d failures within %s, the last one of child "%s": %s',
      #recent,
      tostring(time.parse_duration(self.period)),
      child.spec.id,
      child.reason == nil and "it ended" or tostring(child.reason)
    )
    give_up(self, text, child)
  end
  logger:warn("child ended, it will be restarted", {
    child = child.spec.id,
    entry = child.spec.entry,
    error = child.failed and tostring(child.reason) or nil,
    restarts = child.restarts,
  })
end

-- Starts the children from `first` on in order, until one cannot be started. Returns that one.
local function start_from(self: Supervisor, first: integer): supervised_children.Child?
  for i = first, #self.all.list do
    local child = self.all.list[i]
    if not child.stopped then
      local reason = children.start(self.all, child)
      if reason ~= nil then
        child.reason = reason
        return child
      end
    end
  end
  return nil
end

-- Starts again what the strategy says after the failure of a child.
local function restart(self: Supervisor, child: supervised_children.Child): nil
  count(self, child)
  if self.strategy == "one_for_one" then
    local reason = children.start(self.all, child)
    while reason ~= nil and not self.all.cancelled do
      child.reason = reason
      count(self, child)
      reason = children.start(self.all, child)
    end
    return
  end
  local first = 1
  if self.strategy == "rest_for_one" then
    local _, i = children.find(self.all, child.spec.id)
    first = i
  end
  children.stop_from(self.all, first, true)
  local failed = start_from(self, first)
  while failed and not self.all.cancelled do
    count(self, failed)
    children.stop_from(self.all, first, true)
    failed = start_from(self, first)
  end
end

local function ended(self: Supervisor, child: supervised_children.Child): nil
  child.ended = false
  local policy = child.spec.restart or "permanent"
  if policy == "temporary" then
    children.remove(self.all, child)
  elseif policy == "permanent" or child.failed then
    restart(self, child)
  end
end

-- Handles ends until there are none left: a restart takes time, in which others may end.
local function settle(self: Supervisor): nil
  local again = true
  while again and not self.all.cancelled and self.all.broken == nil do
    again = false
    for _, child in ipairs(self.all.list) do
      if child.ended then
        ended(self, child)
        again = true
        break
      end
    end
  end
end

local answers = {}

local function known(self: Supervisor, id: any): (children.Child?, error?)
  local child = type(id) == "string" and children.find(self.all, id) or nil
  if child then return child, nil end
  return nil, errors.new({kind = errors.NOT_FOUND, message = "no child " .. tostring(id), retryable = false})
end

local function started(self: Supervisor, child: supervised_children.Child): (any, any)
  local reason = children.start(self.all, child)
  if reason ~= nil then return nil, reason end
  return child.pid, nil
end

function answers.start_child(self: Supervisor, spec: any): (any, any)
  local child, err = children.add(self.all, spec)
  if not child then return nil, err end
  local pid, reason = started(self, child)
  if reason ~= nil then children.remove(self.all, child) end
  return pid, reason
end

function answers.terminate_child(self: Supervisor, id: any): (any, any)
  local child, err = known(self, id)
  if not child then return nil, err end
  children.stop(self.all, child)
  child.stopped = true
  if child.spec.restart == "temporary" then children.remove(self.all, child) end
  return true, nil
end

function answers.restart_child(self: Supervisor, id: any): (any, any)
  local child, err = known(self, id)
  if not child then return nil, err end
  if child.pid then
    return nil, errors.new({kind = errors.CONFLICT, message = "child " .. id .. " runs", retryable = false})
  end
  child.ended = false
  return started(self, child)
end

function answers.delete_child(self: Supervisor, id: any): (any, any)
  local child, err = known(self, id)
  if not child then return nil, err end
  if child.pid then
    return nil, errors.new({kind = errors.CONFLICT, message = "child " .. id .. " runs", retryable = false})
  end
  children.remove(self.all, child)
  return true, nil
end

function answers.which_children(self: Supervisor): (any, any)
  local out: {ChildInfo} = {}
  for i, child in ipairs(self.all.list) do
    local spec = child.spec
    out[i] = {
      id = spec.id,
      entry = spec.entry,
      pid = child.pid,
      type = spec.type or "worker",
      restart = spec.restart or "permanent",
      restarts = child.restarts,
    }
  end
  return out, nil
end

function answers.count_children(self: Supervisor): (any, any)
  local out: ChildCount = { specs = 0, active = 0, supervisors = 0, workers = 0 }
  for _, child in ipairs(self.all.list) do
    out.specs = out.specs + 1
    if child.pid then out.active = out.active + 1 end
    if child.spec.type == "supervisor" then
      out.supervisors = out.supervisors + 1
    else
      out.workers = out.workers + 1
    end
  end
  return out, nil
end

local function answer(self: Supervisor, message: process.Message): nil
  local payload = message:payload()
  local asked = payload and payload:data()
  if type(asked) ~= "table" or type(asked.reply) ~= "string" then return end
  local handler: any = answers[asked.op]
  local value, err = nil, children.invalid("unknown request " .. tostring(asked.op))
  if handler then value, err = handler(self, asked.arg) end
  process.send(message:from(), asked.reply, { value = value, error = err })
end

-- Supervises until the process is cancelled; then the children have been stopped in reverse order.
-- Raises an error if the spec is wrong, a child cannot be started, or there are too many failures.
function M.run(spec: Spec): nil
  local self = make(spec)
  process.set_options({trap_links = true})
  local events = process.events()
  local requests = process.listen(TOPIC, {message = true})
  local failed = start_from(self, 1)
  if failed then
    give_up(self, 'supervisor: child "' .. failed.spec.id .. '" cannot be started: ' .. tostring(failed.reason), failed)
  end
  while not self.all.cancelled do
    if self.all.broken ~= nil then
      give_up(self, "supervisor: linked process failed: " .. tostring(self.all.broken), nil)
    end
    local got = channel.select({ events:case_receive(), requests:case_receive() })
    if got.channel == events then
      children.take(self.all, got.value)
    else
      answer(self, got.value)
    end
    settle(self)
  end
  children.stop_from(self.all, 1, false)
end

local calls = 0

local function ask(supervisor: string, op: string, arg: any, timeout: any): (any, error?)
  calls = calls + 1
  local topic = TOPIC .. "/" .. tostring(calls)
  local replies = process.listen(topic)
  local sent, err = process.send(supervisor, TOPIC, { op = op, arg = arg, reply = topic })
  if not sent then
    process.unlisten(replies)
    return nil, err
  end
  local limit = time.after(timeout or PATIENCE)
  local got = channel.select({ replies:case_receive(), limit:case_receive() })
  process.unlisten(replies)
  if got.channel ~= replies then
    local text = "supervisor " .. supervisor .. " did not answer " .. op
    return nil, errors.new({kind = errors.TIMEOUT, message = text, retryable = true})
  end
  return got.value.value, got.value.error
end

-- Adds a child and starts it. Returns its PID; errors: INVALID, or why it cannot be started.
function M.start_child(supervisor: string, spec: supervised_children.ChildSpec, timeout: any?): (string?, error?)
  return ask(supervisor, "start_child", spec, timeout)
end

-- Stops a child, which stays known unless it is temporary. Errors: NOT_FOUND.
function M.terminate_child(supervisor: string, id: string, timeout: any?): (boolean?, error?)
  return ask(supervisor, "terminate_child", id, timeout)
end

-- Starts a child that does not run. Returns its PID; errors: NOT_FOUND, CONFLICT, or why it cannot be started.
function M.restart_child(supervisor: string, id: string, timeout: any?): (string?, error?)
  return ask(supervisor, "restart_child", id, timeout)
end

-- Forgets a child that does not run. Errors: NOT_FOUND, CONFLICT.
function M.delete_child(supervisor: string, id: string, timeout: any?): (boolean?, error?)
  return ask(supervisor, "delete_child", id, timeout)
end

-- The children in the order of their start.
function M.which_children(supervisor: string, timeout: any?): ({ChildInfo}?, error?)
  return ask(supervisor, "which_children", nil, timeout)
end

-- How many children there are and run.
function M.count_children(supervisor: string, timeout: any?): (ChildCount?, error?)
  return ask(supervisor, "count_children", nil, timeout)
end

return M

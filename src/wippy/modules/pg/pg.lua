-- The pg module: process groups. The groups are Python's, messages to members are the kernel's.
local K, natives = ...
local raw = K.raw
local setmt, rawtype, select, next = raw.setmetatable, raw.type, raw.select, raw.next
local S, procs, fail, permit = K.state, K.procs, K.fail, K.permit
local fn = natives.fn

local ID, OPENED, RELEASED, CHANNEL, WATCH = K.key("id"), K.key("opened"), K.key("released"), K.key("channel"), K.key("watch")
local methods, subscription_methods = natives.methods["pg.Instance"] or {}, natives.methods["pg.Subscription"] or {}
local Instance = K.class({
  name = "pg.Instance",
  methods = methods,
  tostring = function(self) return "pg.Instance{" .. self[ID] .. (self[RELEASED] and ", released" or "") .. "}" end,
})
local Subscription = K.class({ name = "pg.Subscription", methods = subscription_methods })
local SLOTS, HEAD, TAIL = K.channel_keys.slots, K.channel_keys.head, K.channel_keys.tail
local AT_ONCE = 500 -- members of a broadcast, then others get a turn
local counter = 0

local function check(self, name)
  if not K.is(self, Instance) then K.badtype(1, name, "pg.Instance", self, 3) end
  return self[OPENED]
end

local function released() return fail("Invalid", "pg instance is released") end

local function text(value, n, name)
  local t = rawtype(value)
  if t == "string" then return value end
  if t == "number" then return K.text(value) end
  K.badtype(n, name, "string", value, 3)
end

-- What stands against doing `action` to a group: an error, or nil.
local function refusal(action, group)
  if group == "" then
    local _, err = fail("Invalid", "group name is required")
    return err
  end
  if not permit("pg." .. action, group) then
    local _, err = fail("PermissionDenied", "not allowed to " .. action .. " pg group: " .. group)
    return err
  end
end

local function refusal_of_all(action)
  if permit("pg." .. action, "") then return nil end
  local _, err = fail("PermissionDenied", "not allowed to " .. action .. " of pg scope")
  return err
end

-- The strings of a list in order; what else stands in it does not count.
local function strings(list)
  local at, out = {}, {}
  for k, v in next, K.unfrozen(list) do
    if raw.mathtype(k) == "integer" and rawtype(v) == "string" then at[#at + 1] = k end
  end
  raw.sort(at)
  for i = 1, #at do out[i] = list[at[i]] end
  return out
end

-- join or leave: one group or a list of them.
local function change(self, name, native, group)
  local opened = check(self, name)
  if self[RELEASED] then return released() end
  local groups
  if rawtype(group) == "string" then
    groups = { group }
  elseif K.typeof(group) == "table" then
    groups = strings(group)
    if not groups[1] then return fail("Invalid", "groups table must not be empty") end
  else
    return fail("Invalid", "group name (string) or groups table required")
  end
  for i = 1, #groups do
    local err = refusal(name, groups[i])
    if err then return nil, err end
  end
  local ok, err = native(opened, groups)
  if not ok then return nil, err end
  return true
end

function methods.join(self, group) return change(self, "join", fn._join, group) end
function methods.leave(self, group) return change(self, "leave", fn._leave, group) end

for _, name in next, { "get_members", "get_local_members" } do
  methods[name] = function(self, group)
    local opened = check(self, name)
    group = text(group, 2, name)
    if self[RELEASED] then return released() end
    local err = refusal(name, group)
    if err then return nil, err end
    return fn._members(opened, group)
  end
end

for _, name in next, { "which_groups", "which_local_groups" } do
  methods[name] = function(self)
    local opened = check(self, name)
    if self[RELEASED] then return released() end
    local err = refusal_of_all(name)
    if err then return nil, err end
    return fn._groups(opened)
  end
end

-- The usual path of messages: here at once, to others with what this unit sends next, so that its order holds.
local function post(members, topic, n, ...)
  local from, packed = K.pid_of(S.cur.p), nil
  for i = 1, #members do
    local pid = members[i]
    if i % AT_ONCE == 0 then K.preempt() end
    local target = procs[pid]
    if target and not target.home then
      local values = K.copy_all({ ... }, n)
      K.deliver(target, topic, from, n == 1 and values[1] or n ~= 1 and values or nil, n)
    else
      packed = packed or K.pack_shared(n, K.copy_all({ ... }, n))
      K.emit({ "send", pid, K.worker, 0, topic, from, "", packed }, 8)
    end
  end
end

for _, name in next, { "broadcast", "broadcast_local" } do
  methods[name] = function(self, group, topic, ...)
    local opened = check(self, name)
    group, topic = text(group, 2, name), text(topic, 3, name)
    if self[RELEASED] then return released() end
    if group == "" then return fail("Invalid", "group name is required") end
    if topic == "" then return fail("Invalid", "topic is required") end
    if raw.byte(topic, 1) == 64 then return fail("Invalid", "cannot broadcast to @ topics") end
    local err = refusal(name, group)
    if err then return nil, err end
    local members
    members, err = fn._members(opened, group)
    if not members then return nil, err end
    post(members, topic, select("#", ...), ...)
    return true
  end
end

-- A channel and what feeds it: subscription, snapshot, nil; or nil, nil, error.
local function subscription(opened, native, ...)
  counter = counter + 1
  local topic = "@events/pg/" .. K.worker .. "/" .. counter
  local ch = K.subscribe(S.cur.p, topic, fn._buffer(opened), true)
  local args = raw.tpack(...)
  args[args.n + 1] = topic
  local watch, snapshot, err = native(opened, raw.tunpack(args, 1, args.n + 1))
  if not watch then
    K.unsubscribe(ch)
    return nil, nil, err or snapshot
  end
  return setmt({ [CHANNEL] = ch, [WATCH] = watch }, Subscription), snapshot, nil
end

function methods.monitor(self, group)
  local opened = check(self, "monitor")
  group = text(group, 2, "monitor")
  if self[RELEASED] then return released() end
  local err = refusal("monitor", group)
  if err then return nil, err end
  return subscription(opened, fn._monitor, group)
end

function methods.events(self)
  local opened = check(self, "events")
  if self[RELEASED] then return released() end
  local err = refusal_of_all("events")
  if err then return nil, err end
  return subscription(opened, fn._events)
end

function methods.release(self)
  local opened = check(self, "release")
  if not self[RELEASED] then
    self[RELEASED] = true
    fn._release(opened)
  end
  return true
end

local function check_subscription(self, name)
  if not K.is(self, Subscription) then K.badtype(1, name, "pg.Subscription", self, 3) end
end

function subscription_methods.channel(self)
  check_subscription(self, "channel")
  return self[CHANNEL]
end

function subscription_methods.close(self, options)
  check_subscription(self, "close")
  local ch = self[CHANNEL]
  local flush = K.typeof(options) == "table" and options.flush == true
  if not K.channel_is_closed(ch) then
    fn._unwatch(self[WATCH])
    K.unsubscribe(ch)
  end
  if flush then ch[SLOTS], ch[HEAD], ch[TAIL] = nil, 1, 0 end
  return true
end

local pg = {}

function pg.open(id)
  id = text(id, 1, "open")
  if S.cur.loading then return fail("Internal", "no process PID") end
  local opened, err = fn._open(id)
  if not opened then return nil, err end
  return setmt({ [ID] = id, [OPENED] = opened, [RELEASED] = false }, Instance)
end

return pg

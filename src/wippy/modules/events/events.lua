-- The events module: the event bus of this node.
local K, native = ...
local raw = K.raw
local setmt = raw.setmetatable
local S, fail, permit = K.state, K.fail, K.permit

local CHANNEL, FEED = K.key("channel"), K.key("feed")
local methods = {}
local Subscription = K.class({ name = "events.Subscription", methods = methods })
local counter = 0

local function text(value, n, name)
  if value == nil and n > 1 then return "" end
  local t = raw.type(value)
  if t == "string" then return value end
  if t == "number" then return K.text(value) end
  K.badtype(n, name, "string", value, 3)
end

local events = {}

function events.subscribe(system, kind)
  system, kind = text(system, 1, "subscribe"), text(kind, 2, "subscribe")
  if system == "" then return fail("Invalid", "system pattern is required") end
  if not permit("events.subscribe", system) then
    return fail("Invalid", "not allowed to subscribe to events from system: " .. system)
  end
  local th = S.cur
  if th.loading then return fail("Internal", "no process PID") end
  local p = th.p
  counter = counter + 1
  local topic = "@events/" .. K.worker .. "/" .. counter
  local ch = K.subscribe(p, topic, 64, true)
  local feed, err = native.fn._subscribe(topic, system, kind)
  if not feed then return nil, err end
  return setmt({ [CHANNEL] = ch, [FEED] = feed }, Subscription)
end

function events.send(system, kind, path, data)
  system, kind, path = text(system, 1, "send"), text(kind, 2, "send"), text(path, 3, "send")
  if system == "" then return fail("Invalid", "system is required") end
  if kind == "" then return fail("Invalid", "kind is required") end
  if path == "" then return fail("Invalid", "path is required") end
  if not permit("events.send", system) then
    return fail("Invalid", "not allowed to send events to system: " .. system)
  end
  if data ~= nil then
    local fine, plain = raw.pcall(K.native, data)
    if not fine then return nil, K.is_error(plain) and plain or K.new_error("Internal", K.text(plain), false) end
    data = plain
  end
  return native.fn._send(system, kind, path, data)
end

local function check(self, name)
  if not K.is(self, Subscription) then K.badtype(1, name, "events.Subscription", self, 3) end
end

function methods.channel(self)
  check(self, "channel")
  return self[CHANNEL]
end

function methods.close(self)
  check(self, "close")
  if not K.channel_is_closed(self[CHANNEL]) then
    native.fn._unsubscribe(self[FEED])
    K.unsubscribe(self[CHANNEL])
  end
  return true
end

return events

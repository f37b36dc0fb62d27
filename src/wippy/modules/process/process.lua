-- The process module: identity, messages, spawning, monitors and links, names, upgrade.
local K = ...
local raw = K.raw
local rawtype, select, byte, next, tunpack = raw.type, raw.select, raw.byte, raw.next, raw.tunpack
local find, error = raw.find, raw.error
local S, procs, ops, deliver, copy = K.state, K.procs, K.ops, K.deliver, K.copy
local fail, permit = K.fail, K.permit

local INVALID, DENIED = "Invalid", "PermissionDenied"
local process = {}

local function here()
  local th = S.cur
  if not th or th.loading then return nil end
  return th.p
end

local function pid_meta(p) return { pid = K.pid_of(p) } end

-- permit() for process.* actions: the check carries the caller's PID.
local function allowed(p, action, resource)
  if not p.frame.guard and not K.strict then return true end
  return permit(action, resource, pid_meta(p))
end

function process.pid()
  local p = here()
  if not p then return fail("Internal", "no process PID") end
  return K.pid_of(p)
end

function process.id()
  local p = here()
  if not p then return fail("Internal", "no process ID") end
  return p.unit.id
end

-- A destination argument as a PID that the caller may do `action` to.
local function destination(p, action, dest, name)
  if rawtype(dest) ~= "string" then
    if rawtype(dest) == "number" then dest = K.text(dest) else K.badtype(1, name, "string", dest, 3) end
  end
  local pid, err = ops.resolve(dest)
  if not pid then return nil, err end
  if not allowed(p, "process." .. action, pid) then
    return nil, K.new_error(DENIED, "not allowed to " .. action .. ": " .. dest, false)
  end
  return pid
end

-- Topics that have been found good; begun anew when it has grown large.
local good_topics, topic_count = {}, 0

local function is_good_topic(topic)
  if rawtype(topic) ~= "string" or byte(topic, 1) == 64 then return false end
  topic_count = topic_count + 1
  if topic_count > 1000 then good_topics, topic_count = {}, 1 end
  good_topics[topic] = true
  return true
end

function process.send(dest, topic, ...)
  local n = select("#", ...)
  local p = S.cur.p
  local target = procs[dest]
  if target and (good_topics[topic] or is_good_topic(topic)) and not p.frame.guard and not K.strict and not target.home then
    if n == 1 then
      local v = ...
      local t = rawtype(v)
      if t == "table" or t == "function" or t == "thread" or t == "userdata" then v = copy(v) end
      if deliver(target, topic, p.pid or K.pid_of(p), v, 1) then
        if p.later then K.give_turn(p) end
        return true
      end
    else
      local values = K.copy_all({ ... }, n)
      if deliver(target, topic, p.pid or K.pid_of(p), values, n) then
        if p.later then K.give_turn(p) end
        return true
      end
    end
    return fail("RateLimited", "mailbox of " .. dest .. " is full", nil, true)
  end
  if dest == nil then
    if topic == nil and n == 0 then return fail(INVALID, "send requires at least destination and topic arguments") end
    K.badtype(1, "send", "string", dest, 2)
  end
  if topic == nil then
    if n == 0 then return fail(INVALID, "send requires at least destination and topic arguments") end
    K.badtype(2, "send", "string", topic, 2)
  end
  if rawtype(topic) == "number" then topic = K.text(topic) end
  if rawtype(topic) ~= "string" then K.badtype(2, "send", "string", topic, 2) end
  if byte(topic, 1) == 64 then return fail(INVALID, "cannot send to @ topics") end
  local pid, err = destination(p, "send", dest, "send")
  if not pid then return nil, err end
  local values = K.copy_all({ ... }, n)
  target = procs[pid]
  if target and not target.home then
    if n == 1 then values = values[1] end
    if deliver(target, topic, K.pid_of(p), values, n) then
      if p.later then K.give_turn(p) end
      return true
    end
    return fail("RateLimited", "mailbox of " .. dest .. " is full", nil, true)
  end
  return ops.send(pid, topic, n, values)
end

-- Arguments of a spawn, copied.
local function arguments(...)
  local n = select("#", ...)
  local args = K.copy_all({ ... }, n)
  args.n = n
  return args
end

local function text_argument(value, n, name)
  local t = rawtype(value)
  if t == "string" then return value end
  if t == "number" then return K.text(value) end
  K.badtype(n, name, "string", value, 3)
end

local flavours = {
  spawn = {},
  spawn_monitored = { monitored = true },
  spawn_linked = { linked = true },
  spawn_linked_monitored = { monitored = true, linked = true },
}

-- What the caller lacks to spawn `id`, or nil.
local function denial(p, id, host, flavour)
  if not p.frame.guard and not K.strict then return nil end
  if not allowed(p, "process.spawn", id) then return "not allowed to spawn process: " .. id end
  if flavour.monitored and not allowed(p, "process.spawn.monitored", id) then
    return "not allowed to spawn monitored process: " .. id
  end
  if flavour.linked and not allowed(p, "process.spawn.linked", id) then
    return "not allowed to spawn linked process: " .. id
  end
  if host and not flavour.monitored and not flavour.linked and not allowed(p, "process.host", host) then
    return "not allowed to spawn on host: " .. host
  end
end

for name, flavour in next, flavours do
  process[name] = function(id, host, ...)
    if id == nil or host == nil then
      return fail(INVALID, name .. " requires at least id and host arguments")
    end
    id, host = text_argument(id, 1, name), text_argument(host, 2, name)
    local p = S.cur.p
    local no = denial(p, id, host, flavour)
    if no then return fail(DENIED, no) end
    if p.later then K.give_turn(p) end
    return ops.spawn(id, host, p.frame, arguments(...), next(flavour) and flavour or nil)
  end
end

function process.exec(id, host, ...)
  if id == nil or host == nil then return fail(INVALID, "exec requires id and host arguments") end
  id, host = text_argument(id, 1, "exec"), text_argument(host, 2, "exec")
  if id == "" then return fail(INVALID, "process ID required") end
  if not find(id, "^[^:]+:.") then return fail(INVALID, "invalid process ID format (namespace:name required)") end
  if host == "" then return fail(INVALID, "host ID required") end
  local p = S.cur.p
  if not allowed(p, "process.exec", id) then return fail(DENIED, "not allowed to exec process: " .. id) end
  if not allowed(p, "process.host", host) then return fail(DENIED, "not allowed to exec on host: " .. host) end
  return ops.exec(id, host, p.frame, arguments(...))
end

for _, name in raw.ipairs({ "monitor", "unmonitor", "link", "unlink", "terminate" }) do
  process[name] = function(dest)
    if dest == nil then return fail(INVALID, name .. " requires a destination argument") end
    local refused = ops.refuse and ops.refuse(name)
    if refused then return nil, refused end
    local pid, err = destination(S.cur.p, name, dest, name)
    if not pid then return nil, err end
    return ops.control(name, pid)
  end
end

function process.cancel(dest, reason)
  if dest == nil then return fail(INVALID, "cancel requires at least destination argument") end
  if reason == nil then reason = "" elseif rawtype(reason) == "number" then reason = K.text(reason) end
  if rawtype(reason) ~= "string" then K.badtype(2, "cancel", "string", reason, 2) end
  local pid, err = destination(S.cur.p, "cancel", dest, "cancel")
  if not pid then return nil, err end
  return ops.control("cancel", pid, reason)
end

function process.get_options()
  local o = S.cur.p.options
  return { trap_links = o and o.trap_links or false, upgradable = o and o.upgradable or false }
end

function process.set_options(t)
  if rawtype(t) ~= "table" or K.classof(t) then
    return false, K.new_error(INVALID, "options parameter must be a table", false)
  end
  local p = here()
  if not p then return false, K.new_error("Internal", "no process context", false) end
  local err
  for k, v in next, t do
    if k == "trap_links" or k == "upgradable" then
      if rawtype(v) ~= "boolean" then
        err = err or K.new_error(INVALID, k .. " must be a boolean", false)
      else
        p.options = p.options or {}
        p.options[k] = v
      end
    elseif rawtype(k) == "string" then
      err = err or K.new_error(INVALID, "option " .. k .. " is not supported", false)
    end
  end
  if err then return false, err end
  return true
end

function process.inbox() return K.inbox(S.cur.p) end

function process.events() return K.events(S.cur.p) end

function process.listen(topic, options)
  topic = text_argument(topic, 1, "listen")
  if topic == "" then return fail(INVALID, "topic cannot be empty") end
  if byte(topic, 1) == 64 then return fail(INVALID, "cannot listen to @ topics") end
  local messages = rawtype(options) == "table" and options.message == true
  local p = S.cur.p
  local held = p.topics and p.topics[topic]
  local ch = held or K.subscribe(p, topic, 1, not messages)
  if held and messages then K.subscribe_messages(held) end
  return ch
end

function process.unlisten(ch)
  if not K.is(ch, K.Channel) then K.badtype(1, "unlisten", "channel", ch, 2) end
  if K.unsubscribe(ch) then return true end
  return false, K.new_error("NotFound", "channel not found", false, nil, "unsubscribe")
end

function process.upgrade(id, ...)
  if rawtype(id) ~= "string" or id == "" then id = nil end
  K.waiting_thread("process.upgrade")
  return ops.upgrade(id, arguments(...))
end

process.event = K.freeze({ CANCEL = "pid.cancel", EXIT = "pid.exit", LINK_DOWN = "pid.link.down", OUTDATED = "pid.outdated" })

-- The builder: options, context and identity of a spawn, immutable.
local SPEC = K.key("spec")
local Spawner
local spawner_methods = {}
Spawner = K.class({ name = "process.SpawnBuilder", methods = spawner_methods })

local function new_spawner(spec) return raw.setmetatable({ [SPEC] = spec }, Spawner) end

local function spec_of(self, name)
  if not K.is(self, Spawner) then K.badtype(1, name, "process.SpawnBuilder", self, 3) end
  local copied = {}
  for k, v in next, self[SPEC] do copied[k] = v end
  return copied
end

local function need(action, resource, text)
  if not allowed(S.cur.p, action, resource) then
    error(K.new_error(DENIED, text, false), 0)
  end
end

local function merged(values, more, name)
  if rawtype(more) ~= "table" or K.classof(more) then K.badtype(1, name, "table", more, 3) end
  local result = {}
  for k, v in next, values or {} do result[k] = v end
  for k, v in next, K.unfrozen(more) do
    if rawtype(k) ~= "string" then K.badarg(1, name, "keys must be strings", 3) end
    result[k] = K.native(v)
  end
  return result
end

local function start_spec()
  local frame = S.cur.p.frame
  return { actor = frame.actor, scope = frame.scope, values = frame.values, options = {}, messages = {} }
end

function process.with_context(values)
  need("process.context", "context", "not allowed to spawn processes with custom context")
  local spec = start_spec()
  spec.values = merged(spec.values, values, "with_context")
  return new_spawner(spec)
end

-- Options whose values keep more types than plain data has.
local ATTRIBUTES = { "workflow.search_attributes", "temporal.workflow.search_attributes",
  "temporal.workflow.typed_search_attributes" }

local function with_options(spec, options)
  need("process.context", "context", "not allowed to spawn processes with custom options")
  if rawtype(options) ~= "table" or K.classof(options) then K.badtype(1, "with_options", "table", options, 3) end
  local network = options.network
  if rawtype(network) == "string" and network ~= "" then
    need("network.select", network, "not allowed: network " .. network)
  end
  local result = merged(spec.options, options, "with_options")
  for i = 1, #ATTRIBUTES do
    local given = options[ATTRIBUTES[i]]
    if rawtype(given) == "table" and not K.classof(given) then result[ATTRIBUTES[i]] = K.attributes(given) end
  end
  spec.options = result
  return new_spawner(spec)
end

function process.with_options(options) return with_options(start_spec(), options) end
function spawner_methods.with_options(self, options) return with_options(spec_of(self, "with_options"), options) end

function spawner_methods.with_context(self, values)
  local spec = spec_of(self, "with_context")
  need("process.context", "context", "not allowed to spawn processes with custom context")
  if spec.actor or spec.scope then
    need("process.security", "security", "not allowed to spawn processes with custom security context")
  end
  spec.values = merged(spec.values, values, "with_context")
  return new_spawner(spec)
end

function spawner_methods.with_actor(self, actor)
  local spec = spec_of(self, "with_actor")
  need("process.security", "security", "not allowed to spawn processes with custom security context")
  local value = K.actor_value and K.actor_value(actor)
  if not value then K.badtype(1, "with_actor", "security.Actor", actor, 2) end
  spec.actor = value
  return new_spawner(spec)
end

function spawner_methods.with_scope(self, scope)
  local spec = spec_of(self, "with_scope")
  need("process.security", "security", "not allowed to spawn processes with custom security context")
  local value = K.scope_value and K.scope_value(scope)
  if not value then K.badtype(1, "with_scope", "security.Scope", scope, 2) end
  spec.scope = value
  return new_spawner(spec)
end

function spawner_methods.with_name(self, name)
  local spec = spec_of(self, "with_name")
  spec.name = text_argument(name, 1, "with_name")
  if spec.name == "" then K.badarg(1, "with_name", "name cannot be empty", 2) end
  return new_spawner(spec)
end

function spawner_methods.with_message(self, topic, ...)
  local spec = spec_of(self, "with_message")
  topic = text_argument(topic, 1, "with_message")
  if byte(topic, 1) == 64 then K.badarg(1, "with_message", "cannot use @ topics", 2) end
  local n = select("#", ...)
  local messages = { tunpack(spec.messages) }
  messages[#messages + 1] = { topic, K.pack_shared(n, K.copy_all({ ... }, n)) }
  spec.messages = messages
  return new_spawner(spec)
end

for name, flavour in next, flavours do
  spawner_methods[name] = function(self, id, host, ...)
    local spec = spec_of(self, name)
    if id == nil or host == nil then return fail(INVALID, "spawn requires at least id and host arguments") end
    id, host = text_argument(id, 1, name), text_argument(host, 2, name)
    local p = S.cur.p
    local no = denial(p, id, nil, flavour)
    if no then error(K.new_error(DENIED, no, false), 0) end
    local options = { monitored = flavour.monitored, linked = flavour.linked, name = spec.name, options = spec.options,
      messages = spec.messages[1] and spec.messages or nil }
    return ops.spawn(id, host, K.make_frame(spec.actor, spec.scope, spec.values), arguments(...), options)
  end
end

function spawner_methods.exec(self, id, host, ...)
  local spec = spec_of(self, "exec")
  if id == nil or host == nil then return fail(INVALID, "exec requires id and host arguments") end
  id, host = text_argument(id, 1, "exec"), text_argument(host, 2, "exec")
  need("process.exec", id, "not allowed to exec process: " .. id)
  need("process.host", host, "not allowed to exec on host: " .. host)
  return ops.exec(id, host, K.make_frame(spec.actor, spec.scope, spec.values), arguments(...), spec.options)
end

-- Names.
local scopes = { [0] = "", [1] = ".eventual", [2] = ".consistent", [3] = ".strong" }
local registry = { LOCAL = 0, EVENTUAL = 1, CONSISTENT = 2, STRONG = 3 }

local function scope_argument(scope)
  if scope == nil then return 0 end
  if rawtype(scope) ~= "number" then return nil end
  return scopes[scope] and raw.tointeger(scope) or 0
end

local function not_local(scope)
  if scope == 1 then return fail("Internal", "eventual registry not available") end
  return fail("Internal", "global registry not available")
end

function registry.register(name, pid, scope)
  name = text_argument(name, 1, "register")
  local p = S.cur.p
  local me = K.pid_of(p)
  if pid == nil then pid = me end
  if rawtype(pid) ~= "string" then return fail(INVALID, "pid must be a string") end
  local ok, reason = K.pid_check(pid)
  if not ok then return nil, K.new_error(INVALID, reason, false, nil, "invalid pid") end
  local number = scope_argument(scope)
  if not number then return fail(INVALID, "scope must be a number (process.registry.LOCAL, …)") end
  if pid ~= me and not permit("process.registry.foreign", pid) then
    return fail(DENIED, "not allowed to register foreign pid " .. pid .. ' under name "' .. name .. '"')
  end
  if not permit("process.registry.register" .. scopes[number], name) then
    local where = number == 0 and "" or " (" .. raw.sub(scopes[number], 2) .. ")"
    return fail(DENIED, "not allowed to register name" .. where .. ": " .. name)
  end
  if number ~= 0 then return not_local(number) end
  local holder = K.host.name_register(name, pid)
  if holder ~= pid then return fail("AlreadyExists", "name already registered") end
  if pid == me then
    p.names = p.names or {}
    p.names[name] = true
  else
    local target = procs[pid]
    if target then
      target.names = target.names or {}
      target.names[name] = true
    else
      K.emit({ "named", pid, K.worker, 0, name, "", "", "" }, 8)
    end
  end
  return true
end

function registry.lookup(name)
  name = text_argument(name, 1, "lookup")
  local pid = K.host.name_holder(name)
  if pid then return pid end
  return fail("NotFound", "name not registered")
end

function registry.unregister(name, scope)
  name = text_argument(name, 1, "unregister")
  local number = scope_argument(scope)
  if not number then return fail(INVALID, "scope must be a number (process.registry.LOCAL, …)") end
  if not permit("process.registry.unregister" .. scopes[number], name) then
    return fail(DENIED, "not allowed to unregister name: " .. name)
  end
  if number ~= 0 then return not_local(number) end
  return K.host.name_unregister(name)
end

process.registry = K.freeze(registry)

-- subscribe and unsubscribe are globals.
function K.base.subscribe(topic, ch)
  topic = text_argument(topic, 1, "subscribe")
  if not K.is(ch, K.Channel) then K.badtype(2, "subscribe", "channel", ch, 2) end
  if K.route(S.cur.p, topic, ch) then return ch end
  return nil, K.new_error("AlreadyExists", 'topic "' .. topic .. '" already subscribed', false, nil, "subscribe")
end

function K.base.unsubscribe(ch)
  if not K.is(ch, K.Channel) then K.badtype(1, "unsubscribe", "channel", ch, 2) end
  if K.unsubscribe(ch) then return true end
  return false, K.new_error("NotFound", "channel not found", false, nil, "unsubscribe")
end

return process

-- The security module: actors, policies and scopes. A scope is a number known to Python; a policy its one-policy scope.
local K, natives = ...
local raw = K.raw
local rawtype, select, next, setmt, error = raw.type, raw.select, raw.next, raw.setmetatable, raw.error
local S, permit, fn = K.state, K.permit, natives.fn

local DENIED = "PermissionDenied"
local VALUE, ID, NUMBER = K.key("value"), K.key("id"), K.key("number")
local actor_methods, policy_methods, scope_methods = {}, {}, {}
natives.methods["security.Actor"] = actor_methods
natives.methods["security.Policy"] = policy_methods
natives.methods["security.Scope"] = scope_methods

local Actor = K.class({
  name = "security.Actor",
  methods = actor_methods,
  tostring = function(self) return "security.Actor{" .. self[VALUE].id .. "}" end,
})
local Policy = K.class({
  name = "security.Policy",
  methods = policy_methods,
  tostring = function(self) return "security.Policy{" .. self[ID] .. "}" end,
})
local Scope = K.class({ name = "security.Scope", methods = scope_methods })

local function new_scope(number) return setmt({ [NUMBER] = number }, Scope) end
local function new_policy(id, number) return setmt({ [ID] = id, [NUMBER] = number }, Policy) end

-- What frames carry.
function K.actor_value(actor) return K.is(actor, Actor) and actor[VALUE] or nil end
function K.scope_value(scope) return K.is(scope, Scope) and scope[NUMBER] or nil end

local function object(self, class, name, shown)
  if not K.is(self, class) then K.badtype(1, name, shown, self, 3) end
end

local function text(value, n, name)
  local t = rawtype(value)
  if t == "string" then return value end
  if t == "number" then return K.text(value) end
  K.badtype(n, name, "string", value, 3)
end

local function metadata(value, n, name)
  if value == nil then return nil end
  if K.typeof(value) ~= "table" then K.badtype(n, name, "table", value, 3) end
  local plain = {}
  for k, v in next, K.unfrozen(value) do
    if rawtype(k) == "string" then plain[k] = K.native(v) end
  end
  return next(plain) ~= nil and plain or nil
end

local function need(action, resource, message)
  if not permit(action, resource) then error(K.new_error(DENIED, message, false), 0) end
end

local function fresh(v)
  if rawtype(v) ~= "table" then return v end
  local r = {}
  for k, item in next, v do r[k] = fresh(item) end
  if K.hash_marks[v] then K.hash_marks[r] = true end
  return r
end

-- The id of a policy as text: written, of a Policy, or {ns=, name=}.
local function policy_id(value, name)
  if rawtype(value) == "string" then return value end
  if K.is(value, Policy) then return value[ID] end
  if K.typeof(value) == "table" then
    local fields = K.unfrozen(value)
    local ns, entry = fields.ns, fields.name
    if rawtype(entry) == "string" and (ns == nil or rawtype(ns) == "string") then
      return ns and ns ~= "" and ns .. ":" .. entry or entry
    end
    K.badarg(2, name, "a table with the texts ns and name expected", 3)
  end
  K.badtype(2, name, "string, security.Policy or table", value, 3)
end

local function evaluate(self, actor, action, resource, meta)
  if not K.is(actor, Actor) then K.badtype(2, "evaluate", "security.Actor", actor, 2) end
  if rawtype(action) ~= "string" then K.badtype(3, "evaluate", "string", action, 2) end
  if rawtype(resource) ~= "string" then K.badtype(4, "evaluate", "string", resource, 2) end
  return (fn._evaluate(self[NUMBER], actor[VALUE], action, resource, meta))
end

local security = {}

function security.actor()
  local actor = S.cur.p.frame.actor
  return actor and setmt({ [VALUE] = actor }, Actor) or nil
end

function security.scope()
  local scope = S.cur.p.frame.scope
  return scope and new_scope(scope) or nil
end

function security.can(action, resource, meta)
  action, resource = text(action, 1, "can"), text(resource, 2, "can")
  meta = metadata(meta, 3, "can")
  return S.cur.p.frame.guard and permit(action, resource, meta)
end

function security.new_actor(id, meta)
  id = text(id, 1, "new_actor")
  need("security.actor.create", id, "not allowed to create actor: " .. id)
  meta = metadata(meta, 2, "new_actor")
  if not meta then
    meta = {}
    K.hash_marks[meta] = true
  end
  return setmt({ [VALUE] = { id = id, meta = meta } }, Actor)
end

function security.new_scope(...)
  need("security.scope.create", "custom", "not allowed to create scope: custom")
  local numbers = {}
  if select("#", ...) > 0 then
    local policies = ...
    if K.typeof(policies) ~= "table" then K.badtype(1, "new_scope", "table", policies, 2) end
    for _, item in next, K.unfrozen(policies) do
      if K.is(item, Policy) then numbers[#numbers + 1] = item[NUMBER] end
    end
  end
  return new_scope((fn._union(numbers)))
end

function security.policy(id)
  id = text(id, 1, "policy")
  local found, err = fn._policy(id)
  if not found then return nil, err end
  return new_policy(found[1], found[2]), nil
end

function security.named_scope(id)
  id = text(id, 1, "named_scope")
  local number, err = fn._named_scope(id)
  if not number then return nil, err end
  return new_scope(number), nil
end

function security.token_store(id)
  id = text(id, 1, "token_store")
  if id == "" then return K.fail("Invalid", "token store id is required") end
  need("security.token_store.get", id, "not allowed to access token store: " .. id)
  return fn._token_store(id)
end

function actor_methods.id(self)
  object(self, Actor, "id", "security.Actor")
  return self[VALUE].id
end

function actor_methods.meta(self)
  object(self, Actor, "meta", "security.Actor")
  local meta = fresh(self[VALUE].meta or {})
  K.hash_marks[meta] = true
  return meta
end

function policy_methods.id(self)
  object(self, Policy, "id", "security.Policy")
  return self[ID]
end

function policy_methods.evaluate(self, actor, action, resource, meta)
  object(self, Policy, "evaluate", "security.Policy")
  return evaluate(self, actor, action, resource, metadata(meta, 5, "evaluate"))
end

function scope_methods.evaluate(self, actor, action, resource, meta)
  object(self, Scope, "evaluate", "security.Scope")
  return evaluate(self, actor, action, resource, metadata(meta, 5, "evaluate"))
end

scope_methods["with"] = function(self, policy)
  object(self, Scope, "with", "security.Scope")
  need("security.scope.create", "with", "not allowed to create scope: with")
  if not K.is(policy, Policy) then K.badtype(2, "with", "security.Policy", policy, 2) end
  return new_scope((fn._union({ self[NUMBER], policy[NUMBER] })))
end

function scope_methods.without(self, id)
  object(self, Scope, "without", "security.Scope")
  need("security.scope.create", "without", "not allowed to create scope: without")
  local number = fn._without(self[NUMBER], policy_id(id, "without"))
  return number == self[NUMBER] and self or new_scope(number)
end

function scope_methods.contains(self, id)
  object(self, Scope, "contains", "security.Scope")
  return (fn._contains(self[NUMBER], policy_id(id, "contains")))
end

function scope_methods.policies(self)
  object(self, Scope, "policies", "security.Scope")
  local list = fn._policies(self[NUMBER])
  for i = 1, #list do list[i] = new_policy(list[i][1], list[i][2]) end
  return list
end

return security

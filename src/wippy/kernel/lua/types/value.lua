-- Type values: types as code sees them.
local K = ...
local raw = K.raw
local rawtype, getmt, setmt, rawget, rawequal, select, error, ipairs =
  raw.type, raw.getmetatable, raw.setmetatable, raw.rawget, raw.rawequal, raw.select, raw.error, raw.ipairs
local T = K.types
local force, compile, text, state = T.force, T.compile, T.text, T.state

local NODE = K.key("type node") -- field of a metatable: the type of which the table is the value
T.NODE = NODE

-- The node of a type value, nil for any other value.
local function node_of(v)
  if rawtype(v) ~= "table" then return nil end
  local mt = getmt(v)
  return mt and rawget(mt, NODE)
end
T.node_of = node_of

local value_of

-- Structural node of a method's receiver, without constraints; and the node itself.
local function self_of(v, name)
  local node = node_of(v)
  if not node then K.badarg(1, name, "type expected, got " .. K.typeof(v) .. "; call it with a colon: T:" .. name .. "()", 3) end
  return T.bare(node), node
end

local KINDS = { union = "union", intersection = "intersection", tuple = "tuple", ["function"] = "function", array = "array",
  map = "map", record = "record", generic = "generic", optional = "optional" }
for _, kind in ipairs({ "nil", "boolean", "number", "integer", "string", "any", "never" }) do KINDS[kind] = kind end

local methods = {}
T.methods = methods

function methods.kind(t)
  local n, node = self_of(t, "kind")
  while node.kind == "ref" do
    if node.instance then return "instantiated" end
    force(node)
    node = node.step or n
  end
  return KINDS[n.kind] or "unknown"
end

function methods.name(t)
  local _, node = self_of(t, "name")
  return node.kind == "ref" and node.name or nil
end

local function part(name, kind, field)
  methods[name] = function(t)
    local n = self_of(t, name)
    if n.kind ~= kind then return nil end
    return value_of(n[field])
  end
end
part("elem", "array", "item")
part("key", "map", "key")
part("val", "map", "value")
part("inner", "optional", "inner")

function methods.ret(t)
  local n = self_of(t, "ret")
  local results = n.kind == "function" and n.results or {}
  if #results > 1 then
    n.tuple = n.tuple or { kind = "tuple", items = results, results = true }
    return value_of(n.tuple)
  end
  return results[1] and value_of(results[1])
end

local function each(nodes)
  local i = 0
  return function()
    i = i + 1
    return nodes[i] and value_of(nodes[i])
  end
end

function methods.variants(t)
  local n = self_of(t, "variants")
  return n.kind == "union" and each(n.items) or nil
end

function methods.params(t)
  local n = self_of(t, "params")
  return n.kind == "function" and each(n.params) or nil
end

-- Pairs {name, …, node} one after the other.
local function each_named(list, at)
  local i = 0
  return function()
    i = i + 1
    local one = list[i]
    if one then return one[1], one[at] and value_of(one[at]) end
  end
end

function methods.fields(t)
  local n = self_of(t, "fields")
  return n.kind == "record" and each_named(n.fields, 3) or nil
end

function methods.tparams(t)
  local n = self_of(t, "tparams")
  return n.kind == "generic" and each_named(n.params, 2) or nil
end

-- Errors are raised at our own line: the handler of every call puts the innermost line of user code in its place.

-- A check is not interrupted, for it may be about any value; the time of a long one is made good for behind it.
local function settle()
  local work = state.work
  if work > 0 then
    state.work = 0
    K.charge(16 * work)
  end
end

-- `is` of one type: called with the value, or with the type in front of it.
local function make_is(owner, node)
  local check = nil
  return function(a, b)
    local v
    if rawequal(a, owner) then v = b else v = a end -- `==` would ask a metamethod of the value
    if not check then check = compile(node) end
    if check(v, 0) then
      if state.too_deep then state.too_deep = false end
      settle()
      return v, nil
    end
    local failure = T.failure(node, v, state.too_deep)
    settle()
    return nil, failure
  end
end

local function instantiate(node, args)
  local n = force(node)
  if n.kind ~= "generic" then error("type " .. text(node) .. " is not generic") end
  if #n.params ~= #args then
    error("generic " .. text(node) .. " expects " .. #n.params .. " type arguments, got " .. #args)
  end
  return value_of(n.apply(args))
end

local function several(node, ...)
  local count = select("#", ...)
  if count == 0 then error("type " .. text(node) .. " expects at least 1 argument") end
  local args = {}
  for i = 1, count do args[#args + 1] = node_of((select(i, ...))) end
  if #args == count then return true, instantiate(node, args) end
  if #args > 0 then error("type " .. text(node) .. " does not accept mixed type/value arguments") end
  if count > 1 then error("type " .. text(node) .. " validation expects 1 value, got " .. count) end
  return false
end

local function make_call(node)
  local check = nil
  return function(_, ...)
    local v = ...
    if select("#", ...) ~= 1 or node_of(v) then
      local done, value = several(node, ...)
      if done then return value end
    end
    if not check then check = compile(node) end
    local ok = check(v, 0)
    state.too_deep = false
    settle()
    if ok then return v end
    local expected = text(node)
    if force(node).kind == "function" and not node.name then expected = "function" end
    error("expected " .. expected .. ", got " .. K.typeof(v))
  end
end

local function compared(a, b)
  local x, y = node_of(a), node_of(b)
  if not x or not y then error("attempt to compare " .. K.typeof(a) .. " with " .. K.typeof(b)) end
  return x, y
end

-- What all type values have: comparison.
local relations = {
  __eq = function(a, b)
    local x, y = node_of(a), node_of(b)
    return x ~= nil and y ~= nil and T.same(x, y)
  end,
  __le = function(a, b)
    local x, y = compared(a, b)
    return T.subtype(x, y)
  end,
  __lt = function(a, b)
    local x, y = compared(a, b)
    return T.subtype(x, y) and not T.subtype(y, x)
  end,
}

-- Makes `owner`, a table, the value of a node: its metatable gets what type values need.
function T.equip(mt, node, owner)
  mt[NODE] = node
  for name, handler in raw.next, relations do mt[name] = handler end
  mt.__call = make_call(node)
  return make_is(owner, node)
end

-- The type value of a node, always the same one.
value_of = function(node)
  node = T.near(node)
  local value = node.as_value
  if value then return value end
  value = {}
  local index = {}
  local class = K.class({ name = "type", methods = index, tostring = function() return text(node) end })
  index["is"] = T.equip(class, node, value)
  setmt(index, { __index = function(_, key)
    local method = methods[key]
    if method then return method end
    local n = T.bare(node)
    local field = n.kind == "record" and n.by_name[key]
    if field then return value_of(field[3]) end
    return nil
  end })
  node.as_value = setmt(value, class)
  return value
end
T.value_of = value_of

-- The value of a type that a chunk declares; an existing global of that name stays.
function T.declared_value(scope, name, env)
  local existing = env and env[name]
  if existing ~= nil then return existing end
  local node = T.declared(scope, name)
  return value_of(node or { kind = "unresolved", name = name })
end

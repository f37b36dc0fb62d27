-- The types that a chunk declares, and what names in them stand for.
local K = ...
local raw = K.raw
local rawtype, ipairs, rawget = raw.type, raw.ipairs, raw.rawget
local T = K.types
local basic, force = T.basic, T.force

local build

-- A scope: the chunk's key and the unit's table alias -> scope of a library, or true for a built-in module.
function T.scope(key, aliases)
  return { key = key, aliases = aliases, refs = {} }
end

-- The declarations come from Python when the first of them is asked for.
local function declarations(scope)
  local found = scope.declared
  if not found then
    found = {}
    local packed = K.host.chunk_types(scope.key)
    local types, locals = {}, {}
    if packed then
      local decoded = K.decode(packed)
      types, locals = decoded.types, decoded.aliases
    end
    for _, declaration in ipairs(types) do found[declaration.name] = declaration end
    scope.declared, scope.locals = found, locals
  end
  return found
end

local function instantiate(scope, declaration, args)
  local params = {}
  for i, param in ipairs(declaration.params) do params[param[1]] = args[i] end
  return build(declaration.type, scope, params)
end

local function generic(scope, declaration)
  local params = {}
  local node = { kind = "generic", name = declaration.name, params = {} }
  for _, param in ipairs(declaration.params) do params[param[1]] = basic.any end
  for i, param in ipairs(declaration.params) do
    node.params[i] = { param[1], param[2] and build(param[2], scope, params) }
  end
  -- One node for the same arguments, so that types may contain instances of themselves.
  local made = {}
  function node.apply(args)
    local at = made
    for _, arg in ipairs(args) do
      local deeper = at[arg]
      if not deeper then
        deeper = {}
        at[arg] = deeper
      end
      at = deeper
    end
    local one = at.node
    if not one then
      one = { kind = "ref", name = declaration.name, args = args, instance = true,
        make = function() return instantiate(scope, declaration, args) end }
      at.node = one
    end
    return one
  end
  return node
end

-- The node of a declared type, nil for a name that the chunk does not declare.
local function declared(scope, name)
  local ref = scope.refs[name]
  if ref then return ref end
  local declaration = declarations(scope)[name]
  if not declaration then return nil end
  ref = { kind = "ref", name = not declaration.anonymous and name or nil, make = function()
    if #declaration.params > 0 then return generic(scope, declaration) end
    return build(declaration.type, scope, {})
  end }
  scope.refs[name] = ref
  return ref
end
T.declared = declared

-- A type that a library does not declare itself but has in its table, as for one that it passes on.
local function passed_on(alias, name)
  return { kind = "ref", name = name, make = function()
    local cur = K.state.cur
    local env = cur and cur.p and cur.p.env
    local library = env and env[alias]
    if rawtype(library) == "table" and not K.classof(library) then
      local node = T.node_of(rawget(K.unfrozen(library), name))
      if node then return node end
    end
    return { kind = "unresolved", name = alias .. "." .. name }
  end }
end

local function member(scope, alias, name)
  declarations(scope)
  local given = scope.locals[alias]
  local target = given and scope.aliases[given] or scope.aliases[alias]
  if target == true then return { kind = "userdata", name = alias .. "." .. name } end
  if target then return declared(target, name) or passed_on(given or alias, name) end
  return { kind = "unresolved", name = alias .. "." .. name }
end

local function named(desc, scope, params)
  local path, args = desc.path, desc.args
  local name = path[1]
  local node
  if #path == 1 then
    node = params[name] or declared(scope, name) or basic[name] or { kind = "unresolved", name = name }
  elseif #path == 2 then
    node = member(scope, name, path[2])
  else
    return { kind = "unresolved", name = raw.concat(path, ".") }
  end
  if #args == 0 then return node end
  local given = {}
  for i, arg in ipairs(args) do given[i] = build(arg, scope, params) end
  return { kind = "ref", make = function()
    local target = force(node)
    if target.kind == "generic" and #target.params == #given then return target.apply(given) end
    return target
  end }
end

local function list(descs, scope, params)
  local nodes = {}
  for i, desc in ipairs(descs) do nodes[i] = build(desc, scope, params) end
  return nodes
end

local function fields_of(descs, scope, params)
  local fields = {}
  for i, field in ipairs(descs) do fields[i] = { field[1], field[2], build(field[3], scope, params) } end
  return fields
end

local function lazy(make) return { kind = "ref", make = make } end

-- The type of a field (or item) that a key type names.
local function indexed(object, key)
  local o, k = T.bare(object), T.bare(key)
  if k.kind == "union" then
    local items = {}
    for i, item in ipairs(k.items) do items[i] = indexed(object, item) end
    return T.union(items)
  end
  if o.kind == "record" and k.kind == "literal" then
    local field = o.by_name[k.value]
    if field then return field[2] and T.optional(field[3]) or field[3] end
  elseif o.kind == "array" and T.subtype(k, basic.number) then
    return o.item
  elseif o.kind == "map" and T.subtype(k, o.key) then
    return o.value
  elseif o.kind == "tuple" and k.kind == "literal" and o.items[k.value] then
    return o.items[k.value]
  elseif o.kind == "any" or o.kind == "unresolved" then
    return o
  end
  return { kind = "unresolved", name = T.text(object) .. "[" .. T.text(key) .. "]" }
end

local function field_names(object)
  local o = T.bare(object)
  if o.kind == "map" then return o.key end
  if o.kind == "array" or o.kind == "tuple" then return basic.integer end
  local items = {}
  for i, field in ipairs(o.fields or {}) do items[i] = T.literal(field[1]) end
  return T.union(items)
end

local builders = {
  name = named,
  literal = function(desc) return T.literal(desc.value) end,
  array = function(desc, scope, params) return { kind = "array", item = build(desc.inner, scope, params) } end,
  optional = function(desc, scope, params) return T.optional(build(desc.inner, scope, params)) end,
  readonly = function(desc, scope, params) return build(desc.inner, scope, params) end,
  map = function(desc, scope, params)
    return { kind = "map", key = build(desc.key, scope, params), value = build(desc.value, scope, params) }
  end,
  tuple = function(desc, scope, params) return { kind = "tuple", items = list(desc.items, scope, params) } end,
  union = function(desc, scope, params) return T.union(list(desc.items, scope, params)) end,
  intersection = function(desc, scope, params)
    local items = list(desc.items, scope, params)
    return T.upon(items, { kind = "intersection", items = items })
  end,
  record = function(desc, scope, params) return T.record(fields_of(desc.fields, scope, params)) end,
  interface = function(desc, scope, params)
    return { kind = "interface", bases = list(desc.bases, scope, params), fields = fields_of(desc.fields, scope, params) }
  end,
  ["function"] = function(desc, scope, params)
    local own = {}
    for i, param in ipairs(desc.params) do own[i] = build(param[2], scope, params) end
    return { kind = "function", params = own, vararg = desc.vararg and build(desc.vararg, scope, params),
      results = list(desc.results, scope, params) }
  end,
  constrained = function(desc, scope, params)
    local base = build(desc.base, scope, params)
    return T.upon({ base }, { kind = "constrained", base = base, constraint = desc.constraint, arg = desc.args[1] })
  end,
  keyof = function(desc, scope, params)
    local inner = build(desc.inner, scope, params)
    return lazy(function() return field_names(inner) end)
  end,
  index = function(desc, scope, params)
    local object, key = build(desc.object, scope, params), build(desc.key, scope, params)
    return lazy(function() return indexed(object, key) end)
  end,
  conditional = function(desc, scope, params)
    local value, base = build(desc.value, scope, params), build(desc.base, scope, params)
    return lazy(function()
      return build(T.subtype(value, base) and desc.yes or desc.no, scope, params)
    end)
  end,
  typeof = function(desc, scope, params) return desc.type and build(desc.type, scope, params) or basic.any end,
  asserts = function() return basic.boolean end,
}

build = function(desc, scope, params) return builders[desc.kind](desc, scope, params) end

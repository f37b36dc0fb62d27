-- Types as nodes: {kind=, …}. A node of kind `ref` stands for another that is made when it is first needed, so types may
-- refer to themselves; `force` follows it.
--
--   any unknown never nil boolean number integer string thread table userdata   (userdata: `name` of the type)
--   literal value | optional inner | union items | intersection items | array item | map key value | tuple items
--   record fields {{name, optional, node}, …} sorted by name, by_name | interface fields, bases
--   function params vararg results | constrained base constraint arg
--   generic name params apply(args) | unresolved name | cycle
--   ref make name args instance -> step (what `make` gave), target (what it stands for)
local K = ...
local raw = K.raw
local rawtype, ipairs = raw.type, raw.ipairs
local T = {}
K.types = T

local basic = {}
for _, kind in ipairs({ "any", "unknown", "never", "nil", "boolean", "number", "integer", "string", "thread", "table" }) do
  basic[kind] = { kind = kind }
end
basic.bool, basic.int = basic.boolean, basic.integer
basic.userdata, basic.error = { kind = "userdata", name = "userdata" }, { kind = "userdata", name = "error" }
basic["function"] = { kind = "function", params = {}, vararg = basic.any, results = {}, any = true }
T.basic = basic

local CYCLE = { kind = "cycle" } -- a type that is nothing but itself

local function force(node)
  if node.kind ~= "ref" then return node end
  local target = node.target
  if target then return target end
  if node.busy then return CYCLE end
  node.busy = true
  local step = node.make()
  target = force(step)
  node.step, node.target, node.busy = target == CYCLE and CYCLE or step, target, nil
  return target
end
T.force = force

-- The node nearest to this one that has a name, or what it stands for.
function T.near(node)
  while node.kind == "ref" and not node.name do
    local target = force(node)
    node = node.step or target
  end
  return node
end

-- Items flattened, without duplicates and without those that others absorb; the inner node of an optional apart.
local function flatten(items, out, found)
  for _, item in ipairs(items) do
    local n = force(item)
    local kind = n.kind
    if kind == "union" then
      flatten(n.items, out, found)
    elseif kind == "optional" then
      found["nil"] = true
      flatten({ n.inner }, out, found)
    elseif kind == "nil" or kind == "any" or kind == "unknown" then
      found[kind] = true
    elseif kind ~= "never" and not found[n] then
      found[n] = true
      if kind == "literal" then
        local seen = found.literals
        if seen[n.value] then goto next end
        seen[n.value] = true
      else
        found[kind] = true
      end
      out[#out + 1] = kind == "cycle" and n or item
    end
    ::next::
  end
end

local BASE = { string = "string", boolean = "boolean", number = "number" }

local function absorbed(n, found)
  if n.kind == "integer" then return found.number end
  if n.kind ~= "literal" then return false end
  local t = rawtype(n.value)
  return found[BASE[t]] or t == "number" and found.integer and n.value == raw.floor(n.value)
end

local function union(items)
  local all, found = {}, { literals = {} }
  flatten(items, all, found)
  if found.any then return basic.any end
  if found.unknown then return basic.unknown end
  local kept = {}
  for _, item in ipairs(all) do
    if not absorbed(force(item), found) then kept[#kept + 1] = item end
  end
  local node
  if #kept == 0 then
    return found["nil"] and basic["nil"] or basic.never
  elseif #kept == 1 then
    node = kept[1]
  else
    node = { kind = "union", items = kept }
  end
  if found["nil"] and force(node).kind ~= "cycle" then return { kind = "optional", inner = node } end
  return node
end

function T.union(items)
  return { kind = "ref", make = function() return union(items) end }
end

function T.optional(inner)
  return { kind = "ref", make = function() return union({ inner, basic["nil"] }) end }
end

function T.literal(value)
  if value == nil then return basic["nil"] end
  return { kind = "literal", value = value }
end

-- fields: {{name, optional, node}, …} in any order; of two with the same name the later one counts.
function T.record(fields)
  local by_name, list = {}, {}
  for _, field in ipairs(fields) do
    if not by_name[field[1]] then list[#list + 1] = field[1] end
    by_name[field[1]] = field
  end
  raw.sort(list)
  for i, name in ipairs(list) do list[i] = by_name[name] end
  return { kind = "record", fields = list, by_name = by_name }
end

-- A node that stands on `parts`: none where one of them leads back to it.
function T.upon(parts, node)
  return { kind = "ref", make = function()
    for _, part in ipairs(parts) do
      if force(part) == CYCLE then return CYCLE end
    end
    return node
  end }
end

-- The node without constraints.
function T.bare(node)
  local n = force(node)
  while n.kind == "constrained" do n = force(n.base) end
  return n
end

-- Types as text.
local K = ...
local raw = K.raw
local rawtype, ipairs, concat, format, gsub, byte = raw.type, raw.ipairs, raw.concat, raw.format, raw.gsub, raw.byte
local T = K.types
local force = T.force

local ESCAPES = { ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t", ['"'] = '\\"', ["\\"] = "\\\\" }

-- Types that names stand for are written out so far; behind that their names remain.
local MAX_NODES, MAX_DEPTH = 1000, 16

local function quoted(s)
  return '"' .. gsub(s, '[%c"\\]', function(c) return ESCAPES[c] or format("\\%03d", byte(c)) end) .. '"'
end

local text

local function join(nodes, resolved, busy, between)
  local parts = {}
  for i, node in ipairs(nodes) do parts[i] = text(node, resolved, busy) end
  return concat(parts, between or ", ")
end

local OPEN = { union = true, intersection = true, ["function"] = true }

-- As an operand of another type: in parentheses where it would be read differently.
local function operand(node, resolved, busy)
  local made = text(node, resolved, busy)
  if not resolved and T.near(node).name then return made end
  local n = T.bare(node)
  if OPEN[n.kind] and not n.any then return "(" .. made .. ")" end
  return made
end

local function operands(nodes, resolved, busy, between)
  local parts = {}
  for i, node in ipairs(nodes) do parts[i] = operand(node, resolved, busy) end
  return concat(parts, between)
end

local writers = {
  literal = function(n)
    local v = n.value
    return rawtype(v) == "string" and quoted(v) or K.text(v)
  end,
  optional = function(n, resolved, busy) return operand(n.inner, resolved, busy) .. "?" end,
  union = function(n, resolved, busy) return operands(n.items, resolved, busy, " | ") end,
  intersection = function(n, resolved, busy) return operands(n.items, resolved, busy, " & ") end,
  array = function(n, resolved, busy) return operand(n.item, resolved, busy) .. "[]" end,
  map = function(n, resolved, busy)
    return "{[" .. text(n.key, resolved, busy) .. "]: " .. text(n.value, resolved, busy) .. "}"
  end,
  tuple = function(n, resolved, busy)
    return (n.results and "(" or "{") .. join(n.items, resolved, busy) .. (n.results and ")" or "}")
  end,
  record = function(n, resolved, busy)
    local parts = {}
    for i, field in ipairs(n.fields) do
      parts[i] = field[1] .. (field[2] and "?: " or ": ") .. text(field[3], resolved, busy)
    end
    return "{" .. concat(parts, ", ") .. "}"
  end,
  interface = function(n, resolved, busy)
    local names = {}
    for i, field in ipairs(n.fields) do names[i] = field[1] .. ": " .. text(field[3], resolved, busy) end
    return "interface {" .. concat(names, ", ") .. "}"
  end,
  ["function"] = function(n, resolved, busy)
    if n.any then return "function" end
    local params = join(n.params, resolved, busy)
    if n.vararg then params = params .. (params == "" and "..." or ", ...") .. text(n.vararg, resolved, busy) end
    local results = join(n.results, resolved, busy)
    if #n.results ~= 1 then results = "(" .. results .. ")" end
    return "fun(" .. params .. ") -> " .. results
  end,
  constrained = function(n, resolved, busy) return text(n.base, resolved, busy) end,
  cycle = function() return "unknown" end,
}

local function named(node)
  if node.instance then return node.name .. "<" .. join(node.args, false) .. ">" end
  return node.name
end

-- resolved: write out what names stand for; a type inside itself keeps its name.
text = function(node, resolved, busy)
  if not resolved then node = T.near(node) end
  if node.name and (not resolved or node.kind ~= "ref") then return named(node) end
  local n = force(node)
  if n.name then return named(n) end
  if resolved then
    busy = busy or { count = 0, depth = 0 }
    if busy[n] or busy.count > MAX_NODES or busy.depth > MAX_DEPTH then return node.name and named(node) or "..." end
    busy[n], busy.count, busy.depth = true, busy.count + 1, busy.depth + 1
  end
  local writer = writers[n.kind]
  local made = writer and writer(n, resolved, busy) or n.kind
  if resolved then busy[n], busy.depth = nil, busy.depth - 1 end
  return made
end
T.text = text

-- What a failed validation says it expected.
function T.expected(node)
  local n = T.bare(node)
  local kind = n.kind
  if kind == "optional" then return T.expected(n.inner) end
  if kind == "function" then return "function" end
  if kind == "table" or kind == "interface" then return "table" end
  return text(n, true)
end

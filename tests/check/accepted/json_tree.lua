type Json = nil | boolean | number | string | {Json} | {[string]: Json}
type Visitor = {string: ((string) -> ())?, number: ((number) -> ())?}
local function depth(v: Json): integer
  if type(v) ~= "table" then return 0 end
  local most = 0
  for _, inner in pairs(v) do most = math.max(most, depth(inner)) end
  return most + 1
end
local function show(v: Json): string
  if v == nil then return "null" end
  if type(v) == "string" then return string.format("%q", v) end
  if type(v) == "number" or type(v) == "boolean" then return tostring(v) end
  local parts: {string} = {}
  for k, inner in pairs(v) do parts[#parts + 1] = tostring(k) .. ":" .. show(inner) end
  return "{" .. table.concat(parts, ",") .. "}"
end
local function visit(v: any, with: Visitor)
  local kind = type(v)
  if kind == "string" and with.string then with.string(v)
  elseif kind == "number" and with.number then with.number(v)
  elseif kind == "table" then for _, inner in pairs(v) do visit(inner, with) end end
end
local function merge(a: {[string]: Json}, b: {[string]: Json}?): {[string]: Json}
  local out: {[string]: Json} = {}
  for k, v in pairs(a) do out[k] = v end
  for k, v in pairs(b or {}) do
    local held = out[k]
    if type(held) == "table" and type(v) == "table" then out[k] = merge(held, v) else out[k] = v end
  end
  return out
end
local function get(v: any, path: string): any
  for part in path:gmatch("[^.]+") do
    if type(v) ~= "table" then return nil end
    v = v[part] or v[tonumber(part)]
  end
  return v
end
local doc: Json = {name = "x", tags = {"a", "b"}, n = 1, ok = true, deep = {deeper = {1, {a = nil}}}}
local total = 0
visit(doc, {number = function(n) total = total + n end})
print(depth(doc), show(doc), total, merge({a = 1}, {b = {2}}), get(doc, "deep.deeper"))

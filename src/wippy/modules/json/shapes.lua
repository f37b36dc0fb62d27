-- json: tables that look alike are written by code made for their names and kinds of values.
--
-- An encoder that walks tables asks every value what it is and sorts the names of every table. Records come in
-- numbers: what has been learned from one serves the others, and is checked each time.
local K = ...
local raw = K.raw
local next, rawtype, mathtype, find, format, concat, load = raw.next, raw.type, raw.mathtype, raw.find, raw.format, raw.concat, raw.load
local insert, remove = raw.insert, raw.remove
local text = K.json_text

local MAX_FIELDS, MAX_SHAPES, MAX_LIST = 40, 200, 4
local MAX_CREDIT, EARN = 200, 200

local by_first, by_names, count = {}, {}, 0
-- What may still be spent on learning; tables that no shape fits earn it slowly, so that it never costs much.
local credit, unfit = MAX_CREDIT, 0

local function kind_of(v)
  local t = rawtype(v)
  if t == "string" then return "s" end
  if t == "boolean" then return "b" end
  if t == "number" then return mathtype(v) == "integer" and "i" or "f" end
  return "a"
end

local MERGED = { ["if"] = "n", fi = "n", ["in"] = "n", ni = "n", fn = "n", nf = "n" }

local HEAD = [[
local next, rawtype, mathtype, find, inner, float, write, CLEAN = ...
return function(out, n, lead, v, depth, path)
  local %s = %s
  if %s == nil then return nil end
  local count = 0
  for _ in next, v do
    count = count + 1
    if count > %d then return nil end
  end
  if count ~= %d then return nil end
]]
local CHECKS = {
  s = 'if rawtype(%s) ~= "string" then return nil end',
  i = 'if mathtype(%s) ~= "integer" then return nil end',
  f = 'if mathtype(%s) ~= "float" then return nil end',
  n = 'if rawtype(%s) ~= "number" then return nil end',
  b = 'if rawtype(%s) ~= "boolean" then return nil end',
  a = "",
}
local TEXTS = {
  s = "if #%s > " .. text.PIECE .. " or not find(%s, CLEAN) then %s = inner(%s) end",
  i = "",
  f = "%s = float(%s)",
  n = 'if mathtype(%s) == "float" then %s = float(%s) end',
  b = '%s = %s and "true" or "false"',
  a = "",
}

-- Code that writes a table of just these names; it gives nil for any other table, before it has written anything.
local function compile(names, kinds, write)
  local locals, values = {}, {}
  for i = 1, #names do
    locals[i] = "a" .. i
    values[i] = format("v[%q]", names[i])
  end
  local code = { format(HEAD, concat(locals, ", "), concat(values, ", "), concat(locals, " == nil or "), #names, #names) }
  for i = 1, #names do code[#code + 1] = (raw.gsub(CHECKS[kinds[i]], "%%s", locals[i])) end
  for i = 1, #names do code[#code + 1] = (raw.gsub(TEXTS[kinds[i]], "%%s", locals[i])) end
  local parts, pending = {}, "{"
  local function flush()
    if #parts > 0 then code[#code + 1] = "n = n + 1 out[n] = " .. concat(parts, " .. ") end
    parts = {}
  end
  for i = 1, #names do
    pending = pending .. '"' .. text.inner(names[i]) .. '":'
    if kinds[i] == "a" then
      flush()
      code[#code + 1] = format("n = write(out, n, %s%q, %s, depth, path)", i == 1 and "lead .. " or "", pending, locals[i])
      pending = ""
    else
      if i == 1 then parts[1] = "lead" end
      if kinds[i] == "s" then pending = pending .. '"' end
      parts[#parts + 1] = format("%q", pending)
      parts[#parts + 1] = locals[i]
      pending = kinds[i] == "s" and '"' or ""
    end
    pending = pending .. (i == #names and "}" or ",")
  end
  parts[#parts + 1] = format("%q", pending)
  flush()
  code[#code + 1] = "return n end"
  local made = load(concat(code, "\n"), "=json", "t", {})
  return made(next, rawtype, mathtype, find, text.inner, text.float, write, text.CLEAN)
end

local function forget()
  by_first, by_names, count = {}, {}, 0
end

-- Learns from a table whose names are all strings; `first` is what next() gives.
local function learn(v, first, names, write)
  unfit = unfit + 1
  if unfit >= EARN then
    unfit = 0
    if credit < MAX_CREDIT then credit = credit + 1 end
  end
  if credit <= 0 or #names > MAX_FIELDS then return end
  credit = credit - 1
  local size = 0
  for i = 1, #names do size = size + #names[i] end
  if size > 2000 then return end
  local id = concat(names, "\0")
  local shape, kinds = by_names[id], {}
  for i = 1, #names do kinds[i] = kind_of(v[names[i]]) end
  if shape then
    local changed = false
    for i = 1, #names do
      local old = shape.kinds[i]
      if old ~= kinds[i] then
        kinds[i] = MERGED[old .. kinds[i]] or "a"
        if kinds[i] ~= old then changed = true end
      end
    end
    if changed then
      shape.kinds = kinds
      shape.write = compile(names, kinds, write)
    end
  else
    if count >= MAX_SHAPES then forget() end
    count = count + 1
    -- one table alone is no reason for code
    shape = { kinds = kinds }
    by_names[id] = shape
    return
  end
  shape.write = shape.write or compile(names, shape.kinds, write)
  local list = by_first[first]
  if not list then
    list = {}
    by_first[first] = list
  end
  for i = 1, #list do
    if list[i] == shape then return end
  end
  insert(list, 1, shape)
  if #list > MAX_LIST then remove(list) end
end

-- The text of a table that a known shape fits -> new n and the shape, else nil.
local function written(out, n, lead, v, first, depth, path)
  local list = by_first[first]
  if not list then return nil end
  for i = 1, #list do
    local shape = list[i]
    local done = shape.write(out, n, lead, v, depth, path)
    if done then
      if i > 1 and list[i] == shape then list[i], list[1] = list[1], shape end
      return done, shape
    end
  end
  return nil
end

K.json_shapes = { learn = learn, written = written, forget = forget }

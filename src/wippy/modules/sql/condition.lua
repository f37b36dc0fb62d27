-- sql.builder: conditions, and what they share with the builders: pieces of SQL text with their arguments.
local K, natives = ...
local raw = K.raw
local rawtype, next, setmt, getmt, error, concat, sort = raw.type, raw.next, raw.setmetatable, raw.getmetatable, raw.error, raw.concat, raw.sort
local mathtype, select, gsub, rawlen = raw.mathtype, raw.select, raw.gsub, raw.rawlen
local typeof, unfrozen, is = K.typeof, K.unfrozen, K.is
local badtype = K.badtype

local values = natives.sql
local NULL, plain = values.NULL, values.plain

local B = {}
natives.builder = B

-- Errors of a build are tables, so that they are told from mistakes of ours.
local Refused = {}
function B.refuse(text) error(setmt({ text = text }, Refused), 0) end
function B.refused(value) return getmt(value) == Refused and value.text or nil end

local BUILD = K.key("build") -- of a sqlizer: function(args) -> text, arguments appended to args
B.BUILD = BUILD
local sqlizers = {} -- classes whose objects have BUILD
B.sqlizers = sqlizers

function B.is_sqlizer(v) return rawtype(v) == "table" and sqlizers[getmt(v)] ~= nil end

function B.append(args, value)
  local n = args.n + 1
  args.n = n
  args[n] = value
end

-- Text and arguments of a sqlizer, or nil, nil, text of the error.
function B.build(sqlizer)
  local args = { n = 0 }
  local ok, text = raw.pcall(sqlizer[BUILD], args)
  if ok then return text, args end
  local refused = B.refused(text)
  if not refused then error(text, 0) end
  return nil, nil, refused
end

-- Arguments as user code sees them: NULL is a hole.
local function shown_args(args)
  local out = {}
  for i = 1, args.n do
    local v = args[i]
    if v ~= NULL then out[i] = rawtype(v) == "table" and v[1] or v end
  end
  return out
end
B.shown_args = shown_args

function B.args_text(args)
  local out = {}
  for i = 1, args.n do
    local v = args[i]
    out[i] = v == NULL and "<nil>" or K.text(rawtype(v) == "table" and v[1] or v)
  end
  return "[" .. concat(out, " ") .. "]"
end

function B.invalid(text) return K.fail("Invalid", text) end

local sqlizer_methods = {}
local Sqlizer = K.class {
  name = "sql.Sqlizer",
  methods = sqlizer_methods,
  tostring = function(self)
    local text, args, why = B.build(self)
    if not text then return "SQL Expression Error: " .. why end
    return "SQL: " .. text .. " [Args: " .. B.args_text(args) .. "]"
  end,
}
sqlizers[Sqlizer] = true

function sqlizer_methods.to_sql(self)
  if not is(self, Sqlizer) then badtype(1, "to_sql", "sql.Sqlizer", self) end
  local text, args, why = B.build(self)
  if not text then return B.invalid(why) end
  return text, shown_args(args)
end

local function sqlizer(build) return setmt({ [BUILD] = build }, Sqlizer) end

-- Arguments given beside a text. `strict`: typed values become NULL too.
function B.extra(strict, ...)
  local list = { n = select("#", ...) }
  for i = 1, list.n do
    local v = select(i, ...)
    list[i] = strict and values.is_typed(v) and NULL or plain(v)
  end
  return list
end

function B.literal(text, list)
  return function(args)
    for i = 1, list.n do B.append(args, list[i]) end
    return text
  end
end

function B.sorted_keys(t)
  local keys = {}
  for k in next, unfrozen(t) do
    if rawtype(k) == "string" then keys[#keys + 1] = k end
  end
  sort(keys)
  return keys
end

-- The builder of a table of conditions. `write(column, value, args)` gives the text for one of them.
local function comparison(t, empty, write)
  local keys, copy = B.sorted_keys(t), {}
  for i = 1, #keys do copy[i] = plain(unfrozen(t)[keys[i]]) end
  return function(args)
    if #keys == 0 then return empty end
    local out = {}
    for i = 1, #keys do out[i] = write(keys[i], copy[i], args) end
    return concat(out, " AND ")
  end
end

local function equality(sign, null)
  return function(column, value, args)
    if value == NULL then return column .. null end
    B.append(args, value)
    return column .. sign
  end
end
local write_eq = equality(" = ?", " IS NULL")
function B.eq(t) return comparison(t, "(1=1)", write_eq) end

local function needs_value(sign, complaint)
  return function(column, value, args)
    if value == NULL then B.refuse(complaint) end
    B.append(args, value)
    return column .. sign
  end
end
local ORDER = "cannot use null with less than or greater than operators"
local LIKE = "cannot use null with like operators"

-- What `where`, `having`, `and_` and `or_` take as a condition, or nil.
function B.condition(v)
  if B.is_sqlizer(v) then return v[BUILD] end
  if typeof(v) == "table" then return B.eq(v) end
  return nil
end

-- Parts one after the other, empty ones left out.
function B.join(parts, separator, args)
  local out = ""
  for i = 1, #parts do
    local text = parts[i](args)
    if text ~= "" then out = out .. ((i > 1 and out ~= "") and separator or "") .. text end
  end
  return out
end

local function conjunction(name, separator, empty)
  return function(list)
    if typeof(list) ~= "table" then badtype(1, name, "table", list) end
    list = unfrozen(list)
    local parts = {}
    for i = 1, rawlen(list) do
      local part = B.condition(list[i])
      if not part then K.badarg(1, name, "item " .. i .. " must be a condition or a table, got " .. typeof(list[i])) end
      parts[i] = part
    end
    return sqlizer(function(args)
      if #parts == 0 then return empty end
      local text = B.join(parts, separator, args)
      return text == "" and "" or "(" .. text .. ")"
    end)
  end
end

local conditions = { and_ = conjunction("and_", " AND ", "(1=1)"), or_ = conjunction("or_", " OR ", "(1=0)") }

local function condition(name, empty, write)
  conditions[name] = function(t)
    if typeof(t) ~= "table" then badtype(1, name, "table", t) end
    return sqlizer(comparison(t, empty, write))
  end
end
condition("eq", "(1=1)", write_eq)
condition("not_eq", "(1=1)", equality(" <> ?", " IS NOT NULL"))
condition("lt", "", needs_value(" < ?", ORDER))
condition("lte", "", needs_value(" <= ?", ORDER))
condition("gt", "", needs_value(" > ?", ORDER))
condition("gte", "", needs_value(" >= ?", ORDER))
condition("like", "", needs_value(" LIKE ?", LIKE))
condition("not_like", "", needs_value(" NOT LIKE ?", LIKE))

function conditions.expr(text, ...)
  if rawtype(text) == "number" then text = K.text(text) end
  if rawtype(text) ~= "string" then badtype(1, "expr", "string", text) end
  return sqlizer(B.literal(text, B.extra(false, ...)))
end
B.conditions = conditions

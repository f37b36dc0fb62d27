-- sql.builder: immutable builders of SELECT, INSERT, UPDATE and DELETE.
local K, natives = ...
local raw = K.raw
local rawtype, next, setmt, concat, select, gsub, rep = raw.type, raw.next, raw.setmetatable, raw.concat, raw.select, raw.gsub, raw.rep
local floor, tointeger, tmove, getmt = raw.floor, raw.tointeger, raw.tmove, raw.getmetatable
local typeof, unfrozen, is, badtype, badarg, text_of = K.typeof, K.unfrozen, K.is, K.badtype, K.badarg, K.text
local B, values = natives.builder, natives.sql
local NULL, plain, append, join = values.NULL, values.plain, B.append, B.join

local STATE, MARK = K.key("state"), K.key("mark")

-- Placeholder formats -------------------------------------------------------------------------------------------

local Format = K.class { name = "sql.PlaceholderFormat" }
local function placeholder_format(mark) return setmt({ [MARK] = mark }, Format) end
local question, dollar = placeholder_format(false), placeholder_format("$")

local function numbered(text, format)
  local mark = format[MARK]
  if not mark then return text end
  local n = 0
  return (gsub(text, "%?%??", function(found)
    if found == "??" then return "?" end
    n = n + 1
    return mark .. n
  end))
end

-- Argument checks; `n` counts the builder as the first argument ------------------------------------------------------

local function text_arg(v, n, name)
  if rawtype(v) == "string" then return v end
  if rawtype(v) == "number" then return text_of(v) end
  badtype(n, name, "string", v, 4)
end

local function count_arg(v, n, name)
  if rawtype(v) ~= "number" then badtype(n, name, "number", v, 4) end
  if v ~= v or v < 0 then return 0 end
  return tointeger(floor(v)) or K.raw.maxinteger
end

local function texts(n, name, level, ...)
  local out = {}
  for i = 1, select("#", ...) do
    local v = select(i, ...)
    if rawtype(v) == "number" then v = text_of(v) end
    if rawtype(v) ~= "string" then badtype(n + i - 1, name, "string", v, level) end
    out[i] = v
  end
  return out
end

local function extended(list, more)
  list = list or {}
  local out = tmove(list, 1, #list, 1, {})
  return tmove(more, 1, #more, #out + 1, out)
end

-- Making builder classes ---------------------------------------------------------------------------------------------

local builders = {} -- class -> name

local function builder_class(name, build)
  local methods = {}
  local class
  class = K.class {
    name = "sql." .. name,
    methods = methods,
    tostring = function(self)
      local text, args, why = B.build(self)
      if not text then return name .. " Error: " .. why end
      return name .. ": " .. numbered(text, self[STATE].format or question) .. " [Args: " .. B.args_text(args) .. "]"
    end,
  }
  builders[class] = name
  B.sqlizers[class] = true
  local function made(state)
    return setmt({ [STATE] = state, [B.BUILD] = function(args) return build(state, args) end }, class)
  end
  -- Adds a method: `change(state, ...)` works on a copy of the state.
  local function method(method_name, change)
    methods[method_name] = function(self, ...)
      if not is(self, class) then badtype(1, method_name, "sql." .. name, self) end
      local copy = {}
      for k, v in next, self[STATE] do copy[k] = v end
      change(copy, ...)
      return made(copy)
    end
  end
  method("placeholder_format", function(s, format)
    if not is(format, Format) then badtype(2, "placeholder_format", "sql.PlaceholderFormat", format, 3) end
    s.format = format
  end)
  function methods.to_sql(self)
    if not is(self, class) then badtype(1, "to_sql", "sql." .. name, self) end
    local text, args, why = B.build(self)
    if not text then return B.invalid(why) end
    return numbered(text, self[STATE].format or question), B.shown_args(args)
  end
  return methods, method, made
end

local function lists(method, name, field)
  method(name, function(s, ...) s[field] = extended(s[field], texts(2, name, 4, ...)) end)
end
local function replaces(method, name, field)
  method(name, function(s, v) s[field] = text_arg(v, 2, name) end)
end
local function counts(method)
  method("limit", function(s, n) s.limit = count_arg(n, 2, "limit") end)
  method("offset", function(s, n) s.offset = count_arg(n, 2, "offset") end)
end
local function pieces(method, name, field, keyword)
  method(name, function(s, text, ...)
    text = text_arg(text, 2, name)
    s[field] = extended(s[field], { B.literal(keyword and keyword .. " " .. text or text, B.extra(true, ...)) })
  end)
end
local function conditions(method, name, field)
  method(name, function(s, v, ...)
    if rawtype(v) == "number" then v = text_of(v) end
    if rawtype(v) == "string" then
      if v ~= "" then s[field] = extended(s[field], { B.literal(v, B.extra(true, ...)) }) end
      return
    end
    local part = B.condition(v)
    if not part then badarg(2, name, "string, table or condition expected, got " .. typeof(v), 3) end
    s[field] = extended(s[field], { part })
  end)
end

-- The end that SELECT, UPDATE and DELETE have in common.
local function tail(s, args, out)
  if s.where then out = out .. " WHERE " .. join(s.where, " AND ", args) end
  if s.group_by then out = out .. " GROUP BY " .. concat(s.group_by, ", ") end
  if s.having then out = out .. " HAVING " .. join(s.having, " AND ", args) end
  if s.order_by then out = out .. " ORDER BY " .. concat(s.order_by, ", ") end
  if s.limit then out = out .. " LIMIT " .. s.limit end
  if s.offset then out = out .. " OFFSET " .. s.offset end
  if s.suffix then out = out .. " " .. join(s.suffix, " ", args) end
  return out
end

-- SELECT -------------------------------------------------------------------------------------------------------------

local select_methods, select_method, new_select = builder_class("SelectBuilder", function(s, args)
  if not s.columns or #s.columns == 0 then B.refuse("select statements must have at least one result column") end
  local out = "SELECT " .. (s.distinct and "DISTINCT " or "") .. concat(s.columns, ", ")
  if s.from and s.from ~= "" then out = out .. " FROM " .. s.from end
  if s.joins then out = out .. " " .. join(s.joins, " ", args) end
  return tail(s, args, out)
end)
replaces(select_method, "from", "from")
pieces(select_method, "join", "joins", "JOIN")
pieces(select_method, "left_join", "joins", "LEFT JOIN")
pieces(select_method, "right_join", "joins", "RIGHT JOIN")
pieces(select_method, "inner_join", "joins", "INNER JOIN")
conditions(select_method, "where", "where")
conditions(select_method, "having", "having")
lists(select_method, "order_by", "order_by")
lists(select_method, "group_by", "group_by")
lists(select_method, "columns", "columns")
counts(select_method)
select_method("distinct", function(s) s.distinct = true end)
pieces(select_method, "suffix", "suffix")

local function select_arg(v, n, name)
  if rawtype(v) == "table" and builders[getmt(v)] == "SelectBuilder" then return v[B.BUILD] end
  badtype(n, name, "sql.SelectBuilder", v, 4)
end

-- INSERT -------------------------------------------------------------------------------------------------------------

local insert_methods, insert_method, new_insert = builder_class("InsertBuilder", function(s, args)
  if not s.table or s.table == "" then B.refuse("insert statements must specify a table") end
  if not s.rows and not s.from_select then
    B.refuse("insert statements must have at least one set of values or select clause")
  end
  local out = ""
  if s.prefix then out = join(s.prefix, " ", args) .. " " end
  out = out .. "INSERT " .. (s.options and concat(s.options, " ") .. " " or "") .. "INTO " .. s.table .. " "
  if s.columns and #s.columns > 0 then out = out .. "(" .. concat(s.columns, ",") .. ") " end
  if s.from_select then
    out = out .. s.from_select(args)
  else
    local rows = {}
    for i = 1, #s.rows do
      local row = s.rows[i]
      for k = 1, row.n do append(args, row[k]) end
      rows[i] = "(" .. (row.n > 0 and "?" .. rep(",?", row.n - 1) or "") .. ")"
    end
    out = out .. "VALUES " .. concat(rows, ",")
  end
  if s.suffix then out = out .. " " .. join(s.suffix, " ", args) end
  return out
end)
replaces(insert_method, "into", "table")
lists(insert_method, "columns", "columns")
lists(insert_method, "options", "options")
pieces(insert_method, "prefix", "prefix")
pieces(insert_method, "suffix", "suffix")
insert_method("values", function(s, ...) s.rows = extended(s.rows, { B.extra(false, ...) }) end)
insert_method("select", function(s, v) s.from_select = select_arg(v, 2, "select") end)
insert_method("set_map", function(s, t)
  if typeof(t) ~= "table" then badtype(2, "set_map", "table", t, 3) end
  local keys = B.sorted_keys(t)
  local row = { n = #keys }
  for i = 1, #keys do row[i] = plain(unfrozen(t)[keys[i]]) end
  s.columns, s.rows = keys, { row }
end)

-- UPDATE -------------------------------------------------------------------------------------------------------------

local update_methods, update_method, new_update = builder_class("UpdateBuilder", function(s, args)
  if not s.table or s.table == "" then B.refuse("update statements must specify a table") end
  if not s.sets then B.refuse("update statements must have at least one Set clause") end
  local out = "UPDATE " .. s.table .. " SET " .. join(s.sets, ", ", args)
  if s.from_select then
    out = out .. " FROM (" .. s.from_select(args) .. ") AS " .. s.alias
  elseif s.from then
    out = out .. " FROM " .. s.from
  end
  return tail(s, args, out)
end)
local function assignment(column, value)
  return function(args)
    append(args, value)
    return column .. " = ?"
  end
end
replaces(update_method, "table", "table")
update_method("set", function(s, column, value)
  column = text_arg(column, 2, "set")
  local part
  if B.is_sqlizer(value) then
    local build = value[B.BUILD]
    local nested = builders[getmt(value)] ~= nil
    part = function(args)
      local text = build(args)
      return column .. " = " .. (nested and "(" .. text .. ")" or text)
    end
  else
    if typeof(value) == "userdata" and value ~= NULL and not values.is_typed(value) then
      badtype(3, "set", "value or condition", value, 3)
    end
    part = assignment(column, plain(value))
  end
  s.sets = extended(s.sets, { part })
end)
update_method("set_map", function(s, t)
  if typeof(t) ~= "table" then badtype(2, "set_map", "table", t, 3) end
  local keys, parts = B.sorted_keys(t), {}
  for i = 1, #keys do parts[i] = assignment(keys[i], plain(unfrozen(t)[keys[i]])) end
  if #parts > 0 then s.sets = extended(s.sets, parts) end
end)
conditions(update_method, "where", "where")
lists(update_method, "order_by", "order_by")
counts(update_method)
update_method("from", function(s, v) s.from, s.from_select = text_arg(v, 2, "from"), nil end)
update_method("from_select", function(s, v, alias)
  s.from_select, s.alias = select_arg(v, 2, "from_select"), text_arg(alias, 3, "from_select")
end)
pieces(update_method, "suffix", "suffix")

-- DELETE -------------------------------------------------------------------------------------------------------------

local delete_methods, delete_method, new_delete = builder_class("DeleteBuilder", function(s, args)
  if not s.from or s.from == "" then B.refuse("delete statements must specify a From table") end
  return tail(s, args, "DELETE FROM " .. s.from)
end)
replaces(delete_method, "from", "from")
conditions(delete_method, "where", "where")
lists(delete_method, "order_by", "order_by")
counts(delete_method)
pieces(delete_method, "suffix", "suffix")

-- Running ------------------------------------------------------------------------------------------------------------

local SQL, ARGS, HANDLE = K.key("sql"), K.key("args"), K.key("handle")
local DB, Transaction = natives.classes["sql.DB"], natives.classes["sql.Transaction"]
local on_db, on_tx = natives.native["sql.DB"], natives.native["sql.Transaction"]

local executor_methods = {}
local Executor = K.class {
  name = "sql.QueryExecutor",
  methods = executor_methods,
  tostring = function(self) return "QueryExecutor: " .. self[SQL] .. " [Args: " .. self[ARGS].n .. "]" end,
}
local function runs(name, db_method, tx_method)
  executor_methods[name] = function(self)
    if not is(self, Executor) then badtype(1, name, "sql.QueryExecutor", self) end
    local handle = self[HANDLE]
    local run = is(handle, DB) and on_db[db_method] or on_tx[tx_method]
    return run(handle, self[SQL], values.prepared(self[ARGS]))
  end
end
runs("query", "query", "_query")
runs("exec", "execute", "_execute")
function executor_methods.to_sql(self)
  if not is(self, Executor) then badtype(1, "to_sql", "sql.QueryExecutor", self) end
  return self[SQL], B.shown_args(self[ARGS])
end

for _, methods in next, { select_methods, insert_methods, update_methods, delete_methods } do
  function methods.run_with(self, handle)
    if not (rawtype(self) == "table" and builders[getmt(self)]) then badtype(1, "run_with", "builder", self) end
    if not is(handle, DB) and not is(handle, Transaction) then badtype(2, "run_with", "sql.DB or sql.Transaction", handle) end
    local text, args, why = B.build(self)
    if not text then return B.invalid(why) end
    text = numbered(text, self[STATE].format or question)
    return setmt({ [SQL] = text, [ARGS] = args, [HANDLE] = handle }, Executor)
  end
end

local function named(name, field, make)
  return function(v)
    if v == nil then return make({}) end
    if rawtype(v) == "number" then v = text_of(v) end
    if rawtype(v) ~= "string" then badtype(1, name, "string", v) end
    return make({ [field] = v })
  end
end

local builder = {
  select = function(...) return new_select({ columns = texts(1, "select", 3, ...) }) end,
  insert = named("insert", "table", new_insert),
  update = named("update", "table", new_update),
  delete = named("delete", "from", new_delete),
  question = question,
  default_placeholder = question,
  dollar = dollar,
  at = placeholder_format("@p"),
  colon = placeholder_format(":"),
}
for name, make in next, B.conditions do builder[name] = make end

return { builder = K.freeze(builder) }

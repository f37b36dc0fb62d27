type Query = {table: string, where: {[string]: any}?, limit: integer?, order: ("asc" | "desc")?}
local function query(q: Query, page: integer?, size: integer?): string
  local text = "select * from " .. q.table
  if q.where then
    local parts: {string} = {}
    for name, value in pairs(q.where) do parts[#parts + 1] = name .. "=" .. tostring(value) end
    text = text .. " where " .. table.concat(parts, " and ")
  end
  if q.order then text = text .. " order by id " .. q.order:upper() end
  local limit = q.limit or size
  if limit then text = text .. " limit " .. limit .. " offset " .. limit * ((page or 1) - 1) end
  return text
end
local order = "asc"
query({table = "a"})
query({table = "a", where = {id = 1, name = "x"}, limit = 5}, 2)
query({table = "a", order = order}, nil, 10)
query({table = "a", order = "desc", extra = 1})
local q: Query = {table = "t"}
q.limit = 3
q.where = {}
q.where.id = 5
q.order = "asc"
if q.limit > 2 then q.limit = nil end
query(q)
local function with(name: string, opts: {retries: number?, deep: {on: boolean}?}?): boolean
  opts = opts or {}
  local deep = opts.deep or {on = false}
  return deep.on and (opts.retries or 0) > 1
end
with("x") with("x", nil) with("x", {}) with("x", {deep = {on = true}})
local params = {retries = 3}
with("x", params)
local any: any = nil
with(any, any)
print(any.x, any(), any + 1, any .. "", #any, any:m())

-- modules: sql json time
local sql = require("sql")
local json = require("json")
type Row = {id: integer, name: string, created: number?}

local function connect()
  local db, err = sql.get("app:db")
  if err then return nil, err end
  return db
end

local function all(limit: integer?): ({Row}?, error?)
  local db, err = connect()
  if not db then return nil, err end
  local rows, qerr = db:query("select * from t limit ?", {limit or 10})
  db:release()
  if qerr then return nil, qerr end
  local out: {Row} = {}
  for _, row in ipairs(rows) do
    out[#out + 1] = {id = row.id, name = row.name or "", created = row.created}
  end
  return out
end

local function transfer(from: integer, to: integer, amount: number): (boolean, error?)
  local db = assert(sql.get("app:db"))
  local tx, err = db:begin({isolation = sql.isolation.SERIALIZABLE})
  if err then return false, err end
  local result, e1 = tx:execute("update t set n = n - ? where id = ?", {amount, from})
  if e1 or result.rows_affected ~= 1 then
    tx:rollback()
    return false, e1 or errors.new("no such account")
  end
  local _, e2 = tx:execute("update t set n = n + ? where id = ?", {amount, to})
  if e2 then tx:rollback() return false, e2 end
  local ok, e3 = tx:commit()
  return ok, e3
end

local function find(name: string?): Row?
  local db = connect()
  if db == nil then return nil end
  local query = sql.builder.select("id", "name"):from("t")
  if name then query = query:where(sql.builder.eq({name = name})) end
  local rows = query:limit(1):run_with(db):query()
  local first = rows[1]
  if first then return {id = first.id, name = first.name} end
  return nil
end
local stmt = assert(connect()):prepare("select 1")
local one = stmt:query({})
stmt:close()
print(one[1].n + 1, all(), transfer(1, 2, 5), find("x"), json.encode(one), sql.NULL, sql.as.int(5))

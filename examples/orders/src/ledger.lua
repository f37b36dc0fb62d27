-- The books, in SQLite. Whatever is entered has a key that says what it is about, and stands there
-- once: entering it again, after a crash or a retry, changes nothing and gives what stands there.
local sql = require("sql")

local DATABASE = "orders:ledger.db"

local SCHEMA = [[
CREATE TABLE IF NOT EXISTS purchases (
  line     INTEGER PRIMARY KEY,
  customer INTEGER NOT NULL,
  cents    INTEGER,
  rejected TEXT,
  crashes  INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS steps (
  customer INTEGER NOT NULL,
  step     TEXT NOT NULL,
  outcome  TEXT NOT NULL,
  cents    INTEGER NOT NULL,
  PRIMARY KEY (customer, step)
);
]]

-- An order counts as shipped or as compensated once its last step is in the books.
local SUMMARY = [[
SELECT
  (SELECT count(DISTINCT customer) FROM steps) AS customers,
  (SELECT count(*) FROM purchases WHERE cents IS NOT NULL) AS purchases,
  (SELECT count(*) FROM purchases WHERE rejected IS NOT NULL) AS rejected,
  (SELECT coalesce(sum(cents), 0) FROM steps WHERE step = 'ship' AND outcome = 'done') AS revenue,
  (SELECT count(*) FROM steps WHERE step = 'release') AS compensations,
  (SELECT coalesce(sum(crashes), 0) FROM purchases) AS restarts,
  (SELECT count(*) FROM steps) AS steps
]]

type Entry = {outcome: string, cents: integer}
type Summary = {
  customers: integer,
  purchases: integer,
  rejected: integer,
  revenue: integer,
  compensations: integer,
  restarts: integer,
  steps: integer,
}

local ledger = {}

-- A failing database is not the caller's business: raise, so that the worker or activity is tried again.
local function database()
  local db, err = sql.get(DATABASE)
  if err then error("ledger: " .. tostring(err)) end
  return db
end

local function query(text: string, values: {any}?): {any}
  local db = database()
  local rows, err = db:query(text, values)
  db:release()
  if err then error("ledger: " .. tostring(err)) end
  return rows
end

local function execute(text: string, values: {any}?): integer
  local db = database()
  local result, err = db:execute(text, values)
  db:release()
  if err then error("ledger: " .. tostring(err)) end
  return result.rows_affected
end

function ledger.prepare()
  execute(SCHEMA)
end

-- Enters a step of an order unless it stands there already; what stands there.
function ledger.enter(customer: integer, step: string, outcome: string, cents: integer): Entry
  local rows = query([[
    INSERT INTO steps (customer, step, outcome, cents) VALUES (?, ?, ?, ?)
    ON CONFLICT (customer, step) DO UPDATE SET outcome = outcome
    RETURNING outcome, cents]], {customer, step, outcome, cents})
  return rows[1]
end

-- Notes the crash of the first attempt at a purchase; false where an attempt was noted before.
function ledger.note_crash(line: integer, customer: integer): boolean
  local written = execute(
    "INSERT INTO purchases (line, customer, crashes) VALUES (?, ?, 1) ON CONFLICT (line) DO NOTHING", {line, customer})
  return written == 1
end

-- Enters the price of a purchase, or why it has none.
function ledger.price(line: integer, customer: integer, cents: integer?, rejected: string?)
  execute([[
    INSERT INTO purchases (line, customer, cents, rejected) VALUES (?, ?, ?, ?)
    ON CONFLICT (line) DO UPDATE SET cents = excluded.cents, rejected = excluded.rejected]],
    {line, customer, cents or sql.NULL, rejected or sql.NULL})
end

function ledger.summary(): Summary
  return query(SUMMARY)[1]
end

return ledger

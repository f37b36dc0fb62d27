-- Prices one purchase after the other. Knows nothing of restarts: when it fails it crashes, and the
-- pool sees to the rest.
local channel = require("channel")
local funcs = require("funcs")
local process = require("process")
local ledger = require("ledger")
local rules = require("rules")
local shapes = require("shapes")

-- Exact: "29.33" is 2933, no float has been near it.
local function cents_of(amount: string): integer
  local whole, fraction = amount:match("^(%d+)%.(%d%d)$")
  return tonumber(whole) * 100 + tonumber(fraction)
end

local function price(purchase: shapes.Purchase): integer?
  if rules.crashes(purchase.line) and ledger.note_crash(purchase.line, purchase.customer) then
    error("line " .. purchase.line .. " is too much for me")
  end
  local _, fault = funcs.call("orders:validate", purchase)
  if fault then
    ledger.price(purchase.line, purchase.customer, nil, tostring(fault))
    return nil
  end
  local cents = cents_of(purchase.amount)
  ledger.price(purchase.line, purchase.customer, cents)
  return cents
end

local function main(pool: string)
  local inbox, events = process.inbox(), process.events()
  while true do
    local got = channel.select({events:case_receive(), inbox:case_receive()})
    if got.channel == events then return end -- the host stops
    local purchase = got.value:payload():data()
    process.send(pool, "priced", {line = purchase.line, cents = price(purchase)})
  end
end

return {main = main}
